//! Snapshot objects that nobody can read, put where anybody can put: a copy that lacks them lacks
//! nothing.

use super::replicas_tests::World;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::progress::Silent;
use crate::seams::Threads;
use crate::store::Store;

/// One junk object under `snapshots/` of one copy, and all others took part in no backup any more,
/// since they lacked it.
#[test]
fn junk_at_one_copy_keeps_no_other_from_taking_part() {
    let world = World::with(3, Threads::SINGLE);
    let junk = name::of(Kind::Snapshot, &ObjectId::of(b"junk"));
    world.copies[1].memory.put(&junk, "junk".into()).unwrap();
    let report = world.back_up_telling(&Silent).unwrap();
    for replica in &report.replicas {
        assert!(
            replica.has_snapshot && replica.behind.is_none(),
            "{replica:?}"
        );
    }
    assert!(report.levelling.is_empty());
}
