//! `offsite lock`

use std::collections::BTreeSet;

use clap::Subcommand;
use serde_json::json;

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::places::Place;
use super::{forget, output, show};
use crate::index::Trust;
use crate::ops::{self, ExtendReport, ForgetOptions, ForgetPlace, Opened};
use crate::repository::{SnapshotFilter, StoredSnapshot};

/// Object Lock: what is stored in a bucket cannot be deleted before a date
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Extend the locks of everything that the snapshots need
    ///
    /// At each copy that has object_lock in the configuration, or that --object-lock is given for. What
    /// backup stores there is locked for so many days. Run this every
    /// night, or every week: each object is asked for once a third of the days. Where the
    /// configuration has rules of retention, the snapshots that forget would keep are meant, so that
    /// the locks of the others run out and their space can be freed. It needs a credential with the
    /// right s3:PutObjectRetention.
    Extend,
}

pub fn run(context: &Context, command: &Command) -> Result {
    let Command::Extend = command;
    let mut lockable = context.distinct_places()?;
    lockable.retain(|place| place.object_lock.is_some());
    if lockable.is_empty() {
        return Err(Failure::usage(
            "it is not said how long to lock",
            "give --object-lock MODE:DAYS, such as --object-lock compliance:90, with a bucket, or \
             object_lock in its [[repository]]",
        ));
    }
    let each = context.at_each_of(lockable, |place| at_place(context, place))?;
    if context.global.json {
        if each.has_document() {
            let mut document = document(&each.done);
            document["missed"] = each.missed_json();
            output::json(&document)?;
        }
    } else if !context.global.quiet {
        for (place, one) in &each.done {
            output::lines(each.heading(place).as_slice())?;
            output::lines(&lines(one))?;
        }
    }
    let is_done = |(_, one): &(Place, Extended)| {
        one.report.refused_count == 0 && one.report.unreadable.is_empty()
    };
    let status = match each.done.iter().all(is_done) {
        true => Status::Done,
        false => Status::Damage,
    };
    each.end(status)
}

/// What was done at a place.
struct Extended {
    report: ExtendReport,
    /// Snapshots of which the locks run out.
    let_go: u64,
}

fn at_place(context: &Context, place: &Place) -> std::result::Result<Extended, Failure> {
    let nothing = || Failure::usage("it is not said how long to lock", "set object_lock");
    let lock = place.object_lock.ok_or_else(nothing)?;
    let (repository, state) = context.repository_at(place, Access::Writer)?;
    let key = place.key();
    let index = state.open_index(&key)?;
    let progress = context.progress.as_ref();
    let opened = ops::Opened::look(repository, index, progress)?;
    let trust = state.open_trust()?;
    let (kept, goes) = kept(context, &opened, (&trust, &key))?;
    let report = ops::extend_locks(
        &opened.repository,
        &opened.index,
        (&kept, &goes),
        (&trust, &key),
        lock,
        progress,
    )?;
    Ok(Extended {
        report,
        let_go: goes.len() as u64,
    })
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

/// Sums of all places; until when the first of them is locked.
fn document(done: &[(Place, Extended)]) -> serde_json::Value {
    let sum = |of: fn(&Extended) -> u64| done.iter().map(|(_, one)| of(one)).sum::<u64>();
    let reports = || done.iter().map(|(_, one)| &one.report);
    let refused = reports().flat_map(|one| &one.refused);
    let refused = refused.map(|(name, reason)| json!({ "object": name, "reason": reason }));
    let until = reports().filter_map(|one| one.until).min();
    json!({
        "snapshots_let_go": sum(|one| one.let_go),
        "objects_needed": sum(|one| one.report.needed),
        "objects_extended": sum(|one| one.report.extended),
        "objects_sufficed": sum(|one| one.report.sufficed),
        "objects_refused": sum(|one| one.report.refused_count),
        "refused": refused.collect::<Vec<_>>(),
        "unreadable": reports().flat_map(|one| &one.unreadable).collect::<Vec<_>>(),
        "locked_until": until.map(show::rfc3339),
    })
}

fn lines(Extended { report, let_go }: &Extended) -> Vec<String> {
    let mut lines = Vec::new();
    if *let_go > 0 {
        let snapshots = show::counted(*let_go, "snapshot that", "snapshots that");
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
