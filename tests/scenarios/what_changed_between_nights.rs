//! "What did last night's backup save that the one before did not have?"

use serde_json::{Value, json};

use crate::tree::{set_mode, set_modified};
use crate::user::User;

/// Two nights; in between one photo came, one went, one was edited, one got other permissions, a
/// folder became a file, and much stayed.
fn two_nights(user: &User) -> String {
    for number in 0..20 {
        user.write(format!("photos/stays/{number}.jpg"), [number; 100]);
    }
    user.write("photos/gone.jpg", "gone tomorrow");
    user.write("photos/edited.txt", "before");
    user.write("photos/chmod.jpg", "the same");
    user.write("photos/thing/inside.jpg", "in a folder");
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    user.write("photos/new.jpg", "new today!");
    std::fs::remove_file(user.path("photos/gone.jpg")).unwrap();
    user.write("photos/edited.txt", "and after");
    set_mode(&user.path("photos/chmod.jpg"), 0o600);
    std::fs::remove_dir_all(user.path("photos/thing")).unwrap();
    user.write("photos/thing", "a file now");
    user.offsite(&["backup", "--quiet", "photos"]).done();
    user.path("photos").display().to_string()
}

/// The lines about entries: everything before the empty line.
fn changes(text: &str) -> Vec<&str> {
    text.lines()
        .take_while(|line| !line.is_empty() && !line.starts_with("Nothing differs"))
        .collect()
}

#[test]
fn each_change_is_told_once_with_what_kind_it_is() {
    let user = User::with_folder();
    let photos = two_nights(&user);
    let photos = photos.trim_start_matches('/');
    let outcome = user.offsite(&["diff", "latest~1", "latest"]).done();
    let text = outcome.text();
    let expected = [
        format!("U    {photos}/chmod.jpg"),
        format!("M    {photos}/edited.txt"),
        format!("-    {photos}/gone.jpg"),
        format!("+    {photos}/new.jpg"),
        format!("T    {photos}/thing"),
        format!("-    {photos}/thing/inside.jpg"),
    ];
    let mut found = changes(&text);
    found.sort_unstable_by_key(|line| line[5..].to_owned());
    assert_eq!(found, expected, "{outcome}");
    assert!(text.contains("new      1 file (10 B)"), "{outcome}");
    assert!(text.contains("gone     2 files (24 B)"), "{outcome}");
    assert!(text.contains("(6 B before, 9 B now)"), "{outcome}");

    // The other way round, and of one folder, or of one file that did not change.
    let back = user.offsite(&["diff", "latest", "latest~1"]).done();
    assert!(back.stderr.contains("newer"), "{back}");
    assert!(back.text().contains(&format!("-    {photos}/new.jpg")));
    let same = user.offsite(&["diff", "latest", "latest"]).done().text();
    assert_eq!(changes(&same), Vec::<&str>::new());
    let stays = format!("{photos}/stays");
    let inside = ["diff", "latest~1", "latest", &stays];
    assert_eq!(
        changes(&user.offsite(&inside).done().text()),
        Vec::<&str>::new()
    );
    let edited = format!("/{photos}/edited.txt");
    let one = user
        .offsite(&["diff", "latest~1", "latest", &edited])
        .done();
    assert_eq!(changes(&one.text()), [format!("M    {photos}/edited.txt")]);
    let nothing = user
        .offsite(&["diff", "latest~1", "latest", "nowhere"])
        .ended(1);
    assert!(nothing.stderr.contains("nowhere"), "{nothing}");
}

#[test]
fn a_program_gets_the_same_as_one_document() {
    let user = User::with_folder();
    two_nights(&user);
    let outcome = user
        .offsite(&["diff", "--json", "latest~1", "latest"])
        .done();
    let document = outcome.json();
    let changes = document["changes"].as_array().unwrap();
    let of = |name: &str| -> &Value {
        let is_it = |it: &&Value| it["path"].as_str().unwrap().ends_with(name);
        changes
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name}: {outcome}"))
    };
    assert_eq!(changes.len(), 6, "{outcome}");
    assert_eq!(of("/new.jpg")["change"], "added");
    assert_eq!(of("/new.jpg")["old"], Value::Null);
    assert_eq!(of("/gone.jpg")["change"], "removed");
    assert_eq!(of("/edited.txt")["change"], "content");
    assert_eq!(of("/edited.txt")["old"]["size"], 6);
    assert_eq!(of("/edited.txt")["new"]["size"], 9);
    assert_eq!(of("/chmod.jpg")["change"], "metadata");
    assert_eq!(of("/thing")["change"], "type");
    assert_eq!(of("/thing")["old"]["type"], "folder");
    let summary = &document["summary"];
    assert_eq!(summary["added"]["files"], 1);
    assert_eq!(summary["removed"]["bytes"], 24);
    assert_eq!(summary["metadata_changed"], 1);
    assert_eq!(summary["type_changed"], 1);
    let none = user.offsite(&["diff", "--json", "latest", "latest"]).done();
    assert_eq!(none.json()["changes"], json!([]));
}

#[test]
fn a_new_time_is_other_metadata_and_a_folder_does_not_count_for_what_is_in_it() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    set_modified(&user.path("photos/a.jpg"), (1_000_000_000, 0));
    set_modified(&user.path("photos"), (1_000_000_000, 0));
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let text = user.offsite(&["diff", "latest~1", "latest"]).done().text();
    let photos = user.path("photos").display().to_string();
    let expected = format!("U    {}/a.jpg", photos.trim_start_matches('/'));
    assert_eq!(changes(&text), [expected]);
}
