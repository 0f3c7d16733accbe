//! "The server is dead. The dump goes from the archive into a new one, and it is all there."

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use crate::harness::postgres::Postgres;
use crate::immich_database::{
    Era, back_up, backed_up, damage_the_dump, dump_command, load, program,
};
use crate::user::User;

/// psql as Immich's documentation has it for a dump of one database.
fn careful_psql(server: &Postgres, database: &str) -> String {
    let arguments = format!(
        "--no-psqlrc --quiet --single-transaction --set ON_ERROR_STOP=on --dbname {database}"
    );
    program(server, "psql", &arguments)
}

fn tables(server: &Postgres, database: &str) -> String {
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    server.psql(database, sql)
}

#[test]
fn a_dump_that_psql_refuses_as_it_is_loads_with_the_documented_fix() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 6);
    let before = server.psql("immich", &Era::Now.everything());

    let plain = user.offsite(&["database"]).done().stdout;
    server.create_database("plain");
    let refusal = load(&server, "plain", &plain).expect_err("the trap is there");
    assert!(
        refusal.contains("type \"earth\" does not exist"),
        "{refusal}"
    );

    let fixed = user.offsite(&["database", "--for-psql"]).done().stdout;
    let line = "SELECT pg_catalog.set_config('search_path', '', false);";
    let new = "SELECT pg_catalog.set_config('search_path', 'public, pg_catalog', true);";
    let expected = String::from_utf8(plain).unwrap().replace(line, new);
    assert!(fixed == expected.as_bytes(), "only that line changes");
    server.create_database("fixed");
    load(&server, "fixed", &fixed).expect("it loads");
    assert_eq!(server.psql("fixed", &Era::Now.everything()), before);

    server.create_database("piped");
    let psql = careful_psql(&server, "piped");
    let outcome = user.offsite(&["database", "--into", &psql]).done();
    assert!(outcome.stderr.contains("took the whole dump"), "{outcome}");
    assert_eq!(server.psql("piped", &Era::Now.everything()), before);

    // Raw it fails as it does by hand, and leaves nothing.
    server.create_database("raw");
    let psql = careful_psql(&server, "raw");
    let outcome = user
        .offsite(&["database", "--raw", "--into", &psql])
        .ended(1);
    assert!(
        outcome.stderr.contains("type \"earth\" does not exist"),
        "{outcome}"
    );
    assert_eq!(tables(&server, "raw"), "0");
}

#[test]
fn a_dump_of_the_whole_server_goes_into_another_one() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Before, 6);
    let before = server.psql("immich", &Era::Before.everything());
    let another = Postgres::start();
    let psql = program(&another, "psql", "--no-psqlrc --quiet --dbname postgres");
    // It cannot drop the role that it speaks as, says so, and that is as it should be.
    let outcome = user
        .offsite(&["database", "--into", &psql, "--json"])
        .done();
    assert!(
        outcome.stderr.contains("current user cannot be dropped"),
        "{outcome}"
    );
    assert_eq!(outcome.json()["tables"], 6, "{outcome}");
    assert_eq!(another.psql("immich", &Era::Before.everything()), before);

    // Without the fix psql ends well too, which must not be taken for success.
    let third = Postgres::start();
    let psql = program(&third, "psql", "--no-psqlrc --quiet --dbname postgres");
    let outcome = user
        .offsite(&["database", "--raw", "--into", &psql])
        .ended(1);
    assert!(
        outcome.stderr.contains("ended well but reported"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("type \"earth\" does not exist"),
        "{outcome}"
    );
}

#[test]
fn damage_in_the_middle_leaves_no_half_database() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 2);
    damage_the_dump(&user);
    server.create_database("half");
    let seen = user.path("seen").display().to_string();
    let psql = format!("tee '{seen}' | {}", careful_psql(&server, "half"));
    let outcome = user.offsite(&["database", "--into", &psql]).ended(4);
    assert!(outcome.stderr.contains("damaged"), "{outcome}");
    let seen = std::fs::read_to_string(&seen).expect("a part of it went out");
    assert!(
        seen.contains("CREATE TABLE"),
        "the damage is in the middle: {} bytes, {}",
        seen.len(),
        seen.get(..300).unwrap_or(&seen)
    );
    assert!(seen.trim_end().ends_with("END$$;"), "{outcome}");
    assert_eq!(tables(&server, "half"), "0");
}

