//! Sixty nights of a family's photos in two or three copies, with all that happens in two months: a
//! copy is away for a week, one is damaged, the host dies in the middle, its clock is wrong, somebody
//! overwrites the originals, somebody has the writer key. Retention each night, prune each week.
//!
//! What each snapshot must restore to is kept in memory. `clocks` is time and chance, `library` what
//! is backed up, `line` and `copies` the stores; `world` is all of them, `job` what the host does
//! each night, `troubles` what goes wrong, `checks` and `storage` what must hold.

mod checks;
mod clocks;
mod copies;
mod job;
mod library;
mod line;
#[path = "../harness/same_index.rs"]
mod same_index;
mod storage;
mod troubles;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use clocks::{DAY, Dice, HOUR};
use job::{BackedUp, DAILY};
use offsite::ops::{Damage, PruneReport};
use troubles::Trouble;
use world::{Heard, World};

const NIGHTS: usize = 60;

/// One night; `None`: nothing goes wrong, and nothing did last night.
fn night(world: &mut World, trouble: Option<Trouble>, is_calm: bool, with_read_key: bool) {
    let what = world.library.live(&mut world.dice);
    world.write_down(format!("{what}; {trouble:?}"));
    world.lived += 1;
    if let Some(trouble) = trouble {
        world.struck += 1;
        world.strike(trouble);
    }
    let picture = world.library.picture(world.seams.clock.now());
    let heard = Heard::default();
    if let Some(Trouble::Damage {
        copy,
        healed_first: true,
    }) = trouble
    {
        heal(world, copy, &heard);
    }
    let goes = match trouble {
        Some(Trouble::Away { copy, .. }) if !world.copies[copy].is_away() => Some(copy),
        _ => None,
    };
    let backed_up = world.back_up(goes, &heard);
    match &backed_up {
        Ok(BackedUp { report, behind }) => {
            world.write_down(format!("snapshot {}, behind {behind:?}", report.snapshot));
            assert_eq!(report.problems_total, 0, "{:?}", report.problems);
            assert_eq!(report.suspect.is_some(), trouble == Some(Trouble::Ransom));
            if report.suspect.is_none() {
                world.made.push(report.snapshot);
            }
            let is_excused = |copy: &usize| trouble_at(trouble) == Some(*copy);
            let is_excused = world.life.is_over() || behind.iter().all(is_excused);
            assert!(is_excused, "{behind:?}");
        }
        Err(error) => {
            world.write_down(format!("no backup: {error:?}"));
            assert!(world.life.is_over(), "{error:?}");
        }
    }
    if let Some(Trouble::Damage {
        copy,
        healed_first: false,
    }) = trouble
    {
        heal(world, copy, &heard);
    }
    world.note_snapshots(&picture);
    keep_house(world, with_read_key, trouble, &heard);
    let heard = std::mem::take(&mut *heard.0.lock().unwrap());
    heard
        .iter()
        .for_each(|line| world.write_down(format!("told: {line}")));
    world.calm_down();
    if is_calm {
        // A forged plan is told of until it has lapsed, and a prune whose plan was noted by a wrong
        // clock waits anew.
        let known = ["no prune made it", "its wait begins anew"];
        let is_news = |line: &&String| !known.iter().any(|known| line.contains(known));
        assert_eq!(heard.iter().find(is_news), None);
        world.assert_level();
        world.assert_no_alarm();
    }
}

/// The copy that the trouble of tonight concerns.
fn trouble_at(trouble: Option<Trouble>) -> Option<usize> {
    match trouble {
        Some(Trouble::Away { copy, .. } | Trouble::Damage { copy, .. }) => Some(copy),
        _ => None,
    }
}

fn heal(world: &World, copy: usize, heard: &Heard) {
    let (healed, left) = world.heal(copy, heard).unwrap();
    world.write_down(format!("{healed} healed"));
    // A pack that no other copy has by that name stays damaged; its chunks lie elsewhere by now.
    let hurts = |damage: &&Damage| !damage.snapshots.is_empty();
    assert_eq!(left.damage.iter().find(hurts), None);
    world.write_down(format!("damaged still: {:?}", left.damage));
}

