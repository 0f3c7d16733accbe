//! "The nightly dump broke, and nobody looked": it must not become the copy that is restored.

use std::fs::File;
use std::io::Write;

use serde_json::Value;

use crate::harness::postgres::Postgres;
use crate::user::{Outcome, User, outcome_of};

/// A dump with so many photos in it.
fn dump(rows: usize) -> String {
    let mut text = "--\n-- PostgreSQL database dump\n--\n\n\
        -- Dumped from database version 14.19\n-- Dumped by pg_dump version 14.19\n\n\
        SET client_encoding = 'UTF8';\n\
        SELECT pg_catalog.set_config('search_path', '', false);\n\n\
        COPY public.asset (id, \"originalPath\", checksum) FROM stdin;\n"
        .to_owned();
    for row in 0..rows {
        let checksum = blake3::hash(&row.to_le_bytes()).to_hex();
        text += &format!("{row}\t/data/upload/{row}.jpg\t\\\\x{checksum}\n");
    }
    text + "\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
}

const ROWS: usize = 1000;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Somebody with a good snapshot already, and its id.
fn user_with_a_good_snapshot() -> (User, Value) {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("good.sql", dump(ROWS));
    user.init();
    let saved = back_up(&user, &["--database-file", "good.sql"]).done();
    let id = saved.json()["snapshot"].clone();
    (user, id)
}

fn back_up(user: &User, database: &[&str]) -> Outcome {
    user.offsite(&[&["backup", "--json", "photos"], database].concat())
}

fn snapshots(user: &User) -> Vec<Value> {
    let listed = user.offsite(&["snapshots", "--json"]).done().json();
    let listed = listed.as_array().expect("an array").clone();
    listed.iter().map(|one| one["id"].clone()).collect()
}

/// It must fail with all of these words on standard error, and leave what there was.
#[track_caller]
fn is_refused(user: &User, good: &Value, database: &[&str], words: &[&str]) {
    let arguments = [&["backup", "photos"], database].concat();
    let refused = user.offsite(&arguments).ended(1);
    let (told, rest) = refused.stderr.split_once('\n').expect("a line");
    assert!(told.starts_with("error: "), "{refused}");
    for word in words {
        assert!(
            refused.stderr.contains(word),
            "nothing of \"{word}\": {refused}"
        );
    }
    assert!(rest.contains("hint: nothing was committed"), "{refused}");
    assert_eq!(refused.text(), "", "{refused}");
    assert_eq!(snapshots(user), std::slice::from_ref(good), "{refused}");
    assert_eq!(user.objects.list("snapshots/").len(), 1, "{refused}");

    let as_json = back_up(user, database).ended(1).json();
    assert_eq!(as_json["error"]["exit_code"], 1);
    let message = as_json["error"]["message"].as_str().expect("a sentence");
    assert_eq!(told, format!("error: {message}"));
}

/// What is restored now must be the good dump.
fn the_good_one_comes_back(user: &User, good: &Value) {
    assert_eq!(snapshots(user).last(), Some(good));
    let back = user.offsite(&["database", "latest"]).done().stdout;
    assert!(
        back == dump(ROWS).into_bytes(),
        "{} bytes came back",
        back.len()
    );
}

#[test]
fn a_command_that_fails_is_told_with_what_it_said() {
    let (user, good) = user_with_a_good_snapshot();
    for (command, words) in [
        (
            "cat good.sql; echo 'pg_dump: error: connection lost' >&2; exit 1",
            &["exit status 1", "pg_dump: error: connection lost"][..],
        ),
        ("head -c 30000 good.sql; kill -9 $$", &["killed (signal 9)"]),
        ("kill -9 $$", &["killed (signal 9)"]),
        ("cat good.sql; kill -15 $$", &["signal 15"]),
        (
            "no-such-pg_dump immich",
            &["was not found", "no-such-pg_dump"],
        ),
        ("cat good.sql | gzip; exit 3", &["exit status 3"]),
    ] {
        is_refused(&user, &good, &["--database-command", command], words);
    }
    the_good_one_comes_back(&user, &good);
}

