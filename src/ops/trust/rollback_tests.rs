//! Stores that forget: last week's bucket put back, the newest snapshot hidden; and honest absences
//! that must alarm nobody.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{KnownBefore, check, demand_whole, unexplained};
use crate::crypto::KdfCost;
use crate::format::housekeeping::Forget;
use crate::format::snapshot::Snapshot;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::index::{Index, Trust, Watch};
use crate::ops::{
    BackupOptions, InitOptions, Opened, OpsError, Result, SourceChoice, VerifyOptions, backup,
    init, verify,
};
use crate::progress::{Progress, Silent};
use crate::repository::{Repository, fetch_record, seal_record};
use crate::seams::{Seams, SystemClock, Threads, Timestamp};
use crate::source::database::DatabaseSource;
use crate::store::Store;
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};

pub const PLACE: &str = "s3://bucket/photos";

/// Keeps what is told.
#[derive(Default)]
pub struct Listener(Mutex<Vec<String>>);

impl Listener {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Progress for Listener {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

pub struct World {
    pub memory: Arc<Memory>,
    pub calls: Arc<Recording>,
    pub repository: Repository,
    source: tempfile::TempDir,
}

/// A machine with a memory of its own.
pub struct Host {
    pub trust: Arc<Trust>,
    pub index: Index,
    name: &'static str,
}

impl Host {
    pub fn new(name: &'static str) -> Self {
        let trust = Arc::new(Trust::in_memory().unwrap());
        let index = Index::in_memory().unwrap();
        let index = index.watched(Watch::with(Arc::clone(&trust), PLACE));
        Self { trust, index, name }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        let memory = Arc::new(Memory::new(Arc::new(SystemClock)));
        let calls = Arc::new(Recording::new(memory.clone()));
        let seams = Seams {
            threads: Threads::SINGLE,
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
        let made = init(calls.clone(), &seams, &options).unwrap();
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("photo.jpg"), b"photo").unwrap();
        Self {
            memory,
            calls,
            repository: made.repository,
            source,
        }
    }

    pub fn back_up(&self, host: &Host) -> Result<ObjectId> {
        let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.source.path().to_path_buf()],
                database: Some(DatabaseSource::File(
                    sample.join("tests/samples/v3.0-pg_dump.sql"),
                )),
                ..SourceChoice::default()
            },
            current: PathBuf::from("/"),
            host: host.name.to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: Default::default(),
        };
        let report = backup(&self.repository, &host.index, &options, &Silent);
        report.map(|report| report.snapshot)
    }

    /// What a look says.
    pub fn look(&self, host: &Host) -> Vec<String> {
        let listener = Listener::default();
        super::super::look::look(&self.repository, &host.index, &listener).unwrap();
        listener.take()
    }

    fn objects(&self) -> Vec<(String, Bytes)> {
        let names = self.memory.names().into_iter();
        names
            .map(|name| (name.clone(), self.memory.peek(&name).unwrap()))
            .collect()
    }

    fn put_back(&self, objects: &[(String, Bytes)]) {
        for name in self.memory.names() {
            self.memory.lose(&name);
        }
        for (name, bytes) in objects {
            self.memory.put(name, bytes.clone()).unwrap();
        }
    }

    pub fn lose(&self, snapshot: &ObjectId) -> Bytes {
        let name = name::of(Kind::Snapshot, snapshot);
        let bytes = self.memory.peek(&name).unwrap();
        assert!(self.memory.lose(&name));
        bytes
    }

    fn record(&self, id: &ObjectId) -> Snapshot {
        let payload = fetch_record(&self.repository, Kind::Snapshot, id).unwrap();
        cbor::decode(&payload).unwrap()
    }

    /// With the writer key, as anybody who has it can.
    fn put_record(&self, kind: Kind, payload: &[u8]) -> ObjectId {
        let random = self.repository.seams.random.as_ref();
        let sealed = seal_record(&self.repository.writer, random, kind, payload).unwrap();
        self.memory.put(&sealed.name, sealed.bytes).unwrap();
        sealed.id
    }

    fn forget(&self, snapshot: &ObjectId) {
        let forget = Forget {
            host: "other".to_owned(),
            created: Timestamp::from_seconds(1),
            snapshots: cbor::Joined(vec![*snapshot]),
            reason: String::new(),
            sessions: cbor::Joined(Vec::new()),
        };
        self.put_record(Kind::Forget, &cbor::encode(&forget));
        self.lose(snapshot);
    }
}

