//! One copy of a repository as verbs work on it: opened, with the index that belongs to it.

use crate::index::Index;
use crate::repository::Repository;

/// One copy. All copies of a repository share keys, packs, listings and snapshots; segments, plans,
/// forget records and proofs are each copy's own, and so is its index.
pub struct Replica {
    /// What people call it.
    pub name: String,
    pub repository: Repository,
    pub index: Index,
}
