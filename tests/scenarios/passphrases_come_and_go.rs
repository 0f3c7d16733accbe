//! "My partner wants a passphrase too, mine was on a sticky note, and the new server is to back up
//! without any."

use crate::user::{PASSPHRASE, QUICK_KEYS, User};

const NEW: &str = "a second, better passphrase";

#[test]
fn a_second_passphrase_opens_and_the_first_can_go() {
    let mut user = User::with_folder();
    // At what they cost outside of tests.
    user.unset(QUICK_KEYS);
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();

    user.set("OFFSITE_NEW_PASSPHRASE", NEW);
    let added = user.offsite(&["key", "add", "--label", "Anna", "--json"]);
    let added = added.done().json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let list = user.offsite(&["key", "list", "--json"]).done().json();
    let labels: Vec<_> = list.as_array().expect("an array").iter().collect();
    assert_eq!(labels.len(), 2);
    assert_eq!(
        (&labels[0]["label"], &labels[1]["label"]),
        (&"first".into(), &"Anna".into())
    );
    assert_eq!(labels[1]["id"], added.as_str());
    let first = labels[0]["id"].as_str().expect("an id")[..12].to_owned();

    // Each opens it, from a machine that knows nothing.
    let mut anna = user.another_machine();
    anna.set("OFFSITE_PASSPHRASE", NEW);
    anna.offsite(&["restore", "--target", "back"]).done();
    let removed = anna.offsite(&["key", "remove", &first]).done();
    assert!(removed.text().contains("older copy"), "{removed}");
    let other = user.another_machine();
    let refused = other.offsite(&["restore", "--target", "back"]).ended(12);
    assert!(refused.stderr.contains("passphrase"), "{refused}");
    let last = anna.offsite(&["key", "remove", &added]).ended(1);
    assert!(last.stderr.contains("--even-the-last"), "{last}");
    assert!(!last.stderr.contains(NEW) && !last.text().contains(PASSPHRASE));
}

#[test]
fn changing_a_passphrase_ends_the_old_one() {
    let mut user = User::with_folder();
    user.init();
    user.set("OFFSITE_NEW_PASSPHRASE", NEW);
    user.offsite(&["key", "passphrase"]).done();
    assert_eq!(user.objects.list("keys/").len(), 1);
    user.offsite(&["key", "kit", "kit.txt"]).ended(12);
    user.set("OFFSITE_PASSPHRASE", NEW);
    user.offsite(&["key", "kit", "kit.txt"]).done();

    // Too short, or none at all: nothing changes.
    user.set("OFFSITE_NEW_PASSPHRASE", "short");
    user.offsite(&["key", "passphrase"]).ended(12);
    user.unset("OFFSITE_NEW_PASSPHRASE");
    user.offsite(&["key", "passphrase"]).ended(12);
    assert_eq!(user.objects.list("keys/").len(), 1);
}

#[test]
fn a_host_without_passphrase_gets_the_writer_key_as_a_file() {
    let user = User::with_folder();
    user.init();
    user.offsite(&["key", "writer", "--export", "writer.key"])
        .done();
    let mode = std::fs::metadata(user.path("writer.key")).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o600);
    user.offsite(&["key", "writer", "--export", "writer.key"])
        .ended(2);

    let mut host = user.another_machine();
    host.unset("OFFSITE_PASSPHRASE");
    host.write("photos/b.jpg", b"b");
    let refused = host.offsite(&["backup", "photos"]).ended(12);
    assert!(refused.stderr.contains("writer key"), "{refused}");
    let file = user.path("writer.key").display().to_string();
    host.offsite(&["key", "writer", "--import", &file]).done();
    host.offsite(&["backup", "photos"]).done();
    host.offsite(&["restore", "--target", "back"]).ended(12);

    let stranger = User::with_folder();
    stranger.init();
    let foreign = stranger
        .offsite(&["key", "writer", "--import", &file])
        .ended(12);
    assert!(foreign.stderr.contains("another repository"), "{foreign}");
}
