//! A verify of days, and what is deleted in these days.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::faulty::{Fault, Faulty, Guide};

/// When keys are looked at, snapshots and packs are listed already; then these objects go.
struct Deletes {
    store: Arc<Memory>,
    objects: Vec<String>,
    is_done: AtomicBool,
}

impl Guide for Deletes {
    fn before(&self, operation: &'static str, name: &str) -> Option<Fault> {
        let is_time = operation == "fetch" && name.starts_with("keys/");
        if is_time && !self.is_done.swap(true, Ordering::Relaxed) {
            self.objects
                .iter()
                .for_each(|name| assert!(self.store.lose(name)));
        }
        None
    }

    fn after(&self, _operation: &'static str, _name: &str, _is_done: bool) {}
}

/// Verifies while they go; `forgets` is what a record says was forgotten.
fn check_while_they_go(objects: &[String], forgets: &[ObjectId]) -> VerifyReport {
    let fixture = fixture();
    let store = fixture.copy();
    let forget = Forget {
        host: "nas".to_owned(),
        created: Timestamp::from_seconds(1),
        snapshots: forgets.to_vec().into(),
        reason: "old".to_owned(),
        sessions: Vec::new().into(),
    };
    let guide = Arc::new(Deletes {
        store: store.clone(),
        objects: objects.to_vec(),
        is_done: AtomicBool::new(false),
    });
    put_record(
        &fixture.at(store.clone()),
        Kind::Forget,
        &cbor::encode(&forget),
    );
    let report = check(
        &fixture.at(Arc::new(Faulty::guided(store, guide.clone()))),
        true,
    );
    assert!(guide.is_done.load(Ordering::Relaxed));
    report
}

/// Found by the simulation: `verify --data` went on while a nightly run forgot a snapshot that it had
/// listed. Its record, and after a prune the packs that only it needed, were "missing": damage, exit
/// code 4, and packs distrusted, though all was as somebody had asked.
#[test]
fn what_is_forgotten_and_pruned_while_a_verify_reads_is_no_damage() {
    let fixture = fixture();
    let second = fixture.snapshots[1];
    let record = name::of(Kind::Snapshot, &second);
    let needs = |pack: &str, id: &ObjectId| fixture.hurt(pack, |_| true).snapshots.contains(id);
    let packs = fixture.names("packs/").into_iter();
    let (shared, own): (Vec<_>, Vec<_>) = packs.partition(|it| needs(it, &fixture.snapshots[0]));
    assert!(!own.is_empty());
    let mut gone = vec![record, fixture.names("plans/").remove(0)];
    gone.extend(own);

    let report = check_while_they_go(&gone, &[second]);
    assert_eq!(damaged(&report), [""; 0]);

    // No record says so: all of it counts, but for the plan, which is none of anybody's concern.
    let report = check_while_they_go(&gone, &[]);
    let mut hurting: Vec<&str> = gone.iter().map(String::as_str).collect();
    hurting.retain(|name| !name.starts_with("plans/"));
    hurting.sort_unstable();
    assert_eq!(damaged(&report), hurting);

    // What the other one needs is missed all the same, and not on account of the one that is gone.
    gone.push(shared[0].clone());
    let report = check_while_they_go(&gone, &[second]);
    assert_eq!(damaged(&report), [shared[0].as_str()]);
    assert_eq!(report.damage[0].snapshots, [fixture.snapshots[0]]);
}