#[test]
fn a_dump_that_is_not_whole_is_told_from_a_whole_one() {
    let (user, good) = user_with_a_good_snapshot();
    let whole = dump(ROWS);
    let before_the_end = whole.len() - "\n--\n-- PostgreSQL database dump complete\n--\n\n".len();
    for (command, words) in [
        (
            "head -c 30000 good.sql".to_owned(),
            &["incomplete", "public.asset"][..],
        ),
        ("head -n 12 good.sql".to_owned(), &["incomplete"]),
        (
            format!("head -c {before_the_end} good.sql"),
            &["incomplete", "PostgreSQL database dump complete"],
        ),
        ("true".to_owned(), &["empty"]),
        (
            "cat good.sql good.sql".to_owned(),
            &["goes on after its last line"],
        ),
        (
            "echo 'Error response from daemon'".to_owned(),
            &["does not begin", "Error response"],
        ),
        (
            "echo 'WARNING: collation mismatch'; cat good.sql".to_owned(),
            &["does not begin", "WARNING: collation", "docker exec"],
        ),
        ("echo '<!DOCTYPE html><html>'".to_owned(), &["web page"]),
        ("tar -cf - good.sql".to_owned(), &["tar archive"]),
        (
            "bzip2 -c good.sql || printf 'BZh91AY&SY'".to_owned(),
            &["bzip2"],
        ),
    ] {
        is_refused(&user, &good, &["--database-command", &command], words);
    }
    the_good_one_comes_back(&user, &good);
}

#[test]
fn a_file_that_is_damaged_missing_or_of_another_kind_is_refused() {
    let (user, good) = user_with_a_good_snapshot();
    let packed = gzip(dump(ROWS).as_bytes());
    user.write("cut.gz", &packed[..packed.len() / 2]);
    user.write("without_end.gz", &packed[..packed.len() - 4]);
    let mut wrong_sum = packed.clone();
    // RFC 1952: the last eight bytes are the CRC-32 and the length.
    let at = packed.len() - 8;
    wrong_sum[at] ^= 1;
    user.write("wrong_sum.gz", wrong_sum);
    let zstd = zstd::encode_all(dump(ROWS).as_bytes(), 3).expect("memory");
    user.write("cut.zst", &zstd[..zstd.len() / 2]);
    user.write(
        "custom",
        b"PGDMP\x01\x0e\x00\x04\x08\x01\x01\x01\x00\x00\x00\x00",
    );
    user.write("empty.sql", "");
    user.write("empty.gz", gzip(b""));
    for (file, words) in [
        ("cut.gz", &["cut short", "gzip"][..]),
        ("without_end.gz", &["cut short", "gzip"]),
        ("wrong_sum.gz", &["damaged", "gzip"]),
        ("cut.zst", &["cut short", "zstd"]),
        ("custom", &["custom format", "-Fc"]),
        ("empty.sql", &["empty"]),
        ("empty.gz", &["empty"]),
        (
            "nowhere.sql",
            &["nowhere.sql", "could not be read", "No such file"],
        ),
        ("photos", &["there is no database dump in photos"]),
        ("no*.sql", &["no file matches no*.sql"]),
    ] {
        is_refused(&user, &good, &["--database-file", file], words);
    }
    the_good_one_comes_back(&user, &good);
}

#[test]
fn the_custom_format_of_a_real_server_is_refused() {
    let server = Postgres::start();
    server.psql(
        "postgres",
        "CREATE TABLE asset (id int); INSERT INTO asset VALUES (1)",
    );
    let (user, good) = user_with_a_good_snapshot();
    for (format, words) in [("custom", &["custom format"]), ("tar", &["tar archive"])] {
        let made = server
            .command("pg_dump")
            .arg(format!("--format={format}"))
            .output()
            .expect("pg_dump starts");
        assert!(made.status.success());
        user.write("dump", made.stdout);
        is_refused(&user, &good, &["--database-file", "dump"], words);
    }
    the_good_one_comes_back(&user, &good);
}

