//! Writes a listing as a sorted tree, from entries that come in order; holds one chunk a level
//! (format.md §8).

use super::{RepositoryError, Result};
use crate::crypto::WriterKey;
use crate::format::entry::{Entry, Key, KeyRef};
use crate::format::listing::{
    CUT_BYTES_MAX, CUT_BYTES_MIN, Child, append_child, append_entry, begin_leaf, begin_node,
    check_order,
};
use crate::id::ChunkId;

/// Stores a metadata chunk and gives its id.
pub type StoreChunk<'a, E> = dyn FnMut(&[u8]) -> Result<ChunkId, E> + 'a;

/// A listing in the making.
pub struct ListingWriter {
    writer: WriterKey,
    /// Level 0 holds the running leaf.
    levels: Vec<Level>,
    last: Option<Key>,
}

struct Level {
    bytes: Vec<u8>,
    /// The key of the first entry beneath the running chunk.
    first: Option<Key>,
    /// Chunks that ended, and the last of them.
    ended: u64,
    last: Option<Child>,
}

impl Level {
    fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            first: None,
            ended: 0,
            last: None,
        }
    }
}

impl ListingWriter {
    pub fn new(writer: &WriterKey) -> Self {
        Self {
            writer: writer.clone(),
            levels: vec![Level::new(begin_leaf())],
            last: None,
        }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// `Listing` unless its key is greater than the one before; whatever `store` returns.
    pub fn push<E: From<RepositoryError>>(
        &mut self,
        entry: &Entry,
        store: &mut StoreChunk<'_, E>,
    ) -> Result<(), E> {
        let key = entry.key();
        let last = self.last.as_ref().map(Key::borrowed);
        check_order(last, key).map_err(RepositoryError::from)?;
        self.last = Some(key.into());
        if let Some(leaf) = self.levels.first_mut() {
            append_entry(&mut leaf.bytes, entry);
        }
        self.after_append(0, key, store)
    }

    /// Ends the listing; gives level and id of the topmost chunk.
    ///
    /// # Errors
    /// Whatever `store` returns.
    pub fn finish<E: From<RepositoryError>>(
        mut self,
        store: &mut StoreChunk<'_, E>,
    ) -> Result<(u8, ChunkId), E> {
        let mut number = 0;
        while let Some(level) = self.levels.get_mut(number) {
            let topmost = match (level.ended, &level.last) {
                // Only the running chunk, which may be an empty leaf.
                (0, _) => Some(store(&level.bytes)?),
                (1, Some(child)) if level.first.is_none() => Some(child.id),
                _ => None,
            };
            if let Some(id) = topmost {
                // Eight levels hold more entries than there are atoms to write them with.
                return Ok((number as u8, id));
            }
            if level.first.is_some() {
                self.end_chunk(number, store)?;
            }
            number += 1;
        }
        unreachable!("a level with several chunks has one above it")
    }

    fn after_append<E: From<RepositoryError>>(
        &mut self,
        number: usize,
        key: KeyRef<'_>,
        store: &mut StoreChunk<'_, E>,
    ) -> Result<(), E> {
        let cut = {
            let Some(level) = self.levels.get_mut(number) else {
                return Ok(());
            };
            level.first.get_or_insert_with(|| key.into());
            level.bytes.len() >= CUT_BYTES_MAX
                || level.bytes.len() >= CUT_BYTES_MIN && self.writer.cuts_after(key.0, key.1)
        };
        if cut {
            self.end_chunk(number, store)
        } else {
            Ok(())
        }
    }

    /// Stores the running chunk of a level and appends it to the level above.
    fn end_chunk<E: From<RepositoryError>>(
        &mut self,
        number: usize,
        store: &mut StoreChunk<'_, E>,
    ) -> Result<(), E> {
        let above = number + 1;
        // As in `finish`: levels stay far below 255.
        let fresh = |number: usize| match number {
            0 => begin_leaf(),
            number => begin_node(number as u8),
        };
        let Some(level) = self.levels.get_mut(number) else {
            return Ok(());
        };
        let Some(key) = level.first.take() else {
            return Ok(());
        };
        let id = store(&level.bytes)?;
        level.bytes = fresh(number);
        level.ended += 1;
        let child = Child { key, id };
        level.last = Some(child.clone());
        if self.levels.len() == above {
            self.levels.push(Level::new(fresh(above)));
        }
        if let Some(parent) = self.levels.get_mut(above) {
            append_child(&mut parent.bytes, &child);
        }
        self.after_append(above, child.key(), store)
    }
}
