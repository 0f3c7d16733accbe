//! Whichever call fails, and wherever a prune dies, everything restores and the next one goes on.

use super::*;
use crate::store::ErrorKind;
use crate::store::faulty::Fault;

/// A repository with work for each phase: something due, something to rewrite, something to mark.
fn busy() -> World {
    let world = World::new();
    let first = {
        for number in 0..12 {
            world.write(&format!("{number}.jpg"), &noise(number, 150_000));
        }
        world.back_up()
    };
    world.pass(DAY);
    for number in 0..9 {
        world.remove(&format!("{number}.jpg"));
    }
    world.write("b.jpg", &noise(100, 1_200_000));
    let second = world.back_up();
    world.forget(&[first]);
    world.prune();
    world.pass(73 * HOUR);
    world.remove("b.jpg");
    world.write("c.jpg", &noise(200, 200_000));
    world.back_up();
    world.forget(&[second]);
    world
}

#[test]
fn the_nth_call_fails_and_nothing_is_lost() {
    for fault in [
        Fault::Before(ErrorKind::Transient),
        Fault::After(ErrorKind::Transient),
    ] {
        let mut number = 1;
        loop {
            let world = busy();
            world.store.fail_call(number, fault);
            let calls = world.store.calls();
            let pruned = world.try_prune(&world.repository, &PruneOptions::default());
            let was_reached = world.store.calls() - calls >= number;
            world.store.heal();
            if number % 5 == 0 || pruned.is_ok() {
                world.restore_all();
            } else {
                world.verify();
            }
            // It dies there; the next ones finish.
            world.prune();
            world.pass(73 * HOUR);
            world.prune();
            world.pass(73 * HOUR);
            let last = world.prune();
            assert_eq!(last.waiting.packs, 0, "call {number}: {last:?}");
            if number % 5 == 0 {
                world.restore_all();
            }
            let left = world.pack_bytes();
            assert!(left < 1_100_000, "call {number}: {left}");
            if !was_reached {
                assert!(pruned.is_ok() && number > 20);
                break;
            }
            // Each third, from another beginning for each kind of failure.
            number += 3;
        }
    }
}

#[test]
fn a_host_that_lost_its_state_marks_anew_and_waits_anew() {
    let world = busy();
    let expected = world.prune();
    assert!(expected.swept.packs > 0);
    let (index, trust) = (Index::in_memory().unwrap(), Trust::in_memory().unwrap());
    let options = PruneOptions::default();
    let prune = || prune(&world.repository, &index, &trust, &options, &Silent).unwrap();
    let marked = prune();
    assert_eq!(marked.swept, Sum::default());
    assert_eq!(marked.waiting, expected.waiting);
    world.pass(73 * HOUR);
    assert_eq!(prune().swept, expected.waiting);
    world.restore_all();
    // The plan that nobody carries out lapses, and goes.
    let left = world.names("plans/").len();
    assert!(left > 0);
    world.pass(31 * DAY);
    prune();
    assert_eq!(world.names("plans/"), Vec::<String>::new());
}

/// The disk on which this host remembers things was full, from some moment on.
#[test]
fn a_memory_that_takes_nothing_more_costs_a_prune_and_nothing_else() {
    for number in 1.. {
        let world = busy();
        world.trust.fill_disk_at(number);
        let pruned = world.try_prune(&world.repository, &PruneOptions::default());
        let was_full = world.trust.was_full();
        world.trust.fill_disk_at(0);
        world.verify();
        for _ in 0..3 {
            world.prune();
            world.pass(73 * HOUR);
        }
        let last = world.prune();
        assert_eq!(last.waiting.packs, 0, "call {number}: {last:?}");
        let left = world.pack_bytes();
        assert!(left < 1_100_000, "call {number}: {left}");
        if !was_full {
            assert!(pruned.is_ok() && number > 2, "{number}");
            world.restore_all();
            return;
        }
    }
}
