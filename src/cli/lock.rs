//! `offsite lock`

use clap::Subcommand;
use serde_json::json;

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::{output, show};
use crate::ops::{self, ExtendReport};
use crate::progress::Progress;

/// Object Lock: what is stored in a bucket cannot be deleted before a date
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Extend the locks of everything that the snapshots need
    ///
    /// What backup stores with --object-lock MODE:DAYS is locked for so many days. Run this every
    /// night, or every week: each object is asked for once a third of the days. It needs a
    /// credential with the right s3:PutObjectRetention.
    Extend,
}

pub fn run(context: &Context, command: &Command) -> Result {
    let Command::Extend = command;
    let place = context.place()?;
    let lock = place.object_lock.ok_or_else(|| {
        Failure::usage(
            "it is not said how long to lock",
            "give --object-lock MODE:DAYS, such as --object-lock compliance:90, with a bucket",
        )
    })?;
    let (repository, state) = context.repository(Access::Writer)?;
    let index = context.index(&state)?;
    let progress = context.progress.as_ref();
    let opened = ops::Opened::look(repository, index, progress)?;
    let trust = state.open_trust()?;
    let report = ops::extend_locks(
        &opened.repository,
        &opened.index,
        &opened.snapshots,
        (&trust, &place.key()),
        lock,
        progress,
    );
    progress.finish();
    let report = report?;
    if context.global.json {
        output::json(&document(&report))?;
    } else {
        output::lines(&lines(&report))?;
    }
    Ok(
        if report.refused_count > 0 || !report.unreadable.is_empty() {
            Status::Damage
        } else {
            Status::Done
        },
    )
}

fn document(report: &ExtendReport) -> serde_json::Value {
    let refused = report.refused.iter();
    let refused = refused.map(|(name, reason)| json!({ "object": name, "reason": reason }));
    json!({
        "objects_needed": report.needed,
        "objects_extended": report.extended,
        "objects_sufficed": report.sufficed,
        "objects_refused": report.refused_count,
        "refused": refused.collect::<Vec<_>>(),
        "unreadable": report.unreadable,
        "locked_until": report.until.map(show::rfc3339),
    })
}

fn lines(report: &ExtendReport) -> Vec<String> {
    let mut lines = vec![format!(
        "{} needed: {} extended, {} locked long enough.",
        show::counted(report.needed, "object is", "objects are"),
        show::count(report.extended),
        show::count(report.sufficed),
    )];
    if let Some(until) = report.until {
        lines.push(format!(
            "All of them are locked until {}.",
            show::time(until)
        ));
    }
    if report.refused_count > 0 {
        let number = show::counted(report.refused_count, "object", "objects");
        lines.push(format!("The store refused to extend the lock of {number}:"));
    }
    for (_, reason) in report.refused.iter().take(10) {
        lines.push(format!("  {}", show::harmless_sentence(reason)));
    }
    for part in &report.unreadable {
        lines.push(format!(
            "What it needs is not known of a part of {}",
            show::harmless_sentence(part)
        ));
    }
    lines
}
