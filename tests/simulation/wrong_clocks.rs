//! Clocks of hosts and stores that are wrong, each by itself and without any other trouble: an hour, a
//! year, 1970, beyond 2038, and back. (The seeds throw them in with everything else.)

use std::time::Duration;

use offsite::ops::{Opened, PruneReport};
use offsite::progress::Silent;
use offsite::repository::{SnapshotFilter, clocks_apart};
use offsite::seams::Timestamp;

use crate::cast::{Acts, Cast, Where, YEAR};
use crate::clocks::{AT_1970, AT_2038, AT_2106, DAY, HOUR};
use crate::foes::Foe;
use crate::hosts::Host;
use crate::turns::Dice;
use crate::way::Weather;
use crate::world::World;

const AN_HOUR: i64 = 3_600;

/// All is calm, and all clocks are right; `store_jumps`: not that of the store.
fn calm(store_jumps: bool) -> World {
    let cast = Cast {
        places: vec![Where::Memory],
        foe: Foe::Nobody,
        acts: Acts::default(),
        ahead: [0; 4],
        store_ahead: 0,
        store_jumps,
        weather: Weather::default(),
        grace: 24 * HOUR,
        shares_state: false,
        reads: true,
        restored_max: 9,
        is_long: false,
    };
    World::with(cast, Dice::new(7))
}

impl World {
    /// A night of anna's, and the day after it.
    fn night(&self, label: &str) -> Timestamp {
        let before = self.crossing.time.now();
        self.must_save(&self.anna, label);
        self.crossing.time.pass(DAY);
        before
    }

    fn must_save(&self, host: &Host, label: &str) {
        assert!(self.saves(host, label).is_done(), "{:?}", self.calls());
    }

    /// What somebody sees who comes with the words.
    fn seen(&self) -> Opened {
        let (repository, index) = (self.looker.open(0).unwrap(), self.looker.index(0).unwrap());
        Opened::look(repository, index, &Silent).unwrap()
    }

    /// The label of what `SNAPSHOT --at TIME` means.
    fn found(&self, name: &str, at: Option<Timestamp>) -> String {
        let filter = SnapshotFilter {
            at,
            ..SnapshotFilter::default()
        };
        let opened = self.seen();
        let found = opened.snapshot(name, &filter).unwrap();
        found.record.tags[0].clone()
    }

    fn pruned(&self) -> PruneReport {
        self.pruner.prune(0, self.cast.grace).unwrap()
    }
}

/// The host's clock stood at 1970 for a night, as after a power cut without a battery. That snapshot was
/// the oldest of all: `latest` was the one before it, and no `--at` ever found it.
/// (Where the repository is a folder of that host, there is no other clock, and so only an order.)
#[test]
fn a_night_at_1970_is_the_latest_and_what_its_day_finds() {
    for store in [0, AT_1970] {
        let world = calm(false);
        world.night("before");
        world.anna_clock().jump(AT_1970);
        world.places[0].clock.jump(store);
        let at = world.night("at 1970");
        assert_eq!(world.found("latest", None), "at 1970");
        world.night("and again");
        assert_eq!(world.found("latest", None), "and again");
        world.anna_clock().jump(-AT_1970);
        world.places[0].clock.jump(-store);
        let after = world.night("after");
        assert_eq!(world.found("latest", None), "after");
        assert_eq!(world.found("latest~1", Some(after.plus(HOUR))), "and again");
        if store == 0 {
            assert_eq!(world.found("latest", Some(at.minus(HOUR))), "before");
            assert_eq!(world.found("latest", Some(at.plus(HOUR))), "at 1970");
        }
        world.places[0].referee.restore_all(9);
    }
}

