//! One replica's way from a finished pack to a fact: put into its store, noted in its index, and
//! published in a segment of its own at the next checkpoint; at the end the commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::claims::{Claims, Left};
use crate::id::SessionId;
use crate::ops::destination::Destination;
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Result};
use crate::repository::{FinishedPack, SealedObject, SegmentWriter};

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

/// A pack on its way to every replica: held in memory once, until the last of them has put it or
/// has left.
pub struct OnItsWay<'r> {
    pub pack: FinishedPack,
    pub claims: Arc<Claims<'r>>,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        // Every index that still counts has it by now. If nobody has, the chunks are wanted again.
        let entries = self.pack.entries.iter();
        self.claims.release(entries.map(|entry| &entry.id));
    }
}

/// Why a replica has no part in the run any more.
#[derive(Debug)]
pub enum Reason {
    /// Something that was to be put there, or noted of it, failed for good.
    Failed(OpsError),
    /// The others would have had to wait for it.
    TooSlow,
}

/// The way of packs to one replica. Shared by the threads of a run.
pub struct Uploads<'r> {
    pub to: Destination<'r>,
    /// `None`: packs are put by whoever finished them.
    queue: Option<Queue<Arc<OnItsWay<'r>>>>,
    publishing: Mutex<Publishing>,
    rule: CheckpointRule,
    /// So many replicas share the memory for what the next segments will say.
    among: usize,
    objects: AtomicU64,
    bytes: AtomicU64,
    left: Left,
    reason: Mutex<Option<Reason>>,
}

struct Publishing {
    segments: SegmentWriter,
    last: Duration,
    bytes: u64,
}

impl<'r> Uploads<'r> {
    /// One of `among` ways of a run.
    ///
    /// # Errors
    /// `Index`.
    pub fn new(
        to: Destination<'r>,
        among: usize,
        session: SessionId,
        rule: CheckpointRule,
    ) -> Result<Self> {
        let repository = to.repository;
        let mut segments = SegmentWriter::new(session);
        segments.adopt_unpublished(to.index)?;
        let last = repository.seams.clock.since_boot();
        let queued_bytes_max = repository.parameters.pack_bytes as usize * QUEUED_PACKS_MAX;
        let workers = repository.seams.threads.workers;
        Ok(Self {
            to,
            queue: workers.map(|_| Queue::new(queued_bytes_max)),
            publishing: Mutex::new(Publishing {
                segments,
                last,
                bytes: 0,
            }),
            rule,
            among,
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            left: Left::default(),
            reason: Mutex::default(),
        })
    }

    /// Whether the replica left the run.
    pub fn left(&self) -> &Left {
        &self.left
    }

    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// Takes no part any more: what waits is not sent, what is on its way may arrive, and is noted
    /// then.
    pub fn leave(&self, reason: Reason) {
        self.reason().get_or_insert(reason);
        self.left.store(true, Ordering::Release);
        self.abandon();
    }

    /// Why it left, if it did.
    pub fn reason(&self) -> MutexGuard<'_, Option<Reason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a pack on its way; waits while too much is on its way already.
    ///
    /// # Errors
    /// `Stopped` when the run has stopped; what the upload gives where there are no threads.
    pub fn send(&self, pack: &Arc<OnItsWay<'r>>) -> Result<()> {
        let Some(queue) = &self.queue else {
            return self.put(&pack.pack);
        };
        match queue.push(Arc::clone(pack), pack.pack.bytes().len()) {
            Err(_) if !self.has_left() => Err(OpsError::Stopped),
            _ => Ok(()),
        }
    }

    /// The work of one upload thread: until the queue is closed and empty, or an upload fails.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn run(&self) -> Result<()> {
        while let Some(pack) = self.queue.as_ref().and_then(Queue::pop) {
            self.put(&pack.item.pack)?;
        }
        Ok(())
    }

    /// Whether something waits for the store or is on its way there.
    pub fn is_busy(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_idle())
    }

    /// Whether somebody waits to hand it a pack.
    pub fn is_pressed(&self) -> bool {
        self.queue.as_ref().is_some_and(Queue::is_pressed)
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
        self.put_object(&pack.object)?;
        // Only now is it a fact; before, no index row may say so.
        self.to.index.add_pack(&pack.indexed())?;
        if self.has_left() {
            // It stays unpublished, as after a run that was killed.
            return Ok(());
        }
        let now = self.to.repository.seams.clock.since_boot();
        let mut publishing = self.lock();
        publishing.segments.add(pack.row());
        publishing.bytes += bytes.len() as u64;
        let due = now.saturating_sub(publishing.last) >= self.rule.every
            || publishing.bytes >= self.rule.every_bytes
            || publishing.segments.is_large(self.among);
        if due {
            self.publish_locked(&mut publishing)
        } else {
            Ok(())
        }
    }

    fn put_object(&self, object: &SealedObject) -> Result<()> {
        let store = &self.to.repository.store;
        store.put(&object.name, object.bytes.clone())?;
        self.count(1, object.bytes.len() as u64);
        Ok(())
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
        publishing.segments.adopt_unpublished(self.to.index)?;
        self.publish_locked(&mut publishing)
    }

    /// A checkpoint of this replica, the last one too.
    fn publish_locked(&self, publishing: &mut Publishing) -> Result<()> {
        let Destination {
            repository, index, ..
        } = self.to;
        let (objects, bytes) = publishing.segments.publish(repository, index)?;
        self.count(objects, bytes);
        publishing.bytes = 0;
        publishing.last = repository.seams.clock.since_boot();
        Ok(())
    }

    /// The commit at this replica: once it is acknowledged, there is a snapshot. `payload` is what
    /// was sealed.
    ///
    /// # Errors
    /// `Store`.
    pub fn commit(&self, record: &SealedObject, payload: &[u8]) -> Result<()> {
        self.put_object(record)?;
        // It is a fact already; a full disk here is no reason to say otherwise.
        let _ = self.to.index.remember_record(&record.id, payload);
        Ok(())
    }

    /// Sessions whose packs were published beside the run's own.
    pub fn continues(&self) -> Vec<SessionId> {
        self.lock().segments.continues()
    }

    fn count(&self, objects: u64, bytes: u64) {
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
