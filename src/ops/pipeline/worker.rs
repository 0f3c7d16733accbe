//! One thread's way of taking contents in: read → cut → SHA-1 → store.
//!
//! A large file would keep one thread busy and leave the others idle. Its reader cuts it into
//! batches of chunks and offers them to the queue; what finds no room there it does itself, and at
//! the end it helps with what is left.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use sha1::{Digest, Sha1};

use super::{Pipeline, Stretch};
use crate::chunker::{ChunkSizes, Chunker};
use crate::compress::Compressor;
use crate::format::pack::Class;
use crate::id::ChunkId;
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;

use crate::repository::{Repository, RepositoryError};

/// Contents from this size on are shared with other threads, in bytes.
const SHARED_FROM_BYTES: u64 = 16 * 1024 * 1024;
/// A batch is handed over when it has so many bytes.
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches that wait or are being worked on, in bytes. Part of the memory bound.
const BATCHES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the threads of a run take from their queue.
pub enum Work {
    Stretch(Stretch),
    Batch(Batch),
}

/// The two ways of cutting.
pub struct Chunkers {
    pub files: Chunker,
    pub dumps: Chunker,
}

impl Chunkers {
    /// # Errors
    /// Sizes in `repository` that this version cannot cut.
    pub fn new(repository: &Repository) -> Result<Self, RepositoryError> {
        let sizes = |(minimum, average, maximum)| ChunkSizes {
            minimum,
            average,
            maximum,
        };
        let parameters = &repository.parameters;
        Ok(Self {
            files: Chunker::new(sizes(parameters.files), repository.writer.gear())?,
            dumps: Chunker::new(sizes(parameters.dumps), repository.writer.gear())?,
        })
    }
}

/// What a file or a dump held.
pub struct Content {
    pub chunks: Vec<ChunkId>,
    pub sha1: [u8; 20],
    pub bytes: u64,
}

/// Why contents could not be taken in.
pub enum ContentError {
    /// The source could not be read: that is data, not a failure of the backup.
    Source(io::Error),
    Ops(OpsError),
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

impl From<OpsError> for ContentError {
    fn from(error: OpsError) -> Self {
        Self::Ops(error)
    }
}

/// One thread.
pub struct Worker<'p, 'r> {
    pipeline: &'p Pipeline<'r>,
    chunkers: &'p Chunkers,
    progress: &'p dyn Progress,
    /// Where to offer batches; `None` where there is one thread only.
    queue: Option<&'p Queue<Work>>,
    compressor: Compressor,
    buffer: Vec<u8>,
}

impl<'p, 'r> Worker<'p, 'r> {
    /// # Errors
    /// No memory for a compressor.
    pub fn new(
        pipeline: &'p Pipeline<'r>,
        chunkers: &'p Chunkers,
        progress: &'p dyn Progress,
        queue: Option<&'p Queue<Work>>,
    ) -> Result<Self> {
        let compressor = Compressor::new().map_err(|error| OpsError::Seal(error.into()))?;
        Ok(Self {
            pipeline,
            chunkers,
            progress,
            queue,
            compressor,
            buffer: Vec::new(),
        })
    }

    /// A file is begun.
    pub fn begin(&self, path: &[u8]) {
        self.progress.item(path);
    }

    /// Progress by a file that need not be read.
    pub fn pass(&self, bytes: u64) {
        self.progress.advance(bytes);
    }

    /// Whether something is so at every replica that takes part, each asked by its number.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn is_so_everywhere(&self, is_so_at: &dyn Fn(usize) -> Result<bool>) -> Result<bool> {
        self.pipeline.uploads.is_so_everywhere(is_so_at)
    }

