//! `offsite prune`

use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::places::Place;
use super::{output, prune_text, show};
use crate::id::ObjectId;
use crate::index::{Presence, Trust};
use crate::ops::{self, OpsError, PruneError, PruneOptions, PruneReport, StateFolder};
use crate::progress::Progress;
use crate::repository::GRACE_MAX;

/// Give back the storage that no snapshot needs
///
/// In two steps, so that nothing is lost to a backup that runs at the same time: what is not needed
/// is marked, and deleted by the first prune after the grace. With the passphrase or the words,
/// packs that are mostly dead are rewritten as well.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Change nothing, and say what would be done
    #[arg(long)]
    dry_run: bool,
    /// How long what was marked waits (without it: 72h; at least 24h, less only with --exclusive)
    #[arg(long, value_name = "DURATION", value_parser = span)]
    grace: Option<Duration>,
    /// Lock everybody else out meanwhile; only for a repository in a folder that every backup uses
    /// directly
    #[arg(long)]
    exclusive: bool,
    /// Rewrite packs of which more than so many of a hundred bytes are dead (without it: 40; 100:
    /// none)
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    repack_above: Option<f64>,
    /// Keep packs until they are so old: some providers charge for that time anyway
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=3650))]
    minimum_storage_days: Option<u32>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let each = context.at_each(|place| at_place(&context.at(place), args))?;
    if context.global.json {
        if each.has_document() {
            let mut document = as_json(&each.done);
            document["missed"] = each.missed_json();
            output::json(&document)?;
        }
    } else if !context.global.quiet {
        for (place, report) in &each.done {
            output::lines(each.heading(place).as_slice())?;
            output::lines(&prune_text::summary(report, args.dry_run))?;
        }
    }
    let mut reports = each.done.iter();
    let is_damaged = reports.any(|(_, report)| report.unreadable_total > 0);
    each.end(match is_damaged {
        true => Status::Damage,
        false => Status::Done,
    })
}

/// Prunes one of the places that were named.
fn at_place(context: &Context, args: &Args) -> std::result::Result<PruneReport, Failure> {
    let (repository, state) = context.repository(Access::ReaderIfGiven)?;
    let index = context.index(&state)?;
    let trust = state.open_trust()?;
    let _only = only_one(&state)?;
    let options = args.options(context, &trust)?;
    let progress = context.progress.as_ref();
    let report = ops::prune(&repository, &index, &trust, &options, progress);
    progress.finish();
    Ok(report?)
}

impl Args {
    /// What is asked for at the first place, flags before the configuration.
    pub fn options(
        &self,
        context: &Context,
        trust: &Trust,
    ) -> std::result::Result<PruneOptions, Failure> {
        let rules = &context.configuration()?.prune;
        let days = self.minimum_storage_days;
        let days = days.unwrap_or(rules.minimum_storage_days);
        Ok(PruneOptions {
            host: host_name(),
            grace: self.grace.unwrap_or(rules.grace),
            dry_run: self.dry_run,
            exclusive: self.exclusive,
            repack_above: self
                .repack_above
                .unwrap_or_else(|| f64::from(rules.repack_above_percent)),
            minimum_storage: Duration::from_secs(u64::from(days) * 86_400),
            known_snapshots: known_snapshots(trust, &context.place()?.key())?,
            ..PruneOptions::default()
        })
    }
}

/// The snapshots that this host has seen at that place, and that nothing was said of since: none of
/// them may be missing.
fn known_snapshots(trust: &Trust, place: &str) -> std::result::Result<Vec<ObjectId>, OpsError> {
    let seen = trust.seen(place)?.into_iter();
    let missed = seen.filter(|one| one.presence != Presence::Forgotten);
    Ok(missed.map(|one| one.id).collect())
}

/// One prune at a time of a state folder: it alone carries out the plans that were made from there.
fn only_one(state: &StateFolder) -> std::result::Result<ops::SourceLock, OpsError> {
    match state.lock_source(b"offsite prune") {
        Err(OpsError::Busy) => Err(PruneError::Busy.into()),
        locked => locked,
    }
}

/// `72h`, `3d`, `1d 12h`.
fn span(text: &str) -> std::result::Result<Duration, String> {
    let refused = || "write a time such as 72h, 3d or 30m".to_owned();
    let span: jiff::Span = text.trim().parse().map_err(|_| refused())?;
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let total = span.to_duration(day).map_err(|_| refused())?;
    let total = Duration::try_from(total).map_err(|_| refused())?;
    match total <= GRACE_MAX {
        true => Ok(total),
        false => Err(format!("at most {}", show::duration(GRACE_MAX))),
    }
}

/// `0` to `100`.
fn percent(text: &str) -> std::result::Result<f64, String> {
    let number: Option<f64> = text.trim().trim_end_matches('%').trim_end().parse().ok();
    number
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "write a share such as 40, of a hundred".to_owned())
}

/// Sums of all places, and what was done at each.
fn as_json(reports: &[(Place, PruneReport)]) -> Value {
    let sum = |of: fn(&PruneReport) -> u64| reports.iter().map(|(_, one)| of(one)).sum::<u64>();
    let free_after = reports.iter().filter_map(|(_, one)| one.free_after).max();
    json!({
        "marked_bytes": sum(|one| one.marked.bytes),
        "swept_bytes": sum(|one| one.swept.bytes),
        "waiting_bytes": sum(|one| one.waiting.bytes),
        "kept_bytes": sum(|one| one.kept.bytes),
        "rewritable_bytes": sum(|one| one.rewritable.bytes),
        "free_after": free_after.map(show::rfc3339),
        "repositories": reports.iter().map(|(place, one)| one_json(&place.name, one)).collect::<Vec<_>>(),
    })
}

fn one_json(name: &str, report: &PruneReport) -> Value {
    let unreadable = report.unreadable.iter();
    let unreadable =
        unreadable.map(|(object, problem)| json!({ "object": object, "problem": problem }));
    json!({
        "name": name,
        "snapshots": report.snapshots,
        "chunks": report.chunks,
        "kept_packs": report.kept.packs,
        "kept_bytes": report.kept.bytes,
        "marked_packs": report.marked.packs,
        "marked_bytes": report.marked.bytes,
        "waiting_packs": report.waiting.packs,
        "waiting_bytes": report.waiting.bytes,
        "free_after": report.free_after.map(show::rfc3339),
        "next_sweep": report.next_sweep.map(show::rfc3339),
        "swept_packs": report.swept.packs,
        "swept_bytes": report.swept.bytes,
        "needed_again_bytes": report.pardoned.bytes,
        "retained_bytes": report.retained.bytes,
        "retained_until": report.retained_until,
        "denied_bytes": report.denied.bytes,
        "minimum_storage_bytes": report.paid_for.bytes,
        "read_key_needed_bytes": report.unproven.bytes,
        "rewritten_bytes": report.rewritten.bytes,
        "rewritten_into_bytes": report.rewritten_into_bytes,
        "rewritable_bytes": report.rewritable.bytes,
        "segments_written": report.segments_written,
        "segments_deleted": report.segments_deleted,
        "put_off": report.put_off,
        "unreadable": unreadable.collect::<Vec<_>>(),
        "unreadable_total": report.unreadable_total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_written_as_people_write_it() {
        let hours = |text| span(text).unwrap().as_secs() / 3600;
        assert_eq!(["72h", "3d", "1d 12h", "0s"].map(hours), [72, 72, 36, 0]);
        for text in ["", "soon", "-3h", "31d", "72"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
