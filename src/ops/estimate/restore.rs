//! What a restore would fetch: its own dry run, which reads the listing as the restore will, and
//! plans what each batch of files needs as the restore does.

use std::sync::Arc;

use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::ops::Result;
use crate::ops::restore::{RestoreOptions, RestoreReport, restore};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::store::tally::{Tally, Traffic};

/// What a restore would do and ask of the store.
#[derive(Debug)]
pub struct RestoreEstimate {
    /// As of a dry run.
    pub report: RestoreReport,
    /// Reading the listing included; opening the repository is not.
    pub traffic: Traffic,
}

/// Says what a restore with these options would cost. Nothing is written, and no read key is needed.
///
/// # Errors
/// As those of a restore in a dry run.
pub fn estimate_restore(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<RestoreEstimate> {
    let tally = Arc::new(Tally::new(Arc::clone(&repository.store)));
    let counted = Repository {
        store: Arc::clone(&tally) as _,
        ..repository.clone()
    };
    let options = RestoreOptions {
        dry_run: true,
        ..options.clone()
    };
    let report = restore(&counted, index, snapshot, &options, progress)?;
    let packs = Traffic {
        get: report.fetches,
        bytes_down: report.bytes_to_fetch,
        ..Traffic::default()
    };
    Ok(RestoreEstimate {
        traffic: tally.take() + packs,
        report,
    })
}
