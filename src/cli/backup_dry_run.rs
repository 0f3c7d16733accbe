//! `offsite backup --dry-run`: the fields of a backup, as far as they are known before one.

use serde_json::{Value, json};

use super::context::Context;
use super::exit::{Result, Status};
use super::{output, show};
use crate::index::Index;
use crate::ops::{self, BackupOptions, DryRunReport};
use crate::progress::Progress;
use crate::seams::Clock;

pub fn run(context: &Context, index: &Index, options: &BackupOptions, clock: &dyn Clock) -> Result {
    let report = ops::dry_run(index, options, clock, context.progress.as_ref());
    Progress::finish(context.progress.as_ref());
    let report = report?;
    let with_database = options.source.database.is_some();
    if context.global.json {
        output::json(&as_json(&report))?;
    } else if !context.global.quiet {
        output::lines(&summary(&report, with_database))?;
    } else {
        for problem in &report.problems {
            let path = show::harmless(&problem.path);
            eprintln!(
                "not read: {path}: {}",
                show::harmless_sentence(&problem.error)
            );
        }
    }
    Ok(if report.problems_total > 0 {
        Status::SomeUnreadable
    } else {
        Status::Done
    })
}

/// What only a backup can know is null.
fn as_json(report: &DryRunReport) -> Value {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| json!({ "path": show::harmless(&problem.path), "error": problem.error }))
        .collect();
    json!({
        "dry_run": true,
        "snapshot": null,
        "time": null,
        "files_new": report.files_new,
        "files_changed": report.files_changed,
        "files_unmodified": report.files_unmodified,
        "files_total": report.files_total(),
        "bytes_total": report.bytes_total,
        "bytes_read": report.bytes_to_read,
        "bytes_added": null,
        "bytes_stored": null,
        "bytes_uploaded": 0,
        "objects_uploaded": 0,
        "replicas": null,
        "database": null,
        "audit": {},
        "problems": problems,
        "problems_total": report.problems_total,
        "duration_seconds": report.duration.as_secs_f64(),
    })
}

fn summary(report: &DryRunReport, with_database: bool) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let mut lines = vec![
        "Dry run: nothing was stored".to_owned(),
        format!(
            "  files     {}: {} new, {} changed, {} unchanged",
            show::count(report.files_total()),
            show::count(report.files_new),
            show::count(report.files_changed),
            show::count(report.files_unmodified)
        ),
        format!(
            "  contents  {}, of which {} would be read",
            show::bytes(report.bytes_total),
            show::bytes(report.bytes_to_read)
        ),
    ];
    if with_database {
        lines.push("  database  not dumped in a dry run".to_owned());
    }
    if report.problems_total > 0 {
        lines.push(ink.warn(&format!(
            "  {} could not be looked at:",
            show::counted(report.problems_total, "file or folder", "files or folders"),
        )));
        for problem in report.problems.iter().take(2) {
            let path = show::harmless(&problem.path);
            let error = show::harmless_sentence(&problem.error);
            lines.push(format!("    {path}: {error}"));
        }
    }
    lines
}
