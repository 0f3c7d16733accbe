//! The disk on which this host remembers things is full, from some moment on: what is gone is
//! explained, and the next run finishes.

use super::run_tests::{World, rules};

#[test]
fn nothing_goes_unexplained_and_the_next_run_finishes() {
    let expected = {
        let world = filled();
        world.forget(&rules()).unwrap();
        world.listed().len()
    };
    for number in 1.. {
        let world = filled();
        let before = world.listed();
        world.trust.fill_disk_at(number);
        let forgot = world.forget(&rules());
        let was_full = world.trust.was_full();
        world.trust.fill_disk_at(0);
        let (after, explained) = (world.listed(), world.explained());
        let mut gone = before.difference(&after);
        assert!(gone.all(|id| explained.contains(id)), "call {number}");
        assert!(after.len() >= expected, "call {number}");
        world.forget(&rules()).unwrap();
        assert_eq!(world.listed().len(), expected, "call {number}");
        if !was_full {
            assert!(forgot.is_ok() && number > 2, "{number}");
            return;
        }
    }
}

fn filled() -> World {
    let world = World::new();
    world.nights(40);
    world
}
