//! One file of the source on its way into the snapshot: known and unchanged, or read.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::entries::{entry_of, file_entry};
use super::known::Known;
use super::links::{First, Links};
use super::sequence::{Outcome, SourceProblem};
use super::watches::Watches;
use crate::format::entry::Attribute;
use crate::format::pack::Class;
use crate::index::{CachedContent, CachedFile, FileStamp, Index};
use crate::ops::error::with_causes;
use crate::ops::pipeline::{Content, ContentError, Worker};
use crate::ops::{OpsError, Result};
use crate::seams::Clock;
use crate::source::file::FileReader;
use crate::source::{Attributes, Found, Kind, Metadata, Owners};

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
    pub owners: Owners,
    pub links: Links,
    pub plans: Watches<'r>,
}

impl FileContext<'_> {
    /// Takes a file into the snapshot, of which so much is known, without reading it if it is known and unchanged, or if it
    /// has another name that was taken before. `number` is its place in the order of the listing;
    /// of a file with several names it was announced to `links`.
    ///
    /// # Errors
    /// Of the repository or the index, `Stopped`; what is wrong with the file itself is an outcome.
    pub fn take(
        &self,
        worker: &mut Worker<'_, '_>,
        found: &Found,
        number: u64,
        known: Known,
    ) -> Result<Outcome> {
        if found.metadata.links < 2 {
            return self.take_content(worker, found, known);
        }
        let turn = self.links.turn(&found.metadata, number);
        let turn = turn.ok_or(OpsError::Stopped)?;
        if let Some(first) = turn.first()?
            && first.is(&found.metadata)
        {
            return self.link_to(first, found, known);
        }
        let outcome = self.take_content(worker, found, known)?;
        if let Some(first) = outcome.as_first() {
            turn.remember(&first)?;
        }
        Ok(outcome)
    }

    /// Another name of a file that is in the snapshot.
    fn link_to(&self, first: First, found: &Found, known: Known) -> Result<Outcome> {
        let path = found.source.as_os_str().as_bytes();
        let known = known.content;
        let remember = first.cached(path, stamp_of(&found.metadata));
        let sha1 = remember.content.sha1;
        add(
            self.counter(known.as_ref().map(|(_, old)| old.sha1), sha1),
            1,
        );
        let entry = first.entry.linked_as(found.root, found.path.clone());
        let mut outcome = Outcome::entry(entry, first.chunks.0);
        // By this name it is found next time if the first is no longer there.
        if known.is_none_or(|known| known != (remember.stamp, remember.content.clone())) {
            outcome.remember(remember);
        }
        Ok(outcome)
    }

    fn counter(&self, known: Option<[u8; 20]>, now: [u8; 20]) -> &AtomicU64 {
        match known {
            None => &self.counts.new,
            // Only its times are new, or it was too fresh to be trusted.
            Some(sha1) if sha1 == now => &self.counts.unmodified,
            Some(_) => &self.counts.changed,
        }
    }

    fn take_content(
        &self,
        worker: &mut Worker<'_, '_>,
        found: &Found,
        known: Known,
    ) -> Result<Outcome> {
        self.plans.look_if_due(worker)?;
        let path = found.source.as_os_str().as_bytes();
        let Known { content, is_stored } = known;
        if let Some((stamp, content)) = &content
            && *stamp == stamp_of(&found.metadata)
            && (is_stored || self.plans.are_stored(worker, found, content)?)
            && let Some(attributes) = attributes_of_unchanged(found, content)
        {
            worker.pass(found.metadata.size);
            add(&self.counts.unmodified, 1);
            add(&self.counts.bytes, found.metadata.size);
            let mut entry = file_entry(found, &found.metadata, &self.owners, content.sha1);
            entry.attributes = stored(&attributes);
            let mut outcome = Outcome::entry(entry, content.chunks.clone());
            if content.attributes.is_none() && attributes.problem.is_none() {
                outcome.remember(CachedFile {
                    path: path.to_vec(),
                    stamp: *stamp,
                    content: CachedContent {
                        attributes: Some(attributes.kept),
                        ..content.clone()
                    },
                });
            } else if let Some(error) = attributes.problem {
                outcome.also(problem_of(found, error));
            }
            return Ok(outcome);
        }
        self.read(worker, found, content.map(|(_, content)| content.sha1))
    }

    /// Reads the file, of which `known` was the SHA-1 last time; once more if it changed meanwhile,
    /// and if it changed again keeps what was read and says so.
    fn read(
        &self,
        worker: &mut Worker<'_, '_>,
        found: &Found,
        known: Option<[u8; 20]>,
    ) -> Result<Outcome> {
        let problem = |error: String| problem_of(found, error);
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
            let attributes = Attributes::of_open(&reader);
            let changed = match reader.finish() {
                Ok(finished) => finished.changed,
                Err(error) => return Ok(Outcome::problem(problem(with_causes(&error)))),
            };
            if changed.is_some() && !second_try {
                second_try = true;
                continue;
            }
            add(&self.counts.bytes, content.bytes);
            add(self.counter(known, content.sha1), 1);
            let mut entry = file_entry(found, &metadata, &self.owners, content.sha1);
            entry.size = Some(content.bytes);
            entry.attributes = stored(&attributes);
            let mut outcome = Outcome::entry(entry, content.chunks.clone());
            let written = metadata.modified.max(metadata.changed);
            let stamp = if changed.is_none() && written.plus(TRUSTED_AFTER) < now {
                stamp_of(&metadata)
            } else {
                FileStamp::UNTRUSTED
            };
            outcome.remember(cached(found, stamp, content, &attributes));
            if let Some(changed) = changed {
                outcome.also(problem(changed.to_string()));
            }
            if let Some(error) = attributes.problem {
                outcome.also(problem(error));
            }
            return Ok(outcome);
        }
    }

    /// The entry of a folder or a link.
    pub fn entry_without_content(&self, found: &Found) -> Outcome {
        let metadata = found.metadata;
        let mut entry = entry_of(found, &metadata, &self.owners);
        let attributes = if let Kind::Link { target } = &found.kind {
            add(&self.counts.links, 1);
            entry.target = Some(target.clone().into());
            Attributes::of_link(&found.source)
        } else {
            add(&self.counts.folders, 1);
            Attributes::of_folder(&found.source)
        };
        entry.attributes = stored(&attributes);
        let mut outcome = Outcome::entry(entry, Vec::new());
        if let Some(error) = attributes.problem {
            outcome.also(problem_of(found, error));
        }
        outcome
    }
}