/// Forget, and each week prune, at every copy that is there.
fn keep_house(world: &World, with_read_key: bool, trouble: Option<Trouble>, heard: &Heard) {
    for copy in 0..world.copies.len() {
        if world.copies[copy].is_away() || world.life.is_over() {
            continue;
        }
        let name = world.copies[copy].name;
        match world.forget(copy, heard) {
            Ok(report) if report.removed.is_empty() => {}
            Ok(report) => world.write_down(format!("{name} forgets {}", report.removed.len())),
            Err(error) => {
                world.write_down(format!("{name} forgets nothing: {error:?}"));
                assert!(world.life.is_over(), "{error:?}");
            }
        }
        if world.night % 7 != 6 {
            continue;
        }
        match world.prune(copy, with_read_key, heard) {
            Ok(report) => world.write_down(format!("{name}: {}", in_short(&report))),
            Err(error) => {
                world.write_down(format!("{name} is not pruned: {error:?}"));
                assert!(world.life.is_over(), "{trouble:?}: {error:?}");
            }
        }
    }
}

fn in_short(report: &PruneReport) -> String {
    format!(
        "marked {}, swept {}, rewritten {}, waiting {}, unproven {}, rewritable {} of {} bytes",
        report.marked.bytes,
        report.swept.bytes,
        report.rewritten.bytes,
        report.waiting.bytes,
        report.unproven.bytes,
        report.rewritable.bytes,
        report.kept.bytes,
    )
}

/// Night after night; the copies lie in folders or in memory.
fn sixty_nights(seed: u64, folders: &[bool], with_read_key: bool) -> World {
    let mut world = World::new(seed, folders);
    let mut dice = Dice::new(!seed);
    let troubles = troubles::draw(folders.len(), &mut dice);
    let mut late = HOUR;
    for number in 0..NIGHTS {
        world.night = number;
        let trouble = troubles.get(&number).copied();
        let before = number.checked_sub(1).and_then(|it| troubles.get(&it));
        let is_calm = trouble.is_none() && before.is_none();
        if let (None, Some(Trouble::Away { .. }), 1) = (trouble, before, seed % 2) {
            // By hand, in the morning; else tonight's backup sees to it.
            assert!(world.sync(&Heard::default()).unwrap().is_level());
            world.assert_level();
        }
        night(&mut world, trouble, is_calm, with_read_key);
        let copy = number % folders.len();
        if trouble_at(trouble).is_none() {
            check_one(&mut world, copy, number % 10 == 9);
        }
        world.time.pass(DAY - late);
        late = HOUR * dice.below(3) as u32;
        world.time.pass(late);
    }
    world
}

/// The newest and any other snapshot of a copy; each tenth night the index as well.
fn check_one(world: &mut World, copy: usize, with_index: bool) {
    let opened = world.stranger(copy);
    let snapshots: Vec<_> = opened.snapshots.iter().map(|one| one.id).collect();
    let any = *world.dice.pick(&snapshots);
    for id in [any, *snapshots.last().unwrap()] {
        world.assert_restores(&opened, copy, &id);
    }
    if with_index {
        world.assert_index_is_right(copy);
    }
}

/// The host is off until whatever somebody forged has lapsed; then it prunes until all that can go is
/// gone. Gives what the last prune of each copy said.
fn settle(world: &mut World, with_read_key: bool) -> Vec<PruneReport> {
    let mut said = Vec::new();
    world.time.pass(DAY * 40);
    for _ in 0..3 {
        world.night += 1;
        said = (0..world.copies.len())
            .map(|copy| {
                let heard = Heard::default();
                world.forget(copy, &heard).unwrap();
                let report = world.prune(copy, with_read_key, &heard).unwrap();
                let name = world.copies[copy].name;
                world.write_down(format!("{name}: {}", in_short(&report)));
                report
            })
            .collect();
        world.time.pass(DAY * 4);
    }
    said
}

