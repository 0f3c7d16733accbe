//! "It runs every night, and most nights nothing happened." Such a night costs a handful of requests,
//! with everything that a library has: a dump, its audit, second names, labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use offsite::crypto::KdfCost;
use offsite::index::Index;
use offsite::ops::{BackupOptions, CheckpointRule, InitOptions, SourceChoice, backup, init};
use offsite::progress::Silent;
use offsite::seams::{Clock, Seams, SystemClock, Timestamp};
use offsite::source::database::DatabaseSource;
use offsite::store::memory::Memory;
use offsite::store::recording::{Operation, Recording};
use rustix::fs::{XattrFlags, setxattr};

use crate::user::PASSPHRASE;

/// An hour ahead, so that files which were just made are believed to hold still.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(3600))
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot()
    }
    fn sleep(&self, time: Duration) {
        SystemClock.sleep(time);
    }
}

/// The sample library with more in it.
fn library(folder: &Path) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let unpacked = Command::new("tar")
        .args(["--extract", "--file"])
        .arg(samples.join("upload-location.tar"))
        .arg("--directory")
        .arg(folder)
        .status();
    assert!(unpacked.expect("tar starts").success());
    fs::copy(samples.join("v3.0-pg_dump.sql"), folder.join("dump.sql")).unwrap();
    let more = folder.join("upload-location/library/alice/more");
    fs::create_dir_all(&more).unwrap();
    for number in 0..300 {
        let path = more.join(format!("{number}.jpg"));
        fs::write(&path, format!("photo {number}")).unwrap();
        if number % 3 == 0 {
            fs::hard_link(&path, more.join(format!("again {number}.jpg"))).unwrap();
        }
        // Where the file system has them.
        let _ = setxattr(&path, "user.rating", b"5", XattrFlags::empty());
    }
}

#[test]
fn a_night_without_change_is_one_record_and_a_look_around() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let seams = Seams {
        clock: Arc::new(Later),
        ..Seams::real()
    };
    let calls = Arc::new(Recording::new(Arc::new(Memory::new(seams.clock.clone()))));
    let options = InitOptions {
        passphrase: PASSPHRASE,
        cost: KdfCost::LEAST,
        host: "home".to_owned(),
        pack_bytes: 1 << 20,
    };
    let repository = init(calls.clone(), &seams, &options).unwrap().repository;
    let index = Index::in_memory().unwrap();
    let options = BackupOptions {
        source: SourceChoice {
            immich: Some("upload-location".into()),
            database: Some(DatabaseSource::File(folder.path().join("dump.sql"))),
            ..SourceChoice::default()
        },
        current: folder.path().to_owned(),
        host: "home".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    };
    for night in 0..5 {
        calls.take();
        let report = backup(&repository, &index, &options, &Silent).unwrap();
        assert_eq!(report.problems_total, 0, "{:?}", report.problems);
        assert!(report.audit.values().sum::<u64>() > 6, "{:?}", report.audit);
        if night == 0 {
            continue;
        }
        let dump = report.database.as_ref().map(|dump| dump.bytes);
        let read = report.statistics.bytes_read;
        assert_eq!(Some(read), dump, "night {night}: only the dump is read");
        assert_eq!(report.statistics.files_new, 0, "night {night}");
        let mut asked: BTreeMap<Operation, Vec<String>> = BTreeMap::new();
        for call in calls.take() {
            asked.entry(call.operation).or_default().push(call.name);
        }
        let puts = asked.remove(&Operation::Put).unwrap_or_default();
        assert!(
            matches!(puts.as_slice(), [only] if only.starts_with("snapshots/")),
            "night {night}: {puts:?}"
        );
        asked.remove(&Operation::List);
        let others: usize = asked.values().map(Vec::len).sum();
        assert!(others + puts.len() <= 20, "night {night}: {asked:?}");
        let allowed = [Operation::Get, Operation::Head, Operation::Now];
        let forbidden = asked.keys().find(|verb| !allowed.contains(verb));
        assert_eq!(forbidden, None, "night {night}: {asked:?}");
    }
}
