//! One file of the source on its way into the snapshot: known and unchanged, or read.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::sequence::{Outcome, SourceProblem};
use crate::format::entry::{DATABASE_PATH, DATABASE_ROOT, Entry, EntryType};
use crate::format::pack::Class;
use crate::id::ChunkId;
use crate::index::{CachedContent, CachedFile, FileStamp, Index};
use crate::ops::Result;
use crate::ops::error::with_causes;
use crate::ops::pipeline::{Content, ContentError, Worker};
use crate::seams::Clock;
use crate::source::file::FileReader;
use crate::source::{Found, Kind, Metadata};

/// A file that was written to within this time of being read may be written to again without its
/// times telling so.
pub const TRUSTED_AFTER: Duration = Duration::from_secs(3);

/// Counts over all threads.
#[derive(Default)]
pub struct FileCounts {
    pub new: AtomicU64,
    pub changed: AtomicU64,
    pub unmodified: AtomicU64,
    pub folders: AtomicU64,
    pub links: AtomicU64,
    pub bytes: AtomicU64,
    pub bytes_read: AtomicU64,
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

/// What the threads of a run share to look at files.
pub struct FileContext<'r> {
    pub index: &'r Index,
    pub clock: &'r dyn Clock,
    pub counts: FileCounts,
}

impl FileContext<'_> {
    /// Takes a file into the snapshot, without reading it if it is known and unchanged.
    ///
    /// # Errors
    /// Of the repository or the index; what is wrong with the file itself is an outcome.
    pub fn take(&self, worker: &mut Worker<'_, '_>, found: &Found) -> Result<Outcome> {
        let path = found.source.as_os_str().as_bytes();
        let known = self.index.file(path)?;
        if let Some((stamp, content)) = &known
            && *stamp == stamp_of(&found.metadata)
            && self.index.are_stored(&content.chunks)?
        {
            worker.pass(found.metadata.size);
            add(&self.counts.unmodified, 1);
            add(&self.counts.bytes, found.metadata.size);
            let entry = file_entry(found, &found.metadata, content.sha1);
            return Ok(Outcome::entry(entry, content.chunks.clone()));
        }
        self.read(worker, found, known.map(|(_, content)| content.sha1))
    }

    /// Reads the file, of which `known` was the SHA-1 last time; once more if it changed meanwhile,
    /// and if it changed again keeps what was read and says so.
    fn read(
        &self,
        worker: &mut Worker<'_, '_>,
        found: &Found,
        known: Option<[u8; 20]>,
    ) -> Result<Outcome> {
        let problem = |error: String| SourceProblem {
            root: found.root,
            path: found.path.clone(),
            error,
        };
        worker.begin(&found.path);
        let mut second_try = false;
        loop {
            let now = self.clock.now();
            let mut reader = match FileReader::open(&found.source) {
                Ok(reader) => reader,
                Err(error) => return Ok(Outcome::problem(problem(with_causes(&error)))),
            };
            let metadata = *reader.metadata();
            let content = match worker.take_in(&mut reader, Class::Files, metadata.size) {
                Ok(content) => content,
                Err(ContentError::Source(error)) => {
                    return Ok(Outcome::problem(problem(error.to_string())));
                }
                Err(ContentError::Ops(error)) => return Err(error),
            };
            add(&self.counts.bytes_read, content.bytes);
            let changed = match reader.finish() {
                Ok(finished) => finished.changed,
                Err(error) => return Ok(Outcome::problem(problem(with_causes(&error)))),
            };
            if changed.is_some() && !second_try {
                second_try = true;
                continue;
            }
            add(&self.counts.bytes, content.bytes);
            let counter = match known {
                None => &self.counts.new,
                // Only its times are new, or it was too fresh to be trusted.
                Some(sha1) if sha1 == content.sha1 => &self.counts.unmodified,
                Some(_) => &self.counts.changed,
            };
            add(counter, 1);
            let mut entry = file_entry(found, &metadata, content.sha1);
            entry.size = Some(content.bytes);
            let mut outcome = Outcome::entry(entry, content.chunks.clone());
            let written = metadata.modified.max(metadata.changed);
            let stamp = if changed.is_none() && written.plus(TRUSTED_AFTER) < now {
                stamp_of(&metadata)
            } else {
                FileStamp::UNTRUSTED
            };
            outcome.remember(cached(found, stamp, content));
            if let Some(changed) = changed {
                outcome.also(problem(changed.to_string()));
            }
            return Ok(outcome);
        }
    }

    /// The entry of a folder or a link.
    pub fn entry_without_content(&self, found: Found) -> Outcome {
        let metadata = found.metadata;
        let mut entry = entry_of(&found, &metadata);
        if let Kind::Link { target } = found.kind {
            add(&self.counts.links, 1);
            entry.target = Some(target.into());
        } else {
            add(&self.counts.folders, 1);
        }
        Outcome::entry(entry, Vec::new())
    }
}

fn cached(found: &Found, stamp: FileStamp, content: Content) -> CachedFile {
    CachedFile {
        path: found.source.as_os_str().as_bytes().to_vec(),
        stamp,
        content: CachedContent {
            sha1: content.sha1,
            chunks: content.chunks,
        },
    }
}

fn stamp_of(metadata: &Metadata) -> FileStamp {
    FileStamp {
        size: metadata.size,
        modified: metadata.modified,
        changed: metadata.changed,
        inode: metadata.inode,
    }
}

fn entry_of(found: &Found, metadata: &Metadata) -> Entry {
    let entry_type = match found.kind {
        Kind::File => EntryType::File,
        Kind::Folder => EntryType::Folder,
        Kind::Link { .. } => EntryType::Link,
    };
    let mut entry = Entry::new(found.root, found.path.clone(), entry_type);
    entry.mode = Some(metadata.mode);
    entry.owner = Some(metadata.uid);
    entry.group = Some(metadata.gid);
    entry.modified = Some(metadata.modified);
    entry.changed = Some(metadata.changed);
    entry.inode = Some(metadata.inode);
    entry
}

fn file_entry(found: &Found, metadata: &Metadata, sha1: [u8; 20]) -> Entry {
    let mut entry = entry_of(found, metadata);
    entry.size = Some(metadata.size);
    entry.sha1 = Some(sha1.into());
    entry
}

/// The entry of the database dump.
pub fn dump_entry(content: &Content) -> (Entry, Vec<ChunkId>) {
    let mut entry = Entry::new(DATABASE_ROOT, DATABASE_PATH.to_vec(), EntryType::File);
    entry.mode = Some(0o600);
    entry.size = Some(content.bytes);
    entry.sha1 = Some(content.sha1.into());
    (entry, content.chunks.clone())
}
