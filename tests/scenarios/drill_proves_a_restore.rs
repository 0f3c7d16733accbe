//! "Would my backup really come back? Show me, and write it down."

use serde_json::Value;

use crate::harness::postgres::Postgres;
use crate::immich_database::{Era, back_up, backed_up, damage_the_dump, dump_command, program};
use crate::user::{Outcome, User};

/// A drill with a place for temporary things of its own, where nothing may be left.
fn drill(user: &User, arguments: &[&str]) -> Outcome {
    let place = user.path("temporary");
    std::fs::create_dir_all(&place).unwrap();
    let mut command = user.command();
    command.env("TMPDIR", &place).arg("drill").args(arguments);
    let outcome = crate::user::outcome_of(&mut command);
    let left = std::fs::read_dir(&place).unwrap().count();
    assert_eq!(left, 0, "something was left in {}", place.display());
    outcome
}

fn proofs(user: &User) -> usize {
    user.objects.list("proofs/").len()
}

/// All of the rows that the server has.
fn assert_passed(report: &Value, server: &Postgres, era: Era) {
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["tables"], 6);
    let mut rows: u64 = 0;
    for table in server
        .psql(
            "immich",
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'",
        )
        .lines()
    {
        let count = server.psql("immich", &format!("SELECT count(*) FROM {table}"));
        rows += count.parse::<u64>().unwrap();
    }
    assert_eq!(report["rows"], rows);
    let users = server.psql("immich", &format!("SELECT count(*) FROM {}", era.users()));
    assert_eq!(report["users"].as_array().unwrap().len().to_string(), users);
    assert_eq!(report["newest_asset"], "2026-04-01T10:00:00Z");
}

#[test]
fn a_good_backup_of_each_era_passes_and_leaves_a_proof() {
    for era in [Era::Before, Era::Now] {
        let user = User::with_folder();
        let server = backed_up(&user, era, 12);
        let report = drill(&user, &["--json", "--sample", "50"]).done().json();
        assert_passed(&report, &server, era);
        assert_eq!(
            report["assets"], 12,
            "rows without a file of their own do not count"
        );
        assert_eq!(report["assets_checked"], 12);
        assert_eq!(proofs(&user), 1);
        let outcome = drill(&user, &["--sample", "3"]).done();
        assert!(outcome.text().contains("3 checked of 12"), "{outcome}");
        assert!(outcome.text().contains("Ännä"), "{outcome}");
        assert_eq!(proofs(&user), 2);
    }
}

#[test]
fn folders_backed_up_one_by_one_are_found_too() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 6);
    let dump = dump_command(&server, Era::Now);
    for paths in [&["immich"][..], &["immich/upload", "immich/library"]] {
        let arguments = [&["backup", "--database-command", &dump], paths].concat();
        user.offsite(&arguments).done();
        let report = drill(&user, &["--json"]).done().json();
        assert_eq!(report["assets_checked"], 6);
    }
}

#[test]
fn a_row_whose_photo_is_another_is_found_out() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 6);
    let plant = "UPDATE asset SET checksum = '\\x00112233445566778899aabbccddeeff00112233' \
                 WHERE \"originalPath\" LIKE '%/1.heic'";
    server.psql("immich", plant);
    back_up(&user, &dump_command(&server, Era::Now));
    let outcome = drill(&user, &["--json"]).ended(4);
    let report = outcome.json();
    assert_eq!(report["ok"], false);
    assert_eq!(report["rows_differ"], serde_json::json!([]));
    let problems = report["asset_problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{outcome}");
    let words = problems[0]["problem"].as_str().unwrap();
    assert!(words.contains("the database says 00112233"), "{words}");
    assert!(problems[0]["path"].as_str().unwrap().ends_with("/1.heic"));
    // A failure is written down as well.
    assert_eq!(proofs(&user), 1);
    let text = drill(&user, &[]).ended(4).text();
    assert!(text.contains("does NOT work"), "{text}");
}

#[test]
fn a_photo_that_is_missing_from_the_archive_is_found_out() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 6);
    std::fs::remove_file(user.path("immich/library/admin/2026/Zoë's 3 \"copy\".jpg")).unwrap();
    back_up(&user, &dump_command(&server, Era::Now));
    let report = drill(&user, &["--json"]).ended(4).json();
    assert_eq!(
        report["asset_problems"][0]["problem"],
        "it is not in the snapshot"
    );
}

#[test]
fn a_damaged_dump_fails_before_anything_is_started() {
    let user = User::with_folder();
    let _server = backed_up(&user, Era::Now, 2);
    damage_the_dump(&user);
    let outcome = drill(&user, &["--json"]).ended(4);
    let error = outcome.json()["error"]["message"].to_string();
    assert!(error.contains("damaged wherever it lies"), "{outcome}");
    assert_eq!(proofs(&user), 1, "of the failure");
}

/// Puts extensions into the dump that this machine's Postgres does not have, with a column and an
/// index of theirs.
fn with_vectors(dump: &str) -> String {
    format!(
        "{dump} | sed -e \"s/^SELECT pg_catalog.set_config('search_path'.*/&\\nCREATE EXTENSION IF \
         NOT EXISTS vector WITH SCHEMA public;\\nCREATE EXTENSION IF NOT EXISTS vchord WITH SCHEMA \
         public;/\" -e 's/^    embedding text NOT NULL/    embedding public.vector(3) NOT NULL/' \
         -e 's/^-- PostgreSQL database dump complete/CREATE INDEX clip ON public.smart_search USING \
         vchordrq (embedding public.vector_cosine_ops);\\n&/'"
    )
}

