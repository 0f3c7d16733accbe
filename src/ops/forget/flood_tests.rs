//! The attack on the rules: somebody with a writer key adds any snapshots he likes, from some moment
//! on. The bound is that of docs/decisions/0007-what-a-forger-cannot-push-out.md.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Span;
use proptest::prelude::*;

use super::judge_tests::{made, night, nights, some, zone};
use super::policy::Period;
use super::*;
use crate::id::ObjectId;
use crate::seams::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// What the attacker puts: the hour since 2025 of its arrival, and what it says of itself.
#[derive(Debug, Clone)]
struct Forged {
    arrived_hours_after: u32,
    /// Hours back from its arrival; negative for times to come.
    claims_hours_back: i64,
    is_suspect: bool,
    is_clean: bool,
}

fn forged() -> impl Strategy<Value = Forged> {
    let back = prop_oneof![
        -48..48_i64,
        0..9000_i64,
        Just(0),
        Just(1),
        Just(24),
        Just(192)
    ];
    (0..60_u32, back, any::<bool>(), any::<bool>()).prop_map(|(after, back, suspect, clean)| {
        Forged {
            arrived_hours_after: after,
            claims_hours_back: back,
            is_suspect: suspect && clean,
            is_clean: clean,
        }
    })
}

impl Forged {
    fn candidate(&self, number: usize, attack: Timestamp) -> Candidate {
        let arrived = attack.plus(self.arrived_hours_after * HOUR);
        let hours = i64::from(3600) * 1_000_000_000 * self.claims_hours_back;
        let claimed = arrived.nanoseconds().saturating_sub(hours);
        Candidate {
            id: ObjectId::of(format!("forged {number}").as_bytes()),
            claimed: Timestamp::from_nanoseconds(claimed),
            arrived,
            started: Timestamp::default(),
            is_suspect: self.is_suspect,
            is_clean: self.is_clean,
            ..made("", attack)
        }
    }
}

fn number() -> impl Strategy<Value = Option<NonZeroU32>> {
    (0..15_u32).prop_map(some)
}

fn policies() -> impl Strategy<Value = Policy> {
    let numbers = (number(), number(), number(), number(), number(), number());
    (numbers, 0..40_i64).prop_map(|((last, hourly, daily, weekly, monthly, yearly), within)| {
        Policy {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            within: (within > 0).then(|| Span::new().days(within)),
            tags: Vec::new(),
        }
    })
}

fn kept(candidates: &[Candidate], policy: &Policy) -> BTreeSet<ObjectId> {
    let reasons = judge(candidates, policy, GroupBy::default(), &zone());
    let kept = candidates.iter().zip(&reasons);
    let kept = kept.filter(|(_, because)| !because.is_empty());
    kept.map(|(one, _)| one.id).collect()
}

