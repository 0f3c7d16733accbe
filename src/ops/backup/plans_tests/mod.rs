//! A backup while somebody prunes, or pretends to.

mod replicas;
mod world;

use std::sync::Arc;
use std::time::Duration;

use crate::crypto::session_id;
use crate::format::header::Header;
use crate::format::{Kind, name};
use crate::index::Index;
use crate::ops::backup;
use crate::ops::backup::tests::options;
use crate::seams::Threads;
use crate::source::database::DatabaseSource;
use world::{HOUR, World, world};

/// What three photos come to.
const ALL: u64 = 2_700_000;

#[test]
fn what_a_plan_condemns_is_stored_again_and_then_can_go() {
    let world = world();
    assert_eq!(world.back_up(), ALL);
    world.forget_all();
    let condemned = world.condemn_all(Vec::new());
    assert_eq!(world.back_up(), ALL);
    world.lose(&condemned);
    world.assert_whole();
}

#[test]
fn a_plan_that_lapsed_condemns_nothing() {
    let world = world();
    world.back_up();
    world.forget_all();
    world.condemn_all(Vec::new());
    world.hands.advance(31 * 24 * HOUR);
    assert_eq!(world.back_up(), 0);
}

#[test]
fn a_plan_that_condemns_what_it_must_have_known_is_passed_over() {
    let world = world();
    world.back_up();
    for _day in 0..3 {
        world.condemn_all(world.ids(Kind::Snapshot));
        world.hands.advance(17 * HOUR);
        assert_eq!(world.back_up(), 0);
        assert!(world.told.has("no prune made it"));
        world.hands.advance(7 * HOUR);
    }
}

#[test]
fn a_plan_that_does_not_name_the_snapshots_of_last_week_is_passed_over() {
    let world = world();
    world.back_up();
    world.hands.advance(26 * HOUR);
    world.condemn_all(Vec::new());
    // A host that does not know what its files held has nothing to hold against it.
    let elsewhere = World {
        index: Arc::new(Index::in_memory().unwrap()),
        ..world.clone()
    };
    assert_eq!(elsewhere.back_up(), 0);
}

#[test]
fn references_that_a_plan_finds_made_stand_for_two_thirds_of_its_grace() {
    for (hours, sent) in [(15, 0), (17, ALL)] {
        let world = world();
        world.back_up();
        world.forget_all();
        let inside = world.clone();
        // The second time that the store is asked for its time is before the commit.
        world.store.before("now", 2, move || {
            inside.condemn_all(Vec::new());
            inside.hands.advance(hours * HOUR);
        });
        let before = world.ids(Kind::DataPack);
        assert_eq!(world.back_up(), sent, "{hours}");
        assert_eq!(world.told.has("begins again"), sent > 0);
        if sent > 0 {
            world.lose(&before);
        }
        world.assert_whole();
    }
}

#[test]
fn a_plan_that_is_put_again_gives_no_more_time() {
    let world = world();
    world.back_up();
    world.forget_all();
    let inside = world.clone();
    world.store.before("now", 2, move || {
        inside.condemn_all(Vec::new());
        inside.hands.advance(17 * HOUR);
        let plan = name::of(Kind::Plan, &inside.ids(Kind::Plan)[0]);
        assert!(inside.memory.set_modified(&plan, inside.now()));
    });
    assert_eq!(world.back_up(), ALL);
}

#[test]
fn packs_that_went_while_the_backup_slept_are_sent_again() {
    // The second: the machine does not know that it slept.
    for unseen in [false, true] {
        let world = world();
        world.back_up();
        world.forget_all();
        let inside = world.clone();
        world.store.before("now", 2, move || {
            match unseen {
                true => inside.hands.advance_unseen(80 * HOUR),
                false => inside.hands.advance(80 * HOUR),
            }
            // Marked, swept, and the plan is gone again.
            inside.lose(&inside.ids(Kind::DataPack));
        });
        assert_eq!(world.back_up(), ALL);
        world.assert_whole();
    }
}

#[test]
fn a_backup_of_days_is_not_stopped_by_a_plan_that_names_its_own_packs() {
    for closed in [false, true] {
        let world = world();
        let inside = world.clone();
        world.store.before("now", 2, move || {
            if closed {
                inside.close(inside.sessions());
            }
            inside.condemn_all(Vec::new());
            inside.hands.advance(17 * HOUR);
        });
        assert_eq!(world.back_up(), ALL);
        // A pruner may have believed the record: then the packs are no longer sure.
        assert_eq!(world.told.has("begins again"), closed);
        world.assert_whole();
    }
}

