//! The n-th call fails, for n = 1, 2, 3 … until a verb runs through: each call of the store, each change
//! of the file system, each commit of SQLite and each write of it to its files; before it is done,
//! after it is done so that the answer is lost, from then on for good, and because the disk is full.
//!
//! Whatever failed: all that is listed is whole at once, nothing half has a final name, and the same
//! verb again, which nothing disturbs, leaves everything as if nothing had happened.
//!
//! The short form takes some of the numbers, `OFFSITE_TEST_NTH=all` every one. `fuse` is what fails,
//! `sqlite` puts it into SQLite, `template` is what each case begins with, `world` the verbs, `checks`
//! what must be true.

mod checks;
mod fuse;
mod sqlite;
mod template;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fuse::{Layer, Way};
use template::Template;
use world::{VERBS, Verb, World};

/// One line of the table: all numbers of it are tried in turn.
#[derive(Debug, Clone, Copy)]
struct Line {
    verb: Verb,
    layer: Layer,
    way: Way,
    /// Of so many numbers one is tried.
    step: u64,
}

fn table() -> Vec<Line> {
    let is_full = std::env::var("OFFSITE_TEST_NTH").is_ok_and(|it| it == "all");
    let mut table = Vec::new();
    for verb in VERBS {
        for (layer, ways, step) in [
            (Layer::Store, &[Way::Before, Way::Lost, Way::Onwards][..], 4),
            (
                Layer::Disk,
                &[Way::Before, Way::Lost, Way::Onwards, Way::Full],
                13,
            ),
            (Layer::Commit, &[Way::Before, Way::Lost, Way::Onwards], 6),
            (
                Layer::Page,
                &[Way::Before, Way::Lost, Way::Onwards, Way::Full],
                19,
            ),
        ] {
            table.extend(ways.iter().map(|way| Line {
                verb,
                layer,
                way: *way,
                step: if is_full { 1 } else { step },
            }));
        }
    }
    table
}

#[derive(Default)]
struct Count {
    failed: u64,
    /// Of those, the ones after which the verb said that not all is done.
    told: u64,
}

/// Tries the numbers of a line from `first` on.
fn go_through(template: &Template, line: Line, first: u64) -> Count {
    let (mut count, mut number) = (Count::default(), first);
    loop {
        let world = World::new(template, line.verb, line.layer == Layer::Disk);
        let attempt = world.fail(line.layer, line.way, number);
        if !attempt.was_reached {
            assert!(matches!(attempt.ended, Ok(true)), "{:?}", attempt.ended);
            world.assert_done(true);
            return count;
        }
        let is_told = !matches!(attempt.ended, Ok(true));
        count.failed += u64::from(attempt.hits > 0);
        count.told += u64::from(is_told);
        let checked = catch_unwind(AssertUnwindSafe(|| {
            match &attempt.ended {
                // It says that all is done: then it is.
                Ok(true) => {
                    world.assert_done(true);
                    world.assert_published();
                }
                Ok(false) => world.assert_nothing_lost(),
                Err(error) => {
                    world.assert_nothing_lost();
                    let said = chain(error).to_lowercase();
                    let is_named = said.contains("no space") || said.contains("is full");
                    assert!(line.way != Way::Full || is_named, "{said}");
                }
            }
            assert!(world.run().unwrap(), "it runs through");
            world.assert_done(number % 5 == 0);
        }));
        if let Err(panic) = checked {
            eprintln!("{line:?}, call {number}: {:?}", attempt.ended);
            std::panic::resume_unwind(panic);
        }
        number += line.step;
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let deeper = error.source().map(chain).unwrap_or_default();
    format!("{error}; {deeper}")
}

#[test]
fn whichever_call_fails_the_next_run_leaves_all_as_if_nothing_had_happened() {
    sqlite::prepare();
    let template = Template::new();
    let table = table();
    let next = AtomicUsize::new(0);
    let complaints: Mutex<Vec<String>> = Mutex::default();
    let counts: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(line) = table.get(place) else { return };
            // Not all lines of the short form begin at the same number.
            let first = 1 + place as u64 % line.step;
            let gone = catch_unwind(AssertUnwindSafe(|| go_through(&template, *line, first)));
            let Ok(count) = gone else {
                complaints.lock().unwrap().push(format!("{line:?}"));
                continue;
            };
            println!(
                "{line:?}: {} failed, {} were told",
                count.failed, count.told
            );
            let what = match line.layer {
                Layer::Store => "store calls failed",
                Layer::Disk => "file-system calls failed",
                Layer::Commit => "SQLite commits failed",
                Layer::Page => "SQLite writes failed",
            };
            *counts.lock().unwrap().entry(what).or_default() += count.failed;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let complaints = complaints.into_inner().unwrap();
    for (what, count) in counts.into_inner().unwrap() {
        println!("counted: nth: {count} {what}");
    }
    let (failed, all) = (complaints.len(), table.len());
    println!("counted: nth: {all} combinations of verb, layer and kind of failure");
    println!("counted: nth: {failed} combinations in which anything was lost or needed a human");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Otherwise less would have been tried than the table says.
#[test]
fn the_prune_that_is_disturbed_sweeps_marks_and_rewrites() {
    sqlite::prepare();
    let template = Template::new();
    let world = World::new(&template, Verb::Prune, false);
    let repository = world.repository(world.plain.clone());
    let index = template::open_index(&world.state(), template::PLACE).unwrap();
    let done = world.prune(&repository, &index).unwrap();
    let work = [done.swept, done.marked, done.rewritten];
    assert!(work.iter().all(|sum| sum.packs > 0), "{work:?}");
}
