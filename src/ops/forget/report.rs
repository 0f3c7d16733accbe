//! What was decided about each snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::judge::Reason;
use crate::format::entry::DATABASE_ROOT;
use crate::format::snapshot::Snapshot;
use crate::id::{ObjectId, SessionId};
use crate::ops::trust::Vanished;
use crate::repository::StoredSnapshot;
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
    pub(super) fn take(&mut self, judged: JudgedSnapshot) {
        match judged.reasons.is_empty() {
            true => self.removed.push(judged),
            false => self.kept.push(judged),
        }
    }

    /// Those were to go, and their locks hold them yet.
    pub(super) fn stay(&mut self, locked: &Locked) {
        let is_locked = |one: &mut JudgedSnapshot| locked.contains_key(&one.id);
        for mut one in self.removed.extract_if(.., is_locked) {
            let until = locked.get(&one.id).cloned().unwrap_or_default();
            one.reasons.insert(Reason::Locked(until));
            self.kept.push(one);
        }
        self.kept.sort_by_key(|one| (one.record.time, one.id));
        self.locked = locked.len() as u64;
    }
}

/// A snapshot, and why it is kept.
#[derive(Debug, Clone)]
pub struct JudgedSnapshot {
    pub id: ObjectId,
    pub record: Snapshot,
    /// The time it was judged by: the store's clock.
    pub judged_by: Timestamp,
    /// None for one that goes.
    pub reasons: BTreeSet<Reason>,
}

impl JudgedSnapshot {
    pub(super) fn new(
        snapshot: StoredSnapshot,
        candidate: &Candidate,
        reasons: BTreeSet<Reason>,
    ) -> Self {
        Self {
            id: snapshot.id,
            record: snapshot.record,
            judged_by: candidate.time(),
            reasons,
        }
    }

    /// The paths that were backed up.
    pub fn sources(&self) -> impl Iterator<Item = &[u8]> {
        let roots = self.record.roots.iter();
        let roots = roots.filter(|root| root.number != DATABASE_ROOT);
        roots.map(|root| root.source.as_slice())
    }

    /// The runs that made it.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        let continued = self.record.continues.0.iter().copied();
        continued.chain([self.record.session]).collect()
    }
}
