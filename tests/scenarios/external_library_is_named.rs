//! "Some of my photos are in folders that Immich only looks at." They are named, with what to add to
//! the command, and that is true to the letter.

use std::fs;

use crate::installation::{Era, Installation};
use crate::user::{Outcome, User, outcome_of};

/// An installation with two photos in an external library, whose import path is `path`.
fn with_library(user: &User, path: &str, folder: &str) {
    let mut home = Installation::new(Era::Three, &user.path("immich"));
    home.photo("library/alice/a.jpg");
    for name in ["b.jpg", "c d.jpg"] {
        let row = home.row("");
        row.path = format!("{path}/{name}");
        row.external = true;
        user.write(format!("{folder}/{name}"), name);
    }
    let dump = home.dump();
    let dump = dump.replace("{/mnt/nas,/mnt/elsewhere}", &format!("{{\"{path}\"}}"));
    user.write("dump.sql", dump);
    user.init();
}

fn back_up(user: &User, more: &str) -> Outcome {
    let offsite = env!("CARGO_BIN_EXE_offsite");
    // Through a shell, as a person would paste it.
    let line = format!("'{offsite}' backup --json --immich immich --database-file dump.sql {more}");
    let mut command = std::process::Command::new("sh");
    let as_user = user.command();
    command.args(["-c", &line]).current_dir(user.path(""));
    for (name, value) in as_user.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    outcome_of(&mut command).done()
}

/// What the note says is to be added.
fn advice(outcome: &Outcome) -> String {
    let said = outcome.stderr.clone();
    let notes: Vec<_> = said
        .lines()
        .filter(|line| line.contains("external library"))
        .collect();
    assert_eq!(notes.len(), 1, "named once: {outcome}");
    let (_, advice) = notes[0]
        .split_once(": the external")
        .unwrap_or(("", notes[0]));
    advice.split_once(": ").expect("an advice").1.to_owned()
}

fn assert_added(user: &User, more: &str) {
    let outcome = back_up(user, more);
    let counts = &outcome.json()["audit"];
    assert_eq!(counts["ok_external"], 2, "{more}: {outcome}");
    assert!(counts["external_not_archived"].is_null(), "{outcome}");
    let said = outcome.stderr.clone();
    assert!(!said.contains("external library"), "{said}");
}

#[test]
fn a_library_at_the_same_path_is_added_by_what_is_printed() {
    let user = User::with_folder();
    let path = user.path("family photos");
    let path = fs::canonicalize(path.parent().unwrap())
        .unwrap()
        .join("family photos");
    with_library(&user, path.to_str().unwrap(), "family photos");
    let outcome = back_up(&user, "");
    assert_eq!(outcome.json()["audit"]["external_not_archived"], 2);
    assert_added(&user, &advice(&outcome));
}

#[test]
fn a_library_that_is_elsewhere_on_this_host_is_added_too() {
    let user = User::with_folder();
    with_library(&user, "/mnt/nas of mine", "volume");
    let outcome = back_up(&user, "");
    let advice_line = advice(&outcome);
    assert!(advice_line.contains("FOLDER"), "{advice_line}");
    let folder = user.path("volume");
    let folder = folder.to_str().unwrap();
    assert_added(&user, &advice_line.replace("FOLDER", folder));

    // Told where it is, the folder alone is enough.
    user.write(
        "inspect.json",
        format!(r#"[{{"Mounts": [{{"Source": "{folder}", "Destination": "/mnt/nas of mine"}}]}}]"#),
    );
    let told = "--mounts-from inspect.json";
    let outcome = back_up(&user, told);
    assert_added(&user, &format!("{told} {}", advice(&outcome)));
}
