//! Two writers with a state folder each, and somebody who forgets and prunes, on one store at once: a
//! few weeks of theirs in one order of calls that a seed chooses, with kills, lost answers, lines that
//! break, clocks that are wrong and that jump, and hours that pass between two calls.
//!
//! `turns` lets one go at a time, `way` is how each reaches the store and what befalls him there,
//! `clocks` is the time, `hosts` what they do, `referee` who watches, `weeks` the story.
//!
//! Whatever the order: nothing is deleted before its plan is ripe; whenever somebody has committed or
//! deleted, every snapshot that is listed has all it needs; no run ends in anything that asks for a
//! human; and in the end, when all is calm, everything restores bit for bit, the next run of each
//! succeeds, and what nobody needs is gone.
//!
//! Held against broken protocols it failed within 200 orders for: no grace (at once); a sweep that
//! deletes what a plan names without looking at the snapshots again (8 orders); a commit whatever the
//! look before it shows (8 orders of 60).
//!
//! 100 orders over each store; `OFFSITE_INTERLEAVINGS=N` for more, `OFFSITE_INTERLEAVING=SEED` for one.
//! Within one process a seed gives the same calls of the same bytes; in another one names of objects
//! are others, since the photos have other change times, and with them the order of a LIST.

mod clocks;
mod hosts;
mod referee;
mod turns;
mod way;
mod weeks;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use weeks::{Weeks, Where};

/// Orders of calls over each store, if nobody says otherwise.
const ORDERS: u64 = 100;

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().unwrap())
}

fn play_all(place: Where) {
    let only = number("OFFSITE_INTERLEAVING");
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => 0..number("OFFSITE_INTERLEAVINGS").unwrap_or(ORDERS),
    };
    let next = AtomicU64::new(seeds.start);
    let (deleted, killed) = (AtomicU64::new(0), AtomicU64::new(0));
    let play = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return;
        }
        let weeks = Weeks::new(seed, place);
        let played = catch_unwind(AssertUnwindSafe(|| weeks.play()));
        if let Err(panic) = played {
            next.store(seeds.end, Ordering::Relaxed);
            weeks.tell();
            eprintln!("this was OFFSITE_INTERLEAVING={seed} over {place:?}");
            resume_unwind(panic);
        }
        deleted.fetch_add(weeks.deleted(), Ordering::Relaxed);
        killed.fetch_add(weeks.killed(), Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let players = [scope.spawn(play), scope.spawn(play)];
        for player in players {
            if let Err(panic) = player.join() {
                resume_unwind(panic);
            }
        }
    });
    // Else it would prove nothing.
    let orders = seeds.end - seeds.start;
    let (deleted, killed) = (deleted.into_inner(), killed.into_inner());
    eprintln!("{orders} orders over {place:?}: {deleted} packs deleted, {killed} runs killed");
    assert!(only.is_some() || deleted > orders && killed > orders / 2);
}

#[test]
fn nothing_is_lost_in_memory() {
    play_all(Where::Memory);
}

#[test]
fn nothing_is_lost_in_a_folder() {
    play_all(Where::Folder);
}

#[test]
fn a_seed_gives_the_same_calls_again() {
    for seed in [3, 4, 5] {
        let calls = || {
            let weeks = Weeks::new(seed, Where::Memory);
            weeks.play();
            weeks.calls()
        };
        let (one, other) = (calls(), calls());
        for (number, (one, other)) in one.iter().zip(&other).enumerate() {
            assert_eq!(one, other, "call {number} of seed {seed}");
        }
        assert_eq!(one.len(), other.len(), "{seed}");
    }
}
