//! A copy that is being pruned while another is to level it.

use super::*;
use crate::format::housekeeping::Plan;
use crate::format::{Kind, cbor, name};
use crate::repository::seal_record;

/// Condemns every pack there is.
fn condemn_all(store: &Arc<Memory>, at: &Replica, grace: Duration) -> String {
    let (mut packs, mut snapshots) = (Vec::new(), Vec::new());
    for name in store.names() {
        match name::parse(&name) {
            Some((Kind::DataPack | Kind::ListingPack, Some(id))) => packs.push(id),
            Some((Kind::Snapshot, Some(id))) => snapshots.push(id),
            _ => {}
        }
    }
    let plan = Plan {
        host: "nas".to_owned(),
        created: at.repository.seams.clock.now(),
        grace_seconds: grace.as_secs(),
        packs: packs.into(),
        segments: Vec::new().into(),
        snapshots: snapshots.into(),
        forgets: Vec::new().into(),
    };
    let Repository { writer, seams, .. } = &at.repository;
    let random = seams.random.as_ref();
    let sealed = seal_record(writer, random, Kind::Plan, &cbor::encode(&plan)).unwrap();
    store.put(&sealed.name, sealed.bytes).unwrap();
    sealed.name
}

/// Deletes what is condemned, as a sweep may that knows no snapshot: all that is older than T0.
fn sweep(store: &Arc<Memory>, plan: &str) {
    let made = store.head(plan).unwrap().modified;
    for name in store.names() {
        let is_pack = name.starts_with("packs/") || name.starts_with("listings/");
        if is_pack && store.head(&name).unwrap().modified < made {
            store.lose(&name);
        }
    }
    store.lose(plan);
}

/// A copy with all packs and no snapshot: all were forgotten and will be swept.
fn emptied(clock: &Arc<Hand>) -> (Replica, Arc<Memory>, Replica) {
    let (_, first) = original().copy();
    let second = fresh(clock);
    let from = original().at("first", first, clock);
    let to = original().at("second", second.clone(), clock);
    assert!(run(&from, &to).is_level());
    for name in original().names("snapshots/") {
        second.lose(&name);
    }
    clock.advance(HOUR);
    (from, second, to)
}

fn clock() -> Arc<Hand> {
    Arc::new(Hand(AtomicI64::new(1_900_000_000)))
}

