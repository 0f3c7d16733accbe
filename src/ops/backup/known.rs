//! What the indexes know of files before they are looked at: asked for several at a time, since to ask
//! for each by itself costs more than the answer.

use crate::id::ChunkId;
use crate::index::{CachedContent, FileStamp};

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