/// Of two clocks that are both possible nobody can say which is wrong: it is told.
#[test]
fn a_night_a_year_off_is_told_and_stands_in_nobodys_way() {
    for (wrong_by, is_ahead) in [(YEAR, true), (-YEAR, false)] {
        let world = calm(false);
        world.crossing.time.pass(DAY * 500);
        let before = world.night("before");
        world.anna_clock().jump(wrong_by);
        world.night("wrong");
        world.anna_clock().jump(-wrong_by);
        let after = world.night("after");
        assert_eq!(world.found("latest", None), "after");
        assert_eq!(world.found("latest", Some(before.plus(HOUR))), "before");
        assert_eq!(world.found("latest", Some(after.plus(HOUR))), "after");
        for one in world.seen().snapshots {
            let by = Duration::from_secs(YEAR.unsigned_abs());
            let expected = (one.record.tags == ["wrong"]).then_some((is_ahead, by));
            let apart = clocks_apart(&one.record);
            let to_days =
                |(is_ahead, by): (bool, Duration)| (is_ahead, (by + HOUR).as_secs() / 86_400);
            assert_eq!(apart.map(to_days), expected.map(to_days));
        }
        world.places[0].referee.restore_all(9);
    }
}

/// Whatever one of the two clocks does meanwhile, nothing goes before its time; and once they agree again
/// on what passed, it goes.
#[test]
fn a_clock_that_jumps_makes_no_prune_early() {
    // Three days and more are what a grace is; beyond two months a plan has lapsed.
    let days = [3, 20].map(|days| days * 24 * AN_HOUR);
    let longer = [YEAR, -YEAR, AT_1970, AT_2038, AT_2106];
    let jumps = [&[AN_HOUR, -AN_HOUR], &days[..], &longer].concat();
    let of_one = jumps.iter().flat_map(|by| [(*by, 0), (0, *by)]);
    for (store, host) in of_one {
        let world = calm(store != 0);
        let case = format!("the store's by {store} s, the pruner's by {host} s");
        world.night("old");
        world.night("new");
        world.pruner.forget(0, 1).unwrap();
        assert!(world.pruned().marked.packs > 0, "{case}");
        for (hours, back) in [(6, false), (6, true), (10, false)] {
            world.crossing.time.pass(HOUR * hours);
            let sign = if back { -1 } else { 1 };
            world.places[0].clock.jump(sign * store);
            world.pruner_clock().jump(sign * host);
            // After 6 hours, after 12, and after 22, of 24.
            let report = world.pruned();
            assert_eq!(report.swept.packs, 0, "{case}, {hours}: {report:?}");
        }
        // It stays wrong from now on.
        for _ in 0..3 {
            world.crossing.time.pass(DAY * 2);
            world.pruned();
        }
        // What was put before a clock went back by years is newer than any plan.
        let is_possible = store >= -AN_HOUR;
        assert!(!is_possible || world.deleted() > 0, "{case}");
        world.must_save(&world.ben, "at last");
        world.places[0].referee.restore_all(9);
    }
}

/// A store's clock that stands at 1970 for a night takes that night for the oldest. Retention let it go,
/// though it was the newest of all.
#[test]
fn the_newest_is_never_forgotten_whichever_clock_was_wrong() {
    for wrong_by in [AN_HOUR, -AN_HOUR, YEAR, -YEAR, AT_1970, AT_2038, AT_2106] {
        for (store, host) in [(wrong_by, 0), (0, wrong_by), (wrong_by, wrong_by)] {
            let world = calm(true);
            world.night("first");
            world.night("second");
            world.places[0].clock.jump(store);
            world.anna_clock().jump(host);
            world.night("wrong");
            let newest = |label: &str| {
                world.pruner.forget(0, 1).unwrap();
                let seen = world.seen().snapshots;
                let mut labels = seen.iter().map(|one| one.record.tags[0].as_str());
                let case = "clocks were wrong by";
                assert!(
                    labels.any(|it| it == label),
                    "{label}: {case} {store}, {host}"
                );
            };
            newest("wrong");
            world.places[0].clock.jump(-store);
            world.anna_clock().jump(-host);
            world.night("right");
            newest("right");
        }
    }
}
