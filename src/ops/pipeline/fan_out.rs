//! Every pack to every replica that takes part, and who that is (docs/decisions/0008-fan-out.md).
//!
//! A replica on whose way something fails for good leaves the run, as does one that is too slow
//! (`patience`): then it gets no segment and no snapshot, it is behind, and the others go on. When
//! the last one would leave, its error is the run's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::claims::Claims;
use super::patience::{Patience, Standing};
use super::uploads::{CheckpointRule, OnItsWay, Reason, Uploads};
use crate::id::{ChunkId, SessionId};
use crate::ops::destination::Destination;
use crate::ops::error::with_causes;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{FinishedPack, RepositoryError, SealedObject};
use crate::seams::Seams;

/// What is done around the commit at one replica: its number, and the commit.
pub type Around<'a> = dyn Fn(usize, &dyn Fn() -> Result<()>) -> Result<()> + Sync + 'a;

/// The ways to all replicas of a run. Shared by its threads.
pub struct FanOut<'r> {
    ways: Vec<Uploads<'r>>,
    claims: Arc<Claims<'r>>,
    seams: &'r Seams,
    progress: &'r dyn Progress,
    /// Held by whoever makes one leave, so that not two of two do at once.
    leaving: Mutex<()>,
    patience: Mutex<Patience>,
    /// No further packs will come.
    closed: AtomicBool,
}

impl<'r> FanOut<'r> {
    /// # Errors
    /// `Index`.
    pub fn new(
        seams: &'r Seams,
        destinations: &[Destination<'r>],
        session: SessionId,
        rule: CheckpointRule,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let among = destinations.len();
        let way = |to: &Destination<'r>| {
            to.index.share_memory(among)?;
            Uploads::new(*to, among, session, rule)
        };
        let ways = destinations.iter().map(way).collect::<Result<Vec<_>>>()?;
        let replicas = ways
            .iter()
            .map(|way| (way.to.index, Arc::clone(way.left())));
        Ok(Self {
            claims: Arc::new(Claims::new(replicas.collect())),
            ways,
            seams,
            progress,
            leaving: Mutex::default(),
            patience: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// The way to each replica, those that left included.
    pub fn ways(&self) -> &[Uploads<'r>] {
        &self.ways
    }

    /// Those that take part still.
    pub fn staying(&self) -> impl Iterator<Item = &Uploads<'r>> {
        self.ways.iter().filter(|way| !way.has_left())
    }

    /// See [`Claims::claim`].
    ///
    /// # Errors
    /// `Index`.
    pub fn claim(&self, id: &ChunkId) -> Result<bool> {
        self.claims.claim(id)
    }

    /// Whether something is so at every replica that takes part, asked by number in the order of the
    /// ways until one says no. One that cannot be asked leaves.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn is_so_everywhere(&self, is_so_at: &dyn Fn(usize) -> Result<bool>) -> Result<bool> {
        for (number, way) in self.ways.iter().enumerate() {
            if way.has_left() {
                continue;
            }
            match is_so_at(number) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => self.without(way, Err(error))?,
            }
        }
        Ok(true)
    }

    /// Sends a pack on its way to all; waits while too much is on its way to one of them.
    ///
    /// # Errors
    /// `Stopped` when the run has stopped; what the upload gives where there are no threads and no
    /// other replica.
    pub fn send(&self, pack: FinishedPack) -> Result<()> {
        let pack = Arc::new(OnItsWay {
            pack,
            claims: Arc::clone(&self.claims),
        });
        self.staying()
            .try_for_each(|way| self.without(way, way.send(&pack)))
    }

