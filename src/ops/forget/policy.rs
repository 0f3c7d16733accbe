//! What to keep: the rules that a person gives, and what each of them chooses from a row of
//! snapshots. Pure: no store, no clock; the calendar is that of the time zone it is given, weeks are
//! those of ISO 8601.

use std::num::NonZeroU32;

use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::id::ObjectId;
use crate::seams::Timestamp;

/// How many of each are kept. Without any rule nothing is judged, and all is kept.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The newest so many, and the newest of each of the last so many days.
    pub last: Option<NonZeroU32>,
    pub hourly: Option<NonZeroU32>,
    pub daily: Option<NonZeroU32>,
    pub weekly: Option<NonZeroU32>,
    pub monthly: Option<NonZeroU32>,
    pub yearly: Option<NonZeroU32>,
    /// All that are at most so much older than the newest. If those are all of one day, its clock may
    /// have been wrong, and the same is kept of the day before it that has any.
    pub within: Option<Span>,
    /// All that have one of these tags.
    pub tags: Vec<String>,
}

impl Policy {
    /// Whether it has no rule.
    pub fn is_empty(&self) -> bool {
        self.within.is_none()
            && self.tags.is_empty()
            && self.last.is_none()
            && self.periods().iter().all(|(_, number)| number.is_none())
    }

    fn periods(&self) -> [(Period, Option<NonZeroU32>); 5] {
        [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
    }

    /// What the rules choose of `row`, which is newest first; tags apart. A snapshot can be chosen
    /// by several rules, and several times by one.
    pub(super) fn choose(&self, row: &[Moment], zone: &TimeZone) -> Vec<(usize, Rule)> {
        let mut chosen = Vec::new();
        for (period, number) in self.periods() {
            let Some(number) = number else { continue };
            for bucket in buckets(row, period, zone).take(number.get() as usize) {
                let ends = [bucket.first(), bucket.last()].into_iter().flatten();
                let earliest = bucket.iter().min_by_key(|one| (one.arrived, one.id));
                let kept = ends.chain(earliest);
                chosen.extend(kept.map(|one| (one.number, Rule::Period(period))));
            }
        }
        if let Some(last) = self.last {
            let last = last.get() as usize;
            chosen.extend(row.iter().take(last).map(|one| (one.number, Rule::Last)));
            for day in buckets(row, Period::Day, zone).take(last) {
                let newest = day.first().map(|one| (one.number, Rule::LastOfDay));
                chosen.extend(newest);
            }
        }
        if let Some(span) = self.within {
            let is_within = |one: &Moment, newest: &Moment| {
                let since = at(newest.time, zone).saturating_sub(span).timestamp();
                i128::from(one.time.nanoseconds()) >= since.as_nanosecond()
            };
            let mut days = buckets(row, Period::Day, zone).filter_map(<[Moment]>::first);
            let last = days.next();
            let before = days.next();
            let apart = before.filter(|one| last.is_some_and(|last| !is_within(one, last)));
            for newest in [last, apart].into_iter().flatten() {
                let rest = row.iter().skip_while(|one| one.time > newest.time);
                let within = rest.take_while(|one| is_within(one, newest));
                chosen.extend(within.map(|one| (one.number, Rule::Within)));
            }
        }
        chosen
    }
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    /// Tells one such stretch from all others.
    pub(super) fn key(self, time: Timestamp, zone: &TimeZone) -> [i32; 5] {
        let local = at(time, zone);
        let (year, month, day) = (
            i32::from(local.year()),
            i32::from(local.month()),
            i32::from(local.day()),
        );
        match self {
            // The hour that comes twice when clocks are set back is two.
            Self::Hour => {
                let hour = i32::from(local.hour());
                [year, month, day, hour, local.offset().seconds()]
            }
            Self::Day => [year, month, day, 0, 0],
            Self::Week => {
                let week = local.date().iso_week_date();
                [i32::from(week.year()), i32::from(week.week()), 0, 0, 0]
            }
            Self::Month => [year, month, 0, 0, 0],
            Self::Year => [year, 0, 0, 0, 0],
        }
    }
}

/// Which rule chose a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    Last,
    LastOfDay,
    Period(Period),
    Within,
}

/// A snapshot as the rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// What the caller calls it.
    pub number: usize,
    /// The time it is judged by.
    pub time: Timestamp,
    /// When the store says that it was put.
    pub arrived: Timestamp,
    pub started: Timestamp,
    pub id: ObjectId,
}

/// The stretches of the calendar that have snapshots, newest first.
fn buckets<'r>(
    row: &'r [Moment],
    period: Period,
    zone: &'r TimeZone,
) -> impl Iterator<Item = &'r [Moment]> {
    row.chunk_by(move |a, b| period.key(a.time, zone) == period.key(b.time, zone))
}

fn at(time: Timestamp, zone: &TimeZone) -> Zoned {
    // Cannot fail: 64 bits of nanoseconds reach from 1677 to 2262, jiff's years from -9999 to 9999.
    let moment = jiff::Timestamp::from_nanosecond(i128::from(time.nanoseconds()));
    moment.unwrap_or_default().to_zoned(zone.clone())
}
