//! "I gave the address of the database; offsite makes the dump itself."

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::harness::postgres::Postgres;
use crate::user::{Outcome, User};

const ROWS: &str = "CREATE TABLE asset (id int PRIMARY KEY, \"originalPath\" text);
    INSERT INTO asset SELECT n, '/data/upload/' || n || '.jpg' FROM generate_series(1, 1000) AS n;";
const SECRET: &str = "hunter2-and-more";

fn user() -> User {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    user
}

fn back_up(user: &User, url: &str) -> Outcome {
    user.offsite(&["backup", "--json", "photos", "--database-url", url])
}

/// It failed, committed nothing, and said all these words in its error; never the password.
#[track_caller]
fn refused(user: &User, outcome: Outcome, code: i32, words: &[&str]) {
    let outcome = outcome.ended(code);
    let told = outcome.json()["error"].to_string();
    for word in words {
        assert!(told.contains(word), "nothing of \"{word}\": {outcome}");
    }
    let all = format!("{outcome}");
    let said = all.split_once("\n--- standard output").expect("output").1;
    assert!(!said.contains(SECRET), "{said}");
    assert!(user.objects.list("snapshots/").is_empty(), "{outcome}");
}

/// Puts a program of its own before those of the machine.
fn pretend(user: &mut User, name: &str, script: &str) {
    user.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    let program = user.path(format!("bin/{name}"));
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("permissions");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", user.path("bin").display());
    user.set("PATH", path);
}

#[test]
fn the_dump_is_made_and_loads_again() {
    let server = Postgres::start();
    server.create_database("immich");
    server.psql("immich", ROWS);
    let user = user();
    let url = server.url("immich");
    let saved = back_up(&user, &url).done().json();
    assert_eq!(saved["database"]["kind"], "pg_dump");
    assert_eq!(saved["database"]["rows"], 1000);
    assert_eq!(saved["database"]["source"], url);

    let back = user.offsite(&["database"]).done().stdout;
    server.create_database("again");
    let mut psql = server
        .command("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
        .args(["--single-transaction", "--dbname=again"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("psql starts");
    psql.stdin
        .take()
        .expect("a pipe")
        .write_all(&back)
        .expect("psql reads");
    assert!(psql.wait().expect("psql ends").success());
    let all = "SELECT count(*), sum(id), max(\"originalPath\") FROM asset";
    assert_eq!(server.psql("again", all), server.psql("immich", all));
}

#[test]
fn the_password_comes_from_the_environment_or_a_file_and_a_wrong_one_is_told() {
    let server = Postgres::start();
    server.create_database("immich");
    server.psql("immich", ROWS);
    server.psql(
        "postgres",
        &format!(
            "SET password_encryption = 'scram-sha-256';
             CREATE ROLE anna LOGIN PASSWORD '{SECRET}'; GRANT pg_read_all_data TO anna;"
        ),
    );
    let rules = server.psql("postgres", "SHOW hba_file");
    let rest = fs::read_to_string(&rules).expect("the rules of the server");
    let asked = format!("local all anna scram-sha-256\n{rest}");
    fs::write(&rules, asked).expect("the rules of the server");
    server.psql("postgres", "SELECT pg_reload_conf()");
    let url = server.url("immich").replace("postgres@", "anna@");

    let mut user = user();
    let hint = "PGPASSWORD";
    refused(
        &user,
        back_up(&user, &url),
        1,
        &["could not be asked", "no password", hint],
    );
    user.set("PGPASSWORD", "wrong");
    let words = ["could not be asked", "authentication failed", hint];
    refused(&user, back_up(&user, &url), 1, &words);
    user.set("PGPASSWORD", SECRET);
    let saved = back_up(&user, &url).done();
    assert!(!saved.text().contains(SECRET));
    user.unset("PGPASSWORD");

    user.write(".pgpass", format!("*:*:*:anna:{SECRET}\n"));
    let own = fs::Permissions::from_mode(0o600);
    fs::set_permissions(user.path(".pgpass"), own).expect("permissions");
    assert_eq!(back_up(&user, &url).done().json()["database"]["rows"], 1000);
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let user = user();
    for url in [
        format!("postgresql://anna:{SECRET}@localhost/immich"),
        format!("postgres://localhost/immich?user=anna&password={SECRET}"),
        format!("postgres://anna:{SECRET}/@localhost/immich"),
    ] {
        let words = ["holds a password", "PGPASSWORD", ".pgpass"];
        refused(&user, back_up(&user, &url), 2, &words);
    }
    let other = format!("mysql://anna:{SECRET}@localhost/immich");
    refused(&user, back_up(&user, &other), 2, &["postgresql://"]);
    let two = format!("postgres://anna:{SECRET}@h/d");
    let both = ["backup", "--json", "photos", "--no-database"];
    let both = user.offsite(&[&both[..], &["--database-url", &two]].concat());
    refused(&user, both, 2, &["cannot be used with"]);
}

#[test]
fn a_server_that_is_not_there_or_too_new_is_told() {
    let mut user = user();
    let nowhere = format!(
        "postgresql://postgres@{}/immich",
        user.path("none").display().to_string().replace('/', "%2F")
    );
    refused(&user, back_up(&user, &nowhere), 1, &["could not be asked"]);
    pretend(&mut user, "psql", "echo 990002");
    let words = ["PostgreSQL 99", "pg_dump", "postgresql-client-99"];
    refused(&user, back_up(&user, &nowhere), 1, &words);
}

#[test]
fn a_pg_dump_that_breaks_off_or_hangs_commits_nothing() {
    let mut user = user();
    pretend(&mut user, "psql", "echo 980000");
    let version = "[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 98.1' && exit";
    let begin = "printf -- '--\\n-- PostgreSQL database dump\\n--\\n'";
    let broken = format!("{version}; {begin}; echo 'server closed the connection' >&2; exit 1");
    pretend(&mut user, "pg_dump", &broken);
    let url = "postgresql://postgres@localhost/immich";
    let words = ["exit status 1", "server closed the connection"];
    refused(&user, back_up(&user, url), 1, &words);

    let pids = user.path("pids");
    let hangs = format!(
        "{version}; {begin}; echo 'waits for a lock' >&2; echo $$ > '{0}'; sleep 1000 & \
         echo $! >> '{0}'; wait",
        pids.display()
    );
    pretend(&mut user, "pg_dump", &hangs);
    let arguments = ["backup", "--json", "photos", "--database-timeout", "2s"];
    let outcome = user.offsite(&[&arguments[..], &["--database-url", url]].concat());
    let words = ["given up", "2 seconds", "waits for a lock"];
    refused(&user, outcome, 1, &words);
    let pids = fs::read_to_string(pids).expect("it was started");
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        // One that was killed may wait for a parent that never asks.
        let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output();
        let state = String::from_utf8(state.expect("ps starts").stdout).expect("text");
        assert!(state.is_empty() || state.starts_with('Z'), "{pid}: {state}");
    }
}
