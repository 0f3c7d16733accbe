//! What a verify is asked, and what it answers.

use super::turns::Coverage;
use crate::id::ObjectId;

#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyOptions {
    /// Fetch every object and hold it against its name; with the read key, decrypt all contents.
    pub data: bool,
}

/// What a verify saw.
#[derive(Debug, Default)]
pub struct VerifyReport {
    pub snapshots_checked: u64,
    /// Snapshots that the store shows.
    pub snapshots_total: u64,
    /// Packs of contents that were fetched whole, of how many, and their bytes.
    pub packs_read: u64,
    pub packs_total: u64,
    pub pack_bytes_read: u64,
    pub pack_bytes_total: u64,
    /// Packs that the store holds.
    pub packs_checked: u64,
    /// Objects that were fetched whole and held against their names.
    pub objects_checked: u64,
    /// Files of all snapshots, those of a part that snapshots share counted once.
    pub files_checked: u64,
    /// Bytes that came from the store.
    pub bytes_read: u64,
    /// Contents were decrypted, and the id of every chunk computed again.
    pub decrypted: bool,
    /// What the store's own checksums said, where they were asked for.
    pub checksums: Compared,
    /// What this and earlier verifies read, where that is remembered.
    pub coverage: Option<Coverage>,
    /// In the order of the objects' names.
    pub damage: Vec<Damage>,
    /// Objects whose names are of no known form: the first [`UNKNOWN_NAMED_MAX`] of them.
    pub unknown_objects: Vec<String>,
    pub unknown_objects_total: u64,
}

impl VerifyReport {
    /// Whether nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// What a store's own checksums said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Packs whose checksums agree.
    pub agreeing: u64,
    /// Packs of which the store gave no checksum, or no segment has one.
    pub unknown: u64,
    /// The store gave none at all, and was not asked further.
    pub is_given_up: bool,
}

/// One object that is not as it should be, and whom it hurts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its name; only `packs/` or `listings/` where nothing says which pack is missing.
    pub object: String,
    pub problem: String,
    /// An earlier verify found it, and this one did not look: whom it hurts is not known.
    pub is_remembered: bool,
    /// Snapshots that cannot be restored whole because of it.
    pub snapshots: Vec<ObjectId>,
    /// Files that cannot be restored because of it: the first [`FILES_NAMED_MAX`] paths.
    pub files: Vec<Vec<u8>>,
    pub files_total: u64,
}

/// So many files are named for each damaged object.
pub const FILES_NAMED_MAX: usize = 1_000;
/// So many objects of no known form are named.
pub const UNKNOWN_NAMED_MAX: usize = 1_000;
