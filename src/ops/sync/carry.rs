//! Packs on their way from one copy to another: fetched, held against their names, put, and noted in
//! the target's index and its next segment. A damaged pack is never copied.
//!
//! Several are on their way at once, of [`UNDER_WAY_BYTES_MAX`] together, or one of any size.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::target::{Standing, Target};
use crate::crypto::session_id;
use crate::format::name::REPOSITORY;
use crate::format::segment::PackRow;
use crate::format::{Kind, PACK_BYTES_MAX, name};
use crate::id::{ObjectId, SessionId};
use crate::index::{TransferTable, WantedPack};
use crate::ops::pipeline::CheckpointRule;
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Replica, Result};
use crate::progress::Progress;
use crate::repository::{
    ObjectProblem, PackContents, RepositoryError, SegmentWriter, check_whole_pack, read_contents,
    rows_of_pack,
};
use crate::store::Window;

/// Packs under way together, in bytes.
const UNDER_WAY_BYTES_MAX: usize = 64 * 1024 * 1024;

pub struct Carry<'c> {
    pub from: &'c Replica,
    pub target: &'c Target<'c>,
    pub table: &'c TransferTable,
    progress: &'c dyn Progress,
    rule: CheckpointRule,
    publishing: Mutex<Publishing>,
    objects: AtomicU64,
    bytes: AtomicU64,
}

struct Publishing {
    segments: SegmentWriter,
    last: Duration,
    bytes: u64,
}

/// What became of the wanted packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// All are there.
    All,
    /// Of some nobody has sound bytes; they are marked as bad.
    SomeBad,
    /// Some are about to be swept at the target.
    SomePending,
}

impl<'c> Carry<'c> {
    /// What an earlier run brought and did not publish is published with what comes now.
    ///
    /// # Errors
    /// `Index`; `File` without randomness.
    pub fn new(
        from: &'c Replica,
        target: &'c Target<'c>,
        table: &'c TransferTable,
        rule: CheckpointRule,
        progress: &'c dyn Progress,
    ) -> Result<Self> {
        let repository = &target.replica.repository;
        let mut session = [0; 16];
        repository
            .seams
            .random
            .fill(&mut session)
            .map_err(|error| {
                OpsError::file("could not draw from", "/dev/urandom".as_ref(), error)
            })?;
        let mut segments = SegmentWriter::new(SessionId::new(session));
        segments.adopt_unpublished(&target.replica.index)?;
        Ok(Self {
            from,
            target,
            table,
            progress,
            rule,
            publishing: Mutex::new(Publishing {
                segments,
                last: repository.seams.clock.since_boot(),
                bytes: 0,
            }),
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Brings all wanted packs.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn run(&self) -> Result<Carried> {
        let (_, bytes) = self.table.wanted_totals()?;
        let text = format!("Copying to {}", self.target.replica.name);
        self.progress.stage(&text, Some(bytes));
        let (bad, pending) = (AtomicBool::new(false), AtomicBool::new(false));
        let one = |wanted: WantedPack| -> Result<()> {
            match self.pack(wanted)? {
                Carried::All => {}
                Carried::SomeBad => bad.store(true, Ordering::Relaxed),
                Carried::SomePending => pending.store(true, Ordering::Relaxed),
            }
            self.progress.advance(wanted.2);
            Ok(())
        };
        let threads = self.target.replica.repository.seams.threads;
        match threads.workers {
            None => self.each(&mut |wanted| one(wanted))?,
            Some(_) => self.on_threads(threads.transfers.get(), &one)?,
        }
        self.progress.finish();
        Ok(match (pending.into_inner(), bad.into_inner()) {
            (true, _) => Carried::SomePending,
            (false, true) => Carried::SomeBad,
            (false, false) => Carried::All,
        })
    }

    fn each(&self, visit: &mut dyn FnMut(WantedPack) -> Result<()>) -> Result<()> {
        let mut last = None;
        while let Some(wanted) = self.table.wanted_after(last)? {
            visit(wanted)?;
            last = Some(wanted);
        }
        Ok(())
    }

    fn on_threads(
        &self,
        count: usize,
        one: &(dyn Fn(WantedPack) -> Result<()> + Sync),
    ) -> Result<()> {
        let queue: Queue<WantedPack> = Queue::new(UNDER_WAY_BYTES_MAX);
        let failure: Mutex<Option<OpsError>> = Mutex::default();
        let handed_out = std::thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    let _guard = queue.abandon_on_panic();
                    while let Some(taken) = queue.pop() {
                        let (wanted, _weight) = taken.into_parts();
                        if let Err(error) = one(wanted) {
                            let mut failure =
                                failure.lock().unwrap_or_else(PoisonError::into_inner);
                            failure.get_or_insert(error);
                            queue.abandon();
                        }
                    }
                });
            }
            let _guard = queue.abandon_on_panic();
            let handed_out = self.each(&mut |wanted| {
                let weight = wanted.2.min(PACK_BYTES_MAX) as usize;
                queue.push(wanted, weight).map_err(|_| OpsError::Stopped)
            });
            match &handed_out {
                Ok(()) => queue.close(),
                Err(_) => queue.abandon(),
            }
            handed_out
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(handed_out, Err)
    }

