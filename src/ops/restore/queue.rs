//! All files of a restore, brought back in the order of the packs that hold them: Immich spreads the
//! photos of one night over all folders, and in the order of the folders each pack would be needed
//! again and again (`docs/decisions/0011-files-come-by-packs.md`).

use super::batch::Batch;
use super::work::Work;
use crate::format::cbor::{decode, encode};
use crate::format::entry::Entry;
use crate::id::ChunkId;
use crate::index::{RestoreOrder, Turn};
use crate::ops::Result;
use crate::repository::{RepositoryError, first_ids};

/// Files that are read from the table at once.
const FILES_AT_ONCE: usize = 256;
/// Chunks of a file that are looked up to know when it comes. Larger ones lie in so many packs that
/// it is all the same.
const IDS_LOOKED_UP: usize = 32;

/// Files that wait until all are known.
pub struct Queue<'w, 'r> {
    work: &'w Work<'r>,
    batch: Batch,
    /// Made when there are more than fit into one batch.
    order: Option<RestoreOrder>,
}

impl<'w, 'r> Queue<'w, 'r> {
    pub fn new(work: &'w Work<'r>) -> Self {
        Self {
            work,
            batch: Batch::default(),
            order: None,
        }
    }

    /// # Errors
    /// Of the index; what makes id lists unreadable that is no damage.
    pub fn push(&mut self, file: Entry) -> Result<()> {
        match self.batch.push(file) {
            Some(files) => self.put_aside(&files),
            None => Ok(()),
        }
    }

    /// Restores all of them.
    ///
    /// # Errors
    /// What stops the whole restore.
    pub fn restore(mut self) -> Result<()> {
        let mut rest = self.batch.take();
        if self.order.is_some() {
            self.put_aside(&rest)?;
            rest.clear();
        }
        let Some(mut order) = self.order else {
            let mut files: Vec<_> = self.turns(&rest)?.into_iter().zip(rest).collect();
            files.sort_by_key(|(turn, _)| *turn);
            let files: Vec<_> = files.into_iter().map(|(_, file)| file).collect();
            return self.work.restore_batch(&files);
        };
        loop {
            let some = order.next(FILES_AT_ONCE)?;
            if some.is_empty() {
                return self.work.restore_batch(&self.batch.take());
            }
            for file in some {
                let file = decode(&file).map_err(RepositoryError::from)?;
                if let Some(files) = self.batch.push(file) {
                    self.work.restore_batch(&files)?;
                }
            }
        }
    }

    fn put_aside(&mut self, files: &[Entry]) -> Result<()> {
        let turns = self.turns(files)?;
        let order = match &mut self.order {
            Some(order) => order,
            None => self.order.insert(RestoreOrder::temporary()?),
        };
        for (turn, file) in turns.into_iter().zip(files) {
            order.add(turn, &encode(file))?;
        }
        Ok(())
    }

    fn turns(&self, files: &[Entry]) -> Result<Vec<Turn>> {
        let first = files.iter().map(|file| self.first_chunks(file));
        let first = first.collect::<Result<Vec<_>>>()?;
        Ok(self.work.chunks.turns(&first)?)
    }

    /// That a file is damaged is said when it is read.
    fn first_chunks(&self, file: &Entry) -> Result<Vec<ChunkId>> {
        match first_ids(self.work.chunks, file, IDS_LOOKED_UP) {
            Err(error) if error.is_damage() => Ok(Vec::new()),
            first => Ok(first?),
        }
    }
}