/// A policy with as many fewer of each as the attacker can use up: the stretches from an hour before
/// he came until the end in which the host made no snapshot.
fn less(policy: &Policy, honest: &[Candidate], attack: Timestamp, end: Timestamp) -> Policy {
    let minus = |number: Option<NonZeroU32>, period: Period| {
        let keys = |time| period.key(time, &zone());
        let from = attack.minus(HOUR);
        let mut all = BTreeSet::new();
        let mut time = from;
        while time < end {
            all.insert(keys(time));
            time = time.plus(HOUR / 2);
        }
        all.insert(keys(end));
        honest.iter().for_each(|one| {
            all.remove(&keys(one.time()));
        });
        some(number?.get().saturating_sub(all.len() as u32))
    };
    Policy {
        last: minus(policy.last, Period::Day),
        hourly: minus(policy.hourly, Period::Hour),
        daily: minus(policy.daily, Period::Day),
        weekly: minus(policy.weekly, Period::Week),
        monthly: minus(policy.monthly, Period::Month),
        yearly: minus(policy.yearly, Period::Year),
        within: None,
        tags: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// The host goes on every night: then nothing that rules by days and longer stretches kept of the
    /// time before the attack is lost, whatever is added.
    #[test]
    fn whatever_is_added_what_was_kept_of_the_time_before_stays(
        policy in policies(),
        forged in prop::collection::vec(forged(), 0..60),
        attack_night in 200..230_i64,
        gaps in prop::collection::btree_set(0..230_i64, 0..60),
    ) {
        // In the afternoon; the nights of the attack itself are there.
        let attack = night(attack_night).plus(10 * HOUR);
        let mut honest = nights(0..attack_night + 4);
        let mut number = -1;
        honest.retain(|_| { number += 1; number >= attack_night - 1 || !gaps.contains(&number) });
        let forged = forged.iter().enumerate().map(|(number, it)| it.candidate(number, attack));
        let mut all = honest.clone();
        all.extend(forged);
        let end = all.iter().map(|one| one.arrived).max().unwrap_or(attack);

        let with_forged = kept(&all, &policy);
        let bound = kept(&honest, &less(&policy, &honest, attack, end));
        // Of the stretches that were over before he came.
        let is_over = |one: &&Candidate| {
            let periods = [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year];
            let given = [policy.hourly, policy.daily.or(policy.last), policy.weekly,
                policy.monthly, policy.yearly];
            periods.into_iter().zip(given).filter(|(_, it)| it.is_some()).all(|(period, _)| {
                let before = attack.minus(HOUR);
                period.key(one.time(), &zone()) != period.key(before, &zone()) && one.time() < before
            })
        };
        for one in honest.iter().filter(is_over) {
            if bound.contains(&one.id) {
                prop_assert!(with_forged.contains(&one.id), "{one:?} is lost");
            }
        }
        // And every stretch that was kept keeps an honest one, also those of the attack's own day: the
        // first that came.
        let daily = Policy { daily: policy.daily, ..Policy::default() };
        for id in kept(&honest, &less(&daily, &honest, attack, end)) {
            let one = honest.iter().find(|one| one.id == id).unwrap();
            let day = |one: &Candidate| Period::Day.key(one.time(), &zone());
            if one.arrived < attack {
                let has_one = |other: &Candidate| day(other) == day(one) && with_forged.contains(&other.id);
                prop_assert!(honest.iter().any(has_one), "nothing of the day of {one:?}");
            }
        }
    }

    /// A burst at one moment, of any size and any times, costs rules by hours two stretches, and those
    /// by days and more none where the host was there that day and the one before.
    #[test]
    fn a_flood_at_one_moment_costs_nothing(
        daily in 1..40_u32,
        last in 1..40_u32,
        claims in prop::collection::vec(-50..9000_i64, 1..80),
    ) {
        let attack = night(300).plus(3 * HOUR);
        let honest = nights(0..301);
        let mut all = honest.clone();
        for (number, back) in claims.into_iter().enumerate() {
            let flood = Forged {
                arrived_hours_after: 0, claims_hours_back: back, is_suspect: false, is_clean: true,
            };
            all.push(flood.candidate(number, attack));
        }
        for policy in [
            Policy { daily: some(daily), ..Policy::default() },
            Policy { last: some(last), ..Policy::default() },
        ] {
            let (before, after) = (kept(&honest, &policy), kept(&all, &policy));
            let lost: Vec<_> = before.difference(&after).collect();
            let newest = honest.last().unwrap().id;
            prop_assert!(lost.iter().all(|id| **id == newest), "{policy:?}: {lost:?}");
        }
    }
}

#[test]
fn a_copy_that_is_fed_by_a_weekly_sync_thins_out_all_the_same() {
    let mut row = nights(0..300);
    for (number, one) in row.iter_mut().enumerate() {
        one.arrived = night((number as i64 / 7 + 1) * 7);
    }
    let policy = Policy {
        daily: some(7),
        monthly: some(6),
        ..Policy::default()
    };
    let kept = kept(&row, &policy);
    // What came a day late, and what came eight days late, is thinned out each by itself.
    assert!((16..45).contains(&kept.len()), "{}", kept.len());
    // Nights that were brought up to date after a year count for themselves and push none out.
    let mut late = nights(0..300);
    late.iter_mut().for_each(|one| one.arrived = night(700));
    let timely = nights(300..310);
    let all: Vec<_> = late.into_iter().chain(timely.clone()).collect();
    let kept = self::kept(&all, &policy);
    assert!(timely.iter().skip(3).all(|one| kept.contains(&one.id)));
}