#[test]
fn extensions_that_the_server_lacks_are_named_with_what_to_install() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 4);
    back_up(&user, &with_vectors(&dump_command(&server, Era::Now)));
    let outcome = drill(&user, &[]).ended(1);
    assert!(
        outcome.stderr.contains("lacks what the dump needs"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("vector (install postgresql-"),
        "{outcome}"
    );
    assert!(outcome.stderr.contains("VectorChord"), "{outcome}");
    assert_eq!(proofs(&user), 0, "no drill was held");

    let outcome = drill(&user, &["--json", "--skip-missing-extensions"]).done();
    let report = outcome.json();
    assert_passed(&report, &server, Era::Now);
    let left_out = serde_json::json!(["vchord", "vector"]);
    assert_eq!(report["extensions_left_out"], left_out);
}

#[test]
fn an_existing_server_keeps_nothing_of_it() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 4);
    let names = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database";
    let before = server.psql("postgres", names);
    let url = server.url("postgres");
    let report = drill(&user, &["--json", "--postgres-url", &url])
        .done()
        .json();
    assert_passed(&report, &server, Era::Now);
    assert_eq!(server.psql("postgres", names), before);

    let secret = "postgresql://anna:hunter2@localhost/immich";
    let outcome = drill(&user, &["--postgres-url", secret]).ended(1);
    assert!(outcome.stderr.contains("password"), "{outcome}");
    assert!(!outcome.stderr.contains("hunter2"), "{outcome}");

    // A dump of a whole server would replace the databases there.
    back_up(&user, &dump_command(&server, Era::Before));
    let outcome = drill(&user, &["--postgres-url", &url]).ended(1);
    assert!(outcome.stderr.contains("would replace"), "{outcome}");
    assert_eq!(server.psql("postgres", names), before);
}

/// Stands in for docker, of which there is none here: writes down what it is asked for, and runs
/// psql against a server of the test.
fn stand_in(user: &mut User, server: &Postgres, on_load: &str) {
    use std::os::unix::fs::PermissionsExt;
    let log = user.path("docker.log").display().to_string();
    let psql = program(server, "psql", "");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> '{log}'\ncase \"$1\" in run) echo 0123abcd; exit 0;; rm) exit 0;; esac\n\
         while [ \"$1\" != psql ]; do shift; done\nshift\n\
         case \"$*\" in *--single-transaction*) {on_load} ;; esac\n\
         for it; do shift; case \"$it\" in --host=*) ;; *) set -- \"$@\" \"$it\";; esac; done\n\
         {psql} \"$@\"\n"
    );
    user.write("bin/docker", script);
    let docker = user.path("bin/docker");
    std::fs::set_permissions(docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    user.set("PATH", format!("{}:{path}", user.path("bin").display()));
}

fn asked_of_docker(user: &User) -> Vec<String> {
    let log = std::fs::read_to_string(user.path("docker.log")).expect("docker was called");
    log.lines().map(str::to_owned).collect()
}

#[test]
fn docker_is_asked_for_a_container_without_a_network_and_to_remove_it() {
    let mut user = User::with_folder();
    let server = backed_up(&user, Era::Now, 4);
    let other = Postgres::start();
    stand_in(&mut user, &other, "");
    let image = "ghcr.io/immich-app/postgres:14-vectorchord0.4.3";
    let report = drill(&user, &["--json", "--docker", image]).done().json();
    assert_passed(&report, &server, Era::Now);
    let asked = asked_of_docker(&user);
    let run = &asked[0];
    let name = run
        .split("--name ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!(name.starts_with("offsite-drill-"), "{run}");
    let start = "run --rm --detach --network=none --name ";
    assert!(
        run.starts_with(start) && run.ends_with(&format!("-- {image}")),
        "{run}"
    );
    let load = asked.iter().find(|it| it.contains("--single-transaction"));
    let load = load.expect("the dump goes into psql");
    assert!(load.starts_with("exec --interactive --env "), "{load}");
    assert!(load.contains(&format!("{name} psql --no-psqlrc")), "{load}");
    assert!(
        asked.iter().all(|it| !it.contains("--tty")),
        "a terminal changes line ends"
    );
    assert_eq!(
        asked.last().unwrap(),
        &format!("rm --force --volumes {name}")
    );
}

#[test]
fn an_interrupted_drill_puts_everything_away() {
    let mut user = User::with_folder();
    let _server = backed_up(&user, Era::Now, 4);
    let other = Postgres::start();
    // Ctrl-C in the middle of loading.
    stand_in(&mut user, &other, "kill -TERM $PPID; sleep 600");
    drill(&user, &["--docker", "postgres:14"]).ended(130);
    let asked = asked_of_docker(&user);
    assert!(
        asked.last().unwrap().starts_with("rm --force "),
        "{asked:?}"
    );
    assert_eq!(proofs(&user), 0);
}