#[test]
fn a_dump_that_shrank_to_a_tenth_needs_a_word_from_its_owner() {
    let (user, good) = user_with_a_good_snapshot();
    user.write("small.sql", dump(ROWS / 10));
    let words = ["shrank", "1000 to 100 rows", "--accept-shrunk"];
    is_refused(&user, &good, &["--database-file", "small.sql"], &words);
    the_good_one_comes_back(&user, &good);

    let allowed = ["--database-file", "small.sql", "--accept-shrunk"];
    let taken = back_up(&user, &allowed).done().json();
    assert_eq!(taken["database"]["rows"], 100);
    let back = user.offsite(&["database"]).done().stdout;
    assert!(back == dump(ROWS / 10).into_bytes());
    // From now on this is what others are held against.
    let again = back_up(&user, &["--database-file", "small.sql"]).done();
    assert_eq!(snapshots(&user).last(), Some(&again.json()["snapshot"]));
    // The large one can still be had.
    let id = good.as_str().expect("an id");
    let back = user.offsite(&["database", id]).done().stdout;
    assert!(back == dump(ROWS).into_bytes());
}

#[test]
fn one_dump_is_the_same_to_the_repository_however_it_comes() {
    let (user, _) = user_with_a_good_snapshot();
    let whole = dump(ROWS);
    user.write("good.sql.gz", gzip(whole.as_bytes()));
    let zstd = zstd::encode_all(whole.as_bytes(), 19).expect("memory");
    user.write("good.sql.zst", zstd);
    for database in [
        ["--database-file", "good.sql"],
        ["--database-file", "good.sql.gz"],
        ["--database-file", "good.sql.zst"],
        ["--database-command", "gzip -1 -c good.sql"],
        ["--database-command", "cat good.sql.zst"],
    ] {
        let saved = back_up(&user, &database).done().json();
        assert_eq!(saved["bytes_added"], 0, "{database:?}");
        assert_eq!(saved["database"]["bytes"], whole.len(), "{database:?}");
        assert_eq!(saved["database"]["rows"], ROWS, "{database:?}");
    }
    for file in ["good.sql", "good.sql.gz"] {
        let mut command = user.command();
        command.args(["backup", "--json", "photos", "--database-stdin"]);
        let file = File::open(user.path(file)).expect("a dump");
        let output = command.stdin(file).output().expect("the program starts");
        let saved: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(saved["bytes_added"], 0);
    }
    let nothing = outcome_of(
        user.command()
            .args(["backup", "photos", "--database-stdin"]),
    );
    assert!(nothing.ended(1).stderr.contains("empty"));
    let back = user.offsite(&["database"]).done().stdout;
    assert!(back == whole.into_bytes());
}

#[test]
fn a_terminal_in_between_changes_line_ends_and_nothing_else() {
    let (user, _) = user_with_a_good_snapshot();
    // What `docker exec -t` does to a dump, as Immich's own instructions have it.
    let command = "sed 's/$/\\r/' good.sql";
    let outcome = back_up(&user, &["--database-command", command]).done();
    let told = outcome.stderr.matches("docker exec without -t").count();
    assert_eq!(told, 1, "{outcome}");
    assert_eq!(outcome.json()["database"]["rows"], ROWS);
    let plain = back_up(&user, &["--database-file", "good.sql"]).done();
    assert!(!plain.stderr.contains("docker exec"), "{plain}");
    back_up(&user, &["--database-command", command]).done();
    let back = user.offsite(&["database"]).done().text();
    assert!(back == dump(ROWS).replace('\n', "\r\n"));
}

#[test]
fn a_dump_that_does_not_come_is_given_up() {
    let (user, good) = user_with_a_good_snapshot();
    let within = |command: &'static str| {
        ["--database-timeout", "1s", "--database-command", command].map(str::to_owned)
    };
    for command in [
        "echo 'waits for a lock' >&2; sleep 1000",
        "head -c 30000 good.sql; echo 'waits for a lock' >&2; sleep 1000",
        "cat good.sql; echo 'waits for a lock' >&2; exec >&-; sleep 1000",
        "echo 'waits for a lock' >&2; head -c 1000 good.sql; yes -- --",
    ] {
        let database = within(command);
        let database: Vec<&str> = database.iter().map(String::as_str).collect();
        let words = ["given up", "1 second", "waits for a lock"];
        is_refused(&user, &good, &database, &words);
    }
    // Somebody holds the other end of the pipe and says nothing.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = user.command();
    let timeout = ["--database-stdin", "--database-timeout", "1s"];
    let output = command
        .args(["backup", "photos"])
        .args(timeout)
        .stdin(reader)
        .output()
        .expect("the program starts");
    drop(writer);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("given up"), "{told}");
    the_good_one_comes_back(&user, &good);
}