/// What holds in the end, whichever key was used.
fn assert_all_is_well(world: &World) {
    world.assert_level();
    world.assert_no_alarm();
    let newest = world.made.iter().rev().take(DAILY);
    let newest: BTreeSet<_> = newest.copied().collect();
    for copy in 0..world.copies.len() {
        world.assert_whole(copy);
        world.assert_index_is_right(copy);
        let kept = world.snapshots(copy);
        assert!(newest.is_subset(&kept), "{newest:?} {kept:?}");
        assert!(kept.len() < 2 * NIGHTS / 3, "{} are kept", kept.len());
    }
}

/// For a life that ended well.
fn tell(world: &World) {
    let (copies, lived, struck) = (world.copies.len(), world.lived, world.struck);
    let restored = world.restored.load(Ordering::Relaxed);
    let made = world.made.len();
    println!("counted: nights: {lived} nights of a host with {copies} copies");
    println!("counted: nights: {struck} nights in which something went wrong");
    println!("counted: nights: {made} snapshots made that are not suspect");
    println!(
        "counted: nights: {restored} restores from one copy alone, each compared file by file"
    );
}

/// `part` is at most five of a hundred more than `whole`.
#[track_caller]
fn assert_about(part: u64, whole: u64, what: &dyn std::fmt::Debug) {
    assert!(part * 100 <= whole * 105, "{part} of {whole}: {what:?}");
}

fn seeds(of_this_test: u64) -> impl Iterator<Item = u64> {
    let more = std::env::var("OFFSITE_TEST_NIGHTS").ok();
    let more = more.map_or(1, |more| more.parse().unwrap());
    (0..more).map(move |number| of_this_test + 3 * number)
}

#[test]
fn with_the_read_key_all_that_nobody_needs_comes_back() {
    for seed in seeds(1) {
        let mut world = sixty_nights(seed, &[true, false], true);
        settle(&mut world, true);
        assert_all_is_well(&world);
        for copy in 0..world.copies.len() {
            let storage = world.storage(copy, false);
            assert_about(storage.all, storage.needed + storage.tolerated, &storage);
            // And that is little of what was there in the meantime.
            let ever = world.copies[copy].line.put_bytes.load(Ordering::Relaxed);
            assert!(storage.all * 10 < ever * 8, "{ever}: {storage:?}");
        }
        tell(&world);
    }
}

#[test]
fn with_the_writer_key_dead_packs_go_and_what_a_rewrite_would_free_is_said() {
    for seed in seeds(2) {
        let mut world = sixty_nights(seed, &[false, true], false);
        let said = settle(&mut world, false);
        assert_all_is_well(&world);
        let mut before = Vec::new();
        for (copy, said) in said.iter().enumerate() {
            let storage = world.storage(copy, true);
            let needed = storage.needed + storage.tolerated;
            assert_eq!(storage.dead, 0, "{storage:?}");
            assert_about(storage.all - storage.rewritable, needed, &storage);
            assert_about(said.rewritable.bytes, storage.rewritable, &storage);
            assert_about(storage.rewritable, said.rewritable.bytes, &storage);
            assert!(storage.rewritable > 0, "{storage:?}");
            before.push(storage);
        }
        // It is true: somebody comes with the passphrase.
        settle(&mut world, true);
        for (copy, before) in before.iter().enumerate() {
            let after = world.storage(copy, false);
            assert_about(before.rewritable, before.all - after.all, &after);
            assert_about(after.all, after.needed + after.tolerated, &after);
        }
        assert_all_is_well(&world);
        tell(&world);
    }
}

#[test]
fn three_copies_stay_one() {
    for seed in seeds(3) {
        let mut world = sixty_nights(seed, &[false, true, false], true);
        settle(&mut world, true);
        assert_all_is_well(&world);
        tell(&world);
    }
}
