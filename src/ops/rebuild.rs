//! `index rebuild`: the local index from what the store holds; deleting it costs time, never data.

use super::Result;
use crate::format::Kind;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Repository, load_catalog, salvage};

/// What an index was rebuilt from.
#[derive(Debug)]
pub struct RebuildReport {
    pub packs: u64,
    pub chunks: u64,
    /// Packs that no segment names, and whose footers were read.
    pub packs_from_footers: u64,
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
    progress.stage("Rebuilding the index", None);
    index.clear_packs()?;
    let facts = load_catalog(repository, index)?;
    let mut packs_from_footers = 0;
    for kind in [Kind::DataPack, Kind::ListingPack] {
        packs_from_footers += salvage(repository, index, kind)?;
    }
    progress.finish();
    Ok(RebuildReport {
        packs: facts.packs,
        chunks: index.count_chunks()?,
        packs_from_footers,
        damaged_segments: facts.damaged_segments.len() as u64,
    })
}
