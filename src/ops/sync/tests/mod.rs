//! A small real repository in memory, and further copies of it.

mod bad_days;
mod elsewhere;
mod large;
mod plans;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use super::{Direction, LevelOptions, LevelReport, level, sync};
use crate::crypto::KdfCost;
use crate::id::ObjectId;
use crate::index::Index;
use crate::ops::{
    BackupOptions, GroupBy, InitOptions, Opened, Policy, Replica, Retention, SourceChoice,
    VerifyOptions, backup, cat, init, list_entries, verify,
};
use crate::progress::Silent;
use crate::repository::{Repository, replicate};
use crate::seams::{Clock, Seams, Threads, Timestamp};
use crate::source::database::DatabaseSource;
use crate::store::Store;
use crate::store::memory::Memory;

/// A clock that stands still until somebody moves it.
struct Hand(AtomicI64);

impl Hand {
    fn advance(&self, time: Duration) {
        let seconds = i64::try_from(time.as_secs()).unwrap();
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::Relaxed))
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.load(Ordering::Relaxed)).unwrap())
    }

    fn sleep(&self, time: Duration) {
        self.advance(time);
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// What one repository held, and what every file of each snapshot was.
struct Original {
    repository: Repository,
    objects: Vec<(String, Bytes)>,
    snapshots: Vec<ObjectId>,
    files: Contents,
}

type Contents = BTreeMap<(ObjectId, Vec<u8>), Vec<u8>>;

fn original() -> &'static Original {
    static ORIGINAL: OnceLock<Original> = OnceLock::new();
    ORIGINAL.get_or_init(Original::make)
}

fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

fn back_up(repository: &Repository, index: &Index, folder: &Path) -> ObjectId {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/v3.0-pg_dump.sql");
    let options = BackupOptions {
        source: SourceChoice {
            paths: vec![folder.to_path_buf()],
            database: Some(DatabaseSource::File(sample)),
            ..SourceChoice::default()
        },
        current: PathBuf::from("/"),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: Default::default(),
    };
    backup(repository, index, &options, &Silent)
        .unwrap()
        .snapshot
}

/// An empty repository that cuts and packs small.
fn made(clock: &Arc<Hand>) -> (Repository, Arc<Memory>) {
    let store = Arc::new(Memory::new(clock.clone()));
    let seams = Seams {
        threads: Threads::SINGLE,
        clock: clock.clone(),
        ..Seams::real()
    };
    let options = InitOptions {
        passphrase: "correct horse",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let mut repository = init(store.clone(), &seams, &options).unwrap().repository;
    repository.parameters.files = (4_096, 16_384, 65_536);
    repository.parameters.pack_bytes = 256 * 1024;
    (repository, store)
}

impl Original {
    /// Three nights of a library that grows.
    fn make() -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let (repository, store) = made(&clock);
        let folder = tempfile::tempdir().unwrap();
        let index = Index::in_memory().unwrap();
        let mut snapshots = Vec::new();
        for night in 0..3_u32 {
            for number in 0..3 {
                let bytes = if number == 0 { 700_000 } else { 40_000 };
                let name = format!("{night}-{number}.jpg");
                std::fs::write(folder.path().join(name), noise(night * 10 + number, bytes))
                    .unwrap();
            }
            snapshots.push(back_up(&repository, &index, folder.path()));
            clock.advance(24 * HOUR);
        }
        let names = store.names().into_iter();
        let objects = names.map(|name| (name.clone(), store.peek(&name).unwrap()));
        Self {
            objects: objects.collect(),
            files: contents(&repository, &snapshots),
            snapshots,
            repository,
        }
    }

    /// Another clock, and a copy of all objects under it.
    fn copy(&self) -> (Arc<Hand>, Arc<Memory>) {
        let clock = Arc::new(Hand(AtomicI64::new(1_900_000_000)));
        let store = Memory::new(clock.clone());
        for (name, bytes) in &self.objects {
            store.put(name, bytes.clone()).unwrap();
        }
        (clock, Arc::new(store))
    }

    /// The repository at another store, as a fresh host with the read key sees it.
    fn at(&self, name: &str, store: Arc<dyn Store>, clock: &Arc<Hand>) -> Replica {
        let mut repository = self.repository.clone();
        repository.store = store;
        repository.seams.clock = clock.clone();
        Replica {
            name: name.to_owned(),
            repository,
            index: Index::in_memory().unwrap(),
        }
    }

    /// Names of objects under a prefix.
    fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.objects.iter().map(|(name, _)| name.clone());
        names.filter(|name| name.starts_with(prefix)).collect()
    }
}

