//! What an audit found, in words that a person who takes photos understands.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::show::{self, Align, Table};
use crate::id::ObjectId;
use crate::ops::{AuditReport, History, ReportedFinding, Verdict};
use crate::repository::StoredSnapshot;

/// Findings of a verdict that are listed without --verbose.
const LISTED: u64 = 20;

/// What a verdict means: in a table, and over the list of its findings.
const fn meaning(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ok => ("originals here, the same as in the database", ""),
        Verdict::OkExternal => ("photos of external libraries here", ""),
        Verdict::Missing => (
            "originals missing",
            "The database knows these originals, and the snapshot does not hold them:",
        ),
        Verdict::SizeMismatch => (
            "originals of another size",
            "These originals are longer or shorter than the database says:",
        ),
        Verdict::ChecksumMismatch => (
            "originals altered",
            "These originals are not, byte for byte, what Immich took in:",
        ),
        Verdict::Moved => (
            "originals moved",
            "These originals lie elsewhere than the database says:",
        ),
        Verdict::StalePath => (
            "originals that Immich looks for elsewhere",
            "These originals are here, but Immich looks for them under an old path:",
        ),
        Verdict::SidecarMissing => (
            "sidecar files missing",
            "The database names these sidecar files (XMP), and they are not here:",
        ),
        Verdict::AvatarMissing => (
            "profile pictures missing",
            "The database names these profile pictures, and they are not here:",
        ),
        Verdict::Untracked => (
            "files that the database does not know",
            "These files lie among the originals, and the database does not know them:",
        ),
        Verdict::DerivedAbsent => ("moving parts of photos that Immich extracts again", ""),
        Verdict::ExternalNotArchived => (
            "photos of external libraries that are not backed up",
            "These photos of external libraries are not part of the backup:",
        ),
        Verdict::Offline => ("photos that Immich knows to be offline", ""),
        Verdict::PendingDelete => ("photos that Immich is deleting", ""),
    }
}

/// The lines above the findings: which snapshot, and the counts.
pub fn heading(snapshot: &StoredSnapshot, report: &AuditReport) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let time = show::time(snapshot.record.time);
    let mut lines = vec![format!(
        "{} {} of {time}",
        ink.strong("Audit of snapshot"),
        short(snapshot.id)
    )];
    let mut table = Table::new([("Count", Align::Right), ("What", Align::Left)]);
    for (name, count) in in_order(report) {
        let what = Verdict::from_name(name).map_or(name, |verdict| meaning(verdict).0);
        table.row([show::count(count), show::harmless_sentence(what)]);
    }
    lines.extend(table.lines());
    lines
}

/// The counts, what is well first.
fn in_order(report: &AuditReport) -> Vec<(&str, u64)> {
    let known = Verdict::ALL.into_iter().rev().filter_map(|verdict| {
        let count = report.counts.get(verdict.name()).copied()?;
        Some((verdict.name(), count))
    });
    let unknown = report.counts.iter();
    let unknown = unknown.filter(|(name, _)| Verdict::from_name(name).is_none());
    known
        .chain(unknown.map(|(name, count)| (name.as_str(), *count)))
        .collect()
}

/// One line for the summary of a backup: what is well, and what is not.
pub fn in_one_line(counts: &BTreeMap<String, u64>) -> Option<String> {
    let count = |verdict: Verdict| counts.get(verdict.name()).copied().unwrap_or(0);
    let good = count(Verdict::Ok).saturating_add(count(Verdict::OkExternal));
    if counts.is_empty() {
        return None;
    }
    let mut line = format!(
        "{} as the database knows them",
        show::counted(good, "original", "originals")
    );
    let others = Verdict::ALL.into_iter();
    for verdict in others.filter(|it| !matches!(it, Verdict::Ok | Verdict::OkExternal)) {
        if count(verdict) > 0 {
            let name = verdict.name().replace('_', " ");
            let _ = write!(line, ", {} {name}", show::count(count(verdict)));
        }
    }
    Some(line)
}

/// What a list of snapshots says: whether one can be relied on.
pub fn in_a_word(counts: &BTreeMap<String, u64>) -> String {
    let grave = Verdict::ALL
        .into_iter()
        .filter(|verdict| verdict.is_grave());
    let grave = grave.filter_map(|it| counts.get(it.name()).copied());
    let grave = grave.fold(0, u64::saturating_add);
    match (counts.is_empty(), grave) {
        (true, _) => "-".to_owned(),
        (false, 0) => "complete".to_owned(),
        (false, grave) => format!("{} missing or altered", show::count(grave)),
    }
}

/// The list of findings, under a heading for each verdict.
pub struct Sections {
    all: bool,
    current: Option<Verdict>,
    listed: u64,
    left_out: u64,
}

impl Sections {
    /// `all`: not only the first of each verdict.
    pub fn new(all: bool) -> Self {
        Self {
            all,
            current: None,
            listed: 0,
            left_out: 0,
        }
    }

    /// The lines for the next finding.
    pub fn lines(&mut self, found: &ReportedFinding, names: &Names<'_>) -> Vec<String> {
        let Some(verdict) = found.verdict else {
            return Vec::new();
        };
        let heading = meaning(verdict).1;
        if heading.is_empty() && !self.all {
            return Vec::new();
        }
        let mut lines = Vec::new();
        if self.current != Some(verdict) {
            lines.extend(self.end_section());
            self.current = Some(verdict);
            let ink = show::ink_for_stdout();
            lines.push(String::new());
            let heading = if heading.is_empty() {
                meaning(verdict).0
            } else {
                heading
            };
            lines.push(if verdict.is_grave() {
                ink.bad(heading)
            } else {
                ink.strong(heading)
            });
        }
        if self.listed >= LISTED && !self.all {
            self.left_out += 1;
            return lines;
        }
        self.listed += 1;
        lines.extend(finding_lines(found, names));
        lines
    }

