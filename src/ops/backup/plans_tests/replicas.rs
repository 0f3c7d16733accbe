//! Two copies made by one run, while somebody prunes at one of them, or at both.

use std::sync::Arc;

use super::ALL;
use super::world::{HOUR, Hooked, World, world};
use crate::format::Kind;
use crate::index::Index;
use crate::ops::backup::tests::options;
use crate::ops::{BackupReport, Destination, Levelling, OpsError, backup_to_all};
use crate::repository::open;
use crate::store::Store;
use crate::store::memory::Memory;

/// One library and its two copies: a disk, which comes first, and a NAS.
struct Pair([World; 2]);

fn pair() -> Pair {
    let disk = world();
    let memory = Arc::new(Memory::new(disk.hands.clone()));
    for name in disk.memory.names() {
        memory.put(&name, disk.memory.peek(&name).unwrap()).unwrap();
    }
    let store = Arc::new(Hooked::new(memory.clone()));
    let of_disk = &disk.repository;
    let (writer, reader) = (of_disk.writer.clone(), of_disk.reader.clone());
    let nas = World {
        repository: open(store.clone(), of_disk.seams.clone(), writer, reader).unwrap(),
        index: Arc::new(Index::in_memory().unwrap()),
        memory,
        store,
        ..disk.clone()
    };
    Pair([disk, nas])
}

impl Pair {
    fn try_back_up(&self) -> Result<BackupReport, OpsError> {
        let named = self.0.iter().zip(["disk", "nas"]);
        let named = named.map(|(copy, name)| Destination {
            name,
            repository: &copy.repository,
            index: &copy.index,
            near: true,
        });
        let [first, _] = &self.0;
        let options = options(vec![first.photos.path().to_path_buf()]);
        backup_to_all(&named.collect::<Vec<_>>(), &options, first.told.as_ref())
    }

    /// A night on which both copies get the snapshot; gives the bytes that had to be sent.
    #[track_caller]
    fn back_up(&self) -> u64 {
        let report = self.try_back_up().unwrap();
        for one in &report.replicas {
            assert!(one.has_snapshot && one.behind.is_none(), "{one:?}");
        }
        report.statistics.bytes_added
    }

    fn forget_all(&self) {
        self.0.iter().for_each(World::forget_all);
    }

    fn has_told(&self, part: &str) -> bool {
        self.0[0].told.has(part)
    }
}

#[test]
fn what_a_plan_condemns_at_one_is_stored_again_there_and_the_other_loses_nothing() {
    for condemning in [0, 1] {
        let pair = pair();
        let (one, other) = (&pair.0[condemning], &pair.0[1 - condemning]);
        assert_eq!(pair.back_up(), ALL);
        assert_eq!(pair.back_up(), 0);
        pair.forget_all();
        let condemned = one.condemn_all(Vec::new());
        assert_eq!(pair.back_up(), ALL);
        one.lose(&condemned);
        one.assert_whole();
        let kept = other.ids(Kind::DataPack);
        assert!(condemned.iter().all(|pack| kept.contains(pack)));
        other.assert_whole();
        assert_eq!(pair.back_up(), 0, "what was stored again is in no plan");
    }
}

#[test]
fn one_that_a_prune_overtook_leaves_and_the_other_has_the_snapshot() {
    for overtaken in [0, 1] {
        let pair = pair();
        pair.back_up();
        pair.forget_all();
        let inside = pair.0[overtaken].clone();
        // The second time that its store is asked for its time is before its commit.
        pair.0[overtaken].store.before("now", 2, move || {
            inside.condemn_all(Vec::new());
            inside.hands.advance(17 * HOUR);
        });
        let report = pair.try_back_up().unwrap();
        assert!(!pair.has_told("begins again"));
        assert_eq!(report.statistics.bytes_added, 0, "nobody sends it again");
        let (left, stayed) = (&report.replicas[overtaken], &report.replicas[1 - overtaken]);
        let why = left.behind.as_ref().unwrap();
        assert!(!left.has_snapshot && why.contains("a prune"), "{why}");
        assert!(stayed.has_snapshot && stayed.behind.is_none());
        // Nothing is wrong with it: it can be brought level at once.
        let step = Levelling {
            from: 1 - overtaken,
            to: overtaken,
        };
        assert_eq!(report.levelling, [step]);
        assert!(pair.0[overtaken].ids(Kind::Snapshot).is_empty());
        pair.0[1 - overtaken].assert_whole();
    }
}

