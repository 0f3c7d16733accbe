//! The two phases, one night at a time.

use super::*;
use crate::ops::PruneError;

/// Two snapshots, of which the first is forgotten: what only it held is dead.
fn one_forgotten() -> World {
    let world = World::new();
    world.write("old.jpg", &noise(1, 1_500_000));
    world.write("kept.jpg", &noise(2, 1_500_000));
    let first = world.back_up();
    world.pass(DAY);
    world.remove("old.jpg");
    world.write("new.jpg", &noise(3, 700_000));
    world.back_up();
    world.pass(DAY);
    world.forget(&[first]);
    world
}

#[test]
fn what_nothing_needs_is_marked_and_deleted_only_when_the_grace_is_over() {
    let world = one_forgotten();
    let before = world.pack_bytes();
    // The dead and the living share packs: the writer key alone frees what is wholly dead.
    let marked = world.prune();
    assert!(marked.marked.packs > 0, "{marked:?}");
    assert_eq!(marked.swept, Sum::default());
    assert_eq!(marked.waiting.bytes, marked.marked.bytes);
    assert_eq!(
        world.names("plans/").len(),
        2 - usize::from(marked.rewritten.packs == 0)
    );
    let plans = world.names("plans/");

    world.pass(71 * HOUR);
    let waiting = world.prune();
    assert_eq!((waiting.swept, waiting.marked), Default::default());
    assert_eq!(waiting.waiting, marked.waiting);
    assert_eq!(waiting.free_after, marked.free_after);
    assert_eq!(world.names("plans/"), plans);

    world.pass(HOUR + HOUR / 60);
    let swept = world.prune();
    assert_eq!(swept.swept.bytes, marked.marked.bytes, "{swept:?}");
    assert_eq!(swept.waiting, Sum::default());
    assert_eq!(swept.free_after, None);
    assert!(world.names("plans/").is_empty());
    assert_eq!(
        world.pack_bytes(),
        before + marked.rewritten_into_bytes - swept.swept.bytes
    );
    world.restore_all();

    // The index of the host that pruned, and one of another, are both level.
    world.write("after.jpg", &noise(4, 100_000));
    world.back_up();
    world.restore_all();
    let again = world.prune();
    assert_eq!((again.swept, again.marked), Default::default());
}

#[test]
fn a_dry_run_changes_nothing_and_foretells_the_rest() {
    let world = one_forgotten();
    let dry = PruneOptions {
        dry_run: true,
        ..PruneOptions::default()
    };
    let names = world.memory.names();
    let foretold = world.try_prune(&world.writer(), &dry).unwrap();
    assert_eq!(world.memory.names(), names);
    let marked = world.prune_as_writer();
    assert_eq!(foretold.marked, marked.marked);
    assert_eq!(foretold.rewritable, marked.rewritable);

    world.pass(73 * HOUR);
    let names = world.memory.names();
    let foretold = world.try_prune(&world.writer(), &dry).unwrap();
    assert_eq!(world.memory.names(), names);
    let swept = world.prune_as_writer();
    assert_eq!(foretold.swept, swept.swept);
    world.restore_all();
}

#[test]
fn what_a_later_snapshot_needs_again_is_pardoned() {
    let world = World::new();
    let old = noise(1, 2_500_000);
    world.write("old.jpg", &old);
    let first = world.back_up();
    world.remove("old.jpg");
    world.write("new.jpg", &noise(2, 900_000));
    world.pass(DAY);
    world.back_up();
    world.forget(&[first]);
    // A writer that looked before the plan refers to what it condemns.
    let index = Index::in_memory().unwrap();
    world.write("old.jpg", &old);
    let plans_before = world.names("plans/");
    assert!(plans_before.is_empty());
    let marked = world.prune_as_writer();
    assert!(marked.marked.packs >= 2, "{marked:?}");
    let plan = world.names("plans/").remove(0);
    let hidden = world.memory.peek(&plan).unwrap();
    let modified = world.store.head(&plan).unwrap().modified;
    assert!(world.memory.lose(&plan));
    let packs = world.names("packs/").len();
    world.try_back_up(&index).unwrap();
    assert_eq!(world.names("packs/").len(), packs, "nothing is sent again");
    world.store.put(&plan, hidden).unwrap();
    assert!(world.memory.set_modified(&plan, modified));

    world.pass(73 * HOUR);
    let swept = world.prune_as_writer();
    assert!(swept.pardoned.packs >= 2, "{swept:?}");
    world.restore_all();
}

#[test]
fn a_running_backup_is_left_alone_and_an_abandoned_one_goes_after_a_month() {
    let world = World::new();
    world.write("a.jpg", &noise(1, 500_000));
    world.back_up();
    // The second run dies before its snapshot: packs and a segment are there.
    world.write("b.jpg", &noise(2, 2_000_000));
    let lost = world.try_back_up(&Index::in_memory().unwrap()).unwrap();
    world.expected.lock().unwrap().remove(&lost);
    assert!(world.memory.lose(&name::of(Kind::Snapshot, &lost)));
    world.remove("b.jpg");
    let packs = world.names("packs/").len();
    for _ in 0..5 {
        world.pass(6 * DAY - HOUR);
        assert_eq!(world.prune().marked, Sum::default());
    }
    world.pass(DAY);
    let marked = world.prune();
    assert!(marked.marked.bytes > 2_000_000, "{marked:?}");
    world.pass(73 * HOUR);
    world.prune();
    assert!(world.names("packs/").len() < packs);
    world.restore_all();
}

