//! "The database is a hundred megabytes, and since yesterday two hundred rows of it changed."
//!
//! Where chunks are cut depends on the key, so one repository proves little: five are made.

use crate::harness::postgres::Postgres;
use crate::user::User;

/// pgbench's unit of size; one makes about 9.6 MB of dump.
const SCALE: &str = "12";
const REPOSITORIES: usize = 5;

fn dump_into(server: &Postgres, file: &std::path::Path) -> u64 {
    let mut dump = server.command("pg_dump");
    let status = dump.arg("--file").arg(file).arg("bench").status();
    assert!(status.expect("pg_dump starts").success());
    file.metadata().expect("a dump").len()
}

fn run(server: &Postgres, arguments: &[&str]) {
    let mut bench = server.command("pgbench");
    let output = bench.args(arguments).arg("bench").output();
    let output = output.expect("pgbench starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
}

#[test]
fn two_hundred_transactions_send_less_than_a_fifth_of_the_dump() {
    let server = Postgres::start();
    server.create_database("bench");
    run(&server, &["--initialize", "--quiet", "--scale", SCALE]);
    let dumps = tempfile::tempdir().expect("a temporary folder");
    let [monday, tuesday] = ["monday.sql", "tuesday.sql"].map(|name| dumps.path().join(name));
    let bytes_on_monday = dump_into(&server, &monday);
    run(&server, &["--transactions", "200", "--client", "1"]);
    let bytes = dump_into(&server, &tuesday);
    assert!(bytes_on_monday >= 100_000_000, "{bytes_on_monday}");
    assert_ne!(std::fs::read(&monday).ok(), std::fs::read(&tuesday).ok());

    for _ in 0..REPOSITORIES {
        let user = User::with_folder();
        user.init();
        let back_up = |dump: &std::path::Path| {
            let dump = dump.display().to_string();
            let saved = user.offsite(&["backup", "--json", "--database-file", &dump]);
            saved.done().json()
        };
        let first = back_up(&monday);
        // pgbench fills its rows with blanks, so some chunks may be there twice.
        let added = first["bytes_added"].as_u64().expect("a number");
        assert!(
            added > bytes_on_monday / 2 && added <= bytes_on_monday,
            "{first}"
        );

        let before: u64 = user.objects.list("").values().sum();
        let second = back_up(&tuesday);
        let added = second["bytes_added"].as_u64().expect("a number");
        assert!(
            added > 0 && added < bytes / 5,
            "{added} of {bytes} bytes are new"
        );
        // Compressed and padded, metadata included, in the store itself.
        let sent = user.objects.list("").values().sum::<u64>() - before;
        assert_eq!(second["bytes_uploaded"], sent);
        assert!(sent < bytes / 20, "{sent} bytes were sent");
    }
}
