//! Folders of dumps as people have them.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use super::*;

const NOW: u64 = 1_764_000_000;

/// A file that was last changed so many seconds before [`NOW`].
fn file(folder: &Path, name: &str, seconds_ago: u64) {
    let file = File::create(folder.join(name)).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - seconds_ago);
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn names(candidates: &Candidates) -> Vec<&str> {
    let names = candidates.dumps.iter();
    names
        .map(|one| one.path.file_name().unwrap().to_str().unwrap())
        .collect()
}

#[test]
fn the_newest_stands_first_and_what_is_no_dump_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    file(at, "immich-2025-11-01.sql.gz", 300);
    file(at, "immich-2025-11-02.sql", 200);
    file(at, "a.sql.zst", 250);
    for (name, seconds_ago) in [
        ("immich-db-backup-x.sql.gz.tmp", 1),
        ("old.sql.gz.tmp", 900),
        ("._immich.sql.gz", 1),
        ("uploaded-immich-db-backup-x.sql.gz", 1),
        ("restore-point-x.sql.gz", 1),
        ("notes.txt", 1),
        ("dump.sql.gz.age", 1),
        (".immich", 1),
    ] {
        file(at, name, seconds_ago);
    }
    std::fs::create_dir(at.join("folder.sql")).unwrap();
    std::os::unix::fs::symlink(at.join("nowhere"), at.join("latest.sql")).unwrap();
    let found = in_folder(at, &TimeZone::UTC).unwrap();
    assert_eq!(
        names(&found),
        [
            "immich-2025-11-02.sql",
            "a.sql.zst",
            "immich-2025-11-01.sql.gz"
        ]
    );
    let unfinished = found.unfinished.unwrap().path;
    assert_eq!(unfinished, at.join("immich-db-backup-x.sql.gz.tmp"));

    let found = matching(&at.join("immich-2025*"), &TimeZone::UTC).unwrap();
    assert_eq!(found.dumps.len(), 2);
    for (pattern, word) in [("b*", "matches"), ("[", "wildcard"), ("a***", "wildcard")] {
        let error = matching(&at.join(pattern), &TimeZone::UTC).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(word) || error.contains("pattern"),
            "{pattern}: {error}"
        );
    }
    assert!(!is_pattern(&at.join("a.sql.zst")) && is_pattern(&at.join("?.sql.zst")));
    file(at, "[1].sql", 5);
    assert!(!is_pattern(&at.join("[1].sql")));
}

#[test]
fn a_folder_without_a_dump_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "x.sql.gz.tmp", 1);
    let error = in_folder(dir.path(), &TimeZone::UTC).unwrap_err();
    assert!(matches!(error, SourceError::NoDumpInFolder { .. }));
    let error = in_folder(&dir.path().join("absent"), &TimeZone::UTC).unwrap_err();
    assert!(matches!(error, SourceError::DumpFile { .. }));
}

/// What a name says, where the file was last changed at a time and this machine is in Berlin.
fn read(name: &str, modified: &str) -> Option<String> {
    let moment: jiff::Timestamp = modified.parse().unwrap();
    let modified = Timestamp::from_seconds(moment.as_second());
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let made = named(name, modified, &zone)?;
    let made = jiff::Timestamp::from_second(made.seconds()).unwrap();
    Some(made.to_string())
}

#[test]
fn names_of_immich_tell_their_time() {
    let name = "immich-db-backup-20251121T020000-v2.3.1-pg14.19.sql.gz";
    for (modified, made) in [
        // Immich's container runs by the time of Berlin, or by that of Greenwich.
        ("2025-11-21T01:04:00Z", "2025-11-21T01:00:00Z"),
        ("2025-11-21T02:04:00Z", "2025-11-21T02:00:00Z"),
        // Copied later: by that of Berlin, where this machine is.
        ("2025-11-25T00:00:00Z", "2025-11-21T01:00:00Z"),
        // No dump ends before it begins.
        ("2025-11-20T00:00:00Z", "2025-11-20T00:00:00Z"),
    ] {
        assert_eq!(read(name, modified).as_deref(), Some(made), "{modified}");
    }
    let old = "immich-db-backup-1745898000123.sql.gz";
    let made = read(old, "2025-11-25T00:00:00Z");
    assert_eq!(made.as_deref(), Some("2025-04-29T03:40:00Z"));
    for other in [
        "immich-db-backup-.sql.gz",
        "immich-db-backup-20251399T020000-v1-pg14.sql.gz",
        "immich-db-backup-99999999999999999999.sql.gz",
        "immich-db-backup-2025",
        "immich-db-backup-2025112é",
        "dump-20251121T020000.sql",
    ] {
        assert_eq!(read(other, "2025-11-25T00:00:00Z"), None, "{other}");
    }
}
