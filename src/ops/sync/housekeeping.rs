//! The small records of a copy that say what went: forget records.

use std::collections::BTreeSet;

use crate::id::ObjectId;
use crate::repository::{ObjectProblem, Repository, Result, load_forgets};

/// All snapshots that the copy has forgotten.
///
/// # Errors
/// `Store`.
pub fn forgotten(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<BTreeSet<ObjectId>> {
    let records = load_forgets(repository, damaged)?;
    let named = records.into_iter().flat_map(|one| one.forget.snapshots.0);
    Ok(named.collect())
}
