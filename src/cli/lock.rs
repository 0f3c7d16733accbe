//! `offsite lock`

use std::collections::BTreeSet;

use clap::Subcommand;
use serde_json::json;

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::{forget, output, show};
use crate::index::Trust;
use crate::ops::{self, ExtendReport, ForgetOptions, ForgetPlace, Opened};
use crate::progress::Progress;
use crate::repository::{SnapshotFilter, StoredSnapshot};

/// Object Lock: what is stored in a bucket cannot be deleted before a date
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Extend the locks of everything that the snapshots need
    ///
    /// What backup stores with --object-lock MODE:DAYS is locked for so many days. Run this every
    /// night, or every week: each object is asked for once a third of the days. Where the
    /// configuration has rules of retention, the snapshots that forget would keep are meant, so that
    /// the locks of the others run out and their space can be freed. It needs a credential with the
    /// right s3:PutObjectRetention.
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
    let (trust, key) = (state.open_trust()?, place.key());
    let (kept, goes) = kept(context, &opened, (&trust, &key))?;
    let let_go = goes.len() as u64;
    let report = ops::extend_locks(
        &opened.repository,
        &opened.index,
        (&kept, &goes),
        (&trust, &key),
        lock,
        progress,
    );
    progress.finish();
    let report = report?;
    if context.global.json {
        output::json(&document(&report, let_go))?;
    } else {
        output::lines(&lines(&report, let_go))?;
    }
    Ok(
        if report.refused_count > 0 || !report.unreadable.is_empty() {
            Status::Damage
        } else {
            Status::Done
        },
    )
}

/// The snapshots that the rules of the configuration keep, or all where it has none; and the others,
/// of which the locks are to run out.
fn kept(
    context: &Context,
    opened: &Opened,
    (trust, key): (&Trust, &str),
) -> std::result::Result<(Vec<StoredSnapshot>, Vec<StoredSnapshot>), Failure> {
    let all = opened.snapshots.clone();
    let Some(rules) = forget::retention(context)?.filter(|_| !all.is_empty()) else {
        return Ok((all, Vec::new()));
    };
    let options = ForgetOptions {
        policy: rules.policy,
        group_by: rules.group_by,
        filter: SnapshotFilter::default(),
        named: Vec::new(),
        even_protected: false,
        dry_run: true,
        host: host_name(),
        zone: rules.zone,
    };
    let at = ForgetPlace {
        repository: &opened.repository,
        index: &opened.index,
        trust,
        key,
    };
    let judged = ops::forget(&at, &options, context.progress.as_ref())?;
    let goes: BTreeSet<_> = judged.removed.iter().map(|one| one.id).collect();
    Ok(all.into_iter().partition(|one| !goes.contains(&one.id)))
}

fn document(report: &ExtendReport, let_go: u64) -> serde_json::Value {
    let refused = report.refused.iter();
    let refused = refused.map(|(name, reason)| json!({ "object": name, "reason": reason }));
    json!({
        "snapshots_let_go": let_go,
        "objects_needed": report.needed,
        "objects_extended": report.extended,
        "objects_sufficed": report.sufficed,
        "objects_refused": report.refused_count,
        "refused": refused.collect::<Vec<_>>(),
        "unreadable": report.unreadable,
        "locked_until": report.until.map(show::rfc3339),
    })
}

fn lines(report: &ExtendReport, let_go: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if let_go > 0 {
        let snapshots = show::counted(let_go, "snapshot that", "snapshots that");
        lines.push(format!(
            "{snapshots} the rules of retention do not keep: those locks run out."
        ));
    }
    lines.push(format!(
        "{} needed: {} extended, {} locked long enough.",
        show::counted(report.needed, "object is", "objects are"),
        show::count(report.extended),
        show::count(report.sufficed),
    ));
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
