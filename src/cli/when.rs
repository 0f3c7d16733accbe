//! The TIME of `--at` and its like: how a person says which moment is meant.
//!
//! | text | moment |
//! |---|---|
//! | `2026-11-01T03:00:00.5+01:00` | exactly that (RFC 3339) |
//! | `2026-11-01 02:00Z`, `2026-11-01T03:00:30+01:00` | the END of that minute or second |
//! | `2026-11-01 03:00`, `2026-11-01 03:00:30` | the same, in local time |
//! | `2026-11-01`, `today`, `yesterday` | the END of that day in local time |
//! | `3 days ago`, `2 hours ago`, `a month ago`, `now` | counted back from now by the calendar |
//!
//! Who asks for "as of 2026-11-01" means that day included, so a bare date is its last nanosecond,
//! not its midnight. And whoever types the time that `offsite snapshots` shows, which has no fractions,
//! means the snapshot that it stands beside.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Zoned};

use crate::seams::Timestamp;

/// Text that names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    #[error(
        "{0:?} is not a time; write it as 2026-11-01, 2026-11-01 03:00, 2026-11-01T03:00:00Z or 3 days ago"
    )]
    NotATime(String),
    #[error("{0:?} lies outside the years 1678 to 2261")]
    TooFar(String),
}

/// The moment that `text` names, in the time zone of this machine.
///
/// # Errors
/// [`WhenError`] with the forms that are understood.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, WhenError> {
    parse_in(text, now, &TimeZone::system())
}

/// Like [`parse`], in a given time zone. A local time that a change of clocks skips is taken as the
/// later one, one that happens twice as the first of the two.
///
/// # Errors
/// [`WhenError`] with the forms that are understood.
pub fn parse_in(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, WhenError> {
    let words = text.trim();
    let not_a_time = || WhenError::NotATime(text.to_owned());
    let too_far = || WhenError::TooFar(text.to_owned());
    let now = moment(now).ok_or_else(too_far)?.to_zoned(zone.clone());
    if let Some(span) = ago(words) {
        let then = span
            .and_then(|span| now.checked_sub(span).ok())
            .ok_or_else(too_far)?;
        return timestamp(then.timestamp()).ok_or_else(too_far);
    }
    let exact = match words.to_ascii_lowercase().as_str() {
        "now" => Some(now.timestamp()),
        "today" => Some(end_of_day(now.date(), zone).ok_or_else(too_far)?),
        "yesterday" => {
            let date = now.date().yesterday().map_err(|_| too_far())?;
            Some(end_of_day(date, zone).ok_or_else(too_far)?)
        }
        _ => None,
    };
    let found = match exact {
        Some(found) => found,
        None => written(words, zone).ok_or_else(not_a_time)?,
    };
    timestamp(found).ok_or_else(too_far)
}

/// A date, or a date and a time, with or without an offset.
fn written(words: &str, zone: &TimeZone) -> Option<jiff::Timestamp> {
    // jiff accepts more than is promised here, such as week dates; what is promised begins
    // with a four-digit year, which also keeps "11-01" and the like from being guessed at.
    let (year, rest) = words.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) || words.contains('[') {
        return None;
    }
    match rest.len() {
        5 => end_of_day(words.parse::<Date>().ok()?, zone),
        _ => match words.parse::<jiff::Timestamp>() {
            Ok(exact) => end_of_what_is_said(exact, words),
            Err(_) if has_offset(words) => None,
            Err(_) if !words.contains(':') => None,
            Err(_) => {
                let local = words
                    .parse::<DateTime>()
                    .ok()?
                    .to_zoned(zone.clone())
                    .ok()?;
                end_of_what_is_said(local.timestamp(), words)
            }
        },
    }
}

/// Whether a time of day is followed by `Z` or an offset: then it must not be read as local time.
fn has_offset(words: &str) -> bool {
    words
        .get(10..)
        .is_some_and(|time| time.contains(['Z', 'z', '+', '-']))
}

/// The last nanosecond of the minute or of the second, whichever was said last; of a fraction itself.
fn end_of_what_is_said(time: jiff::Timestamp, words: &str) -> Option<jiff::Timestamp> {
    let of_day = words.get(11..)?;
    let of_day = of_day.split(['Z', 'z', '+', '-']).next()?;
    let length = match (of_day.contains(['.', ',']), of_day.matches(':').count()) {
        (true, _) => return Some(time),
        (_, 1) => 60,
        _ => 1,
    };
    let next = time
        .checked_add(jiff::SignedDuration::from_secs(length))
        .ok()?;
    next.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
}

