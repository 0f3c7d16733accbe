//! What a person who knows restic expects of the rules, and what stays whatever they say.

use std::num::NonZeroU32;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::*;
use crate::id::ObjectId;
use crate::seams::Timestamp;

pub fn zone() -> TimeZone {
    // Clocks of Berlin: there are days of 23 and of 25 hours.
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// The night of that number, at three o'clock local time, counted from the first day of 2025.
pub fn night(number: i64) -> Timestamp {
    local(number, 3)
}

pub fn local(day: i64, hour: i8) -> Timestamp {
    let day = date(2025, 1, 1).saturating_add(day.days());
    let time = day.at(hour, 0, 0, 0).to_zoned(zone()).unwrap();
    Timestamp::from_seconds(time.timestamp().as_second())
}

/// Of one host and source, put ten minutes after the time it claims.
pub fn made(name: &str, claimed: Timestamp) -> Candidate {
    Candidate {
        id: ObjectId::of(name.as_bytes()),
        host: "nas".to_owned(),
        source: b"/photos".to_vec(),
        tags: Vec::new(),
        claimed,
        arrived: claimed.plus(std::time::Duration::from_secs(600)),
        started: Timestamp::default(),
        is_to_come: false,
        is_suspect: false,
        is_clean: false,
        drilled: Drilled::No,
    }
}

pub fn nights(numbers: std::ops::Range<i64>) -> Vec<Candidate> {
    let one = |number: i64| made(&format!("night {number}"), night(number));
    numbers.map(one).collect()
}

pub fn some(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

fn judged(candidates: &[Candidate], policy: &Policy) -> Vec<String> {
    let reasons = judge(candidates, policy, GroupBy::default(), &zone());
    let words = reasons.iter().map(|because| {
        let words: Vec<String> = because.iter().map(Reason::words).collect();
        words.join(", ")
    });
    words.collect()
}

fn kept(candidates: &[Candidate], policy: &Policy) -> Vec<usize> {
    let words = judged(candidates, policy);
    let kept = words.iter().enumerate().filter(|(_, it)| !it.is_empty());
    kept.map(|(number, _)| number).collect()
}

#[test]
fn a_year_of_nights_thins_out_with_age() {
    let policy = Policy {
        daily: some(7),
        weekly: some(4),
        monthly: some(12),
        yearly: some(3),
        ..Policy::default()
    };
    let year = nights(0..365);
    let words = judged(&year, &policy);
    let with = |word: &str| {
        let has = |it: &&String| it.split(", ").any(|one| one == word);
        words.iter().filter(has).count()
    };
    assert_eq!(with("daily"), 7);
    // The first and the last of each: 29 to 31 December are a week of three days.
    assert_eq!(with("weekly"), 8);
    assert_eq!(with("monthly"), 24);
    assert_eq!(with("yearly"), 2);
    assert_eq!(with("newest"), 1);
    assert_eq!(words[364], "daily, weekly, monthly, yearly, newest");
    assert_eq!(words[0], "monthly, yearly");
    assert_eq!(words[31 + 27], "monthly", "28 February");
    assert_eq!(words[100], "");

    // Night after night comes to the same as once at the end, but for ends of weeks and months that
    // had not come yet.
    let mut left: Vec<Candidate> = Vec::new();
    for one in year.clone() {
        left.push(one);
        let keep = judge(&left, &policy, GroupBy::default(), &zone());
        let mut keep = keep.iter();
        left.retain(|_| !keep.next().unwrap().is_empty());
    }
    let at_once = kept(&year, &policy);
    for number in at_once {
        assert!(left.contains(&year[number]), "night {number}");
    }
    assert!(left.len() < 45, "{}", left.len());
}

#[test]
fn hours_that_come_twice_are_two_and_weeks_are_those_of_iso() {
    // 26 October 2025: three o'clock summer time becomes two o'clock again.
    let first = local(298, 1);
    let hours: Vec<_> = (0..4)
        .map(|hour| first.plus(std::time::Duration::from_secs(3600 * hour)))
        .map(|time| made(&format!("{time:?}"), time))
        .collect();
    let policy = Policy {
        hourly: some(4),
        ..Policy::default()
    };
    assert_eq!(kept(&hours, &policy), [0, 1, 2, 3]);
    // 29 December 2025 to 4 January 2026 are one week: its first and its last stay.
    let policy = Policy {
        weekly: some(1),
        ..Policy::default()
    };
    assert_eq!(kept(&nights(360..369), &policy), [2, 8]);
}

#[test]
fn last_within_and_tags_keep_what_they_say() {
    let policy = |last, within: Option<Span>| Policy {
        last,
        within,
        tags: vec!["before the move".to_owned()],
        ..Policy::default()
    };
    let mut row = nights(0..40);
    row[3].tags = vec!["x".to_owned(), "before the move".to_owned()];
    assert_eq!(kept(&row, &policy(some(3), None)), [3, 37, 38, 39]);
    assert_eq!(
        judged(&row, &policy(some(3), None))[3],
        "tag before the move"
    );
    let week = Some(Span::new().days(7));
    let expected: Vec<usize> = [3].into_iter().chain(32..40).collect();
    assert_eq!(kept(&row, &policy(None, week)), expected);
    // Several of one evening: exactly so many.
    let evening: Vec<_> = (0..5)
        .map(|n| {
            made(
                &format!("{n}"),
                local(9, 20).plus(std::time::Duration::from_secs(n)),
            )
        })
        .collect();
    assert_eq!(kept(&evening, &policy(some(2), None)), [3, 4]);
}

#[test]
fn a_second_host_and_a_second_source_are_judged_apart() {
    let mut row = nights(0..10);
    let mut laptop = nights(0..2);
    laptop
        .iter_mut()
        .for_each(|one| one.host = "laptop".to_owned());
    let mut other = nights(2..4);
    other
        .iter_mut()
        .for_each(|one| one.source = b"/music".to_vec());
    row.extend(laptop);
    row.extend(other);
    let policy = Policy {
        last: some(1),
        ..Policy::default()
    };
    assert_eq!(kept(&row, &policy), [9, 11, 13]);
    let by = |group_by| {
        let reasons = judge(&row, &policy, group_by, &zone());
        let kept = reasons.iter().enumerate().filter(|(_, it)| !it.is_empty());
        kept.map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!(by(GroupBy::Host), [9, 11]);
    assert_eq!(by(GroupBy::Nothing), [9]);
}

#[test]
fn the_newest_clean_audit_and_the_newest_drill_stay() {
    let mut row = nights(0..50);
    row[4].is_clean = true;
    row[7].is_clean = true;
    row[5].drilled = Drilled::Signed;
    row[6].drilled = Drilled::Unsigned;
    row[2].drilled = Drilled::Signed;
    let policy = Policy {
        last: some(1),
        ..Policy::default()
    };
    let words = judged(&row, &policy);
    assert_eq!(kept(&row, &policy), [5, 6, 7, 49]);
    assert_eq!(words[7], "newest clean audit");
    assert_eq!(words[5], "newest drilled");
    assert_eq!(words[6], "newest drilled (unsigned)");
    // A suspect one proves nothing.
    row[7].is_suspect = true;
    row[5].is_suspect = true;
    assert_eq!(kept(&row, &policy), [2, 4, 6, 7, 49]);
}

#[test]
fn a_suspect_snapshot_takes_nobodys_place() {
    let mut row = nights(0..30);
    (20..30).for_each(|number| row[number].is_suspect = true);
    let policy = Policy {
        last: some(3),
        daily: some(5),
        ..Policy::default()
    };
    // As if there were none: and of the suspect ones as many.
    let sound: Vec<usize> = kept(&row[..20], &policy);
    assert_eq!(sound, [15, 16, 17, 18, 19]);
    let expected: Vec<usize> = sound.into_iter().chain(25..30).collect();
    assert_eq!(kept(&row, &policy), expected);
    let all: Vec<_> = row[20..].to_vec();
    assert!(
        judged(&all, &policy)[9].contains("newest"),
        "a group of them keeps one"
    );
    let none = Policy {
        tags: vec!["nobody has it".to_owned()],
        ..Policy::default()
    };
    assert_eq!(kept(&row, &none), [19], "never all of a group");
}

#[test]
fn a_snapshot_counts_as_made_when_the_store_says_that_it_was_put() {
    let mut row = nights(0..10);
    // Dated to come; and the clock of the host was in 1970.
    row[4].claimed = night(4_000);
    row[6].claimed = Timestamp::default();
    let policy = Policy {
        daily: some(3),
        ..Policy::default()
    };
    assert_eq!(row[4].time(), row[4].arrived);
    // Neither takes the place of another; perhaps the store's clock was wrong, so that one stays too.
    assert_eq!(kept(&row, &policy), [4, 7, 8, 9]);
}
