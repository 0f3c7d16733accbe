//! A snapshot as retention sees it: when it was made, as far as the store bears it out, of what, and
//! what speaks for keeping it.

use std::collections::HashSet;
use std::time::Duration;

use crate::format::entry::DATABASE_ROOT;
use crate::format::snapshot::Snapshot;
use crate::id::ObjectId;
use crate::repository::{Signature, StoredProof, StoredSnapshot};
use crate::seams::Timestamp;

/// Clocks that are right differ by less.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a snapshot has to say for itself when it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: ObjectId,
    pub host: String,
    /// What was backed up, so that two can be told apart: the roots without the database.
    pub source: Vec<u8>,
    pub tags: Vec<String>,
    /// When it was made, by the store's clock, as its record claims.
    pub claimed: Timestamp,
    /// When the store says that the record was put: nobody can make it earlier.
    pub arrived: Timestamp,
    /// When it was begun, by its host's clock, and not before the snapshot that it follows: it decides
    /// between those that a store which counts seconds cannot tell apart, and where clocks were wrong.
    pub started: Timestamp,
    /// The time it is judged by is yet to come, by the clock of the machine that judges.
    pub is_to_come: bool,
    pub is_suspect: bool,
    /// Its audit compared rows with files, and found none missing or altered.
    pub is_clean: bool,
    pub drilled: Drilled,
}

/// Whether a drill of it went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drilled {
    #[default]
    No,
    /// Somebody with a writer key says so.
    Unsigned,
    /// Somebody with the read key says so.
    Signed,
}

impl Candidate {
    /// From what is stored; `arrived` is what LIST says of the record, `now` the time of this machine. Of drills
    /// nothing is known yet.
    pub fn new(snapshot: &StoredSnapshot, arrived: Timestamp, now: Timestamp) -> Self {
        let StoredSnapshot { id, record } = snapshot;
        let claimed = record.store_time.unwrap_or(record.started);
        Self {
            id: *id,
            host: record.host.clone(),
            source: source_of(record),
            tags: record.tags.clone(),
            claimed,
            arrived,
            started: record.started.max(record.time),
            is_to_come: claimed.min(arrived) > now.plus(DAY),
            is_suspect: record.suspect.is_some(),
            is_clean: is_clean(record),
            drilled: Drilled::No,
        }
    }

    /// The time it is judged by: as it claims, but not later than it was put.
    pub fn time(&self) -> Timestamp {
        self.claimed.min(self.arrived)
    }

    /// How long after that time it was put: the length of a backup, the delay of a sync, or a lie.
    pub fn lateness(&self) -> Duration {
        self.arrived.since(self.time())
    }
}

/// What was backed up, the database aside, in bytes that tell it from everything else.
fn source_of(record: &Snapshot) -> Vec<u8> {
    let mut key = Vec::new();
    let roots = record.roots.iter();
    for root in roots.filter(|root| root.number != DATABASE_ROOT) {
        key.extend(root.number.to_le_bytes());
        for part in [root.kind.as_bytes(), &root.source] {
            key.extend((part.len() as u64).to_le_bytes());
            key.extend(part);
        }
    }
    key
}

fn is_clean(record: &Snapshot) -> bool {
    let count = |verdict: &str| record.audit.0.get(verdict).copied().unwrap_or(0);
    let findings = ["missing", "size_mismatch", "checksum_mismatch"];
    !record.audit.0.is_empty() && findings.iter().all(|verdict| count(verdict) == 0)
}

/// Which snapshots a drill showed to restore.
#[derive(Debug, Clone, Default)]
pub struct Drills {
    signed: HashSet<ObjectId>,
    unsigned: HashSet<ObjectId>,
}

impl Drills {
    /// From the proofs of a repository; those whose signature does not fit say nothing.
    pub fn from_proofs(proofs: &[StoredProof]) -> Self {
        let mut drills = Self::default();
        for StoredProof {
            finding, signature, ..
        } in proofs
        {
            let Some(snapshot) = finding.snapshot else {
                continue;
            };
            if finding.kind != "drill" || !finding.ok {
                continue;
            }
            match signature {
                Signature::Signed => drills.signed.insert(snapshot),
                Signature::Unsigned => drills.unsigned.insert(snapshot),
                Signature::Bad => false,
            };
        }
        drills
    }

    pub(super) fn signed(&self) -> impl Iterator<Item = &ObjectId> {
        self.signed.iter()
    }

    pub(super) fn add_signed(&mut self, snapshots: impl Iterator<Item = ObjectId>) {
        self.signed.extend(snapshots);
    }

    /// What drills showed of a snapshot.
    pub fn of(&self, id: &ObjectId) -> Drilled {
        if self.signed.contains(id) {
            Drilled::Signed
        } else if self.unsigned.contains(id) {
            Drilled::Unsigned
        } else {
            Drilled::No
        }
    }
}