/// Every file of the snapshots, read through the repository alone.
fn contents(repository: &Repository, snapshots: &[ObjectId]) -> Contents {
    let index = Index::in_memory().unwrap();
    let opened = Opened::look(repository.clone(), index, &Silent).unwrap();
    let mut files = BTreeMap::new();
    for id in snapshots {
        let snapshot = opened
            .snapshot(&id.to_string(), &Default::default())
            .unwrap();
        let mut paths = Vec::new();
        list_entries(
            repository,
            &opened.index,
            &snapshot.record,
            b"",
            &mut |entry| {
                if entry.has_content() && !entry.is_database() {
                    paths.push(entry.path.clone());
                }
                Ok(())
            },
        )
        .unwrap();
        assert!(!paths.is_empty());
        for path in paths {
            let mut bytes = Vec::new();
            cat(
                repository,
                &opened.index,
                &snapshot.record,
                &path,
                &mut bytes,
            )
            .unwrap();
            files.insert((*id, path), bytes);
        }
    }
    files
}

/// An empty copy that shares the keys.
fn fresh(clock: &Arc<Hand>) -> Arc<Memory> {
    let store = Arc::new(Memory::new(clock.clone()));
    replicate(&original().repository, store.as_ref()).unwrap();
    store
}

/// All is well with a copy whose source is gone, and every file is what it was.
fn assert_whole(store: &Arc<Memory>, clock: &Arc<Hand>, snapshots: &[ObjectId]) {
    let alone = original().at("alone", store.clone(), clock);
    let options = VerifyOptions { data: true };
    let report = verify(&alone.repository, &alone.index, &options, &Silent).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.snapshots_checked, snapshots.len() as u64);
    let mut expected = original().files.clone();
    expected.retain(|(id, _), _| snapshots.contains(id));
    assert_eq!(contents(&alone.repository, snapshots), expected);
}

fn run(from: &Replica, to: &Replica) -> LevelReport {
    level(from, to, &LevelOptions::default(), &Silent).unwrap()
}

#[test]
fn a_fresh_copy_gets_everything_and_then_nothing() {
    let (clock, first) = original().copy();
    let second = fresh(&clock);
    for threads in [Threads::SINGLE, Threads::of_this_machine()] {
        let mut from = original().at("first", first.clone(), &clock);
        let mut to = original().at("second", second.clone(), &clock);
        from.repository.seams.threads = threads;
        to.repository.seams.threads = threads;
        let report = run(&from, &to);
        assert!(report.is_level());
        if threads == Threads::SINGLE {
            assert_eq!(report.snapshots_copied.len(), 3);
            // Packs and listings are the same objects; the segments are its own.
            let mut same = second.names();
            same.retain(|name| !name.starts_with("index/"));
            let mut expected: Vec<_> = first.names();
            expected.retain(|name| !name.starts_with("index/"));
            assert_eq!(same, expected);
            assert!(
                original()
                    .names("index/")
                    .iter()
                    .all(|name| second.peek(name).is_none())
            );
        } else {
            assert_eq!(report.objects_copied, 0, "it is level already");
        }
    }
    assert_whole(&second, &clock, &original().snapshots);
    let opens =
        crate::repository::unlock(second.as_ref(), original().repository.id(), "correct horse");
    assert!(opens.is_ok(), "the same passphrase opens it");
}

