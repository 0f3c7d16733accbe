//! "I do not want to type all of this every night." `offsite.toml` says it, and nobody else may.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::installation::{Era, Installation};
use crate::tree::assert_same;
use crate::user::User;

const SECRET: &str = "hunter2-and-more";

/// Nothing is named in the environment, all in the file.
fn user() -> User {
    let mut user = User::with_folder();
    user.repository = String::new();
    user
}

fn configure(user: &User, text: &str) {
    user.write("offsite.toml", text);
    mode(user, "offsite.toml", 0o600);
}

fn mode(user: &User, path: &str, mode: u32) {
    let mode = fs::Permissions::from_mode(mode);
    fs::set_permissions(user.path(path), mode).expect("permissions");
}

const ALL: &str = "
[source]
immich = 'app/location'
folders = ['letters']
exclude = ['*.tmp']
tags = ['night']
host = 'home'

[database]
file = 'dump.sql'

[[repository]]
name = 'nas'
url = 'repository'
medium = 'nas'
";

fn installed() -> User {
    let user = user();
    let mut home = Installation::new(Era::Three, &user.path("app/location"));
    home.photo("library/alice/a.jpg");
    home.photo("upload/bob/b.jpg");
    home.write("library/alice/c.tmp", "half a photo");
    user.write("dump.sql", home.dump());
    user.write("letters/one.txt", "dear Anna");
    configure(&user, ALL);
    user.offsite(&["init", "--repo", "nas"]).done();
    user
}

#[test]
fn bare_backup_does_it_and_flags_go_first() {
    let user = installed();
    let saved = user.offsite(&["backup", "--json"]).done().json();
    assert_eq!(saved["audit"], serde_json::json!({ "ok": 2 }), "{saved}");
    assert_eq!(saved["database"]["complete"], true);
    let listed = user.offsite(&["ls", "latest", "--recursive"]).done().text();
    assert!(listed.contains("library/alice/a.jpg") && listed.contains("letters/one.txt"));
    assert!(!listed.contains("c.tmp"), "{listed}");
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("letters"), &user.restored("back", "letters"));

    // Key by key: what no flag says stays as it is in the file. From elsewhere, too.
    let mut command = user.command();
    command
        .current_dir("/")
        .args(["backup", "--quiet", "--config"])
        .arg(user.path("offsite.toml"))
        .args([
            "--tag",
            "once",
            "--repo",
            "nas",
            "--no-database",
            "--immich",
        ])
        .arg(user.path("app/location"));
    crate::user::outcome_of(&mut command).done();
    let snapshots = user.offsite(&["snapshots", "--json"]).done().json();
    let tags = |at: usize| snapshots[at]["tags"].to_string();
    assert_eq!(
        (tags(0), tags(1)),
        (r#"["night"]"#.to_owned(), r#"["once"]"#.to_owned())
    );
    assert_eq!(snapshots[1]["host"], "home");
    assert_eq!(snapshots[1]["database_bytes"].as_u64().unwrap_or(0), 0);
    let listed = user.offsite(&["ls", "latest", "--recursive"]).done().text();
    assert!(
        !listed.contains("c.tmp") && listed.contains("one.txt"),
        "{listed}"
    );

    // By address it is the same place, and a name that is not known is none.
    let path = user.path("repository").display().to_string();
    user.offsite(&["verify", "--repo", &path]).done();
    let unknown = user.offsite(&["verify", "--repo", "nass"]).ended(2);
    assert!(unknown.stderr.contains("it has nas"), "{unknown}");
    let twice = user
        .offsite(&["verify", "--repo", "nas", "--repo", &path])
        .ended(2);
    assert!(twice.stderr.contains("named twice"), "{twice}");
}

