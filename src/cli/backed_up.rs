//! What `offsite backup` says it did.

use super::exit::Status;
use super::{audit_text, show};
use crate::format::snapshot::Statistics;
use crate::ops::{BackupReport, ReplicaReport, SourceProblem};

/// A summary is read at a glance.
const LINES_MAX: usize = 10;

/// What was saved, in at most ten lines that a person who takes photos understands, and one more for
/// each copy that is behind.
pub fn summary(report: &BackupReport, replicas: &[ReplicaReport]) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let figures = &report.statistics;
    let id = report.snapshot.to_string();
    let short = id.get(..12).unwrap_or(&id);
    let mut lines = vec![
        format!(
            "{} {short} of {}",
            ink.good("Saved snapshot"),
            show::time(report.time)
        ),
        format!(
            "  files     {}: {} new, {} changed, {} unchanged",
            show::count(figures.files),
            show::count(figures.files_new),
            show::count(figures.files_changed),
            show::count(figures.files_unmodified)
        ),
    ];
    if let Some(database) = &report.database {
        lines.push(format!(
            "  database  {} rows, {} ({}), complete, from {}",
            show::count(database.rows),
            show::bytes(database.bytes),
            database.kind,
            show::harmless_sentence(&database.source)
        ));
    }
    lines.extend(audit_lines(report));
    lines.push(format!(
        "  contents  {}, of which {} were new",
        show::bytes(figures.bytes),
        show::bytes(figures.bytes_added)
    ));
    lines.extend(savings(figures));
    lines.push(format!(
        "  sent      {} in {}, in {}, to {}",
        show::bytes(report.bytes_uploaded),
        show::counted(report.objects_uploaded, "object", "objects"),
        show::duration(report.duration),
        destination(replicas)
    ));
    lines.extend(problem_lines(report, LINES_MAX.saturating_sub(lines.len())));
    let behind = behind(replicas);
    lines.extend(behind.iter().map(|line| ink.warn(&format!("  {line}"))));
    lines
}

/// Where the snapshot is now: one address, or the names of several.
fn destination(replicas: &[ReplicaReport]) -> String {
    let saved = replicas.iter().filter(|one| one.has_snapshot);
    let names: Vec<String> = match replicas {
        [only] => vec![show::harmless_sentence(&only.url)],
        _ => saved
            .map(|one| show::harmless_sentence(&one.name))
            .collect(),
    };
    names.join(" and ")
}

/// Which copies are behind, and why; a line each.
pub fn behind(replicas: &[ReplicaReport]) -> Vec<String> {
    let told = |one: &ReplicaReport| {
        let why = show::harmless_sentence(one.behind.as_ref()?);
        let name = show::harmless_sentence(&one.name);
        let has = if one.has_snapshot {
            "has the snapshot but not all older ones"
        } else {
            "does not have the snapshot"
        };
        Some(format!("behind: {name} {has}: {why}"))
    };
    replicas.iter().filter_map(told).collect()
}

/// What is wrong with a backup that is saved, in one line, for hooks; nothing where nothing is.
pub fn shortfall(report: &BackupReport, replicas: &[ReplicaReport], status: Status) -> String {
    let mut parts = Vec::new();
    if status == Status::Damage {
        parts.push(
            "snapshots that this host saw before are gone from a copy (offsite status says which)"
                .to_owned(),
        );
    }
    if let Some(reason) = &report.suspect {
        parts.push(format!("the snapshot is suspect: {reason}"));
    }
    if report.problems_total > 0 {
        let number = show::counted(report.problems_total, "file or folder", "files or folders");
        parts.push(format!("{number} could not be read"));
    }
    parts.extend(behind(replicas));
    parts.join("; ")
}

/// What had not to be stored, and why; nothing where that is nothing.
fn savings(figures: &Statistics) -> Option<String> {
    let known = figures.bytes.saturating_sub(figures.bytes_added);
    let squeezed = figures.bytes_added.saturating_sub(figures.bytes_stored);
    let mut parts = Vec::new();
    if known > 0 {
        parts.push(format!("{} that are stored already", show::bytes(known)));
    }
    if squeezed > 0 {
        parts.push(format!("{} by compression", show::bytes(squeezed)));
    }
    (!parts.is_empty()).then(|| format!("  saved     {}", parts.join(", ")))
}

/// What could not be read, in at most so many lines; two at least.
fn problem_lines(report: &BackupReport, lines_max: usize) -> Vec<String> {
    if report.problems_total == 0 {
        return Vec::new();
    }
    let ink = show::ink_for_stdout();
    let shown_max = lines_max.saturating_sub(1).max(1);
    let is_more = report.problems_total > shown_max as u64;
    let mut lines = vec![ink.warn(&format!(
        "  {} could not be read as it should be{}:",
        show::counted(report.problems_total, "file or folder", "files or folders"),
        if is_more {
            ", such as (--json names more)"
        } else {
            ""
        }
    ))];
    let problems = report.problems.iter().take(shown_max);
    lines.extend(problems.map(|problem| format!("    {}", problem_line(problem))));
    lines
}

/// The path and what is the matter with it, the path once.
fn problem_line(problem: &SourceProblem) -> String {
    let path = show::harmless(&problem.path);
    let error = show::harmless_sentence(show::without_number(&problem.error));
    // Errors about the file itself begin with its path, where it lies.
    let error = match error.split_once(&format!("{path} ")) {
        Some((slash, words)) if slash.is_empty() || slash == "/" => words,
        _ => &error,
    };
    format!("{path}: {error}")
}

/// What the audit came to, and the first of what is missing or altered.
fn audit_lines(report: &BackupReport) -> Vec<String> {
    let Some(line) = audit_text::in_one_line(&report.audit) else {
        return Vec::new();
    };
    let ink = show::ink_for_stdout();
    let line = format!("  audit     {line}");
    let Some((verdict, path)) = report.gravest.first() else {
        return vec![line];
    };
    let name = verdict.name().replace('_', " ");
    let path = show::harmless(path);
    let more = ink.warn(&format!(
        "            {name}: {path} (offsite audit shows all)"
    ));
    vec![ink.warn(&line), more]
}

/// What could not be read, a line each. Also when quiet: that is for cron, which mails what is said
/// on standard error, and this must be.
pub fn problems(report: &BackupReport) -> Vec<String> {
    let problems = report.problems.iter();
    problems
        .map(|problem| format!("not read: {}", problem_line(problem)))
        .collect()
}
