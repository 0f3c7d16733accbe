//! Where chunks lie that will soon be wanted: looked up many at a time, because to look up one by one
//! costs more than to read a small chunk.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Result;
use crate::id::ChunkId;
use crate::index::{Index, Place};

/// So many places are foreseen, of about 500 bytes each. Part of the memory bound.
const FORESEEN_MAX: usize = 16 * 1024;
/// So many chunks are asked about at once: others wait for the index meanwhile.
const ASKED_AT_ONCE: usize = 256;

/// Shared by threads.
#[derive(Default)]
pub(super) struct Foreseen(RwLock<HashMap<ChunkId, Arc<Place>>>);

impl Foreseen {
    /// Looks up the first of these chunks; forgets all others. One that has several places, or none,
    /// is left to whoever asks for it.
    ///
    /// # Errors
    /// `Index`.
    pub fn fill(&self, index: &Index, ids: impl Iterator<Item = ChunkId>) -> Result<()> {
        let mut ids = ids.take(FORESEEN_MAX);
        self.put(HashMap::new());
        let mut foreseen = HashMap::new();
        loop {
            let some: Vec<ChunkId> = ids.by_ref().take(ASKED_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            for place in index.only_places(&some)? {
                foreseen.insert(place.chunk.id, Arc::new(place));
            }
        }
        self.put(foreseen);
        Ok(())
    }

    fn put(&self, foreseen: HashMap<ChunkId, Arc<Place>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = foreseen;
    }

    /// The only place of a chunk, if it was foreseen.
    pub fn find(&self, id: &ChunkId) -> Option<Arc<Place>> {
        let foreseen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        foreseen.get(id).map(Arc::clone)
    }
}
