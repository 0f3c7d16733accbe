//! After a backup: copies that fell behind are brought level from one that has everything.

use super::backup_copies::Copies;
use super::context::Context;
use super::exit::Failure;
use super::forget::retention;
use crate::ops::{self, BackupReport, LevelOptions, Levelling, Replica, ReplicaReport};

/// What became of every copy that was named, in that order, after those were brought level that can
/// be.
pub fn conclude(context: &Context, copies: &Copies, report: &BackupReport) -> Vec<ReplicaReport> {
    let mut open = report.replicas.clone();
    let replicas: Vec<&Replica> = copies.open().map(|(_, replica)| replica).collect();
    let mut failed = Vec::new();
    for Levelling { from, to } in &report.levelling {
        let (Some(from), Some(target)) = (replicas.get(*from), replicas.get(*to)) else {
            continue;
        };
        let Some(told) = open.get_mut(*to) else {
            continue;
        };
        match bring_level(context, from, target) {
            Ok(true) if !failed.contains(to) => {
                told.has_snapshot = true;
                told.behind = None;
            }
            Ok(_) => failed.push(*to),
            Err(failure) => {
                told.behind = Some(failure.in_one_line());
                failed.push(*to);
            }
        }
    }
    of_all(copies, open)
}

/// What became of every copy that was named, in that order, before any is brought level.
pub fn before(copies: &Copies, report: &BackupReport) -> Vec<ReplicaReport> {
    of_all(copies, report.replicas.clone())
}

/// Those that were open, and those that were not.
fn of_all(copies: &Copies, open: Vec<ReplicaReport>) -> Vec<ReplicaReport> {
    let mut open = open.into_iter();
    let all = copies.all.iter().filter_map(|copy| match &copy.opened {
        Ok(_) => open.next(),
        Err(failure) => Some(ReplicaReport {
            name: copy.place.name.clone(),
            url: copy.place.url.to_string(),
            has_snapshot: false,
            behind: Some(failure.in_one_line()),
            bytes_uploaded: 0,
            objects_uploaded: 0,
        }),
    });
    all.collect()
}

/// Copies to `to` what it lacks of `from`. Whether it is level then.
fn bring_level(context: &Context, from: &Replica, to: &Replica) -> Result<bool, Failure> {
    let retention = retention(context)?;
    let options = LevelOptions {
        retention: retention.as_ref(),
        ..LevelOptions::default()
    };
    let report = ops::level(from, to, &options, context.progress.as_ref())?;
    Ok(report.waiting.is_empty() && report.lacking.is_empty())
}
