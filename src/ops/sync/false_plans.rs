//! Whoever holds the writer key can put a plan that condemns all that a copy holds; nothing could be
//! put again there until it lapses, a month later, and so the copy would stay behind. A claim in
//! metadata never takes anything away: a plan is passed over once it is known to be false
//! (docs/decisions/0006-prune-protocol.md, "What bounds a forger").
//!
//! No mark condemns all places of a chunk that a snapshot reaches which the plan names.

use std::collections::HashSet;

use crate::format::Kind;
use crate::id::{ChunkId, ObjectId};
use crate::ops::{Replica, Result};
use crate::repository::{
    ChunkReader, Fetch, ListingReader, RepositoryError, SeenLists, StoredSnapshot, fetch_plan,
    load_snapshots, salvage,
};

/// So many files of one snapshot are looked up for one plan at most: an honest one is never proved
/// false.
const LOOKED_UP_MAX: usize = 10_000;

/// Whether the plan cannot be that of a pruner. Asked only where a plan is in the way.
///
/// # Errors
/// `Store`, `Index`.
pub fn is_false(at: &Replica, plan: &ObjectId) -> Result<bool> {
    let plan = match fetch_plan(&at.repository, plan) {
        Ok(plan) => plan,
        Err(error) => {
            error.into_unusable()?;
            return Ok(false);
        }
    };
    let packs: HashSet<_> = plan.packs.0.iter().copied().collect();
    let named: HashSet<_> = plan.snapshots.0.iter().collect();
    let snapshots = load_snapshots(&at.repository, &at.index, &mut |_, _| {})?;
    let Some(witness) = snapshots.iter().rev().find(|one| named.contains(&one.id)) else {
        return Ok(false);
    };
    if !takes_all_places(at, &packs, witness)? {
        return Ok(false);
    }
    // There may be a place of which no segment speaks, and which the pruner knew.
    for kind in [Kind::DataPack, Kind::ListingPack] {
        salvage(&at.repository, &at.index, kind)?;
    }
    takes_all_places(at, &packs, witness)
}

/// Whether a chunk of the snapshot lies in these packs alone.
fn takes_all_places(
    at: &Replica,
    packs: &HashSet<ObjectId>,
    snapshot: &StoredSnapshot,
) -> Result<bool> {
    let takes = |id: &ChunkId| -> Result<bool, RepositoryError> {
        let places = at.index.places(id)?;
        let mut live = places.iter().filter(|place| place.live).peekable();
        Ok(live.peek().is_some() && live.all(|place| packs.contains(&place.pack)))
    };
    let top = snapshot.record.listing;
    if takes(&top.1)? {
        return Ok(true);
    }
    let chunks = ChunkReader::new(&at.repository, &at.index, Fetch::Packs);
    let reader = ListingReader::new(&chunks, top);
    let mut lists = SeenLists::default();
    for entry in reader.entries().take(LOOKED_UP_MAX) {
        let mut found = false;
        let read = entry.and_then(|entry| {
            lists.all::<RepositoryError>(&chunks, &entry, &mut |kind, id| {
                found = found || kind == Kind::DataPack && takes(id)?;
                Ok(true)
            })
        });
        match read {
            Ok(_) if found => return Ok(true),
            Ok(_) => {}
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
