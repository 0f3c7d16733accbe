//! How single values of `offsite.toml` are read: lengths of time, paths, names, commands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use crate::cli::when::time_span;

/// Longer ones were hardly meant, and fit no label.
const NAME_CHARS_MAX: usize = 64;
/// A time that ends everything is one that ends.
const LIMIT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A length of time above zero, such as `26h` or `35d`.
pub fn length(text: &str) -> Result<Duration, String> {
    let length = time_span(text)?;
    if length.is_zero() {
        return Err("it must be longer than nothing".to_owned());
    }
    Ok(length)
}

/// A length of time, or `never` for none.
pub fn length_or_never(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" {
        return Ok(None);
    }
    length(text)
        .map(Some)
        .map_err(|sentence| format!("{sentence}, or never"))
}

/// How long something may take: at most a week.
pub fn limit(text: &str) -> Result<Duration, String> {
    length(text).and_then(|limit| match limit <= LIMIT_MAX {
        true => Ok(limit),
        false => Err("it is at most a week, 7d".to_owned()),
    })
}

/// A length of time that may have months and years in it, which count 31 and 366 days: never less
/// than is meant.
pub fn long_length(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no length of time; write it as 30d, 8w, 6mo or 2y");
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let days = i64::from(span.get_years()) * 366 + i64::from(span.get_months()) * 31;
    let rest = span.try_years(0).and_then(|span| span.try_months(0));
    let rest = rest.map_err(|_| wrong())?;
    let rest = rest.to_duration(SpanRelativeTo::days_are_24_hours());
    let rest = rest.ok().and_then(|rest| Duration::try_from(rest).ok());
    let days = u64::try_from(days)
        .ok()
        .and_then(|days| days.checked_mul(24 * 60 * 60));
    let length = rest
        .zip(days)
        .and_then(|(rest, days)| rest.checked_add(Duration::from_secs(days)));
    length.filter(|length| !length.is_zero()).ok_or_else(wrong)
}

/// A path; a relative one begins in the folder of the configuration.
pub fn path(text: &str, base: &Path) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("a path belongs here".to_owned());
    }
    if text.starts_with('~') {
        return Err("only a shell knows what ~ means; write the whole path".to_owned());
    }
    Ok(base.join(text))
}

/// A command for `sh -c`. What it says may be secret and is not repeated.
pub fn command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err("a command belongs here".to_owned());
    }
    Ok(text.to_owned())
}

/// What a person calls a repository: never to be taken for an address.
pub fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = text.starts_with(char::is_alphanumeric) && text.chars().all(is_allowed);
    if is_name && text.chars().count() <= NAME_CHARS_MAX {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a name begins with a letter or a digit, and has letters, digits, '-', '_' and '.' only, at \
         most {NAME_CHARS_MAX}"
    ))
}

/// Some text that is not empty and does not act on a terminal.
pub fn plain(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("some text without control characters belongs here".to_owned());
    }
    Ok(text.to_owned())
}

/// The name of a variable of the environment.
pub fn variable(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit())
        || !text.chars().all(is_allowed)
        || text.is_empty()
    {
        return Err(
            "the name of an environment variable belongs here, such as NAS_SECRET; never the \
             secret itself"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// One of a few words.
pub fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is none of {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    #[test]
    fn months_and_years_are_never_shorter_than_meant() {
        for (text, days) in [("30d", 30), ("8w", 56), ("6mo", 186), ("1y 6mo 2d", 554)] {
            let length = long_length(text).unwrap();
            assert_eq!(length, Duration::from_secs(days * DAY), "{text}");
        }
        for wrong in ["", "0d", "-1y", "soon", "5", "99999999999y"] {
            assert!(long_length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_have_bounds() {
        assert_eq!(length_or_never("never"), Ok(None));
        assert_eq!(
            length_or_never("26h"),
            Ok(Some(Duration::from_secs(26 * 3600)))
        );
        assert!(length("0s").is_err() && limit("8d").is_err() && limit("7d").is_ok());
    }

    #[test]
    fn paths_begin_where_the_file_is() {
        let base = Path::new("/etc/offsite");
        assert_eq!(path("a/b", base).unwrap(), Path::new("/etc/offsite/a/b"));
        assert_eq!(path("/a", base).unwrap(), Path::new("/a"));
        assert!(path("~/a", base).is_err() && path("", base).is_err());
    }

    #[test]
    fn a_name_is_never_an_address() {
        for good in ["nas", "b2-eu", "Büro", "7"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            ".",
            "..",
            "a/b",
            "s3://x",
            "-x",
            "a b",
            "nas:/b",
            &"x".repeat(65),
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