    fn end_section(&mut self) -> Option<String> {
        let left_out = std::mem::take(&mut self.left_out);
        self.listed = 0;
        (left_out > 0).then(|| {
            let left_out = show::count(left_out);
            format!("  and {left_out} more (--verbose shows them, --csv FILE writes them down)")
        })
    }

    /// The lines after the last finding.
    pub fn end(&mut self, report: &AuditReport) -> Vec<String> {
        let mut lines: Vec<String> = self.end_section().into_iter().collect();
        if report.grave > report.looked_up && report.looked_up > 0 {
            lines.push(format!(
                "Since when was looked up for the first {} of {} only: so many at once have one cause.",
                show::count(report.looked_up),
                show::count(report.grave)
            ));
        }
        lines
    }
}

fn finding_lines(found: &ReportedFinding, names: &Names<'_>) -> Vec<String> {
    let finding = &found.finding;
    let mut line = format!("  {}", show::harmless(&finding.path));
    if let Some(owner) = &finding.owner_name {
        let _ = write!(line, "  ({})", show::harmless_sentence(owner));
    }
    let mut lines = vec![line];
    if let (Some(expected), Some(found)) = (finding.expected_size, finding.found_size)
        && expected != found
    {
        let (expected, found) = (show::count(expected), show::count(found));
        lines.push(format!("    {found} bytes instead of {expected}"));
    }
    if !finding.detail.is_empty() {
        lines.push(format!("    {}", show::harmless_sentence(&finding.detail)));
    }
    if let (Some(history), Some(verdict)) = (found.history, found.verdict) {
        lines.push(format!("    {}", since(verdict, history, names)));
        if let Some(good) = history.good {
            lines.push(format!(
                "    {} holds the right bytes: {}",
                names.of(good),
                restore_command(&finding.path, good)
            ));
        }
    }
    lines
}

fn since(verdict: Verdict, history: History, names: &Names<'_>) -> String {
    let name = |id: Option<ObjectId>| id.map_or("the first snapshot".to_owned(), |id| names.of(id));
    let since = name(history.since);
    match (verdict, history.before) {
        (Verdict::Missing, Some(before)) => {
            format!("gone since {since}; {} still had it", names.of(before))
        }
        (Verdict::Missing, None) => format!("missing since the first snapshot, {since}"),
        (_, Some(before)) if !history.came => {
            format!("changed since {}; so since {since}", names.of(before))
        }
        _ => format!("so since the first snapshot that holds it, {since}"),
    }
}

/// How snapshots are called in a sentence.
pub struct Names<'n>(pub &'n [StoredSnapshot]);

impl Names<'_> {
    fn of(&self, id: ObjectId) -> String {
        let known = self.0.iter().find(|one| one.id == id);
        let time = known.map_or(String::new(), |one| {
            format!(" of {}", show::time(one.record.time))
        });
        format!("{}{time}", short(id))
    }
}

fn short(id: ObjectId) -> String {
    id.to_string().chars().take(12).collect()
}

/// The command that brings one path back from a snapshot.
pub fn restore_command(path: &[u8], snapshot: ObjectId) -> String {
    format!(
        "offsite restore --target DIR --include {} {}",
        shell_word(path),
        short(snapshot)
    )
}

/// A path as a pattern that matches it alone, quoted for a shell.
fn shell_word(path: &[u8]) -> String {
    let is_plain = std::str::from_utf8(path).is_ok_and(|text| {
        !text.contains('\'') && show::harmless(path).replace("\\\\", "\\") == text
    });
    let mut word = String::from(if is_plain { "'" } else { "$'" });
    for part in path.utf8_chunks() {
        for character in part.valid().chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
                word.push_str(if is_plain { "\\" } else { "\\\\" });
            }
            match character {
                '\\' | '\'' if !is_plain => {
                    word.push('\\');
                    word.push(character);
                }
                ' '..='~' => word.push(character),
                _ if is_plain => word.push(character),
                _ => {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        let _ = write!(word, "\\x{byte:02x}");
                    }
                }
            }
        }
        for byte in part.invalid() {
            let _ = write!(word, "\\x{byte:02x}");
        }
    }
    word.push('\'');
    word
}

/// A UUID in its usual form.
pub fn uuid(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in id.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_pattern_that_a_shell_passes_on() {
        for (path, word) in [
            (&b"library/a b.jpg"[..], "'library/a b.jpg'"),
            (
                "library/\u{e9}[1].jpg".as_bytes(),
                "'library/\u{e9}\\[1\\].jpg'",
            ),
            (b"a\\b.jpg", "'a\\\\b.jpg'"),
            (b"a\\b\t'.jpg", "$'a\\\\\\\\b\\x09\\'.jpg'"),
            (b"a\xff.jpg", "$'a\\xff.jpg'"),
        ] {
            assert_eq!(shell_word(path), word);
        }
    }

    #[test]
    fn a_uuid_has_its_hyphens() {
        let id = [0x12; 16];
        assert_eq!(uuid(&id), "12121212-1212-1212-1212-121212121212");
    }
}
