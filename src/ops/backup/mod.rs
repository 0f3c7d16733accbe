//! `backup`: one snapshot of the database dump and the files, bound together.
//!
//! The dump is read first and judged before a file is looked at; then the files, in the order of
//! the listing. Packs, then segments, then the snapshot record, whose arrival is the commit.
//!
//! `run` knows what there was before and commits at the end, `baseline` what of it this host made;
//! `replicas` says which of several copies take part; `crew` is the threads; `files` takes a
//! file, `links` one with several names, `entries` says what is stored of them, `recall` helps a
//! host that lost its state, `sequence` brings entries into order, `record` composes the snapshot
//! record; `plans_watch` sees to it at one replica that no prune takes away what the snapshot rests
//! on, `watches` at all of them, and `false_plans` that nobody else can pretend to; `dry_run` does
//! none of it and says what would be done.

mod auditing;
mod baseline;
mod closed_sessions;
mod crew;
mod dry_run;
mod entries;
mod false_plans;
mod files;
mod hold;
mod known;
mod links;
mod notices;
mod options;
mod plans_watch;
mod recall;
mod record;
mod replicas;
mod roots;
mod run;
mod seen;
mod sequence;
mod stretches;
mod watches;

pub use dry_run::{DryRunReport, dry_run, dry_run_telling};
pub(super) use hold::hold;
pub(super) use notices::Notices;
pub use options::{
    BackupOptions, BackupReport, DatabaseReport, Levelling, ReplicaReport, SourceChoice,
    source_name,
};
pub use sequence::SourceProblem;

use crew::Crew;
use run::Run;
use sequence::Sequence;

use crate::index::Index;
use crate::ops::destination::Destination;
use crate::ops::pipeline::{Chunkers, Pipeline};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{ListingWriter, Repository};
use crate::source::database::DatabaseSource;

/// Makes a snapshot in one repository: [`backup_to_all`] of one.
///
/// # Errors
/// Of the source when nothing can be backed up or the dump is no good; of the repository. Nothing
/// is committed then, and what was stored is found again by the next run.
pub fn backup(
    repository: &Repository,
    index: &Index,
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<BackupReport> {
    let only = Destination {
        name: "the repository",
        repository,
        index,
        near: false,
    };
    backup_to_all(&[only], options, progress)
}

/// Makes a snapshot in several replicas of one repository: the source is read once, everything is
/// sealed once, and what is stored goes to each. One that fails or falls behind keeps no other
/// from its snapshot; the report says so.
///
/// One that a prune overtook is left behind; if that is all of them, the snapshot is made once more:
/// what was stored is there, and what the prune may delete is sent again. So is one that came so late
/// that it lost something: that makes the first one whole as well.
///
/// # Errors
/// As [`backup`]; of the replicas only when none of them has the snapshot.
pub fn backup_to_all(
    named: &[Destination<'_>],
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<BackupReport> {
    let can_be_read_again = !matches!(options.source.database, Some(DatabaseSource::Stdin));
    match attempt(named, options, progress) {
        Err(OpsError::Overtaken | OpsError::CommittedLate) if can_be_read_again => {
            progress.notice("a prune was faster than this backup, which begins again");
            attempt(named, options, progress)
        }
        done => done,
    }
}

fn attempt(
    named: &[Destination<'_>],
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<BackupReport> {
    let run = Run::prepare(named, options, progress)?;
    let (repository, index) = (run.repository, run.files.index);
    let destinations = run.replicas.destinations();
    let pipeline = Pipeline::new(repository, &destinations, options.checkpoint, progress)?;
    let chunkers = Chunkers::new(repository)?;
    let listing = ListingWriter::new(&repository.writer);
    let sequence = Sequence::new(&pipeline, index, listing, run.auditing.audit())?;
    let crew = Crew {
        run: &run,
        pipeline: &pipeline,
        chunkers: &chunkers,
        sequence: &sequence,
    };
    let _heeding = repository.seams.interrupt.heed();
    let worked = crew.work();
    if let Some(failure) = pipeline.take_failure() {
        if matches!(failure, OpsError::Interrupted) {
            // A checkpoint: even a host that loses its state then finds again what is stored. If
            // it cannot be made, the next run of this host makes it.
            let _ = pipeline.uploads.publish();
        }
        return Err(failure);
    }
    let (database, sequenced) = worked?;
    pipeline.uploads.publish()?;
    // What was stored so far is kept for the next run either way.
    run.check_roots()?;
    run.commit(&pipeline, database, sequenced)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "bad_day_tests.rs"]
mod bad_day_tests;

#[cfg(test)]
#[path = "junk_tests.rs"]
mod junk_tests;
#[cfg(test)]
#[path = "replicas_tests.rs"]
mod replicas_tests;

#[cfg(test)]
#[path = "slow_replica_tests.rs"]
mod slow_replica_tests;

#[cfg(test)]
mod plans_tests;
