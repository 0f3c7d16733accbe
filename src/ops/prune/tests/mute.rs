//! Packs whose end is damaged, so that they do not say what they hold. Such a pack lay about for ever:
//! verify called it damage each night, though another copy had healed all that was in it, and prune
//! kept what it could not read.

use super::*;
use crate::store::Store;

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// A world of which the packs in `condemned` were rewritten, and then rot.
fn rewritten() -> (World, Vec<String>) {
    let world = World::new();
    for number in 0..40 {
        world.write(&format!("{number}.jpg"), &noise(number, 100_000));
    }
    let first = world.back_up();
    world.pass(DAY);
    for number in (0..40).filter(|number| number % 4 != 0) {
        world.remove(&format!("{number}.jpg"));
    }
    world.back_up();
    world.forget(&[first]);
    let old = world.names("packs/");
    (world, old)
}

fn rot(world: &World, name: &str) {
    assert!(world.memory.tamper(name, |bytes| {
        let end = bytes.len() - 40;
        bytes[end] ^= 1;
    }));
}

#[test]
fn what_lies_elsewhere_too_is_let_go_with_the_read_key_alone() {
    let (world, old) = rewritten();
    world.pass(DAY);
    assert!(world.prune().rewritten.packs >= 3);
    old.iter().for_each(|name| rot(&world, name));
    world.pass(73 * HOUR);
    let nightly = world.prune_as_writer();
    assert_eq!(nightly.unreadable_total, 0, "{nightly:?}");
    assert!(nightly.unproven.packs > 0, "{nightly:?}");
    world.prune();
    let left = world.names("packs/");
    assert!(old.iter().any(|name| !left.contains(name)));
    world.restore_all();
    world.verify();
}

#[test]
fn what_is_needed_and_nowhere_else_is_named_and_kept() {
    let (world, old) = rewritten();
    old.iter().for_each(|name| rot(&world, name));
    for _ in 0..3 {
        world.pass(MONTH);
        world.prune_as_writer();
    }
    // Segments tell what is in them, and so it restores yet.
    let opened = world.look();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        target: target.path().to_path_buf(),
        files: true,
        ..RestoreOptions::default()
    };
    let record = &opened.snapshots[0].record;
    let report = restore(&opened.repository, &opened.index, record, &options, &Silent).unwrap();
    assert_eq!(report.files_restored, 10);
    let left = world.names("packs/");
    assert!(old.iter().any(|name| left.contains(name)));
}

/// A pack cut short is one that nobody can find anything in; one of a later version may be sound.
#[test]
fn what_nobody_can_read_goes_after_a_month_unless_a_later_version_wrote_it() {
    let world = World::new();
    world.write("1.jpg", &noise(1, 600_000));
    world.back_up();
    let sound = world.memory.peek(&world.names("packs/")[0]).unwrap();
    let put = |bytes: Vec<u8>| {
        let name = name::of(Kind::DataPack, &ObjectId::of(&bytes));
        world.store.put(&name, bytes.into()).unwrap();
        name
    };
    let cut = put(sound[..300_000].to_vec());
    let mut later = sound.to_vec();
    let is_header = |bytes: &[u8]| bytes.starts_with(b"offsite\n");
    let headers = (0..later.len()).filter(|start| is_header(&later[*start..]));
    for start in headers.collect::<Vec<_>>() {
        later[start + 8] += 1;
    }
    let later = put(later);
    let is_there = |name: &String| world.names("packs/").contains(name);
    for days in [1, 28] {
        world.pass(DAY * days);
        let report = world.prune_as_writer();
        assert_eq!(report.unreadable_total, 2, "{report:?}");
        assert_eq!(report.marked, Sum::default());
    }
    world.pass(DAY * 2);
    let report = world.prune_as_writer();
    assert_eq!((report.marked.packs, report.unreadable_total), (1, 1));
    world.pass(73 * HOUR);
    let report = world.prune_as_writer();
    assert_eq!((report.swept.packs, report.unreadable_total), (1, 1));
    assert!(!is_there(&cut) && is_there(&later));
    world.memory.lose(&later);
    world.restore_all();
}
