//! What snapshots need: every chunk of their listings and of their contents. A part of a listing
//! that several share is read once.
//!
//! Memory: a chunk of each level of one listing and a batch of ids; what was seen is in the tables.

use super::stop::stop;
use super::view::Needing;
use crate::id::ChunkId;
use crate::index::Index;
use crate::index::prune::PruneTables;
use crate::ops::Result;
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, visit_ids,
};

/// So many ids are handed to the tables at once: 16 MiB. They are sorted, so that each page of the table is written
/// once a batch.
const BATCH: usize = 512 * 1024;

/// Notes all that the snapshots need.
///
/// # Errors
/// `Prune` for what cannot be read; `Store`, `Index`.
pub fn reach(
    repository: &Repository,
    index: &Index,
    tables: &PruneTables<'_>,
    snapshots: &[Needing],
    progress: &dyn Progress,
) -> Result<()> {
    progress.stage("Following the snapshots", None);
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let mut batch = Vec::new();
    for snapshot in snapshots {
        progress.item(snapshot.id.to_string().as_bytes());
        follow(&chunks, tables, snapshot, &mut batch)
            .map_err(|error| stop(&format!("the listing of snapshot {}", snapshot.id), error))?;
    }
    tables.reach_contents(&mut batch)?;
    progress.finish();
    Ok(())
}

fn follow(
    chunks: &ChunkReader<'_>,
    tables: &PruneTables<'_>,
    snapshot: &Needing,
    batch: &mut Vec<ChunkId>,
) -> Result<(), RepositoryError> {
    for id in &snapshot.problem_lists {
        if tables.need_metadata(id)? {
            chunks.metadata(id)?;
        }
    }
    let top = snapshot.listing;
    if !tables.enter_metadata(&top.1)? {
        return Ok(());
    }
    let mut failure = None;
    {
        let enter = |id: &ChunkId| match tables.enter_metadata(id) {
            Ok(is_new) => is_new,
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        };
        let mut enter = enter;
        let filter = move |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| enter(id);
        for entry in ListingReader::new(chunks, top).filtered(Box::new(filter)) {
            let mut list =
                |id: &ChunkId| -> Result<bool, RepositoryError> { Ok(tables.enter_metadata(id)?) };
            visit_ids::<RepositoryError>(chunks, &entry?, &mut list, &mut |id| {
                batch.push(*id);
                if batch.len() >= BATCH {
                    tables.reach_contents(batch)?;
                }
                Ok(())
            })?;
        }
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}
