//! Every chunk that snapshots refer to, noted in the index: contents, and the metadata by which
//! they are found.

use std::collections::HashSet;

use super::super::Result;
use super::report::UNREADABLE_MAX;
use crate::format::cbor::Joined;
use crate::format::entry::Entry;
use crate::id::ChunkId;
use crate::index::Index;
use crate::repository::{ChunkReader, ListingReader, RepositoryError, SeenLists, StoredSnapshot};
use crate::seams::Interrupt;

/// So many ids are handed to the index at once.
const BATCH: usize = 512 * 1024;

/// Notes what all snapshots refer to, but for parts of listings that were `seen` before. What cannot
/// be read is named in `unreadable`, and holds up nothing else: locks that run out are worse than one
/// snapshot that is damaged already.
///
/// # Errors
/// `Store` when the store is out of reach, `Index`.
pub fn note_all(
    index: &Index,
    chunks: &ChunkReader<'_>,
    interrupt: &Interrupt,
    snapshots: &[StoredSnapshot],
    seen: &mut HashSet<ChunkId>,
    unreadable: &mut Vec<String>,
) -> Result<()> {
    index.clear_references().map_err(RepositoryError::from)?;
    let mut noted = Noted {
        index,
        chunks,
        ids: Vec::new(),
        lists: SeenLists::default(),
        unreadable,
    };
    for snapshot in snapshots {
        interrupt.check()?;
        noted.snapshot(snapshot, seen)?;
    }
    Ok(noted.hand_over()?)
}

/// Ids on their way into the index.
struct Noted<'n> {
    index: &'n Index,
    chunks: &'n ChunkReader<'n>,
    ids: Vec<ChunkId>,
    lists: SeenLists,
    unreadable: &'n mut Vec<String>,
}

impl Noted<'_> {
    fn snapshot(
        &mut self,
        snapshot: &StoredSnapshot,
        seen: &mut HashSet<ChunkId>,
    ) -> Result<(), RepositoryError> {
        let record = &snapshot.record;
        let problems = record.problems.iter().map(|it| &it.chunks);
        let findings = record.findings.iter().map(|it| &it.chunks);
        for id in problems.chain(findings).flat_map(|Joined(ids)| ids) {
            self.note(*id)?;
        }
        if seen.contains(&record.listing.1) {
            return Ok(());
        }
        self.note(record.listing.1)?;
        // The filter cannot note them itself: it is called while the reader reads.
        let fresh = std::cell::RefCell::new(Vec::new());
        let mut entered = HashSet::from([record.listing.1]);
        let filter = |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| {
            let is_new = !seen.contains(id) && entered.insert(*id);
            if is_new {
                fresh.borrow_mut().push(*id);
            }
            is_new
        };
        let mut is_whole = true;
        let entries = ListingReader::new(self.chunks, record.listing).filtered(Box::new(filter));
        for entry in entries {
            for id in fresh.borrow_mut().drain(..) {
                self.note(id)?;
            }
            let read = entry.and_then(|entry| self.entry(&entry));
            is_whole &= read.is_ok();
            self.or_unreadable(snapshot, read)?;
        }
        for id in fresh.borrow_mut().drain(..) {
            self.note(id)?;
        }
        // A part that is out of place in a forged listing is read anew in its own.
        if is_whole {
            seen.extend(entered);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), RepositoryError> {
        let mut lists = std::mem::take(&mut self.lists);
        let read = lists.all(self.chunks, entry, &mut |_, id| {
            self.note(*id)?;
            Ok(true)
        });
        self.lists = lists;
        read.map(|_| ())
    }

    fn note(&mut self, id: ChunkId) -> Result<(), RepositoryError> {
        self.ids.push(id);
        if self.ids.len() >= BATCH {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), RepositoryError> {
        self.index.note_references(&mut self.ids)?;
        Ok(())
    }

    fn or_unreadable(
        &mut self,
        snapshot: &StoredSnapshot,
        read: Result<(), RepositoryError>,
    ) -> Result<(), RepositoryError> {
        match read {
            Err(error) if error.is_damage() || matches!(error, RepositoryError::Object { .. }) => {
                if self.unreadable.len() < UNREADABLE_MAX {
                    self.unreadable
                        .push(format!("snapshot {}: {error}", snapshot.id));
                }
                Ok(())
            }
            read => read,
        }
    }
}
