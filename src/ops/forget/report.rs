//! What was decided about each snapshot.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::judge::Reason;
use crate::format::entry::DATABASE_ROOT;
use crate::id::{ObjectId, SessionId};
use crate::ops::trust::Vanished;
use crate::repository::{SnapshotFilter, StoredSnapshot};
use crate::seams::Timestamp;

/// Snapshots that the store does not let go yet, and what it says of until when.
pub(super) type Locked = BTreeMap<ObjectId, String>;

/// What stays and what goes; both oldest first.
#[derive(Debug, Default)]
pub struct ForgetReport {
    pub kept: Vec<JudgedSnapshot>,
    pub removed: Vec<JudgedSnapshot>,
    /// Of those kept, the ones that only a lock keeps: they go when it is over.
    pub locked: u64,
    /// Snapshots of other hosts or tags than were asked for.
    pub left_aside: u64,
    /// Snapshots that were gone already, and whose absence is explained now.
    pub explained: Vec<Vanished>,
    /// Objects that nobody can read, and that were named.
    pub given_up: Vec<ObjectId>,
}

impl ForgetReport {
    /// Those were to go, and their locks hold them yet.
    pub(super) fn stay(&mut self, locked: &Locked) {
        let is_locked = |one: &mut JudgedSnapshot| locked.contains_key(&one.id);
        for mut one in self.removed.extract_if(.., is_locked) {
            let until = locked.get(&one.id).cloned().unwrap_or_default();
            one.reasons.insert(Reason::Locked(until));
            self.kept.push(one);
        }
        self.kept.sort_by_key(|one| (one.time, one.id));
        self.locked = locked.len() as u64;
    }
}

/// A snapshot, and why it is kept; what more its record says is not held, as there may be very many.
#[derive(Debug, Clone)]
pub struct JudgedSnapshot {
    pub id: ObjectId,
    pub candidate: Candidate,
    /// When its dump began; without a dump, when it began.
    pub time: Timestamp,
    /// Why it must not be taken for a replacement of older ones.
    pub suspect: Option<String>,
    /// The paths that were backed up.
    pub sources: Vec<Vec<u8>>,
    /// The runs that made it.
    pub(super) sessions: Vec<SessionId>,
    /// None for one that goes.
    pub reasons: BTreeSet<Reason>,
}

impl JudgedSnapshot {
    /// One that was not judged yet.
    pub(super) fn new(snapshot: StoredSnapshot, arrived: Timestamp, now: Timestamp) -> Self {
        let candidate = Candidate::new(&snapshot, arrived, now);
        let record = snapshot.record;
        let roots = record.roots.into_iter();
        let roots = roots.filter(|root| root.number != DATABASE_ROOT);
        let continued = record.continues.0.into_iter();
        Self {
            id: candidate.id,
            candidate,
            time: record.time,
            suspect: record.suspect,
            sources: roots.map(|root| root.source).collect(),
            sessions: continued.chain([record.session]).collect(),
            reasons: BTreeSet::new(),
        }
    }

    pub(super) fn fits(&self, filter: &SnapshotFilter) -> bool {
        filter.fits(&self.candidate.host, &self.candidate.tags, self.time)
    }
}

impl Borrow<Candidate> for JudgedSnapshot {
    fn borrow(&self) -> &Candidate {
        &self.candidate
    }
}
