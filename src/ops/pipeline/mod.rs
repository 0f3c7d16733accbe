//! From plaintext to a pack: id → claim → compress → seal → upload. One per run, shared by its
//! threads.
//!
//! Memory of a run, at defaults with W workers, in MiB: packs that are filled, wait for the network
//! or are on their way (5 × 17, see `PACKS_HELD_MAX`; a pack is a little larger than its
//! target, and is held once, to however many replicas it goes), two open packs of metadata (2 × 6),
//! and for each worker a read buffer (5), a compressor and a frame (W × 12 at the most, W × 6 for
//! photos), batches of large files (4), what the walk came upon (1), entries ahead of their turn (8),
//! what the next segment will say (4, and 12 more while it is made), SQLite (8, 4 where files have
//! several names, 8 for the tables of an audit). Several replicas share what one has for segments and for the pages of its
//! index. What a replica that left had on its way counts among the packs until it has ended.
//! The parts are never all at their most; what the process takes is measured by `benches/memory.sh`.
//!
//! `claim` is the only decision that threads share: of two that bring the same new chunk, one
//! stores it. `fan_out` sends packs to every replica, each by its own way (`uploads`); `patience`
//! says when a slow one is not waited for any longer.

mod claims;
mod fan_out;
mod patience;
mod stretch;
mod uploads;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::compress::Compressor;
use crate::format::frame::Codec;
use crate::format::pack::Class;
use crate::id::{ChunkId, SessionId};
use crate::ops::destination::Destination;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{PackWriter, Plaintext, Repository};

pub use fan_out::is_of_the_store;
pub use stretch::{Met, Stretch};
pub use uploads::{CheckpointRule, Reason, Uploads};
pub use worker::{Chunkers, Content, ContentError, Work, Worker};

use fan_out::FanOut;

pub struct Pipeline<'r> {
    repository: &'r Repository,
    packs: PackWriter,
    pub uploads: FanOut<'r>,
    bytes_added: AtomicU64,
    bytes_stored: AtomicU64,
    failure: Mutex<Option<OpsError>>,
    stopped: AtomicBool,
    interrupted: AtomicBool,
}

impl<'r> Pipeline<'r> {
    /// For replicas of one repository, of which `home` gives keys, sizes and the outside world.
    ///
    /// # Errors
    /// `Seal` without randomness; `Index`.
    pub fn new(
        home: &'r Repository,
        destinations: &[Destination<'r>],
        rule: CheckpointRule,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let packs = PackWriter::new(home).map_err(|error| OpsError::Seal(error.into()))?;
        let session = packs.session();
        Ok(Self {
            uploads: FanOut::new(&home.seams, destinations, session, rule, progress)?,
            repository: home,
            packs,
            bytes_added: AtomicU64::new(0),
            bytes_stored: AtomicU64::new(0),
            failure: Mutex::new(None),
            stopped: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
        })
    }

    pub fn session(&self) -> SessionId {
        self.packs.session()
    }

    /// As [`Self::store`], for a part of a listing or the like, which stays as it is.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub fn store_metadata(&self, plain: &[u8], compressor: &mut Compressor) -> Result<ChunkId> {
        self.store(Class::Metadata, &mut plain.to_vec(), compressor)
    }

    /// Sees to it that the chunk is stored, once; gives its id. It may be sealed where it stands.
    ///
    /// # Errors
    /// `Seal`, `Index`, `Store`, `Stopped`.
    pub fn store(
        &self,
        class: Class,
        plain: &mut [u8],
        compressor: &mut Compressor,
    ) -> Result<ChunkId> {
        if self.repository.seams.interrupt.is_raised() {
            self.interrupt();
        }
        let has_threads = self.repository.seams.threads.workers.is_some();
        let admission = has_threads.then(|| self.packs.wait_for_room());
        if self.has_stopped() {
            // Otherwise a thread in the middle of a large file would read it to its end first.
            return Err(OpsError::Stopped);
        }
        let writer = &self.repository.writer;
        let id = match class {
            Class::Metadata => writer.metadata_id(plain),
            Class::Files | Class::Dump => writer.content_id(plain),
        };
        if !self.uploads.claim(&id)? {
            return Ok(id);
        }
        if class == Class::Metadata {
            // One leaf of ids alone says nothing of the next, which may be all names.
            compressor.begin_file();
        }
        // Chunks have at most 8 MiB.
        let plain_bytes = plain.len() as u32;
        let (codec, content) = match compressor.compress(plain) {
            Some(compressed) => (Codec::Zstd, compressed),
            None => (Codec::Plain, plain),
        };
        // Listings are no contents: a snapshot never has more new bytes than bytes.
        if class != Class::Metadata {
            self.bytes_added
                .fetch_add(u64::from(plain_bytes), Ordering::Relaxed);
            self.bytes_stored
                .fetch_add(content.len() as u64, Ordering::Relaxed);
        }
        let chunk = Plaintext {
            id,
            plain_bytes,
            codec,
            content,
        };
        let finished = self.packs.add(class, chunk).map_err(OpsError::Seal)?;
        drop(admission);
        if let Some(pack) = finished {
            self.uploads.send(pack)?;
        }
        Ok(id)
    }

    /// Finishes the open packs of a class and sends them. Nobody may be adding to it still.
    ///
    /// # Errors
    /// `Seal`, `Store`, `Index`, `Stopped`.
    pub fn finish(&self, class: Class) -> Result<()> {
        let packs = self.packs.finish(class).map_err(OpsError::Seal)?;
        packs
            .into_iter()
            .try_for_each(|pack| self.uploads.send(pack))
    }

    /// All packs have arrived: their memory is free for what is made of them at the end.
    pub fn release_memory(&self) {
        self.packs.release_memory();
    }

    /// Looks whether the run has waited too long for a replica. To be called often.
    pub fn look_for_the_slow(&self) {
        self.uploads.look_for_the_slow(self.packs.has_room());
    }

    /// Remembers the first failure of the run, and stops.
    pub fn fail(&self, error: OpsError) {
        if self.repository.seams.interrupt.is_raised() {
            // Then whatever fails may fail because of it.
            self.interrupt();
        }
        if !matches!(error, OpsError::Stopped) {
            lock(&self.failure).get_or_insert(error);
            self.uploads.abandon();
        }
        self.stop();
    }

    /// Stops taking contents in. Packs that are finished still go to the store: somebody wants the
    /// run to end, but nothing is wrong.
    pub fn interrupt(&self) {
        if !self.interrupted.swap(true, Ordering::Relaxed) {
            lock(&self.failure).get_or_insert(OpsError::Interrupted);
            self.stop();
        }
    }

    /// Makes every thread stop that stores or, unless the run was interrupted, uploads.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.packs.stop_waiting();
        if self.interrupted.load(Ordering::Relaxed) {
            self.uploads.close();
        } else {
            self.uploads.abandon();
        }
    }

    pub fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The first failure: this, not what followed from it, is the run's.
    pub fn take_failure(&self) -> Option<OpsError> {
        lock(&self.failure).take()
    }

    /// Plain bytes of contents that were new, and what they came to after compression.
    pub fn totals(&self) -> (u64, u64) {
        (
            self.bytes_added.load(Ordering::Relaxed),
            self.bytes_stored.load(Ordering::Relaxed),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
