//! What a backup does about prunes that go on at the same time (decisions/0006-prune-protocol.md):
//! it looks at the plans first of all, every quarter of an hour, and before its commit, which
//! follows at once.
//!
//! What a plan condemns is absent for new references. References made before it came stand for two
//! thirds of its grace, because the sweep will see the snapshot. They are counted from this
//! writer's look before, never from a time that somebody can move by putting the plan again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::closed_sessions::{is_closed, session_of};
use super::false_plans::Doubts;
use super::hold::hold;
use super::notices::Notices;
use crate::id::{ChunkId, ObjectId, SessionId};
use crate::index::{CachedContent, Index};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{
    COMMIT_MAX, GRACE_MIN, Repository, SealedObject, StoredPlan, StoredSnapshot, load_packs,
    visit_new_plans,
};
use crate::seams::Timestamp;
use crate::source::Found;

/// How often to look while files are taken in.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// A LIST of packs is too old to rest on once a plan can have come and been carried out since.
const PACKS_LISTED_MAX: Duration = GRACE_MIN;
/// What allows a commit is looked at again where the look took so long itself: the rest of
/// [`COMMIT_MAX`] is for the commit to arrive. Where each look is so slow the last one has to do, and
/// what arrives late is looked at once more.
const ALLOWED_FRESH: Duration = Duration::from_secs(5 * 60);
const LOOKS_MAX: u32 = 3;
/// A pruner takes a session for given up, whoever closes it, when it heard nothing of it for 30
/// days; a day less.
const ORPHAN_AFTER: Duration = Duration::from_secs(29 * 24 * 60 * 60);

/// Watches the plans of one copy of the repository during one run.
pub struct PlansWatch<'r> {
    repository: &'r Repository,
    index: &'r Index,
    notices: Notices<'r>,
    /// By the store's clock.
    began: Timestamp,
    looked: Mutex<Looked>,
    doubts: Doubts<'r>,
    /// A sweep of the same folder waits for this run.
    _held: Mutex<Option<Box<dyn Send>>>,
}

struct Looked {
    plans: HashSet<ObjectId>,
    /// Since boot, when plans were listed last.
    at: Duration,
    /// The same of the LIST of plans that preceded the last LIST of packs.
    packs: Duration,
    store_time: Timestamp,
    store_time_asked: Duration,
}

/// A commit may follow.
pub struct Allowed {
    at: Duration,
    store_time: Timestamp,
}