#[test]
fn what_is_condemned_is_put_again_and_survives_the_sweep() {
    let clock = clock();
    let (from, second, to) = emptied(&clock);
    let plan = condemn_all(&second, &to, 72 * HOUR);
    clock.advance(47 * HOUR);
    let report = run(&from, &to);
    assert!(report.is_level());
    let packs = original().names("packs/").len() + original().names("listings/").len();
    assert!(
        report.objects_copied as usize >= packs,
        "all are sent again"
    );
    clock.advance(25 * HOUR);
    sweep(&second, &plan);
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn shortly_before_a_sweep_a_snapshot_waits_for_it() {
    let clock = clock();
    let (from, second, to) = emptied(&clock);
    let plan = condemn_all(&second, &to, 72 * HOUR);
    clock.advance(48 * HOUR);
    let before = second.names();
    let report = run(&from, &to);
    assert_eq!(report.waiting.len(), 3);
    assert!(
        report
            .waiting
            .values()
            .all(|why| why.reason.contains("prune"))
    );
    assert_eq!(second.names(), before, "nothing is committed");
    sweep(&second, &plan);
    assert!(run(&from, &original().at("second", second.clone(), &clock)).is_level());
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn a_plan_that_is_interrupted_and_renewed_threatens_nothing_that_was_put_since() {
    let clock = clock();
    let (from, second, to) = emptied(&clock);
    condemn_all(&second, &to, 72 * HOUR);
    clock.advance(HOUR);
    assert!(run(&from, &to).is_level());
    clock.advance(60 * HOUR);
    // What was put since is good, although the old plan still names it.
    for name in original().names("snapshots/") {
        second.lose(&name);
    }
    let report = run(&from, &to);
    assert!(report.is_level(), "{report:?}");
    assert_eq!(report.objects_copied, 3, "the snapshots alone");
    assert_whole(&second, &clock, &original().snapshots);
}

/// Something happens before the first object of that prefix arrives.
struct Meddling {
    store: Arc<Memory>,
    when: &'static str,
    meddle: Box<dyn Fn() -> String + Send + Sync>,
    done: std::sync::OnceLock<String>,
}

impl Store for Meddling {
    fn url(&self) -> String {
        self.store.url()
    }
    fn put(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        if name.starts_with(self.when) {
            self.done.get_or_init(&self.meddle);
        }
        self.store.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        self.store.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: crate::store::Window) -> crate::store::Result<Bytes> {
        self.store.get(name, window)
    }
    fn list(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(crate::store::ObjectInfo) -> crate::store::Result<()>,
    ) -> crate::store::Result<()> {
        self.store.list(prefix, visit)
    }
    fn head(&self, name: &str) -> crate::store::Result<crate::store::ObjectInfo> {
        self.store.head(name)
    }
    fn delete(&self, name: &str) -> crate::store::Result<()> {
        self.store.delete(name)
    }
    fn now(&self) -> crate::store::Result<Timestamp> {
        self.store.now()
    }
}

#[test]
fn a_plan_made_while_packs_travel_is_seen_before_the_commit() {
    let clock = clock();
    let (_, first) = original().copy();
    let second = fresh(&clock);
    let pruner = original().at("second", second.clone(), &clock);
    let (store, hand) = (second.clone(), clock.clone());
    let meddling = Arc::new(Meddling {
        store: second.clone(),
        when: "index/",
        meddle: Box::new(move || {
            hand.advance(HOUR);
            condemn_all(&store, &pruner, 72 * HOUR)
        }),
        done: Default::default(),
    });
    let from = original().at("first", first, &clock);
    let to = original().at("second", meddling.clone(), &clock);
    let report = run(&from, &to);
    assert!(report.is_level(), "{report:?}");
    clock.advance(72 * HOUR);
    sweep(&second, meddling.done.get().unwrap());
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn what_went_while_the_host_slept_for_days_is_seen_before_the_commit() {
    let clock = clock();
    let (_, first) = original().copy();
    let second = fresh(&clock);
    let (store, hand) = (second.clone(), clock.clone());
    let meddling = Arc::new(Meddling {
        store: second.clone(),
        when: "index/",
        meddle: Box::new(move || {
            hand.advance(100 * HOUR);
            // Planned and swept meanwhile; the plan is gone as well.
            let packs = original().names("packs/");
            packs.iter().for_each(|name| assert!(store.lose(name)));
            String::new()
        }),
        done: Default::default(),
    });
    let from = original().at("first", first, &clock);
    let report = run(&from, &original().at("second", meddling, &clock));
    assert!(report.is_level(), "{report:?}");
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn what_is_put_again_too_late_does_not_count() {
    let clock = clock();
    let (from, second, to) = emptied(&clock);
    let plan = condemn_all(&second, &to, 72 * HOUR);
    clock.advance(47 * HOUR);
    let hand = clock.clone();
    let meddling = Arc::new(Meddling {
        store: second.clone(),
        when: "packs/",
        meddle: Box::new(move || {
            hand.advance(2 * HOUR);
            String::new()
        }),
        done: Default::default(),
    });
    let report = run(&from, &original().at("second", meddling, &clock));
    assert_eq!(report.waiting.len(), 3, "{report:?}");
    assert!(
        second
            .names()
            .iter()
            .all(|name| !name.starts_with("snapshots/"))
    );
    // The sweep may have looked before, and delete it all the same.
    let packs = original().names("packs/");
    packs.iter().for_each(|name| assert!(second.lose(name)));
    second.lose(&plan);
    assert!(run(&from, &original().at("second", second.clone(), &clock)).is_level());
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn a_commit_that_came_late_is_looked_at_once_more() {
    let clock = clock();
    let (_, first) = original().copy();
    let second = fresh(&clock);
    let (store, hand) = (second.clone(), clock.clone());
    let meddling = Arc::new(Meddling {
        store: second.clone(),
        when: "snapshots/",
        meddle: Box::new(move || {
            hand.advance(100 * HOUR);
            // Of the older snapshots none has come yet.
            let packs = original().names("listings/");
            let lost = packs.iter().filter(|name| store.lose(name)).count();
            assert!(lost > 0);
            String::new()
        }),
        done: Default::default(),
    });
    let from = original().at("first", first, &clock);
    let report = run(&from, &original().at("second", meddling, &clock));
    assert!(report.is_level(), "{report:?}");
    assert_whole(&second, &clock, &original().snapshots);
}
