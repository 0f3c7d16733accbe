//! The small records of a copy that say what is to go, or went: prune plans and forget records.

use std::collections::BTreeSet;

use crate::format::housekeeping::Plan;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::repository::{
    ObjectProblem, Repository, RepositoryError, Result, fetch_record, list_objects, load_forgets,
};
use crate::seams::Timestamp;

/// A plan as the store holds it.
pub struct StoredPlan {
    pub plan: Plan,
    /// When the store says it was written: T0.
    pub modified: Timestamp,
}

/// Plans that are not in `known` yet, to which they are added. What cannot be used condemns nothing,
/// since nobody can carry it out; it is given to `damaged`.
///
/// # Errors
/// `Store`.
pub fn new_plans(
    repository: &Repository,
    known: &mut BTreeSet<ObjectId>,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredPlan>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Plan, &mut |id, info| {
        if known.insert(id) {
            listed.push((id, info.modified));
        }
    })?;
    let mut plans = Vec::with_capacity(listed.len());
    for (id, modified) in listed {
        let read = fetch_record(repository, Kind::Plan, &id).and_then(|payload| {
            let name = name::of(Kind::Plan, &id);
            cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
        });
        match read {
            Ok(plan) => plans.push(StoredPlan { plan, modified }),
            Err(error) => match error.into_unusable()? {
                // Swept between the LIST and the GET.
                (_, ObjectProblem::Missing) => {}
                (name, problem) => damaged(&name, &problem),
            },
        }
    }
    Ok(plans)
}

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
