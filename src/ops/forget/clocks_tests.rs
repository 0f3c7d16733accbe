//! Clocks that were wrong when a snapshot was made, put or judged: of the host, or of a box in the
//! house that is the store. No single night of that may cost the snapshots of other nights.

use std::time::Duration;

use jiff::ToSpan;

use super::judge_tests::{made, night, nights, some, zone};
use super::*;
use crate::seams::Timestamp;

const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

fn kept(candidates: &[Candidate], policy: &Policy) -> Vec<usize> {
    let reasons = judge(candidates, policy, GroupBy::default(), &zone());
    let kept = reasons.iter().enumerate();
    let kept = kept.filter(|(_, because)| !because.is_empty());
    kept.map(|(number, _)| number).collect()
}

fn daily() -> Policy {
    Policy {
        daily: some(7),
        monthly: some(12),
        ..Policy::default()
    }
}

/// A copy was set up anew on a box whose clock stood at 1970, or with a program that sets no times:
/// every snapshot seemed to be of that one day, of which three stayed. The rest was forgotten.
#[test]
fn a_store_that_lost_all_its_times_loses_no_snapshot_by_it() {
    let policy = daily();
    let year = nights(0..365);
    let right = kept(&year, &policy);
    for wrong in [
        Timestamp::default(),
        Timestamp::from_seconds(-5),
        night(-4000),
    ] {
        let mut moved = year.clone();
        moved.iter_mut().for_each(|one| one.arrived = wrong);
        let left = kept(&moved, &policy);
        assert!(right.iter().all(|number| left.contains(number)), "{left:?}");
    }
}

/// The box in the house that holds the copy lost its battery: from then on it took every night for one of
/// 1970, older than all that was there. Retention let each go in the night in which it was made, and for
/// months there was nothing new.
#[test]
fn nights_that_a_store_takes_for_1970_are_kept_as_others_are() {
    let mut all = nights(0..100);
    for (number, one) in (0..).zip(&mut all).skip(60) {
        let at_1970 = Timestamp::default().plus(Duration::from_secs(number * 24 * 3600));
        one.started = one.claimed;
        (one.claimed, one.arrived) = (at_1970, at_1970);
    }
    let left = kept(&all, &daily());
    assert!((93..100).all(|it| left.contains(&it)), "{left:?}");
    // Nor does it keep all there is.
    assert!(left.len() < 40, "{left:?}");
}

/// One night the clock of the host, which is that of the folder as well, stood a year ahead. From then
/// on that snapshot was the newest, and "within 30 days" of it there was nothing else.
#[test]
fn a_night_a_year_ahead_takes_nothing_from_the_other_nights() {
    let policy = Policy {
        within: Some(30.days()),
        ..Policy::default()
    };
    let mut all = nights(0..100);
    let right = kept(&all, &policy);
    assert_eq!(right.len(), 31);
    // That night itself: the clock that judges is wrong too.
    all.push(made("ahead", night(100).plus(YEAR)));
    let that_night = kept(&all, &policy);
    assert!(
        right.iter().all(|it| that_night.contains(it)),
        "{that_night:?}"
    );
    // The nights after, with a clock that is right again.
    all[100].is_to_come = true;
    all.extend(nights(101..110));
    let left = kept(&all, &policy);
    assert!((79..110).all(|it| left.contains(&it)), "{left:?}");
    assert!(!left.contains(&70), "{left:?}");
}

/// The clock of the machine that judges stands in the past: everything is to come, and nothing more
/// than by the rules alone goes.
#[test]
fn a_judge_whose_clock_stands_in_the_past_forgets_no_more_than_the_rules() {
    let year = nights(0..365);
    let right = kept(&year, &daily());
    let mut to_come = year.clone();
    to_come.iter_mut().for_each(|one| one.is_to_come = true);
    assert_eq!(kept(&to_come, &daily()), right);
}

/// With the writer key a year of snapshots of years to come can be put in one night.
#[test]
fn a_flood_from_the_years_to_come_pushes_out_nothing() {
    let policy = Policy {
        within: Some(30.days().hours(12)),
        last: some(10),
        ..daily()
    };
    let mut all = nights(0..100);
    let right = kept(&all, &policy);
    for number in 0..500 {
        let mut one = made(&format!("false {number}"), night(200 + number));
        one.arrived = night(99).plus(Duration::from_secs(1200));
        all.push(one);
    }
    let left = kept(&all, &policy);
    assert!(right.iter().all(|it| left.contains(it)), "{left:?}");
}
