//! `verify`: whether every snapshot could be restored, and whether every object is what it was.
//!
//! Nothing that this host remembers is believed: snapshot records, segments and listings are
//! fetched anew. `catalog` learns where chunks are said to lie; with `data`, `objects` fetches all
//! there is and notes which chunks truly do; `walk` holds the listings against that, and, when
//! something is wrong, finds the files it hurts. `findings` collects, `meter` counts bytes.

mod catalog;
mod fetch;
mod findings;
mod meter;
mod objects;
mod packs;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use super::Result;
use crate::format::{Kind, RECORD_BYTES_MAX, cbor, name};
use crate::id::ObjectId;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, open_record};
use fetch::fetch;
use findings::Findings;
use meter::Meter;
use walk::Walk;

#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyOptions {
    /// Fetch every object and hold it against its name; with the read key, decrypt all contents.
    pub data: bool,
}

/// What a verify saw.
#[derive(Debug, Default)]
pub struct VerifyReport {
    pub snapshots_checked: u64,
    /// Packs that the store holds.
    pub packs_checked: u64,
    /// Objects that were fetched whole and held against their names.
    pub objects_checked: u64,
    /// Files of all snapshots, those of a part that snapshots share counted once.
    pub files_checked: u64,
    /// Bytes that came from the store.
    pub bytes_read: u64,
    /// Contents were decrypted, and the id of every chunk computed again.
    pub decrypted: bool,
    /// In the order of the objects' names.
    pub damage: Vec<Damage>,
    /// Objects whose names are of no known form: the first [`UNKNOWN_NAMED_MAX`] of them.
    pub unknown_objects: Vec<String>,
    pub unknown_objects_total: u64,
}

impl VerifyReport {
    /// Whether nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// One object that is not as it should be, and whom it hurts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its name; only `packs/` or `listings/` where nothing says which pack is missing.
    pub object: String,
    pub problem: String,
    /// Snapshots that cannot be restored whole because of it.
    pub snapshots: Vec<ObjectId>,
    /// Files that cannot be restored because of it: the first [`FILES_NAMED_MAX`] paths.
    pub files: Vec<Vec<u8>>,
    pub files_total: u64,
}

/// So many files are named for each damaged object.
pub const FILES_NAMED_MAX: usize = 1_000;
/// So many objects of no known form are named.
pub const UNKNOWN_NAMED_MAX: usize = 1_000;

/// Checks the repository. `index` is only asked for what a missing pack once held.
///
/// # Errors
/// `Store` when the store is out of reach, `Index`; `Object` for an object of a version that this
/// program does not know, beside which nothing can be said. Damage is in the report.
pub fn verify(
    repository: &Repository,
    index: &Index,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let meter = Arc::new(Meter::new(Arc::clone(&repository.store)));
    let repository = &Repository {
        store: Arc::clone(&meter) as _,
        ..repository.clone()
    };
    let findings = Findings::default();
    progress.stage("Looking at the repository", None);
    // Snapshots before segments before packs, so that what a backup adds meanwhile is no damage.
    let snapshots = load_snapshots(repository, &findings)?;
    let catalog = catalog::load(repository, &findings)?;
    progress.finish();
    let proven = if options.data {
        Some(objects::check_all(
            repository, &catalog, &findings, progress,
        )?)
    } else {
        findings.add_objects(snapshots.len() as u64 + catalog.segments);
        None
    };
    progress.stage("Checking the snapshots", None);
    let mut walk = Walk::new(repository, &catalog.claims, proven.as_ref(), &findings);
    for snapshot in &snapshots {
        walk.survey(snapshot)?;
    }
    if walk.found_trouble() {
        for snapshot in &snapshots {
            walk.trace(snapshot, index)?;
        }
    }
    progress.finish();
    let files_checked = walk.files_checked();
    Ok(VerifyReport {
        packs_checked: catalog.packs,
        files_checked,
        bytes_read: meter.bytes(),
        decrypted: options.data && repository.reader.is_some(),
        ..findings.into_report()
    })
}

/// All snapshot records, fetched and opened anew; damaged ones become findings.
fn load_snapshots(repository: &Repository, findings: &Findings) -> Result<Vec<StoredSnapshot>> {
    let mut ids = Vec::new();
    repository
        .store
        .list(name::prefix(Kind::Snapshot), &mut |info| {
            if let Some((Kind::Snapshot, Some(id))) = name::parse(&info.name) {
                ids.push(id);
            }
            Ok(())
        })?;
    let mut snapshots = Vec::with_capacity(ids.len());
    for id in ids {
        findings.add_snapshot();
        let name = name::of(Kind::Snapshot, &id);
        let opened = fetch(repository, &name, Some(&id), RECORD_BYTES_MAX)?
            .and_then(|bytes| open_record(&repository.writer, Kind::Snapshot, &bytes))
            .and_then(|payload| Ok(cbor::decode(&payload)?));
        match opened {
            Ok(record) => snapshots.push(StoredSnapshot { id, record }),
            Err(problem) => {
                findings.damaged(&name, problem)?;
                findings.hurts(&name, &id);
            }
        }
    }
    snapshots.sort_by_key(|snapshot| (snapshot.record.time, snapshot.id));
    Ok(snapshots)
}