fn end_of_day(date: Date, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let start: Zoned = date.to_zoned(zone.clone()).ok()?;
    Some(start.end_of_day().ok()?.timestamp())
}

/// The span of "N units ago"; `Some(None)` when it has that form but no calendar goes that far.
fn ago(words: &str) -> Option<Option<Span>> {
    let mut parts = words.split_ascii_whitespace();
    let (number, unit, ago) = (parts.next()?, parts.next()?, parts.next()?);
    if !ago.eq_ignore_ascii_case("ago") || parts.next().is_some() {
        return None;
    }
    let number = match number.to_ascii_lowercase().as_str() {
        "a" | "an" | "one" => 1,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().unwrap_or(i64::MAX)
        }
        _ => return None,
    };
    let span = Span::new();
    let span = match unit.to_ascii_lowercase().as_str() {
        "second" | "seconds" => span.try_seconds(number),
        "minute" | "minutes" => span.try_minutes(number),
        "hour" | "hours" => span.try_hours(number),
        "day" | "days" => span.try_days(number),
        "week" | "weeks" => span.try_weeks(number),
        "month" | "months" => span.try_months(number),
        "year" | "years" => span.try_years(number),
        _ => return None,
    };
    Some(span.ok())
}

fn moment(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanoseconds())).ok()
}

fn timestamp(time: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(time.as_nanosecond())
        .ok()
        .map(Timestamp::from_nanoseconds)
}