    /// The work of one upload thread of a replica: until there is nothing more to send there.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn run(&self, way: &Uploads<'r>) -> Result<()> {
        self.without(way, way.run())
    }

    /// Publishes all that was acknowledged, at each replica.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn publish(&self) -> Result<()> {
        self.at_each(&|_, way| way.publish())
    }

    /// Commits at each replica; gives once at least one has the snapshot. `around` is given the number
    /// of a replica, in the order of the ways, and its commit, to be called once or not at all.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn commit(&self, record: &SealedObject, payload: &[u8], around: &Around<'_>) -> Result<()> {
        self.at_each(&|number, way| around(number, &|| way.commit(record, payload)))
    }

    /// Reads something from the first replica that answers. One that is out of reach leaves: it
    /// could not be committed to either.
    ///
    /// # Errors
    /// As `read`.
    pub fn read<T>(&self, mut read: impl FnMut(Destination<'r>) -> Result<T>) -> Result<T> {
        for way in self.staying() {
            match read(way.to) {
                Err(error) if is_of_the_store(&error) => self.without(way, Err(error))?,
                answer => return answer,
            }
        }
        Err(OpsError::Stopped)
    }

    /// Side by side where there are threads: one that is slow to answer keeps no other waiting.
    fn at_each(&self, work: &(dyn Fn(usize, &Uploads<'r>) -> Result<()> + Sync)) -> Result<()> {
        let ways = self.ways.iter().enumerate();
        let staying: Vec<_> = ways.filter(|(_, way)| !way.has_left()).collect();
        let settle = |(number, way)| self.without(way, work(number, way));
        if staying.len() < 2 || self.seams.threads.workers.is_none() {
            return staying.into_iter().try_for_each(settle);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = staying
                .into_iter()
                .map(|one| scope.spawn(move || settle(one)))
                .collect();
            let mut outcome = Ok(());
            for thread in threads {
                match thread.join() {
                    Ok(settled) => outcome = outcome.and(settled),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcome
        })
    }

    /// Goes on without a replica whose part failed, if there is another.
    fn without(&self, way: &Uploads<'r>, done: Result<()>) -> Result<()> {
        let error = match done {
            Err(error) if !matches!(error, OpsError::Stopped) => error,
            other => return other,
        };
        let _one_at_a_time = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        if way.has_left() {
            return Ok(());
        }
        if self.staying().count() < 2 {
            return Err(error);
        }
        if !self.seams.interrupt.is_raised() {
            self.progress.notice(&format!(
                "{} takes no further part in this backup, which goes on without it: {}",
                way.to.name,
                with_causes(&error)
            ));
        }
        way.leave(Reason::Failed(error));
        Ok(())
    }

    /// Looks whether the run has waited too long for a replica, which then leaves. `has_room`: more
    /// can be taken in.
    pub fn look_for_the_slow(&self, has_room: bool) {
        if self.ways.len() < 2 {
            return;
        }
        let _one_at_a_time = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held_up = !has_room
            || self.closed.load(Ordering::Relaxed)
            || self.staying().any(Uploads::is_pressed);
        let standing = |way: &Uploads<'_>| Standing {
            takes_part: !way.has_left(),
            near: way.to.near,
            is_busy: way.is_busy(),
        };
        let replicas: Vec<_> = self.ways.iter().map(standing).collect();
        let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.seams.clock.since_boot();
        for number in patience.look(now, is_held_up, &replicas) {
            if let Some(way) = self.ways.get(number) {
                self.progress.notice(&format!(
                    "note: {} is slower than the others, which do not wait for it any longer",
                    way.to.name
                ));
                way.leave(Reason::TooSlow);
            }
        }
    }

    /// No further packs will come.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.ways.iter().for_each(Uploads::close);
    }

    /// Something failed: what waits is not sent.
    pub fn abandon(&self) {
        self.ways.iter().for_each(Uploads::abandon);
    }

    /// Sessions whose packs were published beside the run's own, at any replica.
    pub fn continues(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self.staying().flat_map(Uploads::continues).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Objects and bytes put so far, at all replicas together.
    pub fn totals(&self) -> (u64, u64) {
        let totals = self.ways.iter().map(Uploads::totals);
        totals.fold((0, 0), |(objects, bytes), (more_objects, more_bytes)| {
            (objects + more_objects, bytes + more_bytes)
        })
    }
}

/// The store, and not what lies in it.
pub fn is_of_the_store(error: &OpsError) -> bool {
    matches!(error, OpsError::Repository(RepositoryError::Store(_)))
}
