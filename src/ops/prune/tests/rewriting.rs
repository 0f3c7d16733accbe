//! Packs that are mostly dead.

use super::*;

/// Small files in shared packs, of which most are deleted later.
fn mostly_dead() -> World {
    let world = World::new();
    for number in 0..40 {
        world.write(&format!("{number}.jpg"), &noise(number, 100_000));
    }
    let first = world.back_up();
    world.pass(DAY);
    for number in 0..40 {
        if number % 4 != 0 {
            world.remove(&format!("{number}.jpg"));
        }
    }
    world.back_up();
    world.forget(&[first]);
    world.pass(DAY);
    world
}

#[test]
fn with_the_read_key_what_is_needed_is_sealed_anew_and_the_rest_is_given_back() {
    let world = mostly_dead();
    let report = world.prune();
    assert!(report.rewritten.packs >= 3, "{report:?}");
    assert!(report.rewritten_into_bytes < 1_500_000, "{report:?}");
    world.restore_all();
    world.pass(73 * HOUR);
    let swept = world.prune();
    assert_eq!(swept.rewritten, Sum::default(), "once is enough");
    assert!(swept.swept.bytes > 3_500_000, "{swept:?}");
    // 10 files of 100 kB, and the listings.
    assert!(world.pack_bytes() < 1_500_000, "{}", world.pack_bytes());
    world.restore_all();
    world.write("0.jpg", &noise(0, 100_000));
    world.write("1.jpg", &noise(1, 100_000));
    world.back_up();
    world.restore_all();
}

#[test]
fn without_the_read_key_it_says_how_much_that_would_free() {
    let world = mostly_dead();
    let report = world.prune_as_writer();
    assert_eq!(report.rewritten, Sum::default());
    assert!(report.rewritable.bytes > 2_500_000, "{report:?}");
    let never = PruneOptions {
        repack_above: 100.0,
        ..PruneOptions::default()
    };
    let report = world.try_prune(&world.repository, &never).unwrap();
    assert_eq!((report.rewritten, report.rewritable), Default::default());
}

#[test]
fn what_the_read_key_rewrote_waits_for_it() {
    let world = mostly_dead();
    let marked = world.prune();
    world.pass(73 * HOUR);
    // The nightly job cannot see that the new packs hold what they say.
    let nightly = world.prune_as_writer();
    assert!(nightly.unproven.packs > 0, "{nightly:?}");
    assert!(nightly.waiting.bytes >= marked.rewritten.bytes);
    world.restore_all();
    let swept = world.prune();
    assert!(swept.swept.bytes >= marked.rewritten.bytes, "{swept:?}");
    world.restore_all();
}

#[test]
fn the_old_pack_stays_if_the_new_one_is_no_good() {
    let world = mostly_dead();
    let before = world.names("packs/");
    world.prune();
    let new: Vec<String> = world.names("packs/");
    let new = new.into_iter().filter(|name| !before.contains(name));
    for name in new {
        // Its end is sound, and so is what segments say.
        assert!(world.memory.tamper(&name, |bytes| bytes[5_000] ^= 1));
    }
    world.pass(73 * HOUR);
    world.prune();
    let opened = world.look();
    assert_eq!(opened.snapshots.len(), 1);
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        target: target.path().to_path_buf(),
        files: true,
        ..RestoreOptions::default()
    };
    let record = &opened.snapshots[0].record;
    let report = restore(&opened.repository, &opened.index, record, &options, &Silent).unwrap();
    assert_eq!(report.files_restored, 10);
}

#[test]
fn a_damaged_pack_is_not_rewritten_but_named() {
    let world = mostly_dead();
    for name in world.names("packs/") {
        assert!(world.memory.tamper(&name, |bytes| bytes[5_000] ^= 1));
    }
    let packs = world.names("packs/").len();
    let report = world.prune();
    assert_eq!(report.rewritten, Sum::default());
    assert_eq!(report.unreadable_total, packs as u64);
    assert_eq!(world.names("packs/").len(), packs);
}
