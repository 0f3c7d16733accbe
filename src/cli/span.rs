//! The DURATION of `--keep-within` and its like: `30d`, `12h`, `1y6m`, `2 weeks`. In calendar units, so
//! that a month is a month.

use jiff::Span;

/// The length of time that `text` names.
///
/// # Errors
/// The forms that are understood.
pub fn parse(text: &str) -> Result<Span, String> {
    let wrong = || "write a length of time such as 30d, 12h, 8w or 1y6m".to_owned();
    let mut span = Span::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (digits, after) = rest.split_at(end);
        let number: i64 = digits.parse().map_err(|_| wrong())?;
        let after = after.trim_start();
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        rest = after.trim_start();
        span = match unit.to_ascii_lowercase().as_str() {
            "h" | "hour" | "hours" => span.try_hours(span.get_hours() as i64 + number),
            "d" | "day" | "days" => span.try_days(i64::from(span.get_days()) + number),
            "w" | "week" | "weeks" => span.try_weeks(i64::from(span.get_weeks()) + number),
            "m" | "mo" | "month" | "months" => {
                span.try_months(i64::from(span.get_months()) + number)
            }
            "y" | "year" | "years" => span.try_years(i64::from(span.get_years()) + number),
            _ => return Err(wrong()),
        }
        .map_err(|_| wrong())?;
    }
    match span.is_zero() {
        true => Err(wrong()),
        false => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_in_units_of_the_calendar() {
        let read = |text: &str| parse(text).unwrap().fieldwise();
        assert_eq!(read("30d"), Span::new().days(30).fieldwise());
        assert_eq!(read("1y6m"), Span::new().years(1).months(6).fieldwise());
        assert_eq!(
            read("2 weeks 12h"),
            Span::new().weeks(2).hours(12).fieldwise()
        );
        for wrong in [
            "",
            "30",
            "d",
            "1x",
            "-1d",
            "0d",
            "1d-",
            "99999999999999999999d",
            "99999y",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
