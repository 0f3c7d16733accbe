//! `backup --dry-run`: what a backup would take in, without reading a file, running the database
//! command, storing an object or writing to the index.
//!
//! It answers from the local index as the last run left it: a file whose content was stored and
//! whose times, size and inode are the same would not be read.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::files::stamp_of;
use super::options::BackupOptions;
use super::roots;
use super::sequence::{PROBLEMS_KEPT_MAX, SourceProblem};
use crate::index::Index;
use crate::ops::Result;
use crate::progress::Progress;
use crate::seams::Clock;
use crate::source::filter::Filter;
use crate::source::{Event, Found, Kind, Walk};

/// Files with several names that are told apart; beyond, each name counts with its bytes. Bounds
/// memory to about 32 MiB.
const LINKED_MAX: usize = 1_000_000;

/// What a backup would do.
#[derive(Debug, Default)]
pub struct DryRunReport {
    /// Never seen by this host.
    pub files_new: u64,
    /// Changed since, or written to when they were last read, or no longer stored.
    pub files_changed: u64,
    pub files_unmodified: u64,
    pub folders: u64,
    pub links: u64,
    /// Of all files, each once.
    pub bytes_total: u64,
    /// Of those that would be read.
    pub bytes_to_read: u64,
    pub problems: Vec<SourceProblem>,
    /// More than are in `problems` on a very bad day.
    pub problems_total: u64,
    pub duration: Duration,
}

impl DryRunReport {
    pub fn files_total(&self) -> u64 {
        self.files_new + self.files_changed + self.files_unmodified
    }
}

/// Walks the source and holds it against the index.
///
/// # Errors
/// `Source` when nothing can be backed up; `Index`.
pub fn dry_run(
    index: &Index,
    options: &BackupOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<DryRunReport> {
    dry_run_telling(index, options, clock, progress, &mut |_, _| {})
}

/// As [`dry_run`]; `tell` gets everything that would be listed, in that order, and how many bytes of
/// it would be read (of a file that would be read: all, once; else `None`).
///
/// # Errors
/// As [`dry_run`].
pub fn dry_run_telling(
    index: &Index,
    options: &BackupOptions,
    clock: &dyn Clock,
    progress: &dyn Progress,
    tell: &mut dyn FnMut(&Found, Option<u64>),
) -> Result<DryRunReport> {
    let began = clock.since_boot();
    let roots = roots::resolve(&options.source, &options.current, progress)?;
    let filter = Filter::new(&options.source.exclude)?;
    let walk = Walk::new(&roots, filter)?.within(options.source.limits);
    progress.stage("Looking at the files", None);
    let mut report = DryRunReport::default();
    let mut linked = HashSet::new();
    for event in walk {
        match event {
            Event::Found(found) => {
                let mut read = None;
                match found.kind {
                    Kind::Folder => report.folders += 1,
                    Kind::Link { .. } => report.links += 1,
                    Kind::File => {
                        let bytes = bytes_once(&found, &mut linked);
                        if take(index, &found, bytes, &mut report)? {
                            progress.item(&found.path);
                            read = Some(bytes);
                        }
                    }
                }
                tell(&found, read);
            }
            Event::Problem(problem) => {
                report.problems_total += 1;
                if report.problems.len() < PROBLEMS_KEPT_MAX {
                    report.problems.push(SourceProblem {
                        root: problem.root,
                        path: problem.path,
                        error: problem.error,
                    });
                }
            }
            Event::Skipped { path, what } => {
                let path = String::from_utf8_lossy(&path);
                progress.notice(&format!("note: {path} is {what}"));
            }
        }
    }
    report.duration = clock.since_boot().saturating_sub(began);
    Ok(report)
}

/// The bytes of a file; none if it was met by another name.
fn bytes_once(found: &Found, linked: &mut HashSet<(u64, u64)>) -> u64 {
    let metadata = &found.metadata;
    if metadata.links > 1 {
        let identity = (metadata.device, metadata.inode);
        if linked.contains(&identity) {
            return 0;
        }
        if linked.len() < LINKED_MAX {
            linked.insert(identity);
        }
    }
    metadata.size
}

/// Whether the file would be read.
fn take(index: &Index, found: &Found, bytes: u64, report: &mut DryRunReport) -> Result<bool> {
    report.bytes_total += bytes;
    let known = index.file(found.source.as_os_str().as_bytes())?;
    match known {
        None => report.files_new += 1,
        Some((stamp, content))
            if stamp == stamp_of(&found.metadata) && index.are_stored(&content.chunks)? =>
        {
            report.files_unmodified += 1;
            return Ok(false);
        }
        Some(_) => report.files_changed += 1,
    }
    report.bytes_to_read += bytes;
    Ok(true)
}
