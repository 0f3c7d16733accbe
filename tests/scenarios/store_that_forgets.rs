//! "My provider had an accident and put last week's state of the bucket back." "Somebody got in and
//! deleted the newest backups." Nobody would notice: all that is there is sound.

use std::path::Path;
use std::process::Command;

use crate::user::{User, both};

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp").success());
}

/// A repository of two nights, and its state after the first in `last-week`.
fn two_nights() -> User {
    let user = User::with_folder();
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();
    copy(&user.path("repository"), &user.path("last-week"));
    user.write("photos/b.jpg", b"b");
    user.offsite(&["backup", "photos"]).done();
    user
}

fn put_last_week_back(user: &User) {
    std::fs::remove_dir_all(user.path("repository")).expect("a folder");
    copy(&user.path("last-week"), &user.path("repository"));
}

#[test]
fn last_weeks_state_put_back_is_told_by_every_verb_and_a_backup_is_saved_all_the_same() {
    let user = two_nights();
    let before = user.offsite(&["snapshots", "--json"]).done();
    assert!(!before.stderr.contains("warning"), "{before}");
    let newest = before.json()[1]["id"].as_str().expect("an id").to_owned();
    put_last_week_back(&user);

    let list = user.offsite(&["snapshots"]).done();
    assert!(list.stderr.contains("no longer there"), "{list}");
    assert!(list.stderr.contains(&newest[..12]), "{list}");
    let restored = user.offsite(&["restore", "--target", "back"]).done();
    assert!(restored.stderr.contains("no longer there"), "{restored}");
    let verified = user.offsite(&["verify", "--json"]).ended(4).json();
    let damage = verified["damage"][0].clone();
    assert_eq!(damage["object"], format!("snapshots/{newest}"));
    let board = user.offsite(&["status"]).ended(6);
    assert!(board.text().contains("offsite forget ID"), "{board}");

    let saved = user.offsite(&["backup", "--json", "photos"]).ended(4);
    assert_eq!(saved.json()["vanished"][0]["id"], newest.as_str());
    assert!(saved.json()["snapshot"].is_string());
    assert!(saved.stderr.contains("the snapshot is saved"), "{saved}");
    // A machine that knows nothing is not alarmed.
    let other = user.another_machine();
    let list = other.offsite(&["snapshots"]).done();
    assert!(!list.stderr.contains("no longer there"), "{list}");
}

#[test]
fn a_newest_snapshot_that_is_deleted_at_once_is_missed() {
    for user in both() {
        user.init();
        user.write("photos/a.jpg", b"a");
        let saved = user.offsite(&["backup", "--json", "photos"]).done().json();
        let id = saved["snapshot"].as_str().expect("an id").to_owned();
        user.objects.remove(&format!("snapshots/{id}"));
        let list = user.offsite(&["snapshots"]).done();
        assert!(list.stderr.contains(&id[..12]), "{list}");
    }
}

#[test]
fn another_repository_in_the_same_place_is_told_before_a_passphrase_is_asked() {
    let mut user = two_nights();
    let stranger = User::with_folder();
    stranger.init();
    std::fs::remove_dir_all(user.path("repository")).expect("a folder");
    copy(&stranger.path("repository"), &user.path("repository"));
    user.unset("OFFSITE_PASSPHRASE");
    for arguments in [&["backup", "photos"][..], &["restore", "--target", "back"]] {
        let refused = user.offsite(arguments).ended(4);
        assert!(
            refused.stderr.contains("another repository stands"),
            "{refused}"
        );
    }
    // Who did it on purpose deletes the note that is named.
    let named = user.offsite(&["snapshots"]).ended(4).stderr;
    let note = named
        .lines()
        .find_map(|line| line.split("is noted in ").nth(1));
    std::fs::remove_file(note.expect("a path")).expect("the note");
    let refused = user.offsite(&["snapshots"]).ended(12);
    assert!(refused.stderr.contains("writer key"), "{refused}");
    user.set("OFFSITE_PASSPHRASE", crate::user::PASSPHRASE);
    user.offsite(&["snapshots"]).done();
}

#[test]
fn a_lost_repository_file_stops_nobody_who_was_there_before() {
    let user = two_nights();
    user.objects.remove("repository");
    let restored = user.offsite(&["restore", "--target", "back"]).done();
    assert!(restored.stderr.contains("this host's copy"), "{restored}");
    assert_eq!(
        std::fs::read(user.restored("back", "photos").join("b.jpg")).expect("a file"),
        b"b"
    );
    user.offsite(&["backup", "photos"]).done();
    let other = user.another_machine();
    other.offsite(&["snapshots"]).ended(10);
}

#[test]
fn a_passphrase_that_was_removed_here_is_not_missed_and_one_that_vanished_is() {
    let mut user = two_nights();
    user.set("OFFSITE_NEW_PASSPHRASE", "a second, better passphrase");
    let added = user
        .offsite(&["key", "add", "--label", "Anna", "--json"])
        .done();
    let added = added.json()["id"].as_str().expect("an id").to_owned();
    user.offsite(&["snapshots"]).done();
    let slots = user.objects.list("keys/");
    let first = slots
        .keys()
        .find(|name| !name.ends_with(&added))
        .expect("a slot");
    user.offsite(&["key", "remove", &first["keys/".len()..]])
        .done();
    let list = user.offsite(&["snapshots"]).done();
    assert!(!list.stderr.contains("key slot"), "{list}");
    user.objects.remove(&format!("keys/{added}"));
    let list = user.offsite(&["snapshots"]).done();
    assert!(list.stderr.contains("Anna"), "{list}");
    let list = user.offsite(&["snapshots"]).done();
    assert!(!list.stderr.contains("key slot"), "{list}");
}

#[test]
fn a_damaged_memory_is_told_and_reading_goes_on() {
    let user = two_nights();
    let state = std::fs::read_dir(&user.state).expect("a folder").flatten();
    let folders = state.map(|entry| entry.path().join("trust.sqlite"));
    let trust = folders
        .into_iter()
        .find(|path| path.exists())
        .expect("a memory");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", trust.display()));
    }
    std::fs::write(&trust, [7; 9_000]).expect("a memory");
    let list = user.offsite(&["snapshots"]).done();
    assert!(list.stderr.contains("trust.sqlite"), "{list}");
    user.offsite(&["restore", "--target", "back"]).done();
    let saved = user.offsite(&["backup", "photos"]).ended(4);
    assert!(saved.stderr.contains("is not known"), "{saved}");
    std::fs::remove_file(&trust).expect("a memory");
    user.offsite(&["backup", "photos"]).done();
}