    fn pack(&self, (number, id, bytes): WantedPack) -> Result<Carried> {
        let kind = match Kind::from_number(number) {
            Some(kind @ Kind::ListingPack) => kind,
            _ => Kind::DataPack,
        };
        let name = name::of(kind, &id);
        self.progress.item(name.as_bytes());
        match self.target.standing(kind, &id, bytes)? {
            Standing::Pending => return Ok(Carried::SomePending),
            Standing::There if self.is_known_by_its_end(kind, &id, bytes)? => {
                return Ok(Carried::All);
            }
            Standing::There | Standing::Lacking => {}
        }
        let Some((contents, pack)) = self.sound_bytes(kind, &id, &name)? else {
            self.table.mark_bad(number, &id)?;
            return Ok(Carried::SomeBad);
        };
        let to = self.target.replica;
        to.repository.store.put(&name, pack.clone())?;
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(pack.len() as u64, Ordering::Relaxed);
        let (indexed, row) = rows_of_pack(&contents, id, &pack);
        // Only now is it a fact; before, no index row may say so.
        to.index.trust_again(&[id])?;
        to.index.add_pack(&indexed)?;
        self.note(session_id(contents.header.extension()), row, pack.len())?;
        // What a plan condemns counts only if it arrived in time.
        match self.target.standing(kind, &id, pack.len() as u64)? {
            Standing::There => Ok(Carried::All),
            Standing::Lacking | Standing::Pending => Ok(Carried::SomePending),
        }
    }

    /// A pack that is there already, from an attempt that was interrupted: what it holds, its end
    /// says. `false`: its end cannot be used, so it is put again.
    fn is_known_by_its_end(&self, kind: Kind, id: &ObjectId, bytes: u64) -> Result<bool> {
        let to = self.target.replica;
        let store = to.repository.store.as_ref();
        match read_contents(store, &to.repository.writer, kind, id, bytes) {
            Ok(contents) => {
                to.index.add_pack(&contents.indexed(*id, bytes, None))?;
                self.note(
                    session_id(contents.header.extension()),
                    contents.row(*id, bytes, None),
                    0,
                )?;
                Ok(true)
            }
            Err(RepositoryError::Object { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of a pack, from the source or whoever has them sound.
    fn sound_bytes(
        &self,
        kind: Kind,
        id: &ObjectId,
        name: &str,
    ) -> Result<Option<(PackContents, Bytes)>> {
        let repository = &self.from.repository;
        let window = Window::Whole {
            bytes_max: PACK_BYTES_MAX,
        };
        let mut check = |pack: Bytes| {
            check_whole_pack(&repository.writer, kind, id, &pack).map(|contents| (contents, pack))
        };
        match repository.store.get(name, window) {
            Ok(pack) => {
                if let Ok(sound) = check(pack) {
                    return Ok(Some(sound));
                }
            }
            // One object that is not given out must not hold up the others.
            Err(error) => match ObjectProblem::of_failed_fetch(error) {
                Ok(_) => {}
                Err(_) if repository.store.head(REPOSITORY).is_ok() => {}
                Err(error) => return Err(error.into()),
            },
        }
        let others = &repository.others;
        Ok(others.find(repository.id(), name, window, &mut check))
    }

    fn note(&self, session: SessionId, row: PackRow, bytes: usize) -> Result<()> {
        let now = self.target.replica.repository.seams.clock.since_boot();
        let mut publishing = self.lock();
        publishing.segments.continue_session(session);
        publishing.segments.add(row);
        publishing.bytes += bytes as u64;
        let is_due = now.saturating_sub(publishing.last) >= self.rule.every
            || publishing.bytes >= self.rule.every_bytes
            || publishing.segments.is_large(1);
        match is_due {
            true => self.publish_locked(&mut publishing),
            false => Ok(()),
        }
    }

    /// Publishes all that came, in segments of the target's own.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn publish(&self) -> Result<()> {
        let mut publishing = self.lock();
        self.publish_locked(&mut publishing)
    }

    fn publish_locked(&self, publishing: &mut Publishing) -> Result<()> {
        let to = self.target.replica;
        let (objects, bytes) = publishing.segments.publish(&to.repository, &to.index)?;
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        publishing.bytes = 0;
        publishing.last = to.repository.seams.clock.since_boot();
        Ok(())
    }

    /// One more object was put.
    pub fn count(&self, bytes: u64) {
        self.objects.fetch_add(1, Ordering::Relaxed);
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