impl<'r> PlansWatch<'r> {
    /// The first look, before any other prefix is listed.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn begin(
        repository: &'r Repository,
        index: &'r Index,
        store_time: Timestamp,
        notices: Notices<'r>,
    ) -> Result<Self> {
        let now = repository.seams.clock.since_boot();
        let held = hold(repository, &notices)?;
        index.begin_watch()?;
        let watch = Self {
            repository,
            index,
            notices,
            began: store_time,
            looked: Mutex::new(Looked {
                plans: HashSet::new(),
                at: now,
                packs: now,
                store_time,
                store_time_asked: now,
            }),
            doubts: Doubts::new(repository, index, notices),
            _held: Mutex::new(held),
        };
        watch.look(&mut watch.lock(), None)?;
        Ok(watch)
    }

    /// Looks again when the last time was long ago.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn look_if_due(&self) -> Result<()> {
        // Whoever finds it taken knows that another one is looking.
        let Ok(mut looked) = self.looked.try_lock() else {
            return Ok(());
        };
        let now = self.since_boot();
        if now.saturating_sub(looked.at) < LOOK_EVERY {
            return Ok(());
        }
        let before = looked.at;
        self.look(&mut looked, Some(before))
    }

    /// `before`: since boot, a look that did not show the plans that are new now.
    fn look(&self, looked: &mut Looked, before: Option<Duration>) -> Result<()> {
        let now = self.since_boot();
        let store_now = looked
            .store_time
            .plus(now - looked.store_time_asked.min(now));
        visit_new_plans::<OpsError>(
            self.repository,
            store_now,
            &mut looked.plans,
            &mut |name, problem| {
                let notice = format!("{name} cannot be used: {problem}; it is passed over");
                self.notices.notice(&notice);
            },
            &mut |plan| {
                let late_since = before.map(|before| before + two_thirds(&plan));
                let packs = &plan.plan.packs.0;
                Ok(self.index.condemn(&plan.id, packs, late_since)?)
            },
        )?;
        looked.at = now;
        Ok(())
    }

    /// Whether a file that is unchanged may be taken as it is known: all of it is stored, or only a
    /// plan that is false says otherwise.
    ///
    /// # Errors
    /// `Index`; `Store` when it is out of reach.
    pub fn are_stored(&self, found: &Found, content: &CachedContent) -> Result<bool> {
        if self.index.are_stored(&content.chunks)? {
            return Ok(true);
        }
        Ok(self.doubts.expose(found, content)? && self.index.are_stored(&content.chunks)?)
    }

    /// For each file, whether all of it is stored as far as nobody doubts a plan.
    ///
    /// # Errors
    /// `Index`.
    pub fn are_each_stored(&self, contents: &[&[ChunkId]]) -> Result<Vec<bool>> {
        Ok(self.index.are_each_stored(contents)?)
    }

    /// Good snapshots of the same source, newest first: what they hold is held against plans.
    pub fn call_witnesses<'s>(&self, snapshots: impl Iterator<Item = &'s StoredSnapshot>) {
        let listing_of = |one: &StoredSnapshot| (one.id, one.record.listing);
        self.doubts.call(snapshots.map(listing_of).collect());
    }

    /// The look that allows a commit. `session`: the run's own, whose packs no honest plan names
    /// while no record closes it.
    ///
    /// # Errors
    /// `Overtaken`; `Store`, `Index`.
    pub fn before_commit(&self, session: SessionId) -> Result<Allowed> {
        let mut allowed = self.look_before_commit(session)?;
        for _ in 1..LOOKS_MAX {
            // A lid that was closed between two requests: what the first one said is old.
            if self.since_boot().saturating_sub(allowed.at) <= ALLOWED_FRESH {
                break;
            }
            allowed = self.look_before_commit(session)?;
        }
        Ok(allowed)
    }

    fn look_before_commit(&self, session: SessionId) -> Result<Allowed> {
        let mut looked = self.lock();
        let store_time = self.repository.store.now()?;
        let at = self.since_boot();
        // A machine that was put to sleep from outside may not know how long it slept.
        let by_boot = at.saturating_sub(looked.store_time_asked);
        let unseen = store_time
            .since(looked.store_time)
            .saturating_sub(by_boot.saturating_add(COMMIT_MAX));
        (looked.store_time, looked.store_time_asked) = (store_time, at);
        let before = looked.at.saturating_sub(unseen);
        looked.packs = looked.packs.saturating_sub(unseen);
        let has_slept = !unseen.is_zero();
        self.look(&mut looked, Some(before))?;
        if has_slept || at.saturating_sub(looked.packs) >= PACKS_LISTED_MAX {
            load_packs(self.repository, self.index)?;
            looked.packs = at;
        }
        drop(looked);
        match self.lost_ground(at, session)? {
            Some(_) => Err(OpsError::Overtaken),
            None => Ok(Allowed { at, store_time }),
        }
    }

    /// The look after a commit that may have come late.
    ///
    /// # Errors
    /// `CommittedLate`; `Store`, `Index`.
    pub fn after_commit(
        &self,
        allowed: &Allowed,
        object: &SealedObject,
        session: SessionId,
    ) -> Result<()> {
        let now = self.since_boot();
        let arrived = self.repository.store.head(&object.name);
        let took = match &arrived {
            Ok(info) => info.modified.since(allowed.store_time),
            Err(_) => Duration::ZERO,
        };
        if now.saturating_sub(allowed.at).max(took) <= COMMIT_MAX {
            return Ok(());
        }
        let mut looked = self.lock();
        let before = looked.at.saturating_sub(took);
        self.look(&mut looked, Some(before))?;
        load_packs(self.repository, self.index)?;
        drop(looked);
        match self.lost_ground(now.max(allowed.at + took), session)? {
            Some(_) => Err(OpsError::CommittedLate),
            None => Ok(()),
        }
    }

    fn lost_ground(&self, now: Duration, session: SessionId) -> Result<Option<ObjectId>> {
        let age = self.lock().store_time.since(self.began);
        let is_young = age < ORPHAN_AFTER;
        let mut closed: Option<bool> = None;
        let mut failure = None;
        let lost = self.index.lost_ground(now, &mut |header| {
            if !is_young || session_of(header) != Some(session) {
                return false;
            }
            if closed.is_none() {
                // Only now: it is asked for on a bad day alone.
                match is_closed(self.repository, self.index, session) {
                    Ok(found) => closed = Some(found),
                    Err(error) => failure = Some(error),
                }
            }
            closed == Some(false)
        })?;
        match failure {
            Some(error) => Err(error),
            None => Ok(lost),
        }
    }

    fn since_boot(&self) -> Duration {
        self.repository.seams.clock.since_boot()
    }

    fn lock(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn two_thirds(plan: &StoredPlan) -> Duration {
    plan.grace() / 3 * 2
}
