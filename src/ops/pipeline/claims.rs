//! Who stores a chunk: the one decision that threads share.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::Result;

/// Chunks that are on their way into a pack and not in the index yet. Bounded by what is on its
/// way: open packs, and packs that wait for the network.
pub struct Claims<'r> {
    index: &'r Index,
    under_way: Mutex<HashSet<ChunkId>>,
}

impl<'r> Claims<'r> {
    pub fn new(index: &'r Index) -> Self {
        Self {
            index,
            under_way: Mutex::default(),
        }
    }

    /// Whether the caller is to store the chunk: no live pack holds it, and of several that ask at
    /// once only one is told so.
    ///
    /// # Errors
    /// `Index`.
    pub fn claim(&self, id: &ChunkId) -> Result<bool> {
        let mut under_way = self.lock();
        if under_way.contains(id) || self.index.is_stored(id)? {
            return Ok(false);
        }
        under_way.insert(*id);
        Ok(true)
    }

    /// The chunks are in the index now.
    pub fn release<'i>(&self, ids: impl Iterator<Item = &'i ChunkId>) {
        let mut under_way = self.lock();
        ids.for_each(|id| {
            under_way.remove(id);
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ChunkId>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
