//! Plans as they are put, listed, bounded and passed over.

use std::sync::Arc;

use super::*;
use crate::crypto::{KdfCost, ReadKey, Secret};
use crate::format::slot::Label;
use crate::repository::{Creation, create};
use crate::seams::{Clock, Seams, SystemClock};
use crate::store::Store;
use crate::store::memory::Memory;

fn repository() -> (Arc<Memory>, Repository) {
    let key = ReadKey::from_master(Secret::new(&[5; 32]));
    let store = Arc::new(Memory::new(Arc::new(SystemClock)));
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
    let (repository, _) = create(store.clone(), Seams::real(), &creation).unwrap();
    (store, repository)
}

fn plan(number: u8, grace: Duration) -> Plan {
    Plan {
        host: "nas".to_owned(),
        created: SystemClock.now(),
        grace_seconds: grace.as_secs(),
        packs: vec![ObjectId::new([number; 32])].into(),
        segments: Vec::new().into(),
        snapshots: Vec::new().into(),
        forgets: Vec::new().into(),
    }
}

fn numbers(plans: &[StoredPlan]) -> Vec<u8> {
    let first = |plan: &StoredPlan| plan.plan.packs.0[0].as_bytes()[0];
    plans.iter().map(first).collect()
}

fn visited(repository: &Repository, now: Timestamp) -> Vec<u8> {
    let mut plans = Vec::new();
    visit_plans::<RepositoryError>(
        repository,
        now,
        &mut |_| true,
        &mut |_, _| {},
        &mut |plan| {
            plans.push(plan);
            Ok(())
        },
    )
    .unwrap();
    numbers(&plans)
}

#[test]
fn plans_come_back_by_the_time_of_the_store_and_bad_ones_hold_up_none() {
    let (store, repository) = repository();
    let first = store_plan(&repository, plan(1, 3 * DAY)).unwrap();
    let second = store_plan(&repository, plan(2, 3 * DAY)).unwrap();
    store.set_modified(&name::of(Kind::Plan, &first.id), second.modified.plus(DAY));
    let later = store_plan(&repository, plan(3, DAY)).unwrap();
    let of_later = name::of(Kind::Plan, &later.id);
    // A plan of a format to come, under its true name.
    let mut bytes = store.peek(&of_later).unwrap().to_vec();
    bytes[8] = 9;
    let of_next = name::of(Kind::Plan, &ObjectId::of(&bytes));
    store.put(&of_next, bytes.into()).unwrap();
    store.tamper(&of_later, |bytes| bytes.truncate(100));
    let mut damaged = Vec::new();
    let now = SystemClock.now();
    let plans = load_plans(&repository, now, &|_| false, &mut |name, problem| {
        damaged.push((name.to_owned(), problem.is_unsupported()));
    });
    assert_eq!(numbers(&plans.unwrap().plans), [2, 1]);
    damaged.sort_by_key(|(_, unsupported)| *unsupported);
    assert_eq!(damaged, [(of_later, false), (of_next, true)]);
}

#[test]
fn the_grace_of_a_plan_is_held_within_bounds() {
    let (_, repository) = repository();
    for (says, means) in [
        (Duration::ZERO, DAY),
        (3 * DAY, 3 * DAY),
        (900 * DAY, 30 * DAY),
    ] {
        let stored = store_plan(&repository, plan(1, says)).unwrap();
        assert_eq!(stored.grace(), means);
        assert_eq!(stored.ripe_at(), stored.modified.plus(means));
    }
    let mut endless = plan(1, DAY);
    endless.grace_seconds = u64::MAX;
    assert_eq!(store_plan(&repository, endless).unwrap().grace(), 30 * DAY);
}

#[test]
fn a_plan_lapses() {
    let (store, repository) = repository();
    let short = store_plan(&repository, plan(1, DAY)).unwrap();
    store_plan(&repository, plan(2, 900 * DAY)).unwrap();
    let after = |days: u32| visited(&repository, short.modified.plus(days * DAY));
    assert_eq!(after(30), [1, 2]);
    assert_eq!(after(31), [2]);
    assert_eq!(after(61), [0; 0]);
    // To put it again does not prolong it.
    let name = name::of(Kind::Plan, &short.id);
    assert!(store.set_modified(&name, short.modified.plus(30 * DAY)));
    assert_eq!(after(31), [2]);
}

#[test]
fn a_plan_that_does_not_name_what_was_listed_long_before_it_is_false() {
    let (_, repository) = repository();
    let mut named = plan(1, DAY);
    named.snapshots = vec![ObjectId::new([7; 32])].into();
    let stored = store_plan(&repository, named).unwrap();
    let at =
        |number, before: Duration| (ObjectId::new([number; 32]), stored.modified.minus(before));
    let minutes = Duration::from_secs(50 * 60);
    assert!(!stored.omits_a_snapshot(&[at(7, 9 * DAY), at(8, minutes), at(9, Duration::ZERO)]));
    assert!(stored.omits_a_snapshot(&[at(7, 9 * DAY), at(8, DAY)]));
}

#[test]
fn a_plan_of_a_host_with_a_wrong_clock_is_not_stored() {
    let (store, repository) = repository();
    for created in [Timestamp::default(), SystemClock.now().plus(2 * DAY)] {
        let plan = Plan {
            created,
            ..plan(1, DAY)
        };
        let refused = store_plan(&repository, plan);
        assert!(matches!(refused, Err(RepositoryError::SeenLongAgo)));
    }
    assert!(!store.names().iter().any(|name| name.starts_with("plans/")));
}

/// The newest 64 plans were all that a prune looked at. Whoever could put 64 of them had hidden the
/// pruner's own, which was never carried out again; and of a flood that had lapsed 64 went a night.
#[test]
fn a_flood_of_plans_is_bounded_in_memory_and_hides_none_from_those_it_concerns() {
    let (store, repository) = repository();
    let mut ids = Vec::new();
    for number in 0..100 {
        let stored = store_plan(&repository, plan(number, DAY)).unwrap();
        let time = Timestamp::from_seconds(i64::from(number));
        store.set_modified(&name::of(Kind::Plan, &stored.id), time);
        ids.push(stored.id);
    }
    let soon = Timestamp::from_seconds(1);
    let own = ids[3];
    let load = |now| load_plans(&repository, now, &|id| *id == own, &mut |_, _| {}).unwrap();
    let loaded = load(soon);
    let expected: Vec<_> = [3].into_iter().chain(36..100).collect();
    assert_eq!(numbers(&loaded.plans), expected);
    assert_eq!(loaded.of_long_ago, []);
    assert_eq!(visited(&repository, soon), (0..100).collect::<Vec<_>>());
    let loaded = load(soon.plus(90 * DAY));
    assert_eq!((loaded.plans.len(), loaded.of_long_ago.len()), (0, 100));
}