fn ids(host: &Host) -> Vec<ObjectId> {
    let vanished = unexplained(&host.index).unwrap();
    vanished.iter().map(|one| one.id).collect()
}

#[test]
fn last_weeks_bucket_put_back_is_noticed_by_every_verb() {
    let (world, host) = (World::new(), Host::new("nas"));
    let first = world.back_up(&host).unwrap();
    let last_week = world.objects();
    let lost = [world.back_up(&host).unwrap(), world.back_up(&host).unwrap()];
    assert!(world.look(&host).is_empty());
    world.put_back(&last_week);

    let told = world.look(&host);
    let shown = |id: &ObjectId| id.to_string()[..12].to_owned();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("2 snapshots that this host saw at memory:"));
    assert!(
        lost.iter().all(|id| told[0].contains(&shown(id))),
        "{told:?}"
    );
    assert!(!told[0].contains(&shown(&first)));
    assert_eq!(BTreeSet::from_iter(ids(&host)), BTreeSet::from(lost));

    // Whoever deletes stops; whoever checks counts it; another copy never hurts.
    let refused = demand_whole(&world.repository, &host.index).unwrap_err();
    assert!(matches!(&refused, OpsError::RolledBack { vanished, .. } if vanished.0.len() == 2));
    let options = VerifyOptions { data: false };
    let report = verify(&world.repository, &host.index, &options, &Silent).unwrap();
    let damaged: BTreeSet<_> = report.damage.iter().map(|it| it.object.clone()).collect();
    let names = lost.map(|id| name::of(Kind::Snapshot, &id));
    assert_eq!(damaged, BTreeSet::from(names));
    let newest = world.back_up(&host).unwrap();
    assert_eq!(ids(&host).len(), 2);
    assert!(!ids(&host).contains(&newest));
}

#[test]
fn a_snapshot_that_is_hidden_before_anybody_looked_again_is_missed_and_its_return_is_good() {
    let (world, host) = (World::new(), Host::new("nas"));
    world.back_up(&host).unwrap();
    let newest = world.back_up(&host).unwrap();
    let bytes = world.lose(&newest);
    assert_eq!(world.look(&host).len(), 1);
    assert_eq!(ids(&host), [newest]);
    assert!(unexplained(&host.index).unwrap()[0].own);

    let name = name::of(Kind::Snapshot, &newest);
    world.memory.put(&name, bytes).unwrap();
    assert!(world.look(&host).is_empty() && ids(&host).is_empty());
    demand_whole(&world.repository, &host.index).unwrap();
}

#[test]
fn a_forget_record_explains_and_is_looked_for_only_when_something_is_missed() {
    let (world, host, other) = (World::new(), Host::new("nas"), Host::new("laptop"));
    let first = world.back_up(&host).unwrap();
    world.back_up(&other).unwrap();
    world.look(&host);
    world.calls.take();
    world.look(&host);
    assert_eq!(world.calls.count(Operation::List, "forgets/"), 0);

    world.forget(&first);
    world.calls.take();
    assert!(world.look(&host).is_empty() && ids(&host).is_empty());
    assert_eq!(world.calls.count(Operation::List, "forgets/"), 1);
    world.calls.take();
    assert!(world.look(&host).is_empty());
    assert_eq!(world.calls.count(Operation::List, "forgets/"), 0);
    assert_eq!(world.calls.count(Operation::Get, ""), 0);
}