    /// Takes in all of `source`, which is about `expected` bytes long.
    ///
    /// # Errors
    /// `Source` when it cannot be read; otherwise as [`Pipeline::store`].
    pub fn take_in(
        &mut self,
        source: &mut dyn Read,
        class: Class,
        expected: u64,
    ) -> Result<Content, ContentError> {
        self.compressor.begin_file();
        let chunkers = self.chunkers;
        let chunker = if class == Class::Dump {
            &chunkers.dumps
        } else {
            &chunkers.files
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut taking = Taking::default();
        let shared = self.queue.is_some() && expected >= SHARED_FROM_BYTES;
        let read = chunker.each_chunk::<ContentError>(source, &mut buffer, &mut |chunk| {
            taking.sha1.update(&*chunk);
            self.progress.advance(chunk.len() as u64);
            if shared {
                taking.append(chunk);
                if taking.bytes.len() >= BATCH_BYTES {
                    self.offer(class, &mut taking)?;
                }
            } else {
                taking
                    .chunks
                    .push(self.pipeline.store(class, chunk, &mut self.compressor)?);
            }
            Ok(())
        });
        self.buffer = buffer;
        let bytes = read?;
        self.offer(class, &mut taking)?;
        if shared {
            taking.chunks = self.gather(&taking.results)?;
        }
        Ok(Content {
            chunks: taking.chunks,
            sha1: taking.sha1.finalize().into(),
            bytes,
        })
    }

    /// Offers the running batch to the other threads; does it here if they have enough to do.
    fn offer(&mut self, class: Class, taking: &mut Taking) -> Result<()> {
        if taking.lengths.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            class,
            bytes: std::mem::take(&mut taking.bytes),
            lengths: std::mem::take(&mut taking.lengths),
            number: taking.results.announce(),
            results: Some(Arc::clone(&taking.results)),
        };
        let weight = batch.bytes.len();
        let Some(queue) = self.queue else {
            return self.batch(batch);
        };
        match queue.try_push_first(Work::Batch(batch), weight, BATCHES_BYTES_MAX) {
            Ok(()) => Ok(()),
            Err(Work::Batch(batch)) => self.batch(batch),
            Err(Work::Stretch(_)) => Ok(()),
        }
    }

    /// Stores the chunks of a batch and reports their ids.
    ///
    /// # Errors
    /// As [`Pipeline::store`].
    pub fn batch(&mut self, mut batch: Batch) -> Result<()> {
        // Of another file than the one this thread may be in the middle of.
        self.compressor.begin_file();
        let mut ids = Vec::with_capacity(batch.lengths.len());
        let mut rest = batch.bytes.as_mut_slice();
        for length in &batch.lengths {
            let (chunk, after) = rest.split_at_mut((*length).min(rest.len()));
            ids.push(
                self.pipeline
                    .store(batch.class, chunk, &mut self.compressor)?,
            );
            rest = after;
        }
        if let Some(results) = batch.results.take() {
            results.report(batch.number, Some(ids));
        }
        Ok(())
    }

    /// Waits for all batches, and helps meanwhile.
    fn gather(&mut self, results: &Results) -> Result<Vec<ChunkId>> {
        let is_batch = |work: &Work| matches!(work, Work::Batch(_));
        while results.awaits_some() {
            match self.queue.and_then(|queue| queue.try_pop_if(is_batch)) {
                Some(taken) => {
                    let (work, _weight) = taken.into_parts();
                    if let Work::Batch(batch) = work {
                        self.batch(batch)?;
                    }
                }
                None => results.wait(),
            }
        }
        results.take().ok_or(OpsError::Stopped)
    }
}

/// A file on its way in.
struct Taking {
    sha1: Sha1,
    chunks: Vec<ChunkId>,
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    results: Arc<Results>,
}

impl Default for Taking {
    fn default() -> Self {
        Self {
            sha1: Sha1::new(),
            chunks: Vec::new(),
            bytes: Vec::new(),
            lengths: Vec::new(),
            results: Arc::default(),
        }
    }
}

impl Taking {
    fn append(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        self.lengths.push(chunk.len());
    }
}

/// Some chunks of one file.
pub struct Batch {
    class: Class,
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    number: usize,
    results: Option<Arc<Results>>,
}

impl Drop for Batch {
    /// A batch that is thrown away tells whoever waits for it.
    fn drop(&mut self) {
        if let Some(results) = self.results.take() {
            results.report(self.number, None);
        }
    }
}

/// The ids of a file's chunks, batch by batch.
#[derive(Default)]
struct Results {
    state: Mutex<Reported>,
    changed: Condvar,
}

#[derive(Default)]
struct Reported {
    batches: Vec<Option<Vec<ChunkId>>>,
    awaited: usize,
    lost: bool,
}

impl Results {
    fn announce(&self) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.batches.push(None);
        state.awaited += 1;
        state.batches.len() - 1
    }

    fn report(&self, number: usize, ids: Option<Vec<ChunkId>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.awaited -= 1;
        state.lost |= ids.is_none();
        if let Some(batch) = state.batches.get_mut(number) {
            *batch = ids;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn awaits_some(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .awaited
            > 0
    }

    /// Until something was reported. All batches of this file are with other threads by now.
    fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.awaited > 0 {
            drop(
                self.changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }

    /// All ids in order; `None` if a batch was thrown away.
    fn take(&self) -> Option<Vec<ChunkId>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lost {
            return None;
        }
        let batches = std::mem::take(&mut state.batches);
        Some(batches.into_iter().flatten().flatten().collect())
    }
}