#[test]
fn many_threads_carry_as_one_does() {
    let (clock, first) = original().copy();
    let second = fresh(&clock);
    let mut from = original().at("first", first, &clock);
    let mut to = original().at("second", second.clone(), &clock);
    from.repository.seams.threads = Threads::of_this_machine();
    to.repository.seams.threads = Threads::of_this_machine();
    assert_eq!(run(&from, &to).snapshots_copied.len(), 3);
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn each_of_three_copies_gets_what_any_other_has() {
    let (clock, full) = original().copy();
    let [a, b, c] = [(); 3].map(|()| fresh(&clock));
    let full = original().at("full", full, &clock);
    for (store, snapshot) in [(&a, 0), (&b, 1), (&c, 2)] {
        let these = [original().snapshots[snapshot]];
        let options = LevelOptions {
            these: Some(&these),
            ..LevelOptions::default()
        };
        let to = original().at("one", store.clone(), &clock);
        assert_eq!(
            level(&full, &to, &options, &Silent)
                .unwrap()
                .snapshots_copied,
            these
        );
    }
    let replicas = [("a", &a), ("b", &b), ("c", &c)];
    let replicas = replicas.map(|(name, store)| original().at(name, store.clone(), &clock));
    let report = sync(
        replicas.into(),
        Direction::default(),
        &LevelOptions::default(),
        &Silent,
    )
    .unwrap();
    assert!(report.is_level());
    for store in [a, b, c] {
        assert_whole(&store, &clock, &original().snapshots);
    }
}

#[test]
fn what_a_copy_has_forgotten_is_not_brought_back() {
    use crate::format::cbor;
    use crate::format::housekeeping::Forget;
    let (clock, first) = original().copy();
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let to = original().at("second", second.clone(), &clock);
    let gone = original().snapshots[1];
    let forget = Forget {
        host: "nas".to_owned(),
        created: clock.now(),
        snapshots: vec![gone].into(),
        reason: String::new(),
        sessions: Vec::new().into(),
    };
    let sealed = crate::repository::seal_record(
        &to.repository.writer,
        to.repository.seams.random.as_ref(),
        crate::format::Kind::Forget,
        &cbor::encode(&forget),
    )
    .unwrap();
    second.put(&sealed.name, sealed.bytes).unwrap();
    let report = run(&from, &to);
    assert_eq!((report.snapshots_copied.len(), report.forgotten), (2, 1));
    let kept = [original().snapshots[0], original().snapshots[2]];
    assert_whole(&second, &clock, &kept);
    assert!(run(&from, &to).is_level(), "nor the next time");
    // Who names it gets it.
    let options = LevelOptions {
        these: Some(&[gone]),
        ..LevelOptions::default()
    };
    assert_eq!(
        level(&from, &to, &options, &Silent)
            .unwrap()
            .snapshots_copied,
        [gone]
    );
    assert_whole(&second, &clock, &original().snapshots);
}

/// A copy that was away for a month got every night of it, and the `forget` of the same evening threw
/// most of them away again.
#[test]
fn what_the_next_forget_would_drop_is_not_carried() {
    let (clock, first) = original().copy();
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let to = original().at("second", second.clone(), &clock);
    let one = std::num::NonZeroU32::new(1);
    let retention = Retention {
        policy: Policy {
            last: one,
            ..Policy::default()
        },
        group_by: GroupBy::default(),
        zone: jiff::tz::TimeZone::UTC,
    };
    let options = LevelOptions {
        retention: Some(&retention),
        ..LevelOptions::default()
    };
    let report = level(&from, &to, &options, &Silent).unwrap();
    let newest = original().snapshots[2];
    assert_eq!((report.snapshots_copied, report.let_go), (vec![newest], 2));
    assert_whole(&second, &clock, &[newest]);
    // It stays so, and who asks for one by name gets it.
    let again = level(&from, &to, &options, &Silent).unwrap();
    assert_eq!((again.objects_copied, again.let_go), (0, 2));
    let oldest = [original().snapshots[0]];
    let asked = LevelOptions {
        these: Some(&oldest),
        ..options
    };
    let report = level(&from, &to, &asked, &Silent).unwrap();
    assert_eq!(
        (report.snapshots_copied, report.let_go),
        (oldest.to_vec(), 0)
    );
}
