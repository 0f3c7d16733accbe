//! What levelling did, and what it could not do.

use std::collections::BTreeMap;

use crate::id::ObjectId;
use crate::ops::OpsError;

/// So many files are named for each snapshot that could not be copied.
pub const FILES_NAMED_MAX: usize = 1_000;

/// What came to one copy.
#[derive(Debug, Default)]
pub struct LevelReport {
    /// Packs, segments and snapshots that were put, and their bytes.
    pub objects_copied: u64,
    pub bytes_copied: u64,
    pub snapshots_copied: Vec<ObjectId>,
    /// Snapshots that may come another time, with the reason.
    pub waiting: BTreeMap<ObjectId, Waiting>,
    /// Snapshots that cannot come, because of damage where they would come from.
    pub lacking: BTreeMap<ObjectId, Lacking>,
    /// Snapshots that were left where they are, because this copy has forgotten them.
    pub forgotten: u64,
    /// Snapshots that were left where they are, because the next `forget` here would drop them.
    pub let_go: u64,
}

/// Why a snapshot has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub reason: String,
}

/// What a snapshot would lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacking {
    /// The first [`FILES_NAMED_MAX`] paths.
    pub files: Vec<Vec<u8>>,
    pub files_total: u64,
    /// What is wrong besides files.
    pub reason: Option<String>,
}

impl Lacking {
    pub fn is_nothing(&self) -> bool {
        self.files_total == 0 && self.reason.is_none()
    }

    /// A file some of whose contents nobody has.
    pub fn add_file(&mut self, path: &[u8]) {
        self.files_total += 1;
        if self.files.len() < FILES_NAMED_MAX {
            self.files.push(path.to_vec());
        }
    }
}

impl LevelReport {
    /// Whether this copy now has all that the other one could give.
    pub fn is_level(&self) -> bool {
        self.waiting.is_empty() && self.lacking.is_empty()
    }

    /// Takes in what came from a further copy: it may have had what the first could not give.
    pub fn join(&mut self, other: Self) {
        self.objects_copied += other.objects_copied;
        self.bytes_copied += other.bytes_copied;
        self.snapshots_copied.extend(other.snapshots_copied);
        self.waiting.extend(other.waiting);
        self.lacking.extend(other.lacking);
        self.forgotten = self.forgotten.max(other.forgotten);
        self.let_go = self.let_go.max(other.let_go);
        for id in &self.snapshots_copied {
            self.waiting.remove(id);
            self.lacking.remove(id);
        }
    }
}

/// How one copy stands at the end.
#[derive(Debug)]
pub struct PlaceReport {
    pub name: String,
    /// Snapshots that it holds.
    pub snapshots: u64,
    pub came: LevelReport,
    /// The copy with which it could not be brought level, and why.
    pub failure: Option<(String, OpsError)>,
}

/// How all copies stand.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Those that were to be brought level, in the order in which they were named.
    pub places: Vec<PlaceReport>,
}

impl SyncReport {
    pub fn objects_copied(&self) -> u64 {
        self.places.iter().map(|one| one.came.objects_copied).sum()
    }

    pub fn bytes_copied(&self) -> u64 {
        self.places.iter().map(|one| one.came.bytes_copied).sum()
    }

    /// Whether damage at a source kept something from being copied.
    pub fn has_damage(&self) -> bool {
        self.places.iter().any(|one| !one.came.lacking.is_empty())
    }

    /// Whether every copy has what it should.
    pub fn is_level(&self) -> bool {
        let mut places = self.places.iter();
        places.all(|one| one.came.is_level() && one.failure.is_none())
    }
}
