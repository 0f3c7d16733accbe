//! What the indexes know of files before they are looked at: asked for several at a time, since to ask
//! for each by itself costs more than the answer.

use std::os::unix::ffi::OsStrExt;

use super::files::{FileContext, stamp_of};
use crate::id::ChunkId;
use crate::index::{CachedContent, FileStamp};
use crate::ops::Result;
use crate::ops::pipeline::Worker;
use crate::source::Found;

/// So many bytes of what is known of files are held at once by a worker; more if one file has more.
/// The same of outcomes that are not delivered yet. Part of the memory bound.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// What the indexes know of a file before it is looked at.
pub struct Known {
    pub content: Option<(FileStamp, CachedContent)>,
    /// Surely stored at every replica. If not, that may still be so.
    pub is_stored: bool,
}

impl Known {
    pub fn of(content: Option<(FileStamp, CachedContent)>) -> Self {
        Self {
            content,
            is_stored: false,
        }
    }

    pub fn stamp(&self) -> Option<FileStamp> {
        self.content.as_ref().map(|(stamp, _)| *stamp)
    }

    pub fn chunks(&self) -> &[ChunkId] {
        let content = self.content.as_ref();
        content.map_or(&[], |(_, content)| &content.chunks)
    }
}

impl FileContext<'_> {
    /// What is known of the first of these files; of at least one.
    ///
    /// # Errors
    /// Of the index; of the last replica.
    pub fn known(&self, worker: &Worker<'_, '_>, files: &[&Found]) -> Result<Vec<Known>> {
        // Whoever looks for plans only afterwards would rest on what they condemn.
        self.plans.look_if_due(worker)?;
        let paths = files
            .iter()
            .map(|found| found.source.as_os_str().as_bytes());
        let paths: Vec<&[u8]> = paths.collect();
        let known = self.index.files(&paths, HELD_BYTES_MAX)?;
        let mut known: Vec<Known> = known.into_iter().map(Known::of).collect();
        let unchanged = known.iter_mut().zip(files);
        let mut unchanged: Vec<&mut Known> = unchanged
            .filter_map(|(known, found)| {
                let is_same = known.stamp() == Some(stamp_of(&found.metadata));
                is_same.then_some(known)
            })
            .collect();
        let chunks: Vec<&[ChunkId]> = unchanged.iter().map(|known| known.chunks()).collect();
        let stored = self.plans.are_each_stored(worker, &chunks)?;
        for (known, stored) in unchanged.iter_mut().zip(stored) {
            known.is_stored = stored;
        }
        Ok(known)
    }
}
