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