#[test]
fn a_mistake_is_named_before_anything_is_done() {
    let user = user();
    let wrong = format!("{ALL}mediun = 'tape'\n[prune]\ngrace = '1h'\n");
    configure(&user, &wrong);
    let line = wrong
        .lines()
        .position(|line| line.contains("tape"))
        .expect("it is there")
        + 1;
    for arguments in [&["config", "check"][..], &["backup"], &["config", "show"]] {
        let told = user.offsite(arguments).ended(2).stderr;
        assert!(told.contains("2 mistakes"), "{told}");
        assert!(
            told.contains(&format!("line {line}, column 1: \"mediun\"")),
            "{told}"
        );
        assert!(
            told.contains("medium, offsite") && told.contains("at least 24h"),
            "{told}"
        );
    }
    let told = user.offsite(&["config", "check", "--json"]).ended(2).json();
    assert_eq!(told["error"]["exit_code"], 2);
    assert_eq!(
        told["error"]["causes"].as_array().map(Vec::len),
        Some(2),
        "{told}"
    );
    // What does without can go on.
    let without = ["snapshots", "--config", "/dev/null", "--repo", "repository"];
    user.offsite(&without).ended(10);
    user.offsite(&["config", "example"]).done();

    configure(&user, ALL);
    let checked = user.offsite(&["config", "check"]).done().text();
    for words in [
        "in order",
        "name = \"nas\"",
        "grace = \"3d\"",
        "no repository is offsite",
    ] {
        assert!(checked.contains(words), "{words}: {checked}");
    }
    let shown = user.offsite(&["config", "show", "--json", "--upload-limit", "2M"]);
    let shown = shown.done().json();
    assert_eq!(shown["repository"][0]["upload_limit"], "2000000");
    assert_eq!(shown["source"]["host"], "home");
}

#[test]
fn the_example_is_a_configuration() {
    let user = user();
    let example = user.offsite(&["config", "example"]).done().text();
    user.write("elsewhere/own.toml", example);
    let own = ["--config", "elsewhere/own.toml"];
    user.offsite(&[&["config", "check"], &own[..]].concat())
        .done();
    let shown = user
        .offsite(&[&["config", "show"], &own[..]].concat())
        .done()
        .text();
    assert!(
        shown.contains("/srv/immich/library") && !shown.contains("pg_dump"),
        "{shown}"
    );
    // What is shown can be read again.
    user.write(".config/offsite/offsite.toml", shown);
    user.offsite(&["config", "check"]).done();
}

#[test]
fn a_file_that_others_may_write_is_not_obeyed() {
    let mut user = user();
    user.becomes_ordinary();
    let evil = "[hooks]\nbefore = 'touch obeyed'\n[source]\nfolders = ['.']\n";
    configure(&user, evil);
    mode(&user, "offsite.toml", 0o666);
    let told = user.offsite(&["backup", "--repo", "x"]).ended(2).stderr;
    assert!(told.contains("may be written by every user"), "{told}");
    assert!(told.contains("--config ./offsite.toml"), "{told}");
    mode(&user, "offsite.toml", 0o644);
    mode(&user, "", 0o777);
    let told = user.offsite(&["config", "check"]).ended(2).stderr;
    assert!(
        told.contains("the folder around it may be written"),
        "{told}"
    );
    user.offsite(&["config", "check", "--config", "./offsite.toml"])
        .done();
    mode(&user, "", 0o755);
    user.offsite(&["config", "check"]).done();
    if rustix::process::geteuid().is_root() {
        // What another user left there.
        std::os::unix::fs::chown(user.path("offsite.toml"), Some(12345), None).expect("as root");
        let told = user.offsite(&["config", "check"]).ended(2).stderr;
        assert!(told.contains("belongs to another user"), "{told}");
    }
    assert!(!user.path("obeyed").exists());
}

