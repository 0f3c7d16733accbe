//! A year of nights.

use super::*;

#[test]
fn a_year_of_nights_stays_small_and_restores() {
    let world = World::new();
    let mut kept: Vec<ObjectId> = Vec::new();
    for night in 0..365_u64 {
        world.write(&format!("{}.jpg", night % 25), &noise(night, 40_000));
        kept.push(world.back_up());
        if kept.len() > 7 {
            let old = kept.remove(0);
            world.forget(&[old]);
        }
        // Mostly the nightly job, which has no passphrase.
        match night % 10 {
            9 => drop(world.prune()),
            2 | 5 | 8 => drop(world.prune_as_writer()),
            _ => {}
        }
        if night % 60 == 59 {
            world.verify();
        }
        world.pass(DAY);
    }
    for _ in 0..3 {
        world.prune();
        world.pass(4 * DAY);
    }
    world.restore_all();
    // 25 files and what 7 nights changed: 1.3 MB, padding, and up to 40 % of dead bytes.
    let bytes = world.pack_bytes();
    assert!(bytes < 2_600_000, "{bytes}");
    let segments = world.names("index/").len();
    assert!(segments < 100, "{segments} segments");
    assert!(world.names("plans/").len() <= 2);
    // The packs of a year are gone from the segments as well.
    let index = Index::in_memory().unwrap();
    crate::repository::load_catalog(&world.repository, &index).unwrap();
    let named = index.packs_after(None, 10_000).unwrap().len();
    let packs = world.names("packs/").len() + world.names("listings/").len();
    assert!(named < 3 * packs + 100, "{named} named, {packs} there");
}
