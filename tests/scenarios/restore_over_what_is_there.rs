//! "The folder is not empty: half of it is still there, and some of it is mine."

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use serde_json::Value;

use crate::tree::{assert_same, noise, set_mode, set_modified};
use crate::user::User;

const FILES: u64 = 12;

fn backed_up() -> User {
    let user = User::with_folder();
    for number in 0..FILES {
        let path = format!("photos/{}/{number}.jpg", number % 3);
        user.write(&path, noise(&path, 20_000));
        set_modified(&user.path(&path), (1_600_000_000, 0));
    }
    user.write("other/letter.txt", "to whom it may concern");
    user.init();
    user.offsite(&["backup", "--quiet", "photos", "other"])
        .done();
    user
}

fn restore(user: &User, more: &[&str]) -> Value {
    let arguments = [&["restore", "--json", "--target", "back"], more].concat();
    user.offsite(&arguments).done().json()
}

/// Three photos are no longer what they were: one says so by its size, one by its time, and one
/// hides it.
fn spoiled(user: &User) -> PathBuf {
    restore(user, &[]);
    let back = user.restored("back", "photos");
    fs::write(back.join("0/0.jpg"), "short").unwrap();
    fs::write(back.join("1/1.jpg"), noise("later", 20_000)).unwrap();
    fs::write(back.join("2/2.jpg"), noise("hidden", 20_000)).unwrap();
    set_modified(&back.join("2/2.jpg"), (1_600_000_000, 0));
    back
}

#[test]
fn always_compares_contents() {
    let user = backed_up();
    let back = spoiled(&user);
    let report = restore(&user, &["--overwrite", "always"]);
    assert_eq!(
        [&report["files_restored"], &report["files_replaced"]],
        [3, 3]
    );
    assert_same(&user.path("photos"), &back);
    let text = user.offsite(&["restore", "--target", "back"]).done().text();
    assert!(text.contains("13 were there already"), "{text}");
}

#[test]
fn changed_trusts_size_and_time() {
    let user = backed_up();
    let back = spoiled(&user);
    let outcome = user
        .offsite(&["restore", "--target", "back", "--overwrite", "changed"])
        .done();
    let text = outcome.text();
    assert!(text.contains("Restored 2 files"), "{text}");
    assert!(
        text.contains("2 in the place of what stood there"),
        "{text}"
    );
    assert!(fs::read(back.join("2/2.jpg")).unwrap() == noise("hidden", 20_000));
    fs::copy(user.path("photos/2/2.jpg"), back.join("2/2.jpg")).unwrap();
    restore(&user, &[]);
    assert_same(&user.path("photos"), &back);
}

#[test]
fn never_leaves_whatever_exists() {
    let user = backed_up();
    let back = spoiled(&user);
    fs::remove_file(back.join("0/3.jpg")).unwrap();
    fs::remove_file(back.join("1/4.jpg")).unwrap();
    symlink("nowhere", back.join("1/4.jpg")).unwrap();
    set_mode(&back.join("2/5.jpg"), 0o604);
    let report = restore(&user, &["--overwrite", "never"]);
    assert_eq!(
        [&report["files_restored"], &report["files_replaced"]],
        [1, 0]
    );
    assert_eq!(fs::read(back.join("0/0.jpg")).unwrap(), b"short");
    assert!(back.join("0/3.jpg").is_file());
    assert!(back.join("1/4.jpg").is_symlink());
    assert_eq!(
        fs::metadata(back.join("2/5.jpg")).unwrap().mode() & 0o7777,
        0o604
    );
    // A file where a folder should be stays too, and is named.
    fs::remove_dir_all(back.join("1")).unwrap();
    fs::write(back.join("1"), "mine").unwrap();
    let arguments = ["restore", "--target", "back", "--overwrite", "never"];
    let outcome = user.offsite(&arguments).ended(4);
    assert!(
        outcome.text().contains("no folder stands there"),
        "{outcome}"
    );
    assert_eq!(fs::read(back.join("1")).unwrap(), b"mine");
}