#[test]
fn when_all_were_overtaken_the_backup_begins_again() {
    let pair = pair();
    pair.back_up();
    pair.forget_all();
    let inside = pair.0.clone();
    let before = inside.each_ref().map(|copy| copy.ids(Kind::DataPack));
    pair.0[0].store.before("now", 2, move || {
        inside.iter().for_each(|copy| {
            copy.condemn_all(Vec::new());
        });
        inside[0].hands.advance(17 * HOUR);
    });
    assert_eq!(pair.back_up(), ALL);
    assert!(pair.has_told("begins again"));
    for (copy, before) in pair.0.iter().zip(before) {
        copy.lose(&before);
        copy.assert_whole();
    }
}

/// The disk was overtaken and left, and then the NAS has no good snapshot either.
#[test]
fn one_that_was_overtaken_is_there_to_begin_again_with_when_the_other_fails() {
    let pair = pair();
    pair.back_up();
    pair.forget_all();
    let [disk, nas] = pair.0.clone();
    pair.0[0].store.before("now", 2, move || {
        disk.condemn_all(Vec::new());
        disk.hands.advance(17 * HOUR);
    });
    pair.0[1].store.before("put snapshots/", 1, move || {
        nas.hands.advance_unseen(80 * HOUR);
        nas.lose(&nas.ids(Kind::DataPack));
    });
    let report = pair.try_back_up().unwrap();
    assert!(pair.has_told("begins again"));
    assert_eq!(report.statistics.bytes_added, ALL);
    assert!(report.replicas[1].has_snapshot);
    pair.0[1].assert_whole();
    // It lacks the snapshot that came late.
    assert_eq!(report.levelling, [Levelling { from: 1, to: 0 }]);
}

#[test]
fn one_whose_snapshot_came_late_and_incomplete_is_behind_until_the_next_run() {
    for late in [0, 1] {
        let pair = pair();
        pair.back_up();
        pair.forget_all();
        let inside = pair.0[late].clone();
        pair.0[late].store.before("put snapshots/", 1, move || {
            inside.hands.advance_unseen(80 * HOUR);
            inside.lose(&inside.ids(Kind::DataPack));
        });
        let report = pair.try_back_up().unwrap();
        let why = report.replicas[late].behind.as_ref().unwrap();
        assert!(why.contains("saved so late"), "{why}");
        assert!(report.replicas[1 - late].behind.is_none());
        // Its list shows the snapshot: whoever compares lists would call it level.
        assert_eq!(report.levelling, []);
        pair.0[1 - late].assert_whole();
        assert_eq!(pair.back_up(), ALL, "the next run mends it");
        pair.0.iter().for_each(World::assert_whole);
    }
}

#[test]
fn a_false_plan_at_one_is_passed_over_by_what_that_one_holds() {
    for lying in [0, 1] {
        let pair = pair();
        pair.back_up();
        let one = &pair.0[lying];
        one.condemn_all(one.ids(Kind::Snapshot));
        one.hands.advance(17 * HOUR);
        assert_eq!(pair.back_up(), 0);
        let name = ["disk", "nas"][lying];
        assert!(pair.has_told(&format!("{name}: plans/")));
        assert!(pair.has_told("no prune made it"));
    }
}

#[test]
fn each_is_held_and_its_plans_are_looked_at_before_anything_else_is_listed() {
    let pair = pair();
    let calls_of = |copy: &World| std::mem::take(&mut *copy.store.calls.lock().unwrap());
    pair.0.iter().map(calls_of).for_each(drop);
    pair.back_up();
    for copy in &pair.0 {
        let calls = calls_of(copy);
        let first = ["now ", "hold ", "list plans/", "list snapshots/"];
        assert_eq!(calls[..4], first);
        let looks = calls.iter().filter(|call| *call == "list plans/");
        assert_eq!(looks.count(), 2, "and once before the commit");
    }
}
