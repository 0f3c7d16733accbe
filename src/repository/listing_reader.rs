//! Reads a listing in order, one chunk a level in memory, and goes down only where it must.

use super::{ChunkReader, RepositoryError, Result};
use crate::format::FormatError;
use crate::format::entry::{Entry, Key, KeyRef, is_beneath, key_order, path_order};
use crate::format::listing::{Child, LEVEL_MAX, check_order, decode_leaf, decode_node};
use crate::id::ChunkId;

/// Says whether anything with a key from `first` up to `next` (exclusive, if any) is wanted; chunks
/// of which nothing is wanted are not fetched.
pub type SubtreeFilter<'f> = dyn FnMut(KeyRef<'_>, Option<KeyRef<'_>>, &ChunkId) -> bool + 'f;

/// The listing of one snapshot.
#[derive(Clone, Copy)]
pub struct ListingReader<'r> {
    chunks: &'r ChunkReader<'r>,
    top: (u8, ChunkId),
}

impl<'r> ListingReader<'r> {
    /// `top`: level and id of the topmost chunk, from the snapshot record.
    pub fn new(chunks: &'r ChunkReader<'r>, top: (u8, ChunkId)) -> Self {
        Self { chunks, top }
    }

    /// All entries.
    pub fn entries(&self) -> Entries<'r, 'static> {
        self.filtered(Box::new(|_, _, _| true))
    }

    /// Entries of all chunks that the filter lets through, which may be more than are wanted.
    pub fn filtered<'f>(&self, filter: Box<SubtreeFilter<'f>>) -> Entries<'r, 'f> {
        let start = Subtree::top(self.top);
        Entries {
            descent: Descent::new(self.chunks),
            filter,
            current: start.id,
            pending: vec![start],
            leaf: Vec::new().into_iter(),
        }
    }

    /// The entry at `path` under any root, and all beneath it; everything for the empty path.
    pub fn beneath<'f>(&self, path: &'f [u8]) -> impl Iterator<Item = Result<Entry>> + use<'r, 'f> {
        let filter = move |first: KeyRef<'_>, next: Option<KeyRef<'_>>, _: &ChunkId| {
            may_hold(path, first, next)
        };
        let wanted = move |entry: &Result<Entry>| {
            entry
                .as_ref()
                .map_or(true, |entry| is_beneath(&entry.path, path))
        };
        self.filtered(Box::new(filter)).filter(wanted)
    }

    /// The entry with exactly this path, under the lowest root that has one.
    ///
    /// # Errors
    /// As reading the listing.
    pub fn find(&self, path: &[u8]) -> Result<Option<Entry>> {
        for entry in self.beneath(path) {
            let entry = entry?;
            if entry.path == path {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Whether keys from `first` up to `next` can hold `path` or something beneath it.
pub(super) fn may_hold(path: &[u8], first: KeyRef<'_>, next: Option<KeyRef<'_>>) -> bool {
    let same_root = next.is_some_and(|next| next.0 == first.0);
    let ends_before = same_root && next.is_some_and(|next| path_order(next.1, path).is_le());
    // With several roots beneath one node, nothing can be said of the first key.
    let begins_after = same_root && path_order(first.1, path).is_gt() && !is_beneath(first.1, path);
    !(ends_before || begins_after)
}

/// A part of a listing that was not gone into yet.
pub(super) struct Subtree {
    pub level: u8,
    pub id: ChunkId,
    /// What the parent says is the first key; `None` for the topmost chunk.
    pub first: Option<Key>,
    /// The key at which the next sibling begins.
    pub next: Option<Key>,
}

impl Subtree {
    /// A whole listing, by level and id of its topmost chunk.
    pub fn top((level, id): (u8, ChunkId)) -> Self {
        Self {
            level,
            id,
            first: None,
            next: None,
        }
    }

    /// That it cannot be read. What ails the index of this host is no loss of a listing.
    pub fn lost(first: Option<Key>, cause: RepositoryError) -> RepositoryError {
        if matches!(cause, RepositoryError::Index(_)) {
            return cause;
        }
        RepositoryError::ListingLost {
            first: first.map(|key| key.path).unwrap_or_default(),
            cause: Box::new(cause),
        }
    }
}

/// What a chunk of a listing holds, in order.
pub(super) enum Part {
    Entries(Vec<Entry>),
    Subtrees(Vec<Subtree>),
}

/// Goes into one listing, chunk by chunk and in order, and sees to it that everything lies where
/// the chunk above says.
pub(super) struct Descent<'r> {
    chunks: &'r ChunkReader<'r>,
    last: Option<Key>,
}

/// Entries in order. A part that cannot be read is one error, and what comes after it follows.
pub struct Entries<'r, 'f> {
    descent: Descent<'r>,
    filter: Box<SubtreeFilter<'f>>,
    /// What is still to be visited, the next last.
    pending: Vec<Subtree>,
    leaf: std::vec::IntoIter<Entry>,
    /// The chunk that was gone into last.
    current: ChunkId,
}

impl Iterator for Entries<'_, '_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some(Ok(entry));
            }
            let pending = self.pending.pop()?;
            self.current = pending.id;
            let first = pending.first.clone();
            match self.descent.open(pending) {
                Ok(Part::Entries(entries)) => self.leaf = entries.into_iter(),
                Ok(Part::Subtrees(subtrees)) => {
                    let filter = &mut self.filter;
                    let wanted = subtrees.into_iter().rev().filter(|subtree| {
                        let next = subtree.next.as_ref().map(Key::borrowed);
                        let first = subtree.first.as_ref().map(Key::borrowed);
                        first.is_none_or(|first| filter(first, next, &subtree.id))
                    });
                    self.pending.extend(wanted);
                }
                Err(error) => return Some(Err(Subtree::lost(first, error))),
            }
        }
    }
}

