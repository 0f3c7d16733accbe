//! How numbers, times, paths and tables are written for people. Pure text: nothing here prints.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use crate::seams::Timestamp;

/// A number of bytes in decimal units, three digits at the most: `999 B`, `3.2 GB`, `124 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut unit = 1000_u128;
    let mut names = UNITS.iter().peekable();
    while let Some(name) = names.next() {
        let tenths = (u128::from(number) * 10 + unit / 2) / unit;
        if tenths < 1000 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        let whole = (u128::from(number) + unit / 2) / unit;
        if whole < 1000 || names.peek().is_none() {
            return format!("{whole} {name}");
        }
        unit *= 1000;
    }
    format!("{number} B")
}

/// A number with its thousands set apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Breaks between words; a word that is too long stands alone.
pub fn fold(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else {
            break;
        };
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// A number and its noun, in the singular where it is one: `1 file`, `2,000 files`.
pub fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!(
        "{} {}",
        count(number),
        if number == 1 { singular } else { plural }
    )
}

/// A length of time in its two largest units: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 days 3 h`.
pub fn duration(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    if tenths < 100 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two_units(minutes, "min", seconds % 60, "s"),
        (0, _, _) => two_units(hours, "h", minutes % 60, "min"),
        (1, _, _) => two_units(1, "day", hours % 24, "h"),
        _ => two_units(days, "days", hours % 24, "h"),
    }
}

fn two_units(large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    match small {
        0 => format!("{large} {large_name}"),
        _ => format!("{large} {large_name} {small} {small_name}"),
    }
}

/// A moment in the local time of this machine, to the second: `2026-11-01 03:00:12`.
pub fn time(moment: Timestamp) -> String {
    time_in(moment, &TimeZone::system())
}

/// A moment in the local time of a time zone, to the second. In the hour that comes twice when clocks
/// are set back, with the offset that tells which of the two: `2026-10-25 02:30:00+01:00`.
pub fn time_in(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = civil(moment).to_zoned(zone.clone());
    let comes_twice = zone.to_ambiguous_zoned(zoned.datetime()).is_ambiguous();
    let form = match comes_twice {
        true => "%Y-%m-%d %H:%M:%S%:z",
        false => "%Y-%m-%d %H:%M:%S",
    };
    zoned.strftime(form).to_string()
}

/// A moment as RFC 3339 in UTC, with as many digits of a second as it has: `2026-11-01T03:00:12Z`.
pub fn rfc3339(moment: Timestamp) -> String {
    civil(moment).to_string()
}

fn civil(moment: Timestamp) -> jiff::Timestamp {
    // Cannot fail: 64 bits of nanoseconds reach from 1677 to 2262, jiff's years from -9999 to 9999.
    jiff::Timestamp::from_nanosecond(i128::from(moment.nanoseconds())).unwrap_or_default()
}

/// Any bytes, most often a path, as one line that a terminal shows and does not obey.
///
/// Control characters, line ends, escape sequences, characters that reorder or hide text and bytes
/// that are not UTF-8 become `\n`, `\x1b`, `\u{202e}`, `\xff`, and a backslash becomes `\\`; so the
/// bytes can be told back from the text.
pub fn harmless(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for character in part.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ => push_tamed(&mut text, character),
            }
        }
        for byte in part.invalid() {
            push_byte(&mut text, *byte);
        }
    }
    text
}

/// A sentence as one line that a terminal shows and does not obey. Like [`harmless`], but leaves
/// backslashes alone: a sentence may hold a path that was made harmless before.
pub fn harmless_sentence(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    sentence
        .chars()
        .for_each(|character| push_tamed(&mut text, character));
    text
}

/// The words of a system error without its number, which follows in parentheses: `Permission denied`
/// of `Permission denied (os error 13)`.
pub fn without_number(sentence: &str) -> &str {
    let number = sentence.rsplit_once(" (os error ");
    match number.and_then(|(words, rest)| Some((words, rest.strip_suffix(')')?))) {
        Some((words, digits)) if digits.bytes().all(|it| it.is_ascii_digit()) => words,
        _ => sentence,
    }
}

fn push_tamed(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => push_byte(text, character as u8),
        _ if misleads(character) => text.extend(character.escape_unicode()),
        _ => text.push(character),
    }
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// Characters that are not seen themselves but change how a terminal shows or what a person takes
/// the others for. The joiners U+200C and U+200D stay: Persian names and emoji are made with them.
fn misleads(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}' // the second set of controls
            | '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' // marks of direction
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // embeddings, overrides, isolates
            | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{2028}' | '\u{2029}' // line and paragraph separators
            | '\u{fff9}'..='\u{fffb}' // interlinear notes
            | '\u{e0000}'..='\u{e0fff}' // tags
    )
}

/// Whether colours belong on standard output: only on a terminal that can, and never when
/// `NO_COLOR` is set (no-color.org).
pub fn ink_for_stdout() -> Ink {
    Ink {
        on: std::io::stdout().is_terminal() && colours_allowed(),
    }
}

/// Like [`ink_for_stdout`], for standard error.
pub fn ink_for_stderr() -> Ink {
    Ink {
        on: std::io::stderr().is_terminal() && colours_allowed(),
    }
}

fn colours_allowed() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    on: bool,
}

impl Ink {
    /// Never colours.
    pub const PLAIN: Self = Self { on: false };
    /// Always colours.
    pub const COLOURED: Self = Self { on: true };

    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// At which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    /// For numbers.
    Right,
}

/// Columns under headings, two spaces apart. Cells are shown as they are: paths go through
/// [`harmless`] first. Colours are for the finished lines, since an escape sequence has no width.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let columns = columns
            .iter()
            .map(|(name, align)| ((*name).to_owned(), *align))
            .collect();
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// One more row. Cells beyond the last column are left out, missing ones stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) -> &mut Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The heading and the rows, one a line, none with spaces at its end.
    pub fn lines(&self) -> Vec<String> {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = all.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        all.into_iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, ((_, align), width)) in self.columns.iter().zip(widths).enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let spaces = " ".repeat(width.saturating_sub(cell.width()));
            let gap = if column == 0 { "" } else { "  " };
            line.push_str(gap);
            match align {
                Align::Left => line.extend([cell, spaces.as_str()]),
                Align::Right => line.extend([spaces.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