#[test]
fn nothing_is_started_when_a_part_of_the_dump_is_missing() {
    let user = User::with_folder();
    let _server = backed_up(&user, Era::Now, 2);
    user.objects.remove("packs/");
    let outcome = user.offsite(&["database", "--into", "touch started; cat >/dev/null"]);
    let outcome = outcome.ended(4);
    assert!(outcome.stderr.contains("it is missing"), "{outcome}");
    assert!(!user.path("started").exists());
}

#[test]
fn a_command_that_fails_stops_short_or_is_interrupted_is_no_success() {
    let user = User::with_folder();
    let _server = backed_up(&user, Era::Now, 2);
    for (command, code, words) in [
        (
            "cat >/dev/null; echo no room left >&2; exit 3",
            1,
            "no room left",
        ),
        (
            "head -c 10 >/dev/null",
            1,
            "before it had read the whole dump",
        ),
        ("no-such-program-at-all", 1, "was not found"),
        // As Ctrl-C, or a shutdown, would.
        ("kill -TERM $PPID; sleep 600", 130, "interrupted"),
    ] {
        let outcome = user.offsite(&["database", "--into", command]).ended(code);
        assert!(outcome.stderr.contains(words), "{outcome}");
    }
    let careless = "psql --dbname immich; exit 1";
    let outcome = user.offsite(&["database", "--into", careless]).ended(1);
    assert!(
        outcome.stderr.contains("without --single-transaction"),
        "{outcome}"
    );
}

fn named_dump(user: &User, arguments: &[&str]) -> String {
    let arguments = [&["database", "--for-immich", "--target", "new"], arguments].concat();
    let path = user.offsite(&arguments).done().text();
    let path = path.trim_end();
    let name = path.strip_prefix("new/backups/").expect("the folder");
    let mode = std::fs::metadata(user.path(path))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "it holds password hashes");
    let file = std::fs::File::open(user.path(path)).expect("the file");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut text)
        .expect("whole gzip");
    assert!(
        text == user.offsite(&["database"]).done().stdout,
        "the dump"
    );
    let files = std::fs::read_dir(user.path("new/backups")).unwrap().count();
    assert_eq!(files, 1, "nothing temporary is left");
    name.to_owned()
}

#[test]
fn immichs_own_restore_page_takes_the_dump() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 2);
    let postgres = server.psql("postgres", "SHOW server_version");
    let postgres = postgres.split(' ').next().unwrap();
    let name = named_dump(&user, &[]);
    // immich-db-backup-YYYYMMDDTHHMMSS-v2.7.5-pg15.9.sql.gz
    let rest = name.strip_prefix("immich-db-backup-").unwrap();
    let (stamp, rest) = rest.split_once('-').unwrap();
    let is_digit_or_t = |(place, c): (usize, char)| match place {
        8 => c == 'T',
        _ => c.is_ascii_digit(),
    };
    assert!(stamp.len() == 15 && stamp.chars().enumerate().all(is_digit_or_t));
    assert_eq!(rest, format!("v2.7.5-pg{postgres}.sql.gz"));

    // A dump of the whole server under that version would be misread there.
    back_up(&user, &dump_command(&server, Era::Before));
    let outcome = user.offsite(&["database", "--for-immich"]).ended(1);
    assert!(outcome.stderr.contains("pg_dumpall"), "{outcome}");
    std::fs::remove_dir_all(user.path("new")).unwrap();
    let name = named_dump(
        &user,
        &["--immich-version", "v2.4.1", "--pg-version", "14.17"],
    );
    assert!(name.ends_with("-v2.4.1-pg14.17.sql.gz"), "{name}");

    // Of another application's database nobody knows the version.
    server.psql("immich", "DROP TABLE version_history");
    back_up(&user, &dump_command(&server, Era::Now));
    let outcome = user.offsite(&["database", "--for-immich"]).ended(2);
    assert!(outcome.stderr.contains("--immich-version"), "{outcome}");
}