impl Entries<'_, '_> {
    /// The chunk that the last item came from: the leaf of an entry, or what could not be read.
    pub fn chunk(&self) -> ChunkId {
        self.current
    }
}

impl<'r> Descent<'r> {
    pub fn new(chunks: &'r ChunkReader<'r>) -> Self {
        Self { chunks, last: None }
    }

    /// # Errors
    /// `Listing` for what is not as it should be; of reading a metadata chunk.
    pub fn open(&mut self, pending: Subtree) -> Result<Part> {
        if pending.level > LEVEL_MAX {
            let what = "the depth of a listing";
            return Err(FormatError::Contradiction { what }.into());
        }
        let bytes = self.chunks.metadata(&pending.id)?;
        if pending.level == 0 {
            let entries = decode_leaf(&bytes)?;
            self.check_bounds(&pending, entries.iter().map(Entry::key))?;
            return Ok(Part::Entries(entries));
        }
        let children = decode_node(&bytes, pending.level)?;
        self.check_bounds(&pending, children.iter().map(Child::key))?;
        let mut next = pending.next;
        let mut subtrees = Vec::with_capacity(children.len());
        for Child { key, id } in children.into_iter().rev() {
            let first = Some(key.clone());
            subtrees.push(Subtree {
                level: pending.level - 1,
                id,
                first,
                next: next.replace(key),
            });
        }
        subtrees.reverse();
        Ok(Part::Subtrees(subtrees))
    }

    /// Everything beneath a node lies where the node says, and after all that came before.
    fn check_bounds<'k>(
        &mut self,
        pending: &Subtree,
        mut keys: impl Iterator<Item = KeyRef<'k>>,
    ) -> Result<(), FormatError> {
        let Some(first) = keys.next() else {
            // An empty leaf is right only as the whole listing.
            return if pending.first.is_none() {
                Ok(())
            } else {
                Err(FormatError::OutOfOrder)
            };
        };
        let promised = pending.first.as_ref().map(Key::borrowed);
        if promised.is_some_and(|promised| key_order(promised, first).is_ne()) {
            return Err(FormatError::OutOfOrder);
        }
        let last = keys.last().unwrap_or(first);
        if let Some(next) = &pending.next {
            check_order(Some(last), next.borrowed())?;
        }
        if pending.level == 0 {
            check_order(self.last.as_ref().map(Key::borrowed), first)?;
            self.last = Some(last.into());
        }
        Ok(())
    }
}
