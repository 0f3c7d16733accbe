//! "The house burned down. I have the bucket, and what I know or keep in my drawer."

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::tree::{assert_same, noise};
use crate::user::{User, both};

const FILES: usize = 12;

/// A few photos in the store, and a recovery kit in `kit.txt`.
fn backed_up(user: &User) {
    for number in 0..FILES {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 300_000));
    }
    let arguments = ["init", "--recovery-kit", "kit.txt", "--pack-size", "1"];
    user.offsite(&arguments).done();
    user.offsite(&["backup", "--quiet", "photos"]).done();
}

/// The machine is gone, and with it all that `offsite` kept there.
fn lose_the_state(user: &User) {
    std::fs::remove_dir_all(&user.state).unwrap();
}

/// A new backup of the same photos finds all of them in the store.
fn assert_nothing_is_stored_twice(user: &User, key: &[&str]) {
    let packs = user.objects.list("packs/");
    let arguments = [&["backup", "--json", "photos"], key].concat();
    let figures = user.offsite(&arguments).done().json();
    assert_eq!(figures["bytes_added"], 0, "{figures}");
    assert_eq!(figures["files_total"], FILES);
    assert_eq!(user.objects.list("packs/"), packs);
}

#[test]
fn the_passphrase_opens_it_from_a_new_machine() {
    for user in both() {
        backed_up(&user);
        lose_the_state(&user);
        let list = user.offsite(&["snapshots", "--json"]).done().json();
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        assert_eq!(list[0]["files"], FILES);
        lose_the_state(&user);
        user.offsite(&["restore", "--target", "back"]).done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
        lose_the_state(&user);
        assert_nothing_is_stored_twice(&user, &[]);
    }
}

#[test]
fn the_24_words_open_it_when_every_key_slot_is_gone() {
    for mut user in both() {
        backed_up(&user);
        let words = words_of_the_kit(&user.path("kit.txt"));
        assert_eq!(words.len(), 24);
        user.write("typed.txt", words.join(" ") + "\n");
        user.write("copied.txt", lines_of_the_kit(&user.path("kit.txt")));
        let key = ["--words-file", "typed.txt"];
        lose_the_state(&user);
        user.objects.remove("keys/");
        let refused = user.offsite(&["snapshots"]).ended(12);
        assert!(refused.stderr.contains("--words-file"), "{refused}");

        user.unset("OFFSITE_PASSPHRASE");
        user.offsite(&[&["restore", "--target", "back"], &key[..]].concat())
            .done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
        lose_the_state(&user);
        assert_nothing_is_stored_twice(&user, &["--words-file", "copied.txt"]);
    }
}

#[test]
fn packs_know_themselves_what_they_hold_when_the_index_is_gone() {
    for user in both() {
        backed_up(&user);
        let packs = user.objects.list("packs/").len() + user.objects.list("listings/").len();
        lose_the_state(&user);
        user.objects.remove("index/");
        user.offsite(&["restore", "--target", "back"]).done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));

        lose_the_state(&user);
        let report = user.offsite(&["index", "rebuild", "--json"]).done().json();
        assert_eq!(report["packs"], packs, "{report}");
        assert_eq!(report["packs_from_footers"], packs, "{report}");
        assert_eq!(report["damaged_segments"], 0);
        assert!(report["chunks"].as_u64() > Some(FILES as u64), "{report}");
        let text = user.offsite(&["index", "rebuild"]).done().text();
        assert!(text.contains(&format!("in {packs} packs")), "{text}");
        assert_nothing_is_stored_twice(&user, &[]);
        let list = user.offsite(&["snapshots", "--json"]).done().json();
        assert_eq!(list.as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn the_words_of_another_repository_open_nothing() {
    let (user, other) = (User::with_folder(), User::with_folder());
    backed_up(&user);
    other.offsite(&["init", "--recovery-kit", "kit.txt"]).done();
    let mut words = words_of_the_kit(&other.path("kit.txt"));
    user.write("others.txt", words.join(" "));
    let arguments = ["restore", "--target", "back", "--words-file", "others.txt"];
    let refused = user.offsite(&arguments).ended(12);
    assert!(refused.stderr.contains("another repository"), "{refused}");
    words.swap(3, 4);
    words[5] = "offsite".to_owned();
    user.write("others.txt", words.join(" "));
    let refused = user.offsite(&arguments).ended(12);
    assert!(refused.stderr.contains("24 words"), "{refused}");
    assert!(!refused.stderr.contains(&words[0]), "{refused}");
    let json: Value = user.offsite(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(json["error"]["exit_code"], 12);
    assert!(!user.path("back").exists());
}

/// The lines of the page that have the words, in columns and with their numbers.
fn lines_of_the_kit(kit: &Path) -> String {
    let page = std::fs::read_to_string(kit).expect("the recovery kit");
    let lines = page.lines();
    let lines = lines.skip_while(|line| !line.starts_with("The 24 words"));
    let lines = lines.skip(2).skip_while(|line| line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// As a person reads them off the page: by their numbers.
pub fn words_of_the_kit(kit: &Path) -> Vec<String> {
    let lines = lines_of_the_kit(kit);
    let mut words = BTreeMap::new();
    let mut parts = lines.split_whitespace();
    while let (Some(number), Some(word)) = (parts.next(), parts.next()) {
        let number: usize = number.parse().expect("a number before each word");
        words.insert(number, word.to_owned());
    }
    words.into_values().collect()
}
