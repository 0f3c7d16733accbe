//! What `offsite restore` says it did.

use std::path::Path;

use serde_json::json;

use super::context::Context;
use super::exit::Failure;
use super::{output, show};
use crate::ops::RestoreReport;
use crate::progress::Progress;
use crate::repository::{Others, StoredSnapshot};

/// Problems that a terminal shows; a program gets them all.
const SHOWN_MAX: usize = 20;

/// What was restored, and all that was not.
pub fn tell(
    context: &Context,
    target: &Path,
    dry_run: bool,
    snapshot: &StoredSnapshot,
    report: &RestoreReport,
) -> Result<(), Failure> {
    warn(context, report);
    if context.global.json {
        let mut document = document(dry_run, snapshot, report);
        if let Some((objects @ 1.., _)) = context.others.get().map(Others::helped) {
            document["from_other_copies"] = objects.into();
        }
        return output::json(&document);
    }
    let is_complete = report.problems_total == 0 && report.delete_refused.is_none();
    if context.global.quiet && is_complete && !dry_run {
        return Ok(());
    }
    let mut lines = summary(target, dry_run, snapshot, report);
    if report.deleted > 0 {
        let what = show::counted(report.deleted, "file or folder", "files and folders");
        lines.push(match dry_run {
            true => format!("Would delete {what} that the snapshot does not hold."),
            false => format!("Deleted {what} that the snapshot does not hold."),
        });
    }
    if context.global.verbose {
        let paths = report.deleted_paths.iter();
        lines.extend(paths.map(|path| format!("  deleted: {}", show::harmless(path))));
    }
    if report.problems_total > 0 {
        let number = show::counted(report.problems_total, "problem", "problems");
        let ink = show::ink_for_stdout();
        lines.push(ink.bad(&format!("The restore is not complete: {number}.")));
    }
    for (path, error) in report.problems.iter().take(SHOWN_MAX) {
        let error = show::harmless_sentence(show::without_number(error));
        lines.push(format!("  {}: {error}", show::harmless(path)));
    }
    let more = report.problems_total.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        let more = show::count(more);
        lines.push(format!("  … and {more} more, which --json lists"));
    }
    output::lines(&lines)
}

fn warn(context: &Context, report: &RestoreReport) {
    if report.owners_not_set > 0 {
        context.progress.notice(&format!(
            "the owner of {} could not be set: only root can give files away",
            show::counted(report.owners_not_set, "entry", "entries")
        ));
    }
    if report.attributes_not_set > 0 {
        context.progress.notice(&format!(
            "{} could not be set: this user may not, or the file system of the target has none",
            show::counted(
                report.attributes_not_set,
                "extended attribute",
                "extended attributes"
            )
        ));
    }
    if let Some(reason) = &report.delete_refused {
        let text = format!("nothing was deleted, or not all: {reason}");
        context.progress.notice(&text);
    }
}

fn summary(
    target: &Path,
    dry_run: bool,
    snapshot: &StoredSnapshot,
    report: &RestoreReport,
) -> Vec<String> {
    let files = show::counted(report.files_restored, "file", "files");
    let bytes = show::bytes(report.bytes_restored);
    let time = show::time(snapshot.record.time);
    let target = show::harmless(target.as_os_str().as_encoded_bytes());
    let (verb, stands, tense) = match dry_run {
        true => ("Would restore", "stands", ["is", "are"]),
        false => ("Restored", "stood", ["was", "were"]),
    };
    let mut lines = vec![
        format!("{verb} {files} ({bytes}) to {target}"),
        format!("  from the snapshot of {time}"),
    ];
    if report.files_replaced > 0 {
        let replaced = show::count(report.files_replaced);
        lines.push(format!("  {replaced} in the place of what {stands} there"));
    }
    if report.files_skipped > 0 {
        let was = tense[usize::from(report.files_skipped != 1)];
        let skipped = show::count(report.files_skipped);
        lines.push(format!("  {skipped} {was} there already"));
    }
    if dry_run {
        let fetched = show::bytes(report.bytes_to_fetch);
        lines.push(format!("  {fetched} would be fetched; nothing was changed"));
    }
    lines
}

fn document(dry_run: bool, snapshot: &StoredSnapshot, report: &RestoreReport) -> serde_json::Value {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|(path, error)| json!({ "path": show::harmless(path), "error": error }))
        .collect();
    let paths = report.deleted_paths.iter();
    let deleted: Vec<_> = paths.map(|path| show::harmless(path)).collect();
    let mut document = json!({
        "snapshot": snapshot.id.to_string(),
        "dry_run": dry_run,
        "files_restored": report.files_restored,
        "files_new": report.files_restored - report.files_replaced,
        "files_replaced": report.files_replaced,
        "files_skipped": report.files_skipped,
        "files_deleted": report.deleted,
        "deleted": deleted,
        "bytes_restored": report.bytes_restored,
        "owners_not_set": report.owners_not_set,
        "attributes_not_set": report.attributes_not_set,
        "problems_total": report.problems_total,
        "problems": problems,
    });
    if dry_run {
        document["bytes_to_fetch"] = report.bytes_to_fetch.into();
    }
    if let Some(reason) = &report.delete_refused {
        document["delete_refused"] = reason.as_str().into();
    }
    document
}
