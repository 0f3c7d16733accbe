//! A host that lost its state while a prune was under way. (Calls, disks and databases that fail while one
//! runs: tests/nth.)

use super::*;

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