#[test]
fn each_host_misses_what_it_saw_and_one_that_knows_nothing_misses_nothing() {
    let (world, host, other) = (World::new(), Host::new("nas"), Host::new("laptop"));
    let mine = world.back_up(&host).unwrap();
    world.look(&other);
    let theirs = world.back_up(&other).unwrap();
    world.lose(&mine);
    world.lose(&theirs);
    // This one never saw what the other made afterwards.
    world.look(&host);
    world.look(&other);
    assert_eq!(ids(&host), [mine]);
    assert_eq!(
        BTreeSet::from_iter(ids(&other)),
        BTreeSet::from([mine, theirs])
    );
    let fresh = Host::new("new");
    assert!(world.look(&fresh).is_empty() && ids(&fresh).is_empty());
}

#[test]
fn a_snapshot_that_another_run_commits_while_this_one_lists_is_not_missed() {
    let (world, host) = (World::new(), Host::new("nas"));
    let first = world.back_up(&host).unwrap();
    let known = KnownBefore::read(&host.trust, PLACE).unwrap();
    let listed = BTreeSet::from([first]);
    world.back_up(&host).unwrap();
    assert_eq!(known.check(&world.repository, &listed).unwrap(), []);
    // With a LIST of before and a memory of after, the store is asked again.
    let found = check(&world.repository, &host.trust, PLACE, &listed);
    assert_eq!(found.unwrap(), []);
}

#[test]
fn a_record_that_cannot_be_read_is_there_all_the_same() {
    let (world, host) = (World::new(), Host::new("nas"));
    let first = world.back_up(&host).unwrap();
    // The index forgot the record, and the store altered it.
    let host = Host {
        index: Index::in_memory()
            .unwrap()
            .watched(Watch::with(host.trust.clone(), PLACE)),
        ..host
    };
    let name = name::of(Kind::Snapshot, &first);
    assert!(world.memory.tamper(&name, |bytes| bytes[900] ^= 1));
    let told = world.look(&host);
    assert!(
        told.len() == 1 && told[0].contains("cannot be used"),
        "{told:?}"
    );
    assert!(ids(&host).is_empty());
}

#[test]
fn a_damaged_memory_is_told_and_holds_up_only_who_deletes() {
    let world = World::new();
    world.back_up(&Host::new("nas")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.sqlite");
    std::fs::write(&path, vec![7; 5_000]).unwrap();
    let index = || Index::in_memory().unwrap().watched(Watch::at(&path, PLACE));

    let listener = Listener::default();
    let opened = Opened::look(world.repository.clone(), index(), &listener).unwrap();
    assert_eq!(opened.snapshots.len(), 1);
    let told = listener.take();
    let names_file = |text: &String| text.contains("trust.sqlite");
    assert!(told.len() == 1 && told.iter().all(names_file), "{told:?}");
    demand_whole(&world.repository, &opened.index).unwrap_err();
    unexplained(&opened.index).unwrap_err();
    let options = VerifyOptions { data: false };
    let report = verify(&world.repository, &opened.index, &options, &Silent).unwrap();
    assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
    let host = Host {
        index: index(),
        ..Host::new("nas")
    };
    world.back_up(&host).unwrap();
    // It is never replaced in silence.
    assert_eq!(std::fs::read(&path).unwrap(), vec![7; 5_000]);
}

#[test]
fn a_forged_snapshot_does_not_make_an_honest_dump_look_shrunk() {
    let (world, host) = (World::new(), Host::new("nas"));
    let honest = world.back_up(&host).unwrap();
    let mut record = world.record(&honest);
    record.time = record.time.plus(std::time::Duration::from_secs(60));
    record.started = record.time;
    let database = record.database.as_mut().unwrap();
    database.bytes *= 10;
    database.rows.0.values_mut().for_each(|rows| *rows *= 10);
    world.put_record(Kind::Snapshot, &cbor::encode(&record));

    // Who remembers nothing has to believe it.
    let fooled = world.back_up(&Host::new("nas")).unwrap_err();
    assert!(matches!(fooled, OpsError::Source(_)), "{fooled}");
    let next = world.back_up(&host).unwrap();
    assert_eq!(world.record(&next).parent, Some(honest));
    // Once its own is gone, the forged one is all there is.
    world.forget(&honest);
    world.forget(&next);
    world.back_up(&host).unwrap_err();
}
