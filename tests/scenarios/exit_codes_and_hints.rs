//! "It did not work. It told me in one sentence why, and what to do."

use serde_json::{Value, json};

use crate::tree::{noise, set_mode};
use crate::user::{Outcome, User, both};

/// The run must fail with `code`: one error and one hint on standard error and nothing on standard
/// output; with `--json` a document there that says the same. Returns the sentence.
#[track_caller]
fn refused(user: &User, arguments: &[&str], code: i32) -> String {
    let outcome = user.offsite(arguments).ended(code);
    assert_eq!(outcome.text(), "", "{outcome}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|it| !it.starts_with("note: "))
        .collect();
    let sentence = lines[0]
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{outcome}"));
    let hint = lines[lines.len() - 1].strip_prefix("hint: ");
    let hint = hint.unwrap_or_else(|| panic!("no hint: {outcome}"));
    let causes = &lines[1..lines.len() - 1];
    assert!(
        causes.iter().all(|it| it.starts_with("  because: ")),
        "{outcome}"
    );
    assert!(!sentence.is_empty() && !hint.is_empty(), "{outcome}");
    assert!(
        !sentence.ends_with('.') && sentence.chars().count() < 400,
        "{outcome}"
    );
    // Nothing that only a programmer reads.
    for foreign in ["Os {", "Error(", "::", "panicked", "unwrap", "Some("] {
        assert!(!outcome.stderr.contains(foreign), "{outcome}");
    }

    let document = user.offsite(&[arguments, &["--json"]].concat()).ended(code);
    let causes: Vec<_> = causes.iter().map(|it| &it["  because: ".len()..]).collect();
    let error = json!({"message": sentence, "causes": causes, "hint": hint, "exit_code": code});
    assert_eq!(document.json(), json!({ "error": error }), "{document}");
    assert!(!document.stderr.contains("error:"), "{document}");
    sentence.to_owned()
}

fn backed_up(user: &User) {
    user.write("photos/a.jpg", "a photo");
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
}

#[test]
fn the_wrong_passphrase_or_none_is_12() {
    let mut user = User::with_folder();
    backed_up(&user);
    let restore = ["restore", "--target", "back"];
    user.unset("OFFSITE_PASSPHRASE");
    // There is no terminal to ask at.
    let sentence = refused(&user, &restore, 12);
    assert!(sentence.contains("passphrase is needed"), "{sentence}");
    // The key of this host is there, and does not read.
    user.offsite(&["ls"]).done();
    let photo = user.path("photos/a.jpg").display().to_string();
    let sentence = refused(&user, &["cat", "latest", &photo], 12);
    assert!(sentence.contains("passphrase is needed"), "{sentence}");
    refused(&user, &["database"], 12);

    user.set("OFFSITE_PASSPHRASE", "correct horse battery stable");
    let sentence = refused(&user, &restore, 12);
    assert!(sentence.contains("passphrase"), "{sentence}");
    assert!(!sentence.contains("stable"), "{sentence}");
    assert!(!user.path("back").exists());

    user.unset("OFFSITE_PASSPHRASE");
    std::fs::remove_dir_all(&user.state).unwrap();
    for command in [
        &["snapshots"][..],
        &["backup", "photos"],
        &["index", "rebuild"],
    ] {
        refused(&user, command, 12);
    }
    refused(&user, &["snapshots", "--words-file", "no such file"], 12);
    user.write("words.txt", "twenty four words these are not");
    set_mode(&user.path("words.txt"), 0o600);
    refused(&user, &["snapshots", "--words-file", "words.txt"], 12);
}

#[test]
fn where_no_repository_is_it_is_10() {
    for mut user in both() {
        user.write("photos/a.jpg", "a photo");
        let empty = match user.repository.strip_prefix("s3://") {
            None => {
                std::fs::create_dir(user.path("empty")).unwrap();
                user.path("empty").display().to_string()
            }
            Some(_) => user.repository.clone(),
        };
        let missing = match user.repository.strip_prefix("s3://") {
            None => user.path("no such folder").display().to_string(),
            Some(_) => "s3://no-such-bucket/offsite".to_owned(),
        };
        for address in [missing, empty] {
            user.repository.clone_from(&address);
            for command in [
                &["snapshots"][..],
                &["backup", "photos"],
                &["restore", "--target", "back"],
            ] {
                let sentence = refused(&user, command, 10);
                assert!(sentence.contains(&address), "{sentence}");
            }
        }
        assert!(!user.path("back").exists());
        assert!(!user.path("no such folder").exists());
    }
}

#[test]
fn init_never_touches_what_is_there() {
    for user in both() {
        user.init();
        let before = user.objects.list("");
        let sentence = refused(&user, &["init"], 1);
        assert!(sentence.contains(&user.repository), "{sentence}");
        assert!(sentence.contains("not empty"), "{sentence}");
        // Not even what is left of a repository, nor a stray file.
        user.objects.remove("repository");
        refused(&user, &["init"], 1);
        for name in before.keys().filter(|name| *name != "repository") {
            user.objects.remove(name);
        }
        user.objects.put("holiday.jpg", b"a photo".to_vec());
        let sentence = refused(&user, &["init"], 1);
        assert!(sentence.contains("holiday.jpg"), "{sentence}");
        assert_eq!(user.objects.list("").len(), 1);
        assert_eq!(user.objects.read("holiday.jpg"), b"a photo");
    }
    // A file where the folder should be.
    let mut user = User::with_folder();
    user.write("file", "text");
    user.repository = user.path("file").display().to_string();
    refused(&user, &["init"], 10);
    assert_eq!(std::fs::read(user.path("file")).unwrap(), b"text");
}

#[test]
fn a_passphrase_that_is_too_short_is_not_taken() {
    let mut user = User::with_folder();
    user.set("OFFSITE_PASSPHRASE", "secret");
    refused(&user, &["init"], 12);
    assert!(!user.path("repository").exists());
}

#[test]
fn files_that_cannot_be_read_are_3_and_the_rest_is_saved() {
    let mut user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("photos/locked.jpg", "a photo");
    user.write("photos/locked/b.jpg", "a photo");
    user.becomes_ordinary();
    user.init();
    set_mode(&user.path("photos/locked.jpg"), 0);
    set_mode(&user.path("photos/locked"), 0);
    let outcome = user.offsite(&["backup", "photos"]).ended(3);
    let text = outcome.text();
    assert!(text.contains("Saved snapshot"), "{outcome}");
    assert!(
        text.contains("2 files or folders could not be read"),
        "{outcome}"
    );
    assert!(text.contains("photos/locked.jpg: "), "{outcome}");

    let json = user
        .offsite(&["backup", "photos", "--json"])
        .ended(3)
        .json();
    let problems = json["problems"].as_array().unwrap();
    let mut paths: Vec<_> = problems
        .iter()
        .map(|it| it["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths.len(), 2, "{json}");
    assert!(paths[0].ends_with("photos/locked"), "{json}");
    assert!(paths[1].ends_with("photos/locked.jpg"), "{json}");
    assert_eq!(json["files_total"], 1);

    user.offsite(&["restore", "--target", "back"]).done();
    let back = user.restored("back", "photos");
    assert!(back.join("a.jpg").exists());
    assert!(!back.join("locked.jpg").exists());
    set_mode(&user.path("photos/locked"), 0o755);
}

#[test]
fn what_makes_no_sense_is_2() {
    let mut user = User::with_folder();
    refused(&user, &["backup"], 2);
    let sentence = refused(&user, &["backup", "--immich", "photos"], 2);
    assert!(sentence.contains("database"), "{sentence}");
    // Said by the parser of the command line, in its own form.
    for arguments in [
        &["restore"][..],
        &["snapshot"],
        &["backup", "--upload-limit", "fast"],
    ] {
        let outcome = user.offsite(arguments).ended(2);
        assert!(outcome.stderr.starts_with("error: "), "{outcome}");
        let outcome = user.offsite(&[arguments, &["--json"]].concat()).ended(2);
        assert_parsers_document(&outcome);
    }
    user.repository = "ftp://example.org/photos".to_owned();
    refused(&user, &["snapshots"], 1);
    user.repository = String::new();
    let sentence = refused(&user, &["snapshots"], 2);
    assert!(sentence.contains("repository"), "{sentence}");
}

#[track_caller]
fn assert_parsers_document(outcome: &Outcome) {
    let document = outcome.json();
    let error = document["error"]
        .as_object()
        .unwrap_or_else(|| panic!("{outcome}"));
    let keys: Vec<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["causes", "exit_code", "hint", "message"],
        "{outcome}"
    );
    assert_eq!(error["exit_code"], 2);
    let message = error["message"].as_str().unwrap();
    assert!(
        !message.is_empty() && !message.starts_with("error"),
        "{outcome}"
    );
    assert_ne!(error["hint"], Value::from(""), "{outcome}");
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn what_cannot_be_backed_up_is_refused_before_anything_is_sent() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("postgres/PG_VERSION", "17\n");
    user.write("postgres/global/pg_control", noise("control", 8192));
    user.write("postgres/base/1/1249", noise("table", 8192));
    user.init();
    let immich = ["backup", "--no-database", "--immich"];
    let sentence = refused(&user, &[&immich[..], &["photos"]].concat(), 1);
    assert!(sentence.contains("Immich"), "{sentence}");
    refused(&user, &[&immich[..], &["no such folder"]].concat(), 1);
    let sentence = refused(&user, &["backup", "postgres"], 1);
    assert!(sentence.contains("Postgres"), "{sentence}");
    refused(&user, &["backup", "no such folder"], 1);
    refused(&user, &["backup", "photos", "--exclude", "[a"], 1);
    refused(
        &user,
        &["backup", "photos", "--database-file", "no such file"],
        1,
    );
    assert_eq!(user.objects.list("snapshots/").len(), 0);
    assert_eq!(user.objects.list("packs/").len(), 0);
}

#[test]
fn what_a_snapshot_does_not_hold_is_1() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    let sentence = refused(&user, &["ls"], 1);
    assert!(sentence.contains("no snapshot yet"), "{sentence}");
    refused(&user, &["restore", "--target", "back"], 1);
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let sentence = refused(&user, &["ls", "latest", "pictures"], 1);
    assert!(sentence.contains("pictures"), "{sentence}");
    refused(&user, &["cat", "latest", "pictures/a.jpg"], 1);
    let folder = user.path("photos").display().to_string();
    let sentence = refused(&user, &["cat", "latest", &folder], 1);
    assert!(sentence.contains("folder"), "{sentence}");
    refused(&user, &["database"], 1);
    refused(
        &user,
        &["restore", "--target", "back", "--database-only"],
        1,
    );
    refused(
        &user,
        &["restore", "--target", "back", "--path", "pictures"],
        1,
    );
    refused(&user, &["restore", "--target", "photos/a.jpg"], 1);
    refused(&user, &["ls", "0123456789abcdef"], 1);
}

#[test]
fn a_repository_inside_its_own_source_is_refused() {
    let user = User::with_folder();
    user.init();
    user.write("photo.jpg", b"photo");
    let refused = user.offsite(&["backup", "."]).ended(2);
    assert!(refused.stderr.contains("into itself"), "{refused}");
    assert!(refused.stderr.contains("hint:"), "{refused}");
    let repository = std::path::Path::new(&user.repository).file_name().unwrap();
    let exclude = [
        "backup",
        ".",
        "--exclude",
        repository.to_str().unwrap(),
        "--exclude",
        "state",
    ];
    user.offsite(&exclude).done();
}

#[test]
fn an_address_that_is_none_is_not_taken_for_a_folder() {
    let mut user = User::with_folder();
    for address in [
        "~/backup",
        r"\\nas\backup",
        r"C:\backup",
        "nas:/backup",
        "S3:bucket/prefix",
        "smb://nas/backup",
    ] {
        user.repository = address.to_owned();
        refused(&user, &["init"], 1);
        refused(&user, &["snapshots"], 1);
    }
    // Nothing was made by any of them.
    let made = std::fs::read_dir(user.path("")).unwrap().count();
    assert_eq!(made, 1, "the state folder");
}

#[test]
fn a_missing_disk_an_empty_place_and_a_lost_head_are_told_apart() {
    for mut user in both() {
        backed_up(&user);
        let place = user.repository.clone();
        user.objects.remove("repository");
        // This host has a copy of it; one that was never there has none.
        user.offsite(&["snapshots"]).done();
        let stranger = user.another_machine();
        let sentence = refused(&stranger, &["snapshots"], 10);
        assert!(sentence.contains("though there are packs"), "{sentence}");
        let is_folder = !place.starts_with("s3://");
        user.repository = if is_folder {
            user.path("photos").display().to_string()
        } else {
            format!("{place}/photos")
        };
        let sentence = refused(&user, &["snapshots"], 10);
        assert!(sentence.contains("no repository"), "{sentence}");
        user.repository = if is_folder {
            format!("{place}/not mounted")
        } else {
            "s3://no-such-bucket/offsite".to_owned()
        };
        let sentence = refused(&user, &["snapshots"], 10);
        assert!(sentence.contains("no folder or bucket"), "{sentence}");
    }
}

#[test]
fn what_the_new_verbs_cannot_do_is_said_in_a_sentence() {
    let user = User::with_folder();
    backed_up(&user);
    refused(&user, &["diff", "latest", "latest~7"], 1);
    refused(&user, &["diff", "latest", "latest", "no such folder"], 1);
    refused(&user, &["find", "[a"], 1);
    refused(&user, &["find", "*.jpg", "--at", "some day"], 2);
    refused(&user, &["stats", "latest~7"], 1);
    refused(&user, &["verify", "--snapshot", "latest~7"], 1);
    user.write("taken", "a file where the folder should be");
    refused(&user, &["man", "--out", "taken"], 1);
}
