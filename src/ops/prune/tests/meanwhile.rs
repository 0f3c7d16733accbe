//! What happens while a prune is at it: the machine sleeps, the plan goes, a snapshot comes.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::progress::Progress;

const MINUTE: Duration = Duration::from_secs(60);

/// Lets something happen when a sweep begins to delete, or before it looks at each pack.
struct Meanwhile<'w> {
    at_start: &'w (dyn Fn() + Send + Sync),
    at_each: &'w (dyn Fn() + Send + Sync),
    is_sweeping: AtomicBool,
}

impl Progress for Meanwhile<'_> {
    fn stage(&self, name: &str, _bytes_total: Option<u64>) {
        let is_sweeping = name == "Deleting what is not needed";
        self.is_sweeping.store(is_sweeping, Ordering::Relaxed);
        if is_sweeping {
            (self.at_start)();
        }
    }
    fn item(&self, _path: &[u8]) {
        if self.is_sweeping.load(Ordering::Relaxed) {
            (self.at_each)();
        }
    }
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn notice(&self, _text: &str) {}
    fn finish(&self) {}
}

fn prune_while(
    world: &World,
    at_start: &(dyn Fn() + Send + Sync),
    at_each: &(dyn Fn() + Send + Sync),
) -> PruneReport {
    let progress = Meanwhile {
        at_start,
        at_each,
        is_sweeping: AtomicBool::new(false),
    };
    let options = PruneOptions::default();
    prune(
        &world.writer(),
        &world.index,
        &world.trust,
        &options,
        &progress,
    )
    .unwrap()
}

/// Packs that nothing needs are condemned, and their grace is over.
fn due() -> (World, Sum) {
    let world = World::new();
    world.write("old.jpg", &noise(1, 1_500_000));
    let first = world.back_up();
    world.pass(DAY);
    world.remove("old.jpg");
    world.write("new.jpg", &noise(3, 700_000));
    world.back_up();
    world.forget(&[first]);
    let marked = world.prune_as_writer().marked;
    assert!(marked.packs > 0);
    world.pass(73 * HOUR);
    (world, marked)
}

#[test]
fn a_machine_that_sleeps_before_it_deletes_looks_again_another_night() {
    let (world, marked) = due();
    let plans = world.names("plans/");
    let slept = prune_while(&world, &|| {}, &|| world.pass(16 * MINUTE));
    assert_eq!(slept.swept, Sum::default());
    assert_eq!(world.names("plans/"), plans, "it is not done");
    assert_eq!(world.prune_as_writer().swept, marked);
    world.restore_all();
}

#[test]
fn what_was_seen_ten_minutes_ago_is_looked_at_once_more_and_then_goes() {
    let (world, marked) = due();
    let report = prune_while(&world, &|| world.pass(11 * MINUTE), &|| {});
    assert_eq!(report.swept, marked);
    world.restore_all();
}

#[test]
fn a_plan_that_went_was_put_again_or_lapsed_meanwhile_is_carried_out_no_further() {
    let gone = |world: &World| {
        let plan = world.names("plans/").remove(0);
        assert!(world.memory.lose(&plan));
    };
    let put_again = |world: &World| {
        let plan = world.names("plans/").remove(0);
        let body = world.memory.peek(&plan).unwrap();
        world.store.put(&plan, body).unwrap();
    };
    let lapsed = |world: &World| world.pass(29 * DAY);
    let changes: [&(dyn Fn(&World) + Send + Sync); 3] = [&gone, &put_again, &lapsed];
    for change in changes {
        let (world, _) = due();
        let happens = || {
            world.pass(11 * MINUTE);
            change(&world);
        };
        let report = prune_while(&world, &happens, &|| {});
        assert_eq!(report.swept, Sum::default());
        world.restore_all();
    }
}

#[test]
fn a_snapshot_that_comes_meanwhile_keeps_what_it_needs() {
    let (world, _) = due();
    // A writer that saw no plan refers to what is condemned, and commits while the sweep runs.
    let hidden: Vec<_> = world
        .names("plans/")
        .into_iter()
        .map(|plan| {
            let body = world.memory.peek(&plan).unwrap();
            let modified = world.store.head(&plan).unwrap().modified;
            assert!(world.memory.lose(&plan));
            (plan, body, modified)
        })
        .collect();
    world.write("old.jpg", &noise(1, 1_500_000));
    let packs = world.names("packs/");
    let late = world.try_back_up(&Index::in_memory().unwrap()).unwrap();
    assert_eq!(world.names("packs/"), packs, "nothing is sent again");
    for (plan, body, modified) in hidden {
        world.store.put(&plan, body).unwrap();
        assert!(world.memory.set_modified(&plan, modified));
    }
    let name = name::of(Kind::Snapshot, &late);
    let record = world.memory.peek(&name).unwrap();
    assert!(world.memory.lose(&name));
    let happens = || {
        world.pass(11 * MINUTE);
        world.store.put(&name, record.clone()).unwrap();
    };
    let report = prune_while(&world, &happens, &|| {});
    assert!(report.pardoned.packs > 0, "{report:?}");
    world.restore_all();
}

/// Seventeen small segments that one replaces, condemned, and due.
fn replaced() -> World {
    let world = World::new();
    for night in 0..17 {
        world.write(&format!("{night}.jpg"), &noise(night, 20_000));
        world.back_up();
        world.pass(HOUR);
    }
    assert_eq!(world.names("index/").len(), 17);
    world.pass(31 * DAY);
    assert_eq!(world.prune_as_writer().segments_written, 1);
    assert_eq!(world.names("index/").len(), 18);
    world.prune_as_writer();
    assert_eq!(world.names("index/").len(), 18, "they are condemned first");
    world.pass(73 * HOUR);
    world
}

#[test]
fn small_segments_are_put_together_and_go_after_their_grace() {
    let world = replaced();
    let dry = PruneOptions {
        dry_run: true,
        ..PruneOptions::default()
    };
    let foretold = world.try_prune(&world.writer(), &dry).unwrap();
    assert_eq!(foretold.segments_deleted, 17);
    assert_eq!(world.names("index/").len(), 18);
    assert_eq!(world.prune_as_writer().segments_deleted, 17);
    assert_eq!(world.names("index/").len(), 1);
    world.restore_all();
}

#[test]
fn a_segment_stays_while_nothing_else_says_what_it_says() {
    let world = replaced();
    let modified = |name: &String| world.store.head(name).unwrap().modified;
    let newest = world.names("index/").into_iter().max_by_key(modified);
    assert!(world.memory.lose(&newest.unwrap()));
    assert_eq!(world.prune_as_writer().segments_deleted, 0);
    assert!(world.names("index/").len() >= 17);
    world.restore_all();
}