fn problem_of(found: &Found, error: String) -> SourceProblem {
    SourceProblem {
        root: found.root,
        path: found.path.clone(),
        error,
    }
}

/// As they stand in an entry.
fn stored(attributes: &Attributes) -> Option<Vec<Attribute>> {
    (!attributes.kept.is_empty()).then(|| attributes.kept.clone())
}

/// The attributes of a file that did not change: as they were, unless some could not be read then.
/// `None`: it did change just now, or cannot be opened.
fn attributes_of_unchanged(found: &Found, known: &CachedContent) -> Option<Attributes> {
    if let Some(kept) = known.attributes.clone() {
        return Some(Attributes {
            kept,
            problem: None,
        });
    }
    let reader = FileReader::open(&found.source).ok()?;
    let same = stamp_of(reader.metadata()) == stamp_of(&found.metadata);
    same.then(|| Attributes::of_open(&reader))
}

fn cached(
    found: &Found,
    stamp: FileStamp,
    content: Content,
    attributes: &Attributes,
) -> CachedFile {
    CachedFile {
        path: found.source.as_os_str().as_bytes().to_vec(),
        stamp,
        content: CachedContent {
            sha1: content.sha1,
            chunks: content.chunks,
            attributes: (attributes.problem.is_none()).then(|| attributes.kept.clone()),
        },
    }
}

pub(super) fn stamp_of(metadata: &Metadata) -> FileStamp {
    FileStamp {
        size: metadata.size,
        modified: metadata.modified,
        changed: metadata.changed,
        inode: metadata.inode,
    }
}
