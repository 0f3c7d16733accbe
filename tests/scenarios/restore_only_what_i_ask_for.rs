//! "I only want the photos of last summer back, not everything."

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::tree::{noise, set_mode, set_modified, tree};
use crate::user::User;

const PHOTOS: [&str; 6] = [
    "photos/2023/summer/a.jpg",
    "photos/2023/summer/b.raw",
    "photos/2023/c.jpg",
    "photos/2024/d.jpg",
    "photos/2024/summer/e.jpg",
    "photos/notes.txt",
];

fn backed_up() -> User {
    let user = User::with_folder();
    for (number, path) in PHOTOS.iter().enumerate() {
        user.write(path, noise(path, 10_000 + number));
    }
    user.write("dump.sql", include_str!("../samples/v3.0-pg_dump.sql"));
    set_mode(&user.path("photos/2023/summer"), 0o750);
    set_modified(&user.path("photos/2023/summer"), (1_000_000_000, 5));
    set_modified(&user.path("photos/2023"), (1_000_000_001, 6));
    user.init();
    let arguments = ["backup", "--quiet", "--database-file", "dump.sql", "photos"];
    user.offsite(&arguments).done();
    user
}

/// What lies in the target: the photos, by their paths, and the dump.
fn found(user: &User, target: &str) -> Vec<String> {
    let mut found = Vec::new();
    let inside = user.restored(target, "photos");
    for path in PHOTOS {
        if inside.join(path.strip_prefix("photos/").unwrap()).is_file() {
            assert_eq!(
                fs::read(user.path(path)).unwrap(),
                fs::read(inside.join(path.strip_prefix("photos/").unwrap())).unwrap()
            );
            found.push(path.to_owned());
        }
    }
    if user.path(target).join("database.sql").is_file() {
        found.push("database.sql".to_owned());
    }
    found
}

#[test]
fn patterns_say_what_comes_back_and_the_folders_above_it_are_as_they_were() {
    let user = backed_up();
    let restore = |target: &str, more: &[&str]| -> Value {
        let mut arguments = vec!["restore", "--json", "--target", target];
        arguments.extend(more);
        user.offsite(&arguments).done().json()
    };
    let report = restore("one", &["--include", "*.jpg"]);
    assert_eq!(report["files_restored"], 4);
    let jpegs = [PHOTOS[0], PHOTOS[2], PHOTOS[3], PHOTOS[4]];
    assert_eq!(found(&user, "one"), jpegs);
    for folder in ["2023/summer", "2023"] {
        let (as_it_was, back) = (
            tree(&user.path("photos")),
            tree(&user.restored("one", "photos")),
        );
        assert!(
            as_it_was[folder.as_bytes()] == back[folder.as_bytes()],
            "{folder}"
        );
    }
    restore("two", &["--include", "summer/", "--include", "notes.*"]);
    let summers = [PHOTOS[0], PHOTOS[1], PHOTOS[4], PHOTOS[5]];
    assert_eq!(found(&user, "two"), summers);
    restore("three", &["--include", "summer", "--exclude", "2024/"]);
    assert_eq!(found(&user, "three"), PHOTOS[..2]);
    restore("four", &["--exclude", "photos"]);
    assert_eq!(found(&user, "four"), ["database.sql"]);
    restore("five", &["--files-only"]);
    assert_eq!(found(&user, "five"), PHOTOS);
    restore("six", &["--database-only"]);
    assert_eq!(found(&user, "six"), ["database.sql"]);
    let whole = format!("{}/2023", user.path("photos").display());
    restore("seven", &["--path", &whole, "--exclude", "*.raw"]);
    assert_eq!(found(&user, "seven"), [PHOTOS[0], PHOTOS[2]]);
    let anchored = format!("{}/*/summer/*.jpg", user.path("photos").display());
    restore("eight", &["--include", &anchored]);
    assert_eq!(found(&user, "eight"), [PHOTOS[0], PHOTOS[4]]);
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_and_nothing_is_written() {
    let user = backed_up();
    let arguments = ["--include", "*.jpg", "--include", "summre"];
    let outcome = user
        .offsite(&[&["restore", "--target", "back"], &arguments[..]].concat())
        .ended(1);
    assert!(outcome.stderr.contains("'summre'"), "{outcome}");
    assert!(outcome.stderr.contains("offsite find"), "{outcome}");
    assert!(!user.path("back").exists());
    let bad = ["restore", "--target", "back", "--exclude", "[a"];
    user.offsite(&bad).ended(1);
    for together in [
        ["--delete", "--include=*.jpg"],
        ["--delete", "--exclude=*.jpg"],
        ["--delete", "--database-only"],
        ["--files-only", "--database-only"],
    ] {
        let arguments = [&["restore", "--target", "back"], &together[..]].concat();
        user.offsite(&arguments).ended(2);
    }
    assert!(!user.path("back").exists());
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let user = backed_up();
    let run = |more: &[&str]| -> Value {
        let arguments = [&["restore", "--json", "--target", "back"], more].concat();
        user.offsite(&arguments).done().json()
    };
    let report = run(&["--dry-run"]);
    assert_eq!(report["dry_run"], true);
    assert_eq!(
        [&report["files_restored"], &report["files_skipped"]],
        [7, 0]
    );
    assert!(report["bytes_to_fetch"].as_u64().unwrap() > 60_000);
    assert!(!user.path("back").exists(), "not even the folder");
    run(&[]);
    let back: PathBuf = user.restored("back", "photos");
    fs::write(back.join("2023/c.jpg"), "short").unwrap();
    fs::remove_file(back.join("2024/d.jpg")).unwrap();
    fs::write(back.join("2024/new.jpg"), "mine").unwrap();
    set_mode(&back.join("notes.txt"), 0o600);
    let before = tree(&user.path("back"));
    let report = run(&["--dry-run", "--delete"]);
    assert_eq!(report["files_restored"], 2);
    assert_eq!([&report["files_new"], &report["files_replaced"]], [1, 1]);
    assert_eq!([&report["files_skipped"], &report["files_deleted"]], [5, 1]);
    assert!(before == tree(&user.path("back")), "something was changed");
    let text = user
        .offsite(&["restore", "--dry-run", "--target", "back"])
        .done()
        .text();
    assert!(text.contains("Would restore 2 files"), "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
}