/// A length of time such as `15m`, `2h 30m`, `90 seconds` or `3 days` of 24 hours; for clap.
///
/// # Errors
/// A sentence with the forms that are understood.
pub fn time_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no length of time; write it as 30s, 15m, 2h or 3d");
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let length = length.map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::rfc3339;

    /// Berlin on the morning after the clocks went back: 09:30 local time on 2026-10-26.
    fn parsed(text: &str) -> String {
        let now = Timestamp::from_seconds(1_793_003_400);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        parse_in(text, now, &zone).map_or_else(|error| error.to_string(), rfc3339)
    }

    #[test]
    fn exact_times_mean_what_they_say() {
        assert_eq!(parsed("2026-11-01T03:00:00.25Z"), "2026-11-01T03:00:00.25Z");
        assert_eq!(
            parsed("2026-11-01T03:00:00.0+01:00"),
            "2026-11-01T02:00:00Z"
        );
        assert_eq!(parsed("2026-07-01 03:00:30.5"), "2026-07-01T01:00:30.5Z");
    }

    /// Somebody took the time of a snapshot from the table of `offsite snapshots`, `03:00:12`, and got the
    /// snapshot before: it was made at 03:00:12.4. Whoever asked for 03:00, when cron begins, got that of
    /// the night before.
    #[test]
    fn a_second_and_a_minute_include_all_of_themselves() {
        for (said, end) in [
            ("2026-11-01 04:00:12", "2026-11-01T03:00:12.999999999Z"),
            ("2026-11-01T03:00:12Z", "2026-11-01T03:00:12.999999999Z"),
            (
                "2026-11-01T04:00:12+01:00",
                "2026-11-01T03:00:12.999999999Z",
            ),
            (" 2026-11-01 03:00 ", "2026-11-01T02:00:59.999999999Z"),
            ("2026-11-01 03:00Z", "2026-11-01T03:00:59.999999999Z"),
            ("2026-07-01T03:00-02:00", "2026-07-01T05:00:59.999999999Z"),
        ] {
            assert_eq!(parsed(said), end, "{said}");
        }
    }

    /// In Berlin the 29th of March has no half past two, and the 25th of October has two of them. What is
    /// shown of either can be typed again.
    #[test]
    fn the_hour_that_is_skipped_and_the_one_that_comes_twice_are_told_apart() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(parsed("2026-03-29 01:59:59.0"), "2026-03-29T00:59:59Z");
        assert_eq!(parsed("2026-03-29 02:30:00.0"), "2026-03-29T01:30:00Z");
        assert_eq!(parsed("2026-10-25 02:30:00.0"), "2026-10-25T00:30:00Z");
        let half_past_two = 1_792_888_200;
        let hour = 3_600;
        let shown = [-3 * hour, -hour, 0, hour, 2 * hour].map(|seconds| {
            let moment = Timestamp::from_seconds(half_past_two + seconds);
            let shown = crate::cli::show::time_in(moment, &zone);
            let again = parse_in(&shown, moment, &zone).unwrap();
            assert_eq!(again.seconds(), moment.seconds(), "{shown}");
            shown
        });
        let expected = [
            "2026-10-24 23:30:00",
            "2026-10-25 01:30:00",
            "2026-10-25 02:30:00+02:00",
            "2026-10-25 02:30:00+01:00",
            "2026-10-25 03:30:00",
        ];
        assert_eq!(shown, expected);
    }

    /// Before 1970, where seconds are negative; beyond 2038, where 32 bits end; and the last of all times.
    #[test]
    fn years_far_from_now_are_found_and_shown() {
        let utc = TimeZone::UTC;
        for text in [
            "1969-12-31 23:59:59",
            "2038-01-19 03:14:08",
            "2106-02-07 06:28:16",
        ] {
            let now = Timestamp::from_seconds(1_793_003_400);
            let moment = parse_in(text, now, &utc).unwrap();
            assert_eq!(crate::cli::show::time_in(moment, &utc), text);
        }
        let early = Timestamp::default();
        let late = Timestamp::from_nanoseconds(i64::MAX);
        let ago = |now| parse_in("2 days ago", now, &utc).unwrap().since(now);
        assert_eq!([ago(early), ago(late)], [Duration::ZERO; 2]);
        assert_eq!(parse_in("today", early, &utc).unwrap().seconds(), 86_399);
        assert!(parse_in("today", late, &utc).is_err());
    }

    #[test]
    fn a_bare_date_includes_the_whole_day() {
        assert_eq!(parsed("2026-11-01"), "2026-11-01T22:59:59.999999999Z");
        assert_eq!(parsed("2026-10-25"), "2026-10-25T22:59:59.999999999Z");
        assert_eq!(parsed("yesterday"), "2026-10-25T22:59:59.999999999Z");
        assert_eq!(parsed("today"), "2026-10-26T22:59:59.999999999Z");
    }

    #[test]
    fn counting_back_follows_the_calendar_across_a_change_of_clocks() {
        assert_eq!(parsed("now"), "2026-10-26T08:30:00Z");
        assert_eq!(parsed("2 hours ago"), "2026-10-26T06:30:00Z");
        // The same time of day on the wall, 49 hours earlier.
        assert_eq!(parsed("2 days ago"), "2026-10-24T07:30:00Z");
        assert_eq!(parsed("A  week ago"), "2026-10-19T07:30:00Z");
        assert_eq!(parsed("1 month ago"), "2026-09-26T07:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms_that_are() {
        let wrong = [
            "",
            "latest",
            "11-01",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "2026-11-01 25:00",
            "3 days",
            "-3 days ago",
            "three days ago",
            "3 fortnights ago",
            "2026-W44-1",
            "2026-11-01 03:00 CET",
            "2026-11-01T03:00+99:00",
            "01.11.2026",
            "20261101",
            "2026-11-01T03",
            "2026-11-01T03:00[Europe/Rome]",
            "2026-11-01\u{1b}[2J",
        ];
        for text in wrong {
            let shown = parsed(text);
            assert!(shown.contains("is not a time"), "{text}: {shown}");
            assert!(!shown.contains('\u{1b}'));
        }
    }

    #[test]
    fn moments_that_no_timestamp_holds_are_refused() {
        for text in [
            "0001-01-01",
            "9998-12-31",
            "999999999999 years ago",
            "9000 years ago",
        ] {
            assert!(
                parsed(text).contains("lies outside"),
                "{text}: {}",
                parsed(text)
            );
        }
        assert!(parsed("99999999999999999999 days ago").contains("lies outside"));
    }

    #[test]
    fn lengths_of_time_are_what_people_write() {
        for (text, seconds) in [
            ("15m", 900),
            ("2h 30m", 9000),
            ("3d", 259_200),
            ("90 seconds", 90),
        ] {
            assert_eq!(time_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "soon", "15", "-1h", "1 month"] {
            assert!(time_span(wrong).is_err(), "{wrong}");
        }
    }
}
