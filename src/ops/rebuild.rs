//! `index rebuild`: the local index from what the store holds; deleting it costs time, never data.
//!
//! From segments, which are few and large, and from the footers of packs that none names; or, where
//! segments are gone or cannot be trusted, from the footers of all packs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{OpsError, Result};
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Repository, list_objects, load_catalog_telling, take_footer};

/// What an index was rebuilt from.
#[derive(Debug, Default)]
pub struct RebuildReport {
    pub packs: u64,
    pub chunks: u64,
    /// Packs whose footers were read, since no segment names them or none was to be asked.
    pub packs_from_footers: u64,
    /// Packs that no segment names and whose footer cannot be used either.
    pub packs_unreadable: u64,
    /// Segments that could not be used.
    pub damaged_segments: u64,
}

/// Throws away what the index knows of packs and chunks, and reads it anew from segments, and from
/// the footers of packs that none names.
///
/// # Errors
/// `Store`, `Index`, `Object`.
pub fn rebuild_index(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<RebuildReport> {
    index.clear_packs()?;
    progress.stage("Reading the index segments", Some(0));
    let facts = load_catalog_telling(repository, index, progress)?;
    progress.finish();
    let is_named = |id: &ObjectId, bytes| -> Result<bool> {
        // A pack of which only another size was claimed is as good as unnamed.
        Ok(index.pack(id)?.is_some_and(|pack| pack.bytes == bytes))
    };
    Ok(RebuildReport {
        damaged_segments: facts.damaged_segments.len() as u64,
        ..read_footers(repository, index, &is_named, progress)?
    })
}

/// As [`rebuild_index`], but asks no segment: every pack says for itself what it holds. That costs
/// one request a pack.
///
/// # Errors
/// `Store`, `Index`.
pub fn rebuild_index_from_footers(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<RebuildReport> {
    index.clear_packs()?;
    read_footers(repository, index, &|_, _| Ok(false), progress)
}

/// A pack that the store shows.
type Listed = (Kind, ObjectId, u64);

/// Reads the footers of all packs but those that are named. Holds 48 bytes for each that it reads.
fn read_footers(
    repository: &Repository,
    index: &Index,
    is_named: &dyn Fn(&ObjectId, u64) -> Result<bool>,
    progress: &dyn Progress,
) -> Result<RebuildReport> {
    let mut report = RebuildReport::default();
    let mut unnamed: Vec<Listed> = Vec::new();
    let mut asked = Ok(());
    for kind in [Kind::DataPack, Kind::ListingPack] {
        list_objects(repository.store.as_ref(), kind, &mut |id, info| {
            report.packs += 1;
            match is_named(&id, info.bytes) {
                Ok(true) => {}
                Ok(false) => unnamed.push((kind, id, info.bytes)),
                Err(error) => asked = Err(error),
            }
        })?;
    }
    asked?;
    if !unnamed.is_empty() {
        // The bar goes by the size of packs, of which only the ends are fetched.
        let bytes = unnamed.iter().map(|(.., bytes)| bytes).sum();
        progress.stage("Asking the packs what they hold", Some(bytes));
        report.packs_from_footers = ask(repository, index, &unnamed, progress)?;
        progress.finish();
    }
    report.packs_unreadable = unnamed.len() as u64 - report.packs_from_footers;
    report.chunks = index.count_chunks()?;
    Ok(report)
}

/// Takes the word of each of the packs; gives how many could be read.
fn ask(
    repository: &Repository,
    index: &Index,
    packs: &[Listed],
    progress: &dyn Progress,
) -> Result<u64> {
    let (next, found) = (AtomicUsize::new(0), AtomicU64::new(0));
    let failure: Mutex<Option<OpsError>> = Mutex::default();
    let work = || {
        while let Some((kind, id, bytes)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
            progress.item(name::of(*kind, id).as_bytes());
            match take_footer(repository, index, *kind, id, *bytes) {
                Ok(read) => found.fetch_add(u64::from(read), Ordering::Relaxed),
                Err(error) => {
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error.into());
                    // Nobody takes another.
                    next.store(packs.len(), Ordering::Relaxed);
                    return;
                }
            };
            progress.advance(*bytes);
        }
    };
    let threads = repository.seams.threads;
    match threads.workers {
        None => work(),
        // Each waits for the store nearly all of its time.
        Some(_) => std::thread::scope(|scope| {
            for _ in 0..threads.transfers.get() {
                scope.spawn(work);
            }
        }),
    }
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(found.into_inner()), Err)
}

#[cfg(test)]
#[path = "rebuild_tests.rs"]
mod tests;