#[test]
fn delete_removes_what_the_snapshot_does_not_hold_and_nothing_beside() {
    let user = backed_up();
    restore(&user, &[]);
    let back = user.restored("back", "photos");
    user.write("mine/keep.txt", "not to be touched");
    fs::create_dir_all(back.join("1/new/deep")).unwrap();
    fs::write(back.join("1/new/deep/x.jpg"), "new").unwrap();
    symlink(user.path("mine"), back.join("1/new/link")).unwrap();
    symlink(user.path("mine"), back.join("2/link")).unwrap();
    fs::write(back.join("top.jpg"), "new").unwrap();
    fs::write(user.path("back/database.sql"), "of another day").unwrap();
    fs::write(user.path("back/mine.txt"), "mine").unwrap();
    fs::write(back.with_file_name("beside"), "mine").unwrap();
    fs::write(user.restored("back", "other").join("draft"), "new").unwrap();

    // Beneath one folder only.
    let one = user.path("photos/1").display().to_string();
    let report = restore(&user, &["--delete", "--path", &one]);
    assert_eq!(report["files_deleted"], 4, "two folders, a file, a link");
    assert!(!back.join("1/new").exists() && back.join("top.jpg").exists());
    let arguments = ["restore", "--verbose", "--delete", "--target", "back"];
    let text = user.offsite(&arguments).done().text();
    assert!(text.contains("Deleted 3 files and folders"), "{text}");
    assert!(text.contains("photos/top.jpg\n"), "{text}");
    assert_same(&user.path("photos"), &back);
    assert_same(&user.path("other"), &user.restored("back", "other"));
    let kept = ["mine/keep.txt", "back/database.sql", "back/mine.txt"];
    for path in kept.map(|path| user.path(path)) {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(back.with_file_name("beside").exists());
}

/// What could not be read that night is not in the snapshot, and may be the only copy.
#[test]
fn a_snapshot_that_is_not_complete_deletes_nothing() {
    let mut user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("photos/secret.jpg", "unreadable");
    user.becomes_ordinary();
    set_mode(&user.path("photos/secret.jpg"), 0);
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).ended(3);
    let outcome = user
        .offsite(&["restore", "--delete", "--target", "back"])
        .ended(1);
    assert!(outcome.stderr.contains("one file"), "{outcome}");
    assert!(outcome.stderr.contains("without --delete"), "{outcome}");
    user.offsite(&["restore", "--target", "back"]).done();
}

/// Immich writes the time into its markers when it starts.
#[test]
fn the_folder_of_an_immich_at_work_is_not_restored_into_by_mistake() {
    let user = User::with_folder();
    for folder in ["upload", "library", "profile"] {
        user.write(format!("immich/{folder}/.immich"), "1763755920123");
        user.write(format!("immich/{folder}/a.jpg"), noise(folder, 5000));
    }
    set_mode(&user.path("immich/upload"), 0o755);
    user.init();
    let arguments = ["backup", "--quiet", "--no-database", "--immich", "immich"];
    user.offsite(&arguments).done();
    restore(&user, &[]);
    let thumbs = fs::metadata(user.path("back/thumbs")).unwrap();
    assert_eq!(thumbs.mode() & 0o7777, 0o755, "as upload");
    // Ours, and not yet Immich's: it goes on.
    fs::remove_file(user.path("back/upload/a.jpg")).unwrap();
    assert_eq!(restore(&user, &[])["files_restored"], 1);
    fs::write(user.path("back/thumbs/.immich"), "1763755990000").unwrap();
    fs::remove_file(user.path("back/upload/a.jpg")).unwrap();
    let outcome = user.offsite(&["restore", "--target", "back"]).ended(1);
    assert!(outcome.stderr.contains("--into-live"), "{outcome}");
    assert!(!user.path("back/upload/a.jpg").exists());
    restore(&user, &["--dry-run"]);
    assert_eq!(
        restore(&user, &["--into-live", "--delete"])["files_restored"],
        1
    );
    assert_eq!(
        fs::read(user.path("back/thumbs/.immich")).unwrap(),
        b"1763755990000"
    );
}
