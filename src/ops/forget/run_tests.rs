//! A year of nights in a store in memory, whose clock is turned by hand; and the bad moments.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::judge_tests::{night, some, zone};
use super::*;
use crate::crypto::{KdfCost, ReadKey, Secret};
use crate::format::cbor::{self, Counts};
use crate::format::housekeeping::Finding;
use crate::format::slot::Label;
use crate::format::snapshot::{Root, Snapshot, Statistics};
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId, SessionId};
use crate::index::{Index, Trust};
use crate::ops::{OpsError, Result};
use crate::progress::Silent;
use crate::repository::{
    Creation, Repository, SnapshotFilter, create, load_forgets, seal_record, store_proof,
};
use crate::seams::{Clock, Seams, SystemClock, Timestamp};
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};
use crate::store::{ErrorKind, Store};

#[derive(Default)]
struct ByHand(Mutex<Timestamp>);

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot()
    }
    fn sleep(&self, _time: Duration) {}
}

pub struct World {
    clock: Arc<ByHand>,
    memory: Arc<Memory>,
    repository: Repository,
    index: Index,
    pub trust: Trust,
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(ByHand::default());
        let memory = Arc::new(Memory::new(clock.clone()));
        let key = ReadKey::from_master(Secret::new(&[5; 32]));
        let creation = Creation {
            key: &key,
            passphrase: "x",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            label: Label {
                label: String::new(),
                created: Timestamp::default(),
                host: String::new(),
            },
            pack_bytes: 1 << 20,
        };
        let seams = Seams {
            clock: clock.clone(),
            ..Seams::real()
        };
        let (mut repository, _) = create(memory.clone(), seams, &creation).unwrap();
        repository.reader = Some(key.clone());
        Self {
            clock,
            memory,
            repository,
            index: Index::in_memory().unwrap(),
            trust: Trust::in_memory().unwrap(),
        }
    }

    fn turn_to(&self, time: Timestamp) {
        *self.clock.0.lock().unwrap() = time;
    }

    /// Commits a snapshot of a host at a time of the store, as `change` has it.
    fn commit(&self, host: &str, time: Timestamp, change: impl FnOnce(&mut Snapshot)) -> ObjectId {
        let mut session = [0; 16];
        self.repository.seams.random.fill(&mut session).unwrap();
        let mut record = Snapshot {
            time,
            started: time,
            finished: time,
            store_time: Some(time),
            host: host.to_owned(),
            tags: Vec::new(),
            profile: String::new(),
            tool: "offsite".to_owned(),
            roots: vec![Root {
                number: 10,
                kind: "path".to_owned(),
                source: b"/photos".to_vec(),
            }],
            session: SessionId::new(session),
            continues: Vec::new().into(),
            parent: None,
            listing: (0, ChunkId::new([0; 32])),
            database: None,
            statistics: Statistics::default(),
            audit: Counts::default(),
            problems: None,
            suspect: None,
            findings: None,
            mounts: Vec::new(),
        };
        change(&mut record);
        self.turn_to(time.plus(Duration::from_secs(300)));
        let (writer, random) = (&self.repository.writer, &self.repository.seams.random);
        let payload = cbor::encode(&record);
        let sealed = seal_record(writer, random.as_ref(), Kind::Snapshot, &payload).unwrap();
        self.memory.put(&sealed.name, sealed.bytes).unwrap();
        sealed.id
    }

    pub fn nights(&self, number: i64) -> Vec<ObjectId> {
        let nights = (0..number).map(|number| self.commit("nas", night(number), |_| {}));
        nights.collect()
    }

    pub fn forget(&self, options: &ForgetOptions) -> Result<ForgetReport> {
        self.forget_over(self.memory.clone(), options)
    }

    fn forget_over(&self, store: Arc<dyn Store>, options: &ForgetOptions) -> Result<ForgetReport> {
        let repository = Repository {
            store,
            ..self.repository.clone()
        };
        let place = ForgetPlace {
            repository: &repository,
            index: &self.index,
            trust: &self.trust,
            key: "memory",
        };
        forget(&place, options, &Silent)
    }

    pub fn listed(&self) -> BTreeSet<ObjectId> {
        let names = self.memory.names();
        let ids = names.iter().filter_map(|name| match name::parse(name) {
            Some((Kind::Snapshot, id)) => id,
            _ => None,
        });
        ids.collect()
    }

    /// What forget records explain.
    pub fn explained(&self) -> Vec<ObjectId> {
        let forgets = load_forgets(&self.repository);
        let ids = forgets
            .iter()
            .flat_map(|one| one.forget.snapshots.0.clone());
        ids.collect()
    }
}

