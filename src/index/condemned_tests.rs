//! What plans condemn and acquit, and what a run rests on.

use std::time::Duration;

use super::*;
use crate::index::chunks::tests::{chunk, pack};

const LATE: Duration = Duration::from_secs(100);

fn id(number: u8) -> ObjectId {
    ObjectId::new([number; 32])
}

fn lost(index: &Index, now: Duration) -> Option<ObjectId> {
    index.lost_ground(now, &mut |_| false).unwrap()
}

#[test]
fn what_a_plan_condemns_is_absent_until_the_plan_proves_false() {
    let index = Index::in_memory().unwrap();
    index.add_pack(&pack(1, &[chunk(5)])).unwrap();
    index.condemn(&id(9), &[id(1), id(77)], None).unwrap();
    index.condemn(&id(8), &[id(1)], None).unwrap();
    assert!(!index.is_stored(&chunk(5).id).unwrap());
    assert_eq!(
        index.places(&chunk(5).id).unwrap().len(),
        1,
        "for a restore it is there"
    );
    let mut plans = index.condemning(&chunk(5).id).unwrap();
    plans.sort();
    assert_eq!(plans, [id(8), id(9)]);
    index.acquit(&id(9)).unwrap();
    assert!(!index.is_stored(&chunk(5).id).unwrap());
    index.acquit(&id(8)).unwrap();
    assert!(index.is_stored(&chunk(5).id).unwrap());
    // A second sight of it changes nothing.
    index.condemn(&id(8), &[id(1)], None).unwrap();
    assert!(index.is_stored(&chunk(5).id).unwrap());
    index.condemn(&id(7), &[id(1)], None).unwrap();
    index.begin_watch().unwrap();
    assert!(index.is_stored(&chunk(5).id).unwrap());
}

#[test]
fn a_plan_says_nothing_of_a_chunk_that_lies_elsewhere_too() {
    let index = Index::in_memory().unwrap();
    for number in [1, 2] {
        index.add_pack(&pack(number, &[chunk(5)])).unwrap();
    }
    index.condemn(&id(9), &[id(1)], None).unwrap();
    assert!(index.is_stored(&chunk(5).id).unwrap());
    assert!(index.condemning(&chunk(5).id).unwrap().is_empty());
    index.condemn(&id(8), &[id(2)], None).unwrap();
    assert!(!index.is_stored(&chunk(5).id).unwrap());
    assert!(
        index.condemning(&chunk(5).id).unwrap().is_empty(),
        "neither alone"
    );
}

#[test]
fn what_a_run_rests_on_is_lost_once_it_is_late_or_gone() {
    let index = Index::in_memory().unwrap();
    for number in [1, 2, 3] {
        index.add_pack(&pack(number, &[chunk(number)])).unwrap();
    }
    index.begin_watch().unwrap();
    assert!(index.is_stored(&chunk(1).id).unwrap());
    assert!(!index.are_stored(&[chunk(2).id, chunk(50).id]).unwrap());
    // Of the second nothing is taken, and it may go.
    index.condemn(&id(9), &[id(1), id(2)], Some(LATE)).unwrap();
    assert_eq!(lost(&index, LATE - Duration::from_nanos(1)), None);
    assert_eq!(lost(&index, LATE), Some(id(1)));
    assert_eq!(
        index.lost_ground(LATE, &mut |_| true).unwrap(),
        None,
        "spared"
    );

    index.add_pack(&pack(4, &[chunk(1)])).unwrap();
    assert_eq!(lost(&index, LATE), None, "the chunk lies elsewhere by now");

    assert!(index.is_stored(&chunk(3).id).unwrap());
    let list = |see: &mut dyn FnMut(ObjectId, u64)| {
        see(id(4), 100);
        Ok::<(), crate::index::IndexError>(())
    };
    index.reconcile_packs(false, |see| list(see)).unwrap();
    assert_eq!(lost(&index, Duration::ZERO), Some(id(3)), "it is gone");
}
