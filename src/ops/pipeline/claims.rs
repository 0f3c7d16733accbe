//! Who stores a chunk: the one decision that threads share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::Result;

/// Raised once, when a replica leaves the run.
pub type Left = Arc<AtomicBool>;

/// Chunks that are on their way into a pack and not yet in the index of every replica. Bounded by
/// what is on its way: open packs, and packs that wait for the network.
pub struct Claims<'r> {
    replicas: Vec<(&'r Index, Left)>,
    under_way: Mutex<HashSet<ChunkId>>,
}

impl<'r> Claims<'r> {
    pub fn new(replicas: Vec<(&'r Index, Left)>) -> Self {
        Self {
            replicas,
            under_way: Mutex::default(),
        }
    }

    /// Whether the caller is to store the chunk: a replica that takes part has it in no live pack,
    /// and of several that ask at once only one is told so.
    ///
    /// # Errors
    /// `Index`.
    pub fn claim(&self, id: &ChunkId) -> Result<bool> {
        let mut under_way = self.lock();
        if under_way.contains(id) || self.are_stored(std::slice::from_ref(id))? {
            return Ok(false);
        }
        under_way.insert(*id);
        Ok(true)
    }

    /// Whether every replica that takes part has each of the chunks in a live pack.
    ///
    /// # Errors
    /// `Index`.
    pub fn are_stored(&self, ids: &[ChunkId]) -> Result<bool> {
        for (index, left) in &self.replicas {
            if !left.load(Ordering::Acquire) && !index.are_stored(ids)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The chunks are in every index now, or on their way no more.
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
