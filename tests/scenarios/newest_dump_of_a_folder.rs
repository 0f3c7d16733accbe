//! "Immich dumps its database every night itself: take the newest of those."

use std::fs::{File, FileTimes};
use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::user::{Outcome, User};

const BACKUPS: &str = "immich/backups";

fn dump(rows: usize) -> Vec<u8> {
    let mut text = "--\n-- PostgreSQL database dump\n--\n\n\
        COPY public.asset (id, \"originalPath\") FROM stdin;\n"
        .to_owned();
    (0..rows).for_each(|row| text += &format!("{row}\t/data/upload/{row}.jpg\n"));
    text += "\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// A dump as Immich leaves it, so many hours ago by the clock of its container, which is that of
/// this machine; gives its name.
fn night(user: &User, hours_ago: u64, content: &[u8]) -> String {
    let time = SystemTime::now() - Duration::from_secs(hours_ago * 3600);
    let at = jiff::Timestamp::try_from(time).expect("a time");
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let name = format!(
        "immich-db-backup-{}-v2.3.1-pg14.19.sql.gz",
        at.strftime("%Y%m%dT%H%M%S")
    );
    let path = format!("{BACKUPS}/{name}");
    user.write(&path, content);
    made_at(user, &path, time + Duration::from_secs(60));
    name
}

fn made_at(user: &User, path: &str, time: SystemTime) {
    let file = File::options()
        .append(true)
        .open(user.path(path))
        .expect("a file");
    file.set_times(FileTimes::new().set_modified(time))
        .expect("times");
}

fn user() -> User {
    let mut user = User::with_folder();
    user.set("TZ", "UTC");
    user.write("photos/a.jpg", "a photo");
    user.init();
    user
}

fn back_up(user: &User, file: &str) -> Outcome {
    user.offsite(&["backup", "--json", "photos", "--database-file", file])
}

/// The time in one of the names above, as a snapshot shows it.
fn time_of(name: &str) -> String {
    let time = name.strip_prefix("immich-db-backup-").expect("a name");
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", &time[..15]).expect("a time");
    format!("{time}Z")
}

#[test]
fn the_newest_is_taken_and_the_snapshot_has_its_time() {
    let user = user();
    night(&user, 54, &dump(100));
    let newest = night(&user, 6, &dump(300));
    night(&user, 30, &dump(200));
    for place in [BACKUPS, "immich/backups/*.sql.gz"] {
        let outcome = back_up(&user, place).done();
        assert!(!outcome.stderr.contains("old"), "{outcome}");
        let saved = outcome.json();
        assert_eq!(saved["database"]["rows"], 300, "{place}");
        let source = saved["database"]["source"].as_str().expect("a path");
        assert!(source.ends_with(&newest), "{source}");
        assert_eq!(saved["time"], time_of(&newest), "{place}");
    }
    let listed = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(listed[0]["time"], time_of(&newest));
}

#[test]
fn of_two_snapshots_of_one_dump_the_later_one_is_the_latest() {
    let user = user();
    night(&user, 6, &dump(300));
    for word in ["one", "two", "three", "four"] {
        user.write("photos/a.jpg", word);
        let saved = back_up(&user, BACKUPS).done().json();
        let listed = user.offsite(&["snapshots", "--json"]).done().json();
        let last = listed.as_array().and_then(|all| all.last()).expect("one");
        assert_eq!(last["id"], saved["snapshot"]);
        let path = format!("{}/a.jpg", user.path("photos").display());
        let content = user.offsite(&["cat", "latest", &path]).done().text();
        assert_eq!(content, word);
    }
}

#[test]
fn a_broken_newest_dump_is_named_with_what_is_wrong_and_what_can_be_had() {
    let user = user();
    let whole = night(&user, 72, &dump(200));
    let cut = dump(300);
    night(&user, 48, &cut[..cut.len() / 2]);
    let mut wrong_sum = dump(300);
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let broken = night(&user, 24, &wrong_sum);
    let refused = back_up(&user, BACKUPS).ended(1);
    let error = &refused.json()["error"];
    let message = error["message"].as_str().expect("a sentence");
    assert!(
        message.contains(&broken) && message.contains(&whole) && message.contains("no good"),
        "{refused}"
    );
    assert!(error["causes"].to_string().contains("damaged"), "{refused}");
    assert!(user.objects.list("snapshots/").is_empty());

    let named = format!("{BACKUPS}/{whole}");
    let taken = back_up(&user, &named).done();
    assert!(taken.stderr.contains("3 days old"), "{taken}");
    assert_eq!(taken.json()["time"], time_of(&whole));

    std::fs::remove_file(user.path(&named)).expect("a file");
    let refused = back_up(&user, BACKUPS).ended(1);
    assert!(
        refused
            .text()
            .contains("the one before it is not whole either")
    );
}

#[test]
fn a_dump_that_is_being_written_is_never_taken() {
    let user = user();
    let nothing = user.path(BACKUPS);
    std::fs::create_dir_all(&nothing).expect("a folder");
    let under_way = format!("{BACKUPS}/immich-db-backup-20991231T235959-v3-pg14.sql.gz.tmp");
    user.write(&under_way, &dump(9)[..40]);
    let refused = back_up(&user, BACKUPS).ended(1);
    assert!(refused.text().contains("no database dump"), "{refused}");

    let newest = night(&user, 5, &dump(100));
    let taken = back_up(&user, BACKUPS).done();
    assert!(taken.stderr.contains("being written right now"), "{taken}");
    assert!(taken.stderr.contains(&newest), "{taken}");

    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    made_at(&user, &under_way, hours_ago);
    let taken = back_up(&user, BACKUPS).done();
    assert!(taken.stderr.contains("never finished"), "{taken}");

    // Without a time in its name, and half of it there.
    let growing = dump(100);
    user.write(format!("{BACKUPS}/x.sql.gz"), &growing[..growing.len() / 2]);
    let refused = back_up(&user, BACKUPS).ended(1);
    assert!(
        refused.text().contains("written to a moment ago"),
        "{refused}"
    );
}

#[test]
fn old_dumps_are_taken_with_a_warning() {
    let user = user();
    let newest = night(&user, 24 * 12, &dump(100));
    let taken = back_up(&user, BACKUPS).done();
    assert!(taken.stderr.contains("12 days old"), "{taken}");
    assert!(taken.stderr.contains(&newest), "{taken}");
}
