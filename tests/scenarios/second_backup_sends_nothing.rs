//! "Every night it looks at everything, and sends only what is new."

use std::time::Duration;

use serde_json::Value;

use crate::tree::noise;
use crate::user::{Outcome, User, both};

const DUMP: &str = "-- PostgreSQL database dump\n\nSET client_encoding = 'UTF8';\n\n\
    COPY public.asset (id) FROM stdin;\n1\n2\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n";

const FILES: u64 = 20;

/// Longer than the three seconds for which the time of a fresh file is not trusted.
const SETTLED: Duration = Duration::from_millis(3200);

#[test]
fn the_second_backup_reads_the_dump_only_and_sends_one_object() {
    for user in both() {
        for number in 0..FILES {
            let path = format!("photos/{number}.jpg");
            user.write(&path, noise(&path, 40_000));
        }
        user.write("dump.sql", DUMP);
        user.init();
        std::thread::sleep(SETTLED);
        let first = figures(&back_up(&user));
        assert_eq!(first["files_new"], FILES);
        assert_eq!(first["bytes_added"], first["bytes_total"]);

        let before = user.objects.list("");
        let again = figures(&back_up(&user));
        assert_eq!(again["bytes_read"], DUMP.len());
        assert_eq!(again["files_unmodified"], FILES);
        assert_eq!([&again["files_new"], &again["files_changed"]], [0, 0]);
        assert_eq!(again["bytes_added"], 0);
        assert_eq!(again["objects_uploaded"], 1);
        let after = user.objects.list("");
        let sent: Vec<_> = after
            .keys()
            .filter(|it| !before.contains_key(*it))
            .collect();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(sent[0].starts_with("snapshots/"), "{sent:?}");
    }
}

#[test]
fn the_one_photo_that_changed_is_the_one_that_is_read() {
    let user = User::with_folder();
    for number in 0..FILES {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 40_000));
    }
    user.write("dump.sql", DUMP);
    user.init();
    std::thread::sleep(SETTLED);
    figures(&back_up(&user));
    user.write("photos/7.jpg", noise("another picture", 50_000));
    let figures = figures(&back_up(&user));
    assert_eq!(figures["bytes_read"], 50_000 + DUMP.len());
    assert_eq!(figures["bytes_added"], 50_000);
    assert_eq!(figures["files_changed"], 1);
    assert_eq!(figures["files_unmodified"], FILES - 1);
}

fn back_up(user: &User) -> Outcome {
    let arguments = ["backup", "--json", "photos", "--database-file", "dump.sql"];
    user.offsite(&arguments).done()
}

fn figures(outcome: &Outcome) -> Value {
    outcome.json()
}
