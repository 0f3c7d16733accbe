//! One file: whether it is there already, and bringing it back.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::options::Overwrite;
use super::work::{FileError, Work};
use crate::format::entry::Entry;
use crate::id::ChunkId;
use crate::ops::target::Standing;
use crate::repository::{Ahead, few_ids, plan_content, read_content, read_planned};

/// A file of more chunks than this is not compared with what stands there: 256 GiB, 8 MiB of ids.
pub const IDS_COMPARED_MAX: usize = 256 * 1024;

/// Whether what is fetched for a file was planned together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Planned,
    Alone,
}

impl Work<'_> {
    /// Whether nothing is to be written for a file; then it is counted, and its permissions and time
    /// are put right.
    ///
    /// # Errors
    /// Of reading id lists; of the file system.
    pub fn is_done(&self, entry: &Entry) -> Result<bool, FileError> {
        let size = entry.size.unwrap_or(0);
        let is_done = match self.options.overwrite {
            Overwrite::Never => self.target.standing(&entry.path).is_some(),
            Overwrite::Changed => self.has_size_and_time(entry, size)?,
            Overwrite::Always => match few_ids(self.chunks, entry, IDS_COMPARED_MAX)? {
                Some(ids) => self.has_content(entry, &ids, size)?,
                None => false,
            },
        };
        if is_done {
            self.skip(size);
        }
        Ok(is_done)
    }

    /// Counts a file that stays as it is.
    pub fn skip(&self, size: u64) {
        self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        self.progress.advance(size);
    }

    fn has_size_and_time(&self, entry: &Entry, size: u64) -> io::Result<bool> {
        match self.target.existing_file(&entry.path, size) {
            Some(file) if self.target.is_of_that_time(&file, entry) => {
                Ok(self.options.dry_run || self.target.mend(&file, &entry.path, entry)?)
            }
            _ => Ok(false),
        }
    }

    /// Whether the file stands there already: of the right size and, cut the same way, of the same
    /// chunks. Then its permissions and time are put right as well.
    fn has_content(&self, entry: &Entry, ids: &[ChunkId], size: u64) -> io::Result<bool> {
        let Some(mut file) = self.target.existing_file(&entry.path, size) else {
            return Ok(false);
        };
        if !self.is_content(entry, ids, &mut file) {
            return Ok(false);
        }
        Ok(self.options.dry_run || self.target.mend(&file, &entry.path, entry)?)
    }

    /// Whether an open file has the content of an entry, whose chunk ids these are.
    pub fn is_content(&self, entry: &Entry, ids: &[ChunkId], file: &mut std::fs::File) -> bool {
        let chunker = if entry.is_database() {
            &self.chunkers.dumps
        } else {
            &self.chunkers.files
        };
        let mut expected = ids.iter();
        let compared = chunker.each_chunk::<io::Error>(file, &mut Vec::new(), &mut |chunk| {
            let id = self.repository.writer.content_id(chunk);
            if expected.next() == Some(&id) {
                Ok(())
            } else {
                Err(io::Error::other("differs"))
            }
        });
        compared.is_ok() && expected.next().is_none()
    }

    /// Writes a file, or in a dry run counts it.
    ///
    /// # Errors
    /// Of reading the archive; of the file system.
    pub fn bring(&self, entry: &Entry, how: Reading) -> Result<(), FileError> {
        let standing = self.target.standing(&entry.path);
        if !self.options.dry_run {
            let mut file = self.target.begin_file(&entry.path)?;
            let read = match how {
                Reading::Planned => read_planned::<FileError>,
                Reading::Alone => read_content::<FileError>,
            };
            read(self.chunks, entry, &mut |chunk| {
                file.write(chunk)?;
                self.progress.advance(chunk.len() as u64);
                Ok(())
            })?;
            file.commit(entry)?;
        } else if how == Reading::Alone {
            plan_content(self.chunks, entry, &mut |ahead| self.count_planned(ahead))?;
        }
        self.count_restored(standing, entry.size.unwrap_or(0));
        Ok(())
    }

    /// In a dry run: what would be fetched.
    pub fn count_planned(&self, ahead: &Ahead) {
        let add = |to: &AtomicU64, more| to.fetch_add(more, Ordering::Relaxed);
        add(&self.counts.packs_to_fetch, ahead.new_packs());
        add(&self.counts.fetches, ahead.fetches() as u64);
        add(&self.counts.bytes_to_fetch, ahead.bytes());
    }

    /// Counts a file of so many bytes that was written where something stood, or nothing.
    pub fn count_restored(&self, standing: Option<Standing>, bytes: u64) {
        let counts = &self.counts;
        counts.restored.fetch_add(1, Ordering::Relaxed);
        counts
            .replaced
            .fetch_add(u64::from(standing.is_some()), Ordering::Relaxed);
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