#[test]
fn a_snapshot_that_claims_a_running_session_condemns_none_of_it() {
    let world = World::new();
    world.write("a.jpg", &noise(1, 500_000));
    world.back_up();
    world.write("b.jpg", &noise(2, 2_000_000));
    let lost = world.try_back_up(&Index::in_memory().unwrap()).unwrap();
    let session = {
        let opened = world.look();
        let found = opened.snapshots.iter().find(|one| one.id == lost);
        found.unwrap().record.session
    };
    assert!(world.memory.lose(&name::of(Kind::Snapshot, &lost)));
    world.expected.lock().unwrap().remove(&lost);
    let forget = Forget {
        host: "liar".to_owned(),
        created: world.clock.now(),
        snapshots: vec![lost].into(),
        reason: String::new(),
        sessions: vec![session].into(),
    };
    let stored = store_forget(&world.repository, forget).unwrap();
    // The session goes on after the record that calls it closed.
    let later = stored.modified.plus(HOUR);
    for name in world.names("index/") {
        let is_its = world.store.head(&name).unwrap().modified > stored.modified.minus(HOUR);
        assert!(is_its && world.memory.set_modified(&name, later));
    }
    world.pass(2 * HOUR);
    assert_eq!(world.prune().marked, Sum::default());
}

#[test]
fn plans_of_others_and_plans_put_again_are_never_carried_out() {
    let world = one_forgotten();
    let marked = world.prune_as_writer();
    let trust = Trust::in_memory().unwrap();
    let index = Index::in_memory().unwrap();
    world.pass(80 * HOUR);
    let options = PruneOptions::default();
    // Another host, which made no plan: it marks for itself and deletes nothing.
    let other = prune(&world.writer(), &index, &trust, &options, &Silent).unwrap();
    assert_eq!(other.swept, Sum::default());
    assert_eq!(other.marked, marked.marked);

    // Somebody puts the plan of this host again: since when it stands nobody knows.
    for plan in world.names("plans/") {
        let body = world.memory.peek(&plan).unwrap();
        world.store.put(&plan, body).unwrap();
    }
    let void = world.prune_as_writer();
    assert_eq!(void.swept, Sum::default());
    assert_eq!(void.waiting, marked.marked, "{void:?}");
    world.pass(73 * HOUR);
    assert_eq!(world.prune_as_writer().swept, marked.marked);
    world.restore_all();
}

#[test]
fn when_the_clocks_disagree_the_wait_begins_anew() {
    let world = one_forgotten();
    let marked = world.prune_as_writer();
    // The store's clock jumps: its plan looks four days old, and here an hour went by.
    for name in world.names("") {
        let modified = world.store.head(&name).unwrap().modified;
        world.memory.set_modified(&name, modified.minus(4 * DAY));
    }
    world.pass(HOUR);
    let plan = world.names("plans/").remove(0);
    let id = plan.rsplit('/').next().unwrap().parse().unwrap();
    let modified = world.store.head(&plan).unwrap().modified;
    let noted = world.trust.noted_plans().unwrap()[&id].noted;
    let moved = crate::index::NotedPlan { modified, noted };
    world.trust.note_plan(&id, moved).unwrap();
    let report = world.prune_as_writer();
    assert_eq!(report.swept, Sum::default());
    assert_eq!(report.waiting, marked.waiting);
    assert_ne!(world.names("plans/"), [plan]);
    world.pass(73 * HOUR);
    assert_eq!(world.prune_as_writer().swept, marked.marked);
    world.restore_all();
}

#[test]
fn less_than_a_day_of_grace_is_refused_where_others_can_write() {
    let world = one_forgotten();
    let short = PruneOptions {
        grace: 23 * HOUR,
        ..PruneOptions::default()
    };
    let refused = world.try_prune(&world.repository, &short).unwrap_err();
    assert!(matches!(
        refused,
        OpsError::Prune(PruneError::GraceTooShort)
    ));
    let exclusive = PruneOptions {
        exclusive: true,
        ..short
    };
    let refused = world.try_prune(&world.repository, &exclusive).unwrap_err();
    assert!(matches!(refused, OpsError::Prune(PruneError::NoLock)));
    assert!(world.names("plans/").is_empty());
}

#[test]
fn young_packs_stay_where_their_storage_is_paid_for() {
    let world = one_forgotten();
    let options = PruneOptions {
        minimum_storage: 90 * DAY,
        ..PruneOptions::default()
    };
    let prune = || world.try_prune(&world.writer(), &options).unwrap();
    let young = prune();
    assert_eq!(young.marked, Sum::default());
    assert!(young.paid_for.packs > 0, "{young:?}");
    world.pass(84 * DAY);
    assert_eq!(prune().marked, Sum::default());
    world.pass(2 * DAY);
    assert_eq!(prune().marked, young.paid_for);
    world.pass(73 * HOUR);
    assert_eq!(prune().swept, young.paid_for);
    world.restore_all();
}