/// A server that is not there: these programs note what they were given, and answer for it.
fn pretend_postgres(user: &mut User) {
    let note = "{ tr '\\0' ' ' < /proc/$$/cmdline; echo; } >> \"$HOME/arguments\"; \
                echo \"$PGPASSWORD\" >> \"$HOME/passwords\"";
    let version = "[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 15.1' && exit";
    let dump = "printf -- '--\\n-- PostgreSQL database dump\\n--\\n\\n--\\n-- PostgreSQL database dump \
                complete\\n--\\n'";
    for (name, script) in [
        ("psql", format!("{note}\necho 150001")),
        ("pg_dump", format!("{version}\n{note}\n{dump}")),
    ] {
        user.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        mode(user, &format!("bin/{name}"), 0o755);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    user.set("PATH", format!("{}:{path}", user.path("bin").display()));
}

#[test]
fn a_password_reaches_pg_dump_and_is_seen_nowhere_else() {
    let mut user = user();
    pretend_postgres(&mut user);
    user.write("photos/a.jpg", "a photo");
    user.write("secret", format!("{SECRET}\n"));
    mode(&user, "secret", 0o600);
    let with = |password: &str| {
        format!(
            "[source]\nfolders = ['photos']\n[database]\nurl = 'postgresql://immich@localhost/immich'\n\
             {password}\n[[repository]]\nname = 'disk'\nurl = 'repository'\n"
        )
    };
    configure(&user, &with(""));
    user.offsite(&["init"]).done();
    for password in [
        format!("password = '{SECRET}'"),
        "password_file = 'secret'".to_owned(),
        "password_command = 'cat secret'".to_owned(),
    ] {
        configure(&user, &with(&password));
        for arguments in [
            &["backup", "--verbose"][..],
            &["backup", "--json"],
            &["config", "show"],
            &["config", "show", "--json"],
            &["config", "check"],
        ] {
            let outcome = user.offsite(arguments).done();
            assert!(!outcome.to_string().contains(SECRET), "{outcome}");
        }
        let passwords = fs::read_to_string(user.path("passwords")).expect("they ran");
        assert_eq!(
            passwords,
            format!("{SECRET}\n").repeat(4),
            "psql and pg_dump, twice"
        );
        fs::remove_file(user.path("passwords")).expect("a file");
    }
    let arguments = fs::read_to_string(user.path("arguments")).expect("they ran");
    assert!(arguments.contains("--dbname=postgresql://immich@localhost/immich"));
    assert!(!arguments.contains(SECRET), "{arguments}");

    configure(&user, &with(&format!("password = '{SECRET}'")));
    mode(&user, "offsite.toml", 0o644);
    let told = user.offsite(&["backup"]).ended(2).stderr;
    assert!(
        told.contains("`password`") && told.contains("chmod 600"),
        "{told}"
    );
    assert!(!told.contains(SECRET), "{told}");
    assert!(!user.path("passwords").exists(), "nothing was started");
}

#[test]
fn each_bucket_has_access_keys_of_its_own() {
    let mut user = User::with_bucket();
    let url = std::mem::take(&mut user.repository);
    let taken = |user: &mut User, name: &str| {
        let all = &user.environment;
        let value = all
            .iter()
            .find(|(it, _)| it == name)
            .map(|(_, value)| value.clone());
        user.unset(name);
        value.expect(name).into_string().expect("text")
    };
    let [endpoint, id, secret] = [
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ]
    .map(|name| taken(&mut user, name));
    // What the environment says for others is wrong here.
    for (name, value) in [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "of-another"),
        ("AWS_SECRET_ACCESS_KEY", "of-another"),
    ] {
        user.set(name, value);
    }
    let with = |more: &str| {
        format!("[[repository]]\nname = 'cloud'\nurl = '{url}'\nendpoint = '{endpoint}'\n{more}\n")
    };
    let profile = format!("[photos]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    user.write(".aws/credentials", profile);
    configure(&user, &with("profile = 'photos'"));
    user.offsite(&["init"]).done();
    let variables =
        "access_key_id_variable = 'PHOTOS_ID'\nsecret_access_key_variable = 'PHOTOS_SECRET'";
    configure(&user, &with(variables));
    let told = user.offsite(&["snapshots"]).ended(2).stderr;
    assert!(told.contains("PHOTOS_ID is not set"), "{told}");
    user.set("PHOTOS_ID", id);
    user.set("PHOTOS_SECRET", secret.clone());
    user.offsite(&["snapshots"]).done();
    let shown = user.offsite(&["config", "show"]).done().text();
    assert!(
        shown.contains("PHOTOS_SECRET") && !shown.contains(&secret),
        "{shown}"
    );
    configure(&user, &with(""));
    user.offsite(&["snapshots"]).ended(1);
}
