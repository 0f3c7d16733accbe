//! "I keep two copies. Then the disk with the first one dies, or rots."

use crate::objects::Objects;
use crate::tree::{assert_same, noise};
use crate::user::{User, both};

/// A second copy, in a folder beside the first, which may be a folder or a bucket.
fn second_copy(user: &User) -> (String, Objects) {
    let folder = user.path("second");
    let address = folder.display().to_string();
    let first = user.repository.clone();
    let made = user
        .offsite(&["init", "--json", "--repo", &address, "--replica-of", &first])
        .done()
        .json();
    assert!(made["url"] == address.as_str() && made["repository_id"].is_string());
    (address, Objects::in_folder(&folder))
}

fn photos(user: &User, from: usize, to: usize) {
    for number in from..to {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 150_000));
    }
}

/// In the middle of the largest pack, where only contents are.
fn flip_one_byte(objects: &Objects) -> String {
    let packs = objects.list("packs/");
    let (name, _) = packs
        .iter()
        .max_by_key(|(_, bytes)| **bytes)
        .expect("a pack");
    let mut bytes = objects.read(name);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    objects.put(name, bytes);
    name.clone()
}

#[test]
fn the_second_restores_all_with_the_same_passphrase_on_a_new_machine() {
    for user in both() {
        photos(&user, 0, 8);
        user.offsite(&["init", "--pack-size", "1"]).done();
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let (second, objects) = second_copy(&user);
        let first = user.repository.clone();
        let named = ["--repo", &first, "--repo", &second];
        let synced = user
            .offsite(&[&["sync", "--json"], &named[..]].concat())
            .done();
        let synced = synced.json();
        assert_eq!(synced["level"], true, "{synced}");
        assert!(synced["objects_copied"].as_u64() > Some(3), "{synced}");
        // The next night goes to the first alone.
        photos(&user, 8, 10);
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let synced = user
            .offsite(&[&["sync", "--json"], &named[..]].concat())
            .done();
        assert_eq!(
            synced.json()["places"][1]["copied"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        let again = user
            .offsite(&[&["sync", "--json"], &named[..]].concat())
            .done();
        assert_eq!(again.json()["objects_copied"], 0);
        assert_eq!(objects.list("packs/"), user.objects.list("packs/"));

        user.objects.remove("");
        let mut heir = user.another_machine();
        heir.repository = second;
        heir.offsite(&["restore", "--target", "back"]).done();
        let inside = user.path("photos");
        let inside = inside.strip_prefix("/").expect("an absolute path");
        assert_same(&user.path("photos"), &heir.path("back").join(inside));
        heir.offsite(&["verify", "--data"]).done();
    }
}

#[test]
fn what_rots_in_one_is_restored_from_the_other_and_healed() {
    for user in both() {
        photos(&user, 0, 8);
        user.offsite(&["init", "--pack-size", "1"]).done();
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let (second, _) = second_copy(&user);
        let first = user.repository.clone();
        let named = ["--repo", &first, "--repo", &second];
        user.offsite(&[&["sync"], &named[..]].concat()).done();
        let name = flip_one_byte(&user.objects);

        let restored = user.offsite(&[&["restore", "--target", "back"], &named[..]].concat());
        let restored = restored.done();
        assert!(
            restored.stderr.contains("verify --data --heal"),
            "{restored}"
        );
        assert_same(&user.path("photos"), &user.restored("back", "photos"));

        let damaged = user
            .offsite(&[&["verify", "--data"], &named[..]].concat())
            .ended(4);
        assert!(damaged.text().contains("verify --heal"), "{damaged}");
        let alone = user.offsite(&["verify", "--data", "--heal"]).ended(4);
        assert!(alone.text().contains("no other copy"), "{alone}");
        let healed =
            user.offsite(&[&["verify", "--data", "--heal", "--json"], &named[..]].concat());
        let healed = healed.done().json();
        assert_eq!(healed["healed"], serde_json::json!([name]));
        assert_eq!(healed["ok"], true);
        user.offsite(&["verify", "--data"]).done();
    }
}

#[test]
fn with_the_first_out_of_reach_the_second_answers() {
    let user = User::with_folder();
    photos(&user, 0, 3);
    user.offsite(&["init"]).done();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let (second, _) = second_copy(&user);
    let first = user.repository.clone();
    let named = ["--repo", &first, "--repo", &second];
    user.offsite(&[&["sync"], &named[..]].concat()).done();
    std::fs::rename(user.path("repository"), user.path("unplugged")).unwrap();
    let listed = user.offsite(&[&["snapshots"], &named[..]].concat()).done();
    assert!(listed.stderr.contains("instead"), "{listed}");
    user.offsite(&[&["restore", "--target", "back"], &named[..]].concat())
        .done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
    // A copy that is not there is not brought level, and no copy is made in its place.
    let alone = user.offsite(&[&["sync"], &named[..]].concat()).ended(10);
    assert!(alone.stderr.contains("may not be mounted"), "{alone}");
    // Only its head is lost: the key of this host and the second copy know what it was.
    std::fs::rename(user.path("unplugged"), user.path("repository")).unwrap();
    user.objects.remove("repository");
    let damaged = user.offsite(&["verify"]).ended(4);
    assert!(
        damaged.text().contains("repository: it is missing"),
        "{damaged}"
    );
    let healed = user
        .offsite(&[&["verify", "--heal"], &named[..]].concat())
        .done();
    assert!(healed.text().contains("Healed 1 object"), "{healed}");
    user.offsite(&["verify"]).done();
}

#[test]
fn a_copy_is_made_only_where_nothing_is_and_of_what_is_a_repository() {
    let user = User::with_folder();
    photos(&user, 0, 1);
    user.offsite(&["init"]).done();
    let first = user.repository.clone();
    let make = |at: &str, of: &str| user.offsite(&["init", "--repo", at, "--replica-of", of]);
    user.write("taken/notes.txt", "mine");
    let taken = user.path("taken").display().to_string();
    make(&taken, &first).ended(1);
    make(&first, &first).ended(2);
    let nowhere = user.path("nowhere").display().to_string();
    make(&nowhere, &user.path("missing").display().to_string()).ended(10);
    assert!(!user.path("nowhere").exists());
    let (second, _) = second_copy(&user);
    make(&second, &first).ended(1);
}

#[test]
fn a_passphrase_that_is_removed_is_removed_from_every_copy_or_said() {
    let mut user = User::with_folder();
    user.offsite(&["init"]).done();
    let (second, objects) = second_copy(&user);
    let first = user.repository.clone();
    let named = ["--repo", &first, "--repo", &second];
    user.set("OFFSITE_NEW_PASSPHRASE", "twelve blue umbrellas");
    let added = user
        .offsite(&[&["key", "add", "--json"], &named[..]].concat())
        .done()
        .json();
    let id = added["id"].as_str().unwrap().to_owned();
    assert_eq!(objects.list("keys/"), user.objects.list("keys/"));
    assert_eq!(objects.list("keys/").len(), 2);
    std::fs::rename(user.path("second"), user.path("unplugged")).unwrap();
    let removed = user
        .offsite(&[&["key", "remove", &id], &named[..]].concat())
        .ended(7);
    assert!(removed.stderr.contains("was missed"), "{removed}");
    assert!(
        removed.stderr.contains("still opens that copy"),
        "{removed}"
    );
    std::fs::rename(user.path("unplugged"), user.path("second")).unwrap();
    user.offsite(&[&["key", "remove", &id], &named[..]].concat())
        .done();
    assert_eq!(objects.list("keys/"), user.objects.list("keys/"));
    assert_eq!(objects.list("keys/").len(), 1);
}

#[test]
fn chosen_snapshots_are_copied_alone() {
    let user = User::with_folder();
    user.offsite(&["init"]).done();
    for night in 0..3 {
        photos(&user, night, night + 1);
        user.offsite(&["backup", "--quiet", "photos"]).done();
    }
    let (second, _) = second_copy(&user);
    let first = user.repository.clone();
    let named = ["--repo", &first, "--repo", &second];
    let copied = user
        .offsite(&[&["copy", "latest~1", "--json"], &named[..]].concat())
        .done();
    assert_eq!(
        copied.json()["places"][0]["copied"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let list = user
        .offsite(&["snapshots", "--json", "--repo", &second])
        .done()
        .json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(list[0]["files"], 2);
    let wrong = user.offsite(&[&["copy", "latest", "--from", "elsewhere"], &named[..]].concat());
    wrong.ended(2);
    user.offsite(&["verify", "--data", "--repo", &second])
        .done();
}

#[test]
fn a_sync_that_was_killed_goes_on_where_it_was() {
    let user = User::with_folder();
    photos(&user, 0, 16);
    user.offsite(&["init", "--pack-size", "1"]).done();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let (second, objects) = second_copy(&user);
    let first = user.repository.clone();
    let named = ["--repo", &first, "--repo", &second];
    let slowly = ["sync", "--upload-limit", "500k"];
    let mut running = user.start(&[&slowly[..], &named[..]].concat());
    while objects.list("packs/").is_empty() && !running.has_ended() {
        std::thread::yield_now();
    }
    running.kill();
    assert!(
        objects.list("snapshots/").is_empty(),
        "it was killed on its way"
    );
    let there = objects.list("packs/").len() as u64;
    let all = user.objects.list("packs/").len() as u64;
    let synced = user
        .offsite(&[&["sync", "--json"], &named[..]].concat())
        .done()
        .json();
    // What was there is not sent again: packs that lacked, listings, segments, the snapshot.
    let others = user.objects.list("listings/").len() as u64 + objects.list("index/").len() as u64;
    let expected = all - there + others + 1;
    assert!(
        synced["objects_copied"].as_u64() <= Some(expected),
        "{synced}"
    );
    user.offsite(&["verify", "--data", "--repo", &second])
        .done();
}

#[test]
fn what_rotted_and_has_no_other_copy_is_stored_again_by_the_next_backup() {
    let user = User::with_folder();
    photos(&user, 0, 8);
    user.offsite(&["init", "--pack-size", "1"]).done();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    flip_one_byte(&user.objects);
    user.offsite(&["restore", "--target", "early"]).ended(4);
    user.offsite(&["verify", "--data"]).ended(4);
    let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
    assert!(figures["bytes_added"].as_u64() > Some(100_000), "{figures}");
    // The older snapshot is whole again as well.
    for (snapshot, target) in [("latest", "back"), ("latest~1", "older")] {
        user.offsite(&["restore", snapshot, "--target", target])
            .done();
        assert_same(&user.path("photos"), &user.restored(target, "photos"));
    }
    let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
    assert_eq!(figures["bytes_added"], 0, "but only once: {figures}");
}
