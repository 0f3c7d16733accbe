//! Prune plans: what somebody means to delete, and since when (format.md §6). A plan is a date, no
//! authority: whoever deletes finds out anew what is no longer needed.

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result, seal_record};
use crate::format::housekeeping::Plan;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;

/// A plan as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredPlan {
    pub id: ObjectId,
    pub plan: Plan,
    /// When the store says that it was put: the beginning of its grace.
    pub modified: Timestamp,
}

/// Stores a plan; from now on writers refer no more to what it condemns.
///
/// # Errors
/// `Store`; `Object` for one that names too much.
pub fn store_plan(repository: &Repository, plan: Plan) -> Result<StoredPlan> {
    let (writer, random) = (&repository.writer, repository.seams.random.as_ref());
    let sealed = seal_record(writer, random, Kind::Plan, &cbor::encode(&plan))
        .map_err(|problem| RepositoryError::object("the plan", problem))?;
    repository.store.put(&sealed.name, sealed.bytes)?;
    let modified = repository.store.head(&sealed.name)?.modified;
    Ok(StoredPlan {
        id: sealed.id,
        plan,
        modified,
    })
}

/// All plans, the oldest by the store's clock first. Those that are damaged or of an unknown version
/// are given to `damaged`.
///
/// # Errors
/// `Store`.
pub fn load_plans(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredPlan>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Plan, &mut |id, info| {
        listed.push((info.modified, id));
    })?;
    listed.sort_unstable();
    let mut plans = Vec::new();
    for (modified, id) in listed {
        match load(repository, &id) {
            Ok(plan) => plans.push(StoredPlan { id, plan, modified }),
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    Ok(plans)
}

fn load(repository: &Repository, id: &ObjectId) -> Result<Plan> {
    let payload = fetch_record(repository, Kind::Plan, id)?;
    let name = name::of(Kind::Plan, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}
