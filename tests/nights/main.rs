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
mod storage;
mod troubles;
mod world;

use clocks::{DAY, Dice, HOUR};
use job::{BackedUp, DAILY};
use offsite::ops::PruneReport;
use troubles::Trouble;
use world::{Heard, World};

const NIGHTS: usize = 60;

/// One night; `None`: nothing goes wrong, and nothing did last night.
fn night(world: &mut World, trouble: Option<Trouble>, is_calm: bool, with_read_key: bool) {
    let what = world.library.live(&mut world.dice);
    world.write_down(format!("{what}; {trouble:?}"));
    if let Some(trouble) = trouble {
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
            let is_whole = |copy: &usize| trouble_at(trouble) == Some(*copy);
            assert!(behind.iter().all(is_whole), "{behind:?}");
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
    heard.iter().for_each(|line| world.write_down(format!("told: {line}")));
    world.calm_down();
    if is_calm {
        assert!(heard.is_empty(), "{heard:?}");
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
    assert!(left.is_sound(), "{:?}", left.damage);
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

fn sixty_nights(seed: u64, folders: &[bool], with_read_key: bool) -> World {
    let mut world = World::new(seed, folders);
    let mut dice = Dice::new(!seed);
    let troubles = troubles::draw(folders.len(), &mut dice);
    for number in 0..NIGHTS {
        world.night = number;
        let trouble = troubles.get(&number).copied();
        let before = number.checked_sub(1).and_then(|before| troubles.get(&before));
        let is_calm = trouble.is_none() && before.is_none();
        night(&mut world, trouble, is_calm, with_read_key);
        let copy = number % folders.len();
        if trouble_at(trouble).is_none() {
            check_one(&mut world, copy, number % 10 == 9);
        }
        let late = HOUR * dice.below(3) as u32;
        world.time.pass(DAY - late);
        world.time.pass(late / 2);
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

/// Nothing new comes any more; prunes until all that can go is gone.
fn settle(world: &mut World, with_read_key: bool) -> Vec<PruneReport> {
    let mut last = Vec::new();
    for _ in 0..3 {
        world.night += 1;
        last.clear();
        for copy in 0..world.copies.len() {
            let heard = Heard::default();
            world.forget(copy, &heard).unwrap();
            let report = world.prune(copy, with_read_key, &heard).unwrap();
            world.write_down(format!("{}: {}", world.copies[copy].name, in_short(&report)));
            last.push(report);
        }
        world.time.pass(DAY * 4);
    }
    last
}

#[test]
fn with_the_read_key_all_that_nobody_needs_comes_back() {
    let mut world = sixty_nights(1, &[true, false], true);
    settle(&mut world, true);
    world.assert_level();
    for copy in 0..world.copies.len() {
        world.assert_whole(copy);
        world.assert_index_is_right(copy);
        assert!(world.snapshots(copy).len() >= DAILY);
        let storage = world.storage(copy, false);
        eprintln!("{storage:?} {:?} {}", world.by_prefix(copy), world.snapshots(copy).len());
    }
}