pub fn rules() -> ForgetOptions {
    ForgetOptions {
        policy: Policy {
            daily: some(7),
            weekly: some(4),
            monthly: some(12),
            ..Policy::default()
        },
        group_by: GroupBy::default(),
        filter: SnapshotFilter::default(),
        named: Vec::new(),
        even_protected: false,
        dry_run: false,
        host: "nas".to_owned(),
        zone: zone(),
    }
}

fn naming(ids: &[ObjectId]) -> ForgetOptions {
    ForgetOptions {
        policy: Policy::default(),
        named: ids.iter().map(ToString::to_string).collect(),
        ..rules()
    }
}

fn refusal(result: Result<ForgetReport>) -> ForgetError {
    match result {
        Err(OpsError::Forget(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_year_of_nights_is_let_go_of_and_every_absence_is_explained() {
    let world = World::new();
    let laptop = world.commit("laptop", night(3), |_| {});
    let year = world.nights(365);
    let damaged = name::of(Kind::Snapshot, &ObjectId::of(b"junk"));
    world
        .memory
        .put(&damaged, Bytes::from_static(b"junk"))
        .unwrap();

    let dry = ForgetOptions {
        dry_run: true,
        ..rules()
    };
    let planned = world.forget(&dry).unwrap();
    assert_eq!(world.listed().len(), 367);
    assert_eq!(world.explained(), []);

    let recording = Arc::new(Recording::new(world.memory.clone()));
    let report = world.forget_over(recording.clone(), &rules()).unwrap();
    let ids = |judged: &[JudgedSnapshot]| judged.iter().map(|one| one.id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&report.kept), ids(&planned.kept));
    assert_eq!(report.kept.len() + report.removed.len(), 366);
    assert!(
        (30..40).contains(&report.kept.len()),
        "{}",
        report.kept.len()
    );
    let listed = world.listed();
    assert!(listed.contains(&laptop), "another host's");
    assert!(
        listed.contains(&year[0]) && listed.contains(&year[364]) && !listed.contains(&year[99])
    );
    assert!(
        listed.contains(&ObjectId::of(b"junk")),
        "what nobody can read stays"
    );
    assert_eq!(listed.len(), report.kept.len() + 1);

    // The record comes before the first deletion, and names what went and its runs.
    let calls = recording.take();
    let put = calls
        .iter()
        .position(|call| call.name.starts_with("forgets/"));
    let delete = calls
        .iter()
        .position(|call| call.operation == Operation::Delete);
    assert!(put.unwrap() < delete.unwrap());
    assert_eq!(BTreeSet::from_iter(world.explained()), ids(&report.removed));
    let forgets = load_forgets(&world.repository);
    assert_eq!(forgets[0].forget.sessions.0.len(), report.removed.len());
    let deleted = calls
        .iter()
        .filter(|call| call.operation == Operation::Delete);
    assert!(
        deleted
            .into_iter()
            .all(|call| call.name.starts_with("snapshots/"))
    );

    // Nothing is left to do, and so no second record is put.
    assert_eq!(world.forget(&rules()).unwrap().removed.len(), 0);
    assert_eq!(forgets.len(), 1);
}

#[test]
fn cut_short_at_any_call_the_next_run_finishes() {
    for call in 1..100 {
        let world = World::new();
        let ids: Vec<_> = (0..6)
            .map(|n| world.commit("nas", night(n), |_| {}))
            .collect();
        let faulty = Arc::new(Faulty::new(world.memory.clone()));
        faulty.fail_call(call, Fault::After(ErrorKind::Transient));
        let named = naming(&ids[1..4]);
        let cut = world.forget_over(faulty.clone(), &named);
        let left = world.listed();
        for id in ids.iter().filter(|id| !left.contains(*id)) {
            assert!(world.explained().contains(id), "gone without a word");
        }
        if cut.is_ok() {
            assert!(call > 6, "it failed nowhere");
            assert_eq!(left.len(), 3);
            return;
        }
        // The next run knows what was begun, whatever it is asked for.
        let keep_all = ForgetOptions {
            policy: Policy {
                daily: some(100),
                ..Policy::default()
            },
            ..rules()
        };
        world.forget(&keep_all).unwrap();
        let explained = world.explained();
        if left.len() < 6 || !explained.is_empty() {
            assert_eq!(world.listed().len(), 3, "call {call}");
            assert!(ids[1..4].iter().all(|id| explained.contains(id)));
        }
    }
    panic!("it never came through");
}

#[test]
fn somebody_elses_forget_record_deletes_nothing() {
    let world = World::new();
    let ids: Vec<_> = (0..6)
        .map(|n| world.commit("nas", night(n), |_| {}))
        .collect();
    explain_absence(&world.repository, "forger", ids, Vec::new(), "mine").unwrap();
    let options = ForgetOptions {
        policy: Policy {
            daily: some(100),
            ..Policy::default()
        },
        ..rules()
    };
    assert_eq!(world.forget(&options).unwrap().removed.len(), 0);
    assert_eq!(world.listed().len(), 6);
}

#[test]
fn a_store_that_denies_deletion_loses_nothing_and_is_asked_again_without_a_second_record() {
    let world = World::new();
    let ids: Vec<_> = (0..6)
        .map(|n| world.commit("nas", night(n), |_| {}))
        .collect();
    let options = ForgetOptions {
        policy: Policy {
            last: some(2),
            ..Policy::default()
        },
        ..rules()
    };
    let denying = Arc::new(OnlyDeletionFails(world.memory.clone(), ErrorKind::Denied));
    for _ in 0..3 {
        let error = refusal(world.forget_over(denying.clone(), &options));
        assert!(matches!(error, ForgetError::Denied { .. }), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("nothing was removed, and nothing is lost")
        );
    }
    assert_eq!(world.listed().len(), 6);
    assert_eq!(world.explained().len(), 4);
    // Locked ones are told together, and the others go.
    let locked = Arc::new(OnlyDeletionFails(world.memory.clone(), ErrorKind::Retained));
    let report = world.forget_over(locked, &options).unwrap();
    assert_eq!((report.locked, report.kept.len()), (4, 6));
    let because = report.kept.first().map(|one| &one.reasons);
    assert!(because.unwrap().contains(&Reason::Locked(String::new())));
    assert_eq!(world.explained().len(), 4);
    // Other rules by then judge anew.
    let mut kinder = options.clone();
    kinder.policy.last = some(4);
    world.forget(&kinder).unwrap();
    assert_eq!(world.listed(), ids[2..].iter().copied().collect());
    world.forget(&options).unwrap();
    assert_eq!(world.listed(), ids[4..].iter().copied().collect());
}

fn good_drill_of(snapshot: ObjectId) -> Finding {
    Finding {
        kind: "drill".to_owned(),
        host: "nas".to_owned(),
        began: night(3),
        ended: night(3),
        snapshot: Some(snapshot),
        ok: true,
        figures: Counts::default(),
        summary: String::new(),
    }
}

#[test]
fn protected_ones_go_only_when_that_is_said_and_never_the_last() {
    let world = World::new();
    let clean = |record: &mut Snapshot| record.audit = Counts([("ok".to_owned(), 9)].into());
    let first = world.commit("nas", night(0), clean);
    let drilled = world.commit("nas", night(1), |_| {});
    let third = world.commit("nas", night(2), |_| {});
    let suspect = world.commit("nas", night(3), |it| {
        it.suspect = Some("half is gone".into())
    });
    store_proof(&world.repository, good_drill_of(drilled)).unwrap();

    let rules = ForgetOptions {
        policy: Policy {
            last: some(1),
            ..Policy::default()
        },
        ..rules()
    };
    let dry = ForgetOptions {
        dry_run: true,
        ..rules.clone()
    };
    let report = world.forget(&dry).unwrap();
    let words: Vec<Vec<String>> = report
        .kept
        .iter()
        .map(|one| one.reasons.iter().map(Reason::words).collect())
        .collect();
    assert_eq!(
        words,
        [
            vec!["newest clean audit"],
            vec!["newest drilled"],
            vec!["last", "newest"],
            vec!["last"]
        ]
    );
    // A flood of false proofs, or a store that lost this one, does not make it forgotten.
    for name in world.memory.names() {
        assert!(!name.starts_with("proofs/") || world.memory.lose(&name));
    }
    for id in [first, drilled, third] {
        let error = refusal(world.forget(&naming(&[id])));
        assert!(matches!(error, ForgetError::Protected { .. }), "{error}");
    }
    world.forget(&naming(&[suspect])).unwrap();
    let even = ForgetOptions {
        even_protected: true,
        ..naming(&[first])
    };
    world.forget(&even).unwrap();
    assert_eq!(world.listed(), [drilled, third].into());
    let even = ForgetOptions {
        even_protected: true,
        ..naming(&[drilled, third])
    };
    let error = refusal(world.forget(&even));
    assert!(matches!(error, ForgetError::AllOfThem { .. }), "{error}");
    assert_eq!(world.listed().len(), 2);
    let nothing = refusal(world.forget(&naming(&[])));
    assert!(matches!(nothing, ForgetError::NothingAsked));
}

#[test]
fn only_the_host_that_was_asked_for_is_judged() {
    let world = World::new();
    for n in 0..5 {
        world.commit("nas", night(n), |_| {});
        world.commit("laptop", night(n), |_| {});
    }
    let options = ForgetOptions {
        filter: SnapshotFilter {
            host: Some("laptop".to_owned()),
            ..SnapshotFilter::default()
        },
        policy: Policy {
            last: some(2),
            ..Policy::default()
        },
        ..rules()
    };
    let report = world.forget(&options).unwrap();
    assert_eq!(report.left_aside, 5);
    assert_eq!((report.kept.len(), report.removed.len()), (2, 3));
    assert_eq!(world.listed().len(), 7);
}

/// A store whose credentials cannot delete, or whose objects are locked.
struct OnlyDeletionFails(Arc<Memory>, ErrorKind);

impl Store for OnlyDeletionFails {
    fn url(&self) -> String {
        self.0.url()
    }
    fn put(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        self.0.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        self.0.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: crate::store::Window) -> crate::store::Result<Bytes> {
        self.0.get(name, window)
    }
    fn list(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(crate::store::ObjectInfo) -> crate::store::Result<()>,
    ) -> crate::store::Result<()> {
        self.0.list(prefix, visit)
    }
    fn head(&self, name: &str) -> crate::store::Result<crate::store::ObjectInfo> {
        self.0.head(name)
    }
    fn delete(&self, name: &str) -> crate::store::Result<()> {
        Err(crate::store::StoreError::new(self.1, "delete", name))
    }
    fn now(&self) -> crate::store::Result<Timestamp> {
        self.0.now()
    }
}
