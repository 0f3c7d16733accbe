//! A copy of the repository that a backup is to go to.

use super::replica::Replica;
use crate::index::Index;
use crate::repository::Repository;

/// A copy that a backup is to go to.
#[derive(Clone, Copy)]
pub struct Destination<'r> {
    /// What people call it.
    pub name: &'r str,
    pub repository: &'r Repository,
    /// Of this copy.
    pub index: &'r Index,
    /// Whether reading it costs nothing: a disk, or a machine in the house. Then others can be
    /// brought level from it, and need not be waited for.
    pub near: bool,
}

impl Replica {
    /// The copy as a place for a backup.
    pub fn destination(&self, near: bool) -> Destination<'_> {
        Destination {
            name: &self.name,
            repository: &self.repository,
            index: &self.index,
            near,
        }
    }
}
