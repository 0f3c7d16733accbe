//! `lock extend`: everything that the snapshots need stays locked. A lock is set when an object is
//! put; when two thirds of the period are left of it, or less, it is set anew, so that each object
//! is extended once a third. `reach` finds what is needed, `locks` asks and extends.
//!
//! Memory: 40 bytes for each different chunk of all listings; ids of contents and packs are in
//! temporary tables.

mod locks;
mod reach;
mod report;

#[cfg(test)]
mod tests;

use super::Result;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::{Index, LockHorizon, Trust};
use crate::progress::Progress;
use crate::repository::{Repository, RepositoryError, StoredSnapshot, list_objects};
use crate::store::retention::ObjectLock;
use crate::store::{ErrorKind, StoreError};
use locks::Locks;
pub use report::ExtendReport;

/// Objects that are asked and noted together.
const BATCH: usize = 256;

/// Kinds of which all that there are is needed, but for snapshots, of which somebody decides.
const KINDS: [Kind; 4] = [Kind::Repository, Kind::KeySlot, Kind::Segment, Kind::Forget];

/// Extends the locks of everything that `snapshots` need. `place` is the key under which `trust`
/// remembers until when. A run that was cut short goes on where it was.
///
/// # Errors
/// `Store` when the store is out of reach or has no locks, `Index`, `Interrupted`.
pub fn extend_locks(
    repository: &Repository,
    index: &Index,
    snapshots: &[StoredSnapshot],
    (trust, place): (&Trust, &str),
    lock: ObjectLock,
    progress: &dyn Progress,
) -> Result<ExtendReport> {
    let store = repository.store.as_ref();
    let retaining = store.retaining().ok_or_else(|| {
        let reason = "a folder has no Object Lock; buckets can have one";
        let error = StoreError::new(ErrorKind::Invalid, "extend locks in", "").because(reason);
        RepositoryError::from(error)
    })?;
    let now = store.now().map_err(RepositoryError::from)?;
    trust
        .forget_locks_before(place, now)
        .map_err(RepositoryError::from)?;
    let mut report = ExtendReport::default();
    progress.stage("Looking for what the snapshots need", None);
    reach::note_all(repository, index, snapshots, &mut report.unreadable)?;
    index.reach_packs().map_err(RepositoryError::from)?;
    progress.finish();

    progress.stage("Extending locks", None);
    let mut locks = Locks::new(repository, retaining, (trust, place), lock, now);
    let mut names = small_objects(repository)?;
    names.extend(
        snapshots
            .iter()
            .map(|one| name::of(Kind::Snapshot, &one.id)),
    );
    for batch in names.chunks(BATCH) {
        repository.seams.interrupt.check()?;
        locks.extend(batch, &mut report)?;
    }
    let mut last: Option<(ObjectId, bool)> = None;
    loop {
        let packs = index.reached_packs(last, BATCH);
        let packs = packs.map_err(RepositoryError::from)?;
        let Some(end) = packs.last() else { break };
        last = Some(*end);
        repository.seams.interrupt.check()?;
        let names: Vec<_> = packs.iter().map(name_of_pack).collect();
        locks.extend(&names, &mut report)?;
    }
    progress.finish();
    if let Some(until) = report.until.filter(|_| report.refused_count == 0) {
        let horizon = LockHorizon {
            until,
            extend_before: until.minus(lock.period() / 3),
        };
        let noted = trust.set_lock_horizon(place, &horizon);
        noted.map_err(RepositoryError::from)?;
    }
    Ok(report)
}

/// All objects of the kinds that are few.
fn small_objects(repository: &Repository) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for kind in KINDS {
        if kind == Kind::Repository {
            names.push(name::REPOSITORY.to_owned());
            continue;
        }
        list_objects(repository.store.as_ref(), kind, &mut |_, info| {
            names.push(info.name);
        })?;
    }
    Ok(names)
}

fn name_of_pack((id, is_metadata): &(ObjectId, bool)) -> String {
    let kind = if *is_metadata {
        Kind::ListingPack
    } else {
        Kind::DataPack
    };
    name::of(kind, id)
}
