//! "What did it save?" Looking around, step by step, without restoring anything.

use serde_json::json;

use crate::user::User;

#[test]
fn ls_leads_down_from_the_top_also_above_what_was_named() {
    let user = User::with_folder();
    user.write("photos/summer/a.jpg", "a photo");
    user.write("photos/summer/b.jpg", "another photo");
    user.write("photos/z.txt", "text");
    user.write("letters/home.txt", "a letter");
    user.init();
    user.offsite(&["backup", "--quiet", "photos", "letters"])
        .done();

    let mut folder = String::new();
    let top = user.path("").display().to_string();
    for name in top.split('/').filter(|name| !name.is_empty()) {
        let arguments = ["ls", "latest", &folder];
        let text = user.offsite(&arguments).done().text();
        let slash = if folder.is_empty() { "" } else { "/" };
        folder = format!("{folder}{slash}{name}");
        assert_eq!(text, format!("{folder}/\n"));
    }
    let text = user.offsite(&["ls", "latest", &folder]).done().text();
    assert_eq!(text, format!("{folder}/letters/\n{folder}/photos/\n"));
    let photos = format!("{folder}/photos");
    let text = user.offsite(&["ls", "latest", &photos]).done().text();
    assert_eq!(
        text,
        format!("{photos}/\n{photos}/summer/\n{photos}/z.txt\n")
    );
    let json = user
        .offsite(&["ls", "--json", "latest", &folder])
        .done()
        .json();
    let kinds: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["type"])
        .collect();
    assert_eq!(kinds, ["folder", "folder"]);
}

#[test]
fn a_machine_without_snapshots_is_told_apart_from_an_empty_repository() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    let text = user.offsite(&["snapshots"]).done().text();
    assert!(text.contains("no snapshot yet"), "{text}");
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let text = user
        .offsite(&["snapshots", "--host", "nobody's"])
        .done()
        .text();
    assert!(text.contains("There are snapshots, but none"), "{text}");
    let list = user
        .offsite(&["snapshots", "--host", "nobody's", "--json"])
        .done();
    assert_eq!(list.json(), json!([]));
}

#[test]
fn the_newest_few_are_shown_and_the_rest_counted() {
    let user = User::with_folder();
    user.init();
    for night in 0..4 {
        user.write("photos/a.jpg", format!("night {night}"));
        user.offsite(&["backup", "--quiet", "photos"]).done();
    }
    let all = user.offsite(&["snapshots", "--json"]).done().json();
    let two = user
        .offsite(&["snapshots", "--json", "--last", "2"])
        .done()
        .json();
    assert_eq!(two.as_array().unwrap(), &all.as_array().unwrap()[2..]);
    assert_eq!(two[0]["suspect"], serde_json::Value::Null);
    assert_eq!(two[0]["problems"], 0);
    let text = user.offsite(&["snapshots", "--last", "1"]).done().text();
    assert!(text.contains("3 older ones not shown"), "{text}");
    let many = user
        .offsite(&["snapshots", "--json", "--last", "99"])
        .done()
        .json();
    assert_eq!(many, all);
}

#[test]
fn completions_and_manual_need_no_repository() {
    let mut user = User::with_folder();
    user.repository = String::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = user.offsite(&["completions", shell]).done().text();
        assert!(
            text.contains("restore") && text.contains("verify"),
            "{shell}"
        );
    }
    user.offsite(&["completions", "tcl"]).ended(2);
    let page = user.offsite(&["man"]).done().text();
    assert!(page.contains(".TH offsite 1"), "{page}");
    user.offsite(&["man", "--out", "manual"]).done();
    for name in ["offsite.1", "offsite-restore.1", "offsite-index-rebuild.1"] {
        let page = std::fs::read_to_string(user.path("manual").join(name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
        // Where this machine keeps things is nobody else's default.
        assert!(!page.contains(&user.state.display().to_string()), "{name}");
    }
}
