//! From a finished pack to a fact: put into the store, noted in the index, and published in a
//! segment at the next checkpoint.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::claims::Claims;
use crate::id::SessionId;
use crate::index::Index;
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Result};
use crate::repository::{FinishedPack, Repository, SegmentWriter};

/// So many packs wait for the network or are on their way before whoever finished another one waits
/// too. The memory bound is kept elsewhere: by those who would begin a pack.
const QUEUED_PACKS_MAX: usize = 4;

/// When acknowledged packs are published before the end (format.md §9).
#[derive(Debug, Clone, Copy)]
pub struct CheckpointRule {
    pub every: Duration,
    pub every_bytes: u64,
}

impl Default for CheckpointRule {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(15 * 60),
            every_bytes: 8 << 30,
        }
    }
}

/// The way of packs to the store. Shared by the threads of a run.
pub struct Uploads<'r> {
    repository: &'r Repository,
    index: &'r Index,
    claims: Arc<Claims<'r>>,
    /// `None`: packs are put by whoever finished them.
    queue: Option<Queue<FinishedPack>>,
    publishing: Mutex<Publishing>,
    rule: CheckpointRule,
    objects: AtomicU64,
    bytes: AtomicU64,
}

struct Publishing {
    segments: SegmentWriter,
    last: Duration,
    bytes: u64,
}

impl<'r> Uploads<'r> {
    pub fn new(
        repository: &'r Repository,
        index: &'r Index,
        claims: Arc<Claims<'r>>,
        session: SessionId,
        rule: CheckpointRule,
    ) -> Result<Self> {
        let mut segments = SegmentWriter::new(session);
        segments.adopt_unpublished(index)?;
        let last = repository.seams.clock.since_boot();
        let queued_bytes_max = repository.parameters.pack_bytes as usize * QUEUED_PACKS_MAX;
        Ok(Self {
            repository,
            index,
            claims,
            queue: repository
                .seams
                .threads
                .workers
                .map(|_| Queue::new(queued_bytes_max)),
            publishing: Mutex::new(Publishing {
                segments,
                last,
                bytes: 0,
            }),
            rule,
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Sends a pack on its way; waits while too much is on its way already.
    ///
    /// # Errors
    /// `Stopped` when an upload failed; what the upload gives where there are no threads.
    pub fn send(&self, pack: FinishedPack) -> Result<()> {
        match &self.queue {
            Some(queue) => {
                let bytes = pack.bytes().len();
                queue.push(pack, bytes).map_err(|_| OpsError::Stopped)
            }
            None => self.put(&pack),
        }
    }

    /// The work of one upload thread: until the queue is closed and empty, or an upload fails.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn run(&self) -> Result<()> {
        while let Some(pack) = self.queue.as_ref().and_then(Queue::pop) {
            self.put(&pack.item)?;
        }
        Ok(())
    }

    /// No further packs will come.
    pub fn close(&self) {
        self.queue.iter().for_each(Queue::close);
    }

    /// Something failed: what waits is not sent.
    pub fn abandon(&self) {
        self.queue.iter().for_each(Queue::abandon);
    }

    fn put(&self, pack: &FinishedPack) -> Result<()> {
        let bytes = pack.bytes();
        self.repository
            .store
            .put(&pack.object.name, bytes.clone())?;
        // Only now is it a fact; before, no index row may say so.
        self.index.add_pack(&pack.indexed())?;
        self.claims
            .release(pack.entries.iter().map(|entry| &entry.id));
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let now = self.repository.seams.clock.since_boot();
        let mut publishing = self.lock();
        publishing.segments.add(pack.row());
        publishing.bytes += bytes.len() as u64;
        let due = now.saturating_sub(publishing.last) >= self.rule.every
            || publishing.bytes >= self.rule.every_bytes
            || publishing.segments.is_large();
        if due {
            self.publish_locked(&mut publishing)
        } else {
            Ok(())
        }
    }

    /// Publishes all that was acknowledged, at the end of a run.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn publish(&self) -> Result<()> {
        let mut publishing = self.lock();
        self.publish_locked(&mut publishing)?;
        // A backup of another source that shares the index may have stored what this one refers
        // to, and may be killed before it publishes that.
        publishing.segments.adopt_unpublished(self.index)?;
        self.publish_locked(&mut publishing)
    }

    fn publish_locked(&self, publishing: &mut Publishing) -> Result<()> {
        let (objects, bytes) = publishing.segments.publish(self.repository, self.index)?;
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        publishing.bytes = 0;
        publishing.last = self.repository.seams.clock.since_boot();
        Ok(())
    }

    /// Sessions whose packs were published beside the run's own.
    pub fn continues(&self) -> Vec<SessionId> {
        self.lock().segments.continues()
    }

    /// Objects and bytes put so far.
    pub fn totals(&self) -> (u64, u64) {
        (
            self.objects.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Publishing> {
        self.publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
