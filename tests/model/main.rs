//! A folder of 5,000 files that changes in 200 ways, with a backup after each: what every snapshot
//! says, and what comes back of it, is held against a model that was kept in memory and never
//! looked at the disk.
//!
//! `folder` is the model and the folder that goes with it, `changes` what happens to both.

mod changes;
mod folder;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use offsite::crypto::KdfCost;
use offsite::format::snapshot::Snapshot;
use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{
    BackupOptions, BackupReport, CheckpointRule, InitOptions, Opened, OpsError, RestoreOptions,
    SourceChoice, VerifyOptions, backup, init, list_entries, restore, verify,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, SnapshotFilter};
use offsite::seams::{Clock, Seams, SystemClock, Timestamp};
use offsite::store::ErrorKind;
use offsite::store::faulty::{Fault, Faulty};
use offsite::store::memory::Memory;

use changes::{Dice, change};
use folder::{Folder, Seen, restored};

const FILES: usize = 5_000;
const NIGHTS: usize = 200;

/// An hour ahead of the files: what was written a moment ago is believed to hold still, so that no
/// night has to wait, and nothing but the stamps tells what changed.
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

struct Host {
    store: Arc<Faulty>,
    repository: Repository,
    index: Index,
    state: tempfile::TempDir,
    options: BackupOptions,
}

impl Host {
    fn new(photos: &Path) -> Self {
        let seams = Seams {
            clock: Arc::new(Later),
            ..Seams::real()
        };
        let store = Arc::new(Faulty::new(Arc::new(Memory::new(seams.clock.clone()))));
        let options = InitOptions {
            passphrase: "a passphrase for the model",
            cost: KdfCost::LEAST,
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let repository = init(store.clone(), &seams, &options).unwrap().repository;
        let state = tempfile::tempdir().unwrap();
        Self {
            index: Index::open(&state.path().join("cache.sqlite")).unwrap(),
            store,
            repository,
            state,
            options: BackupOptions {
                source: SourceChoice {
                    paths: vec![photos.to_path_buf()],
                    ..SourceChoice::default()
                },
                current: "/".into(),
                host: "nas".to_owned(),
                tags: Vec::new(),
                accept_shrunk: false,
                checkpoint: CheckpointRule::default(),
            },
        }
    }

    fn back_up(&self) -> Result<BackupReport, OpsError> {
        backup(&self.repository, &self.index, &self.options, &Silent)
    }

    /// The store fails at one of its next calls, with or without having done the work; whatever
    /// came of it, the next run goes on.
    fn bad_night(&self, dice: &mut Dice) {
        let call = 1 + dice.below(14) as u64;
        let fault = match dice.below(2) {
            0 => Fault::Before(ErrorKind::Full),
            _ => Fault::After(ErrorKind::Credentials),
        };
        self.store.fail_call(call, fault);
        let _ = self.back_up();
        self.store.heal();
    }

    /// What a host keeps is gone: the next run finds all of it in the repository.
    fn lose_state(&mut self) {
        let path = self.state.path().join("cache.sqlite");
        self.index = Index::in_memory().unwrap();
        Index::remove(&path);
        self.index = Index::open(&path).unwrap();
    }

    fn seen(&self, index: &Index, record: &Snapshot, above: &Path) -> Seen {
        let mut seen = Seen::new(above);
        list_entries(&self.repository, index, record, b"", &mut |entry| {
            seen.add(entry);
            Ok(())
        })
        .unwrap();
        seen
    }
}

/// The records of all snapshots, as a host sees them that knows nothing else.
fn opened(host: &Host) -> Opened {
    let index = Index::in_memory().unwrap();
    Opened::look(host.repository.clone(), index, &Silent).unwrap()
}

fn record<'o>(opened: &'o Opened, id: &ObjectId) -> &'o Snapshot {
    let filter = SnapshotFilter::default();
    &opened.snapshot(&id.to_string(), &filter).unwrap().record
}

#[test]
fn two_hundred_nights_of_changes_restore_as_they_were() {
    let place = tempfile::tempdir().unwrap();
    let photos = place.path().join("photos");
    let mut dice = Dice::new(3);
    let mut folder = Folder::new(&photos);
    changes::fill(&mut folder, &mut dice, FILES);
    let mut host = Host::new(&photos);
    let mut nights = Vec::new();
    for night in 0..NIGHTS {
        let mut done = Vec::new();
        for _ in 0..=dice.below(30) {
            done.push(change(&mut folder, &mut dice));
        }
        folder.settle();
        if night % 9 == 8 {
            host.bad_night(&mut dice);
        }
        if night % 67 == 66 {
            host.lose_state();
        }
        let report = host.back_up().unwrap();
        let case = format!("night {night}, after {done:?}");
        assert_eq!(report.problems_total, 0, "{case}");
        assert_eq!(report.statistics.files as usize, folder.files(), "{case}");
        nights.push((report.snapshot, folder.expected().digest()));
        if night % 10 == 9 {
            let opened = opened(&host);
            let record = record(&opened, &report.snapshot);
            let seen = host.seen(&opened.index, record, &photos);
            assert_eq!(seen.differences(&folder.expected()), [""; 0], "{case}");
            let back = tempfile::tempdir().unwrap();
            let options = RestoreOptions {
                target: back.path().to_path_buf(),
                files: true,
                ..RestoreOptions::default()
            };
            let report =
                restore(&host.repository, &opened.index, record, &options, &Silent).unwrap();
            assert_eq!(report.problems_total, 0, "{case}: {:?}", report.problems);
            let found = restored(&back.path().join(photos.strip_prefix("/").unwrap()));
            assert_eq!(found.differences(&folder.expected()), [""; 0], "{case}");
        }
    }

    // Two hundred nights later, from the repository alone, each is still what it was.
    let opened = opened(&host);
    for (night, (snapshot, digest)) in nights.iter().enumerate() {
        let seen = host.seen(&opened.index, record(&opened, snapshot), &photos);
        assert_eq!(seen.digest(), *digest, "the listing of night {night}");
    }
    let options = VerifyOptions { data: true };
    let verified = verify(&host.repository, &opened.index, &options, &Silent).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.damage);
    assert!(verified.decrypted);
    assert!(verified.snapshots_checked as usize >= NIGHTS);
    fs::remove_dir_all(&photos).unwrap();
}