#[test]
fn a_snapshot_that_arrives_late_and_incomplete_is_mended_by_the_same_run() {
    for lost in [false, true] {
        let world = world();
        world.back_up();
        world.forget_all();
        let inside = world.clone();
        world.store.before("put snapshots/", 1, move || {
            inside.hands.advance_unseen(80 * HOUR);
            if lost {
                inside.lose(&inside.ids(Kind::DataPack));
            }
        });
        assert_eq!(world.back_up(), if lost { ALL } else { 0 });
        assert_eq!(world.told.has("begins again"), lost);
        // The one that came late is whole as well, since the same chunks were sent again.
        assert_eq!(world.ids(Kind::Snapshot).len(), 1 + usize::from(lost));
        world.assert_whole();
    }
}

/// A lid that was closed between the looks before the commit: what the first showed is old by then,
/// and a snapshot that rests on it was listed and lacked what a prune had taken.
#[test]
fn a_look_that_took_hours_is_made_again_before_the_commit() {
    let world = world();
    world.back_up();
    world.forget_all();
    let inside = world.clone();
    // The second LIST of plans is the one before the commit.
    world.store.before("list plans/", 2, move || {
        let inside_later = inside.clone();
        inside.store.before("list snapshots/", 1, move || {
            inside_later.hands.advance(80 * HOUR);
            inside_later.lose(&inside_later.ids(Kind::DataPack));
        });
        inside.condemn_all(Vec::new());
    });
    assert_eq!(world.back_up(), ALL);
    assert!(world.told.has("begins again"));
    assert_eq!(
        world.ids(Kind::Snapshot).len(),
        1,
        "none that lacks anything"
    );
    world.assert_whole();
}

#[test]
fn a_long_run_sees_plans_while_it_reads() {
    let world = world();
    world.back_up();
    world.forget_all();
    let inside = world.clone();
    // While the packs are listed: before the first file, after the first look.
    world.store.before("list listings/", 1, move || {
        inside.condemn_all(Vec::new());
        inside.hands.advance(Duration::from_secs(20 * 60));
    });
    assert_eq!(world.back_up(), ALL, "no file rests on what is condemned");
    assert!(!world.told.has("begins again"));
}

/// Plans were looked at with every file only: a dump of hours was read without a look, and what was
/// left of a plan's grace was counted from before it.
#[test]
fn plans_are_looked_at_while_a_dump_is_read_for_hours() {
    let mut world = world();
    world.repository.seams.threads = Threads::of_this_machine();
    let looked = world.photos.path().join("looked");
    let inside = world.clone();
    // The last LIST before the dump is read, and the first of plans after it.
    world.store.before("list listings/", 1, move || {
        inside.hands.advance(Duration::from_secs(20 * 60));
    });
    let goes_on = looked.clone();
    world.store.before("list plans/", 2, move || {
        std::fs::write(goes_on, "").unwrap();
    });
    let mut options = options(vec![world.photos.path().to_path_buf()]);
    let looked = looked.display();
    // Gives up after a minute.
    let waits =
        format!("n=0; until [ -e {looked} ] || [ $n = 600 ]; do sleep 0.1; n=$((n+1)); done");
    let dump =
        "--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
    let command = format!(
        "{waits}; [ -e {looked} ] && printf '%b' '{}'",
        dump.escape_debug()
    );
    options.source.database = Some(DatabaseSource::Command(command));
    let backed_up = backup(
        &world.repository,
        &world.index,
        &options,
        world.told.as_ref(),
    );
    assert!(backed_up.unwrap().database.is_some());
}

#[test]
fn plans_that_cannot_be_read_hold_up_nothing() {
    let world = world();
    world.back_up();
    world.condemn_all(Vec::new());
    let plan = name::of(Kind::Plan, &world.ids(Kind::Plan)[0]);
    assert!(world.memory.tamper(&plan, |bytes| bytes.truncate(50)));
    assert_eq!(world.back_up(), 0);
    assert!(world.told.has("cannot be used"));
}

impl World {
    fn now(&self) -> crate::seams::Timestamp {
        use crate::seams::Clock;
        self.hands.now()
    }

    fn sessions(&self) -> Vec<crate::id::SessionId> {
        let session = |id| {
            let bytes = self.memory.peek(&name::of(Kind::DataPack, id)).unwrap();
            let header = Header::decode(&bytes, Kind::DataPack, None).unwrap();
            session_id(header.extension())
        };
        self.ids(Kind::DataPack).iter().map(session).collect()
    }
}
