//! Prune plans: what a pruner means to delete, and from when on (docs/decisions/0006-prune-protocol.md).
//!
//! A plan is a date, no authority: anybody who can put objects can put one. Its T0 is the store's
//! time of the object, never what it says of itself.

use std::collections::HashSet;
use std::time::Duration;

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result, seal_record};
use crate::format::housekeeping::Plan;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Least time from T0 to the first deletion, whatever a plan says.
pub const GRACE_MIN: Duration = DAY;
/// Most, whatever a plan says.
pub const GRACE_MAX: Duration = DAY.saturating_mul(30);
/// So long after the grace a plan means nothing any more: writers pass it over, and nobody deletes
/// by it.
pub const LAPSE_AFTER: Duration = DAY.saturating_mul(30);
/// A mark puts its plan within this time of listing the snapshots, by the clock since boot.
pub const MARK_MAX: Duration = DAY;
/// A commit follows the look that allows it within this time.
pub const COMMIT_MAX: Duration = Duration::from_secs(15 * 60);

/// So many of others are held in memory at once, the newest by the store's clock …
const PLANS_MAX: usize = 64;
/// … with so many ids in all and those of one more: 16 MiB, and what fits a record.
const IDS_MAX: usize = 512 * 1024;

/// A plan as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredPlan {
    pub id: ObjectId,
    pub plan: Plan,
    /// T0: when the store took it.
    pub modified: Timestamp,
}

impl StoredPlan {
    /// What it says, within the bounds.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.plan.grace_seconds).clamp(GRACE_MIN, GRACE_MAX)
    }

    /// From when on its packs may be deleted.
    pub fn ripe_at(&self) -> Timestamp {
        self.modified.plus(self.grace())
    }

    /// From when on it means nothing. Whoever deletes by it stops a day before.
    pub fn lapses_at(&self) -> Timestamp {
        self.made().plus(self.grace()).plus(LAPSE_AFTER)
    }

    /// When its maker began to look: unlike T0, nobody can move it by putting the plan again.
    pub fn made(&self) -> Timestamp {
        self.plan.created.min(self.modified)
    }

    /// Whether it cannot be what a pruner made: one names every snapshot that was listed when it
    /// looked. `snapshots`: those that are listed now, each with the store's time.
    pub fn omits_a_snapshot(&self, snapshots: &[(ObjectId, Timestamp)]) -> bool {
        // An hour more, for clocks that do not run alike.
        let before = self.made().minus(HOUR);
        let named: HashSet<_> = self.plan.snapshots.0.iter().collect();
        let mut older = snapshots.iter().filter(|(_, modified)| *modified < before);
        older.any(|(id, _)| !named.contains(id))
    }

    fn ids(&self) -> usize {
        let plan = &self.plan;
        plan.packs.0.len() + plan.segments.0.len() + plan.snapshots.0.len() + plan.forgets.0.len()
    }
}

/// Stores a plan; gives it with its T0. `created` is the time of the store, asked before the mark
/// listed the snapshots.
///
/// # Errors
/// `SeenLongAgo` for a plan that was not made within the last 24 hours; `Store`; `Object` for one that
/// is too large.
pub fn store_plan(repository: &Repository, plan: Plan) -> Result<StoredPlan> {
    let random = repository.seams.random.as_ref();
    let sealed = seal_record(&repository.writer, random, Kind::Plan, &cbor::encode(&plan))
        .map_err(|problem| RepositoryError::object("the plan", problem))?;
    let store = &repository.store;
    let now = store.now()?;
    if plan.created > now.plus(HOUR) || plan.created.plus(MARK_MAX) < now {
        return Err(RepositoryError::SeenLongAgo);
    }
    store.put(&sealed.name, sealed.bytes)?;
    Ok(StoredPlan {
        id: sealed.id,
        plan,
        modified: store.head(&sealed.name)?.modified,
    })
}

/// Visits the plans that `is_wanted` and that have not lapsed by `now` (the store's time), one in
/// memory at a time, however many somebody put there. Those that are damaged or of an unknown
/// version are given to `damaged`: a writer passes them over, a pruner stops.
///
/// # Errors
/// `Store`; whatever `visit` returns.
pub fn visit_plans<E: From<RepositoryError>>(
    repository: &Repository,
    now: Timestamp,
    is_wanted: &mut dyn FnMut(&ObjectId) -> bool,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
    visit: &mut dyn FnMut(StoredPlan) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    for (modified, id) in list(repository)? {
        if is_of_long_ago(modified, now) || !is_wanted(&id) {
            continue;
        }
        if let Some(plan) = load(repository, id, modified, damaged)?
            && now < plan.lapses_at()
        {
            visit(plan)?;
        }
    }
    Ok(())
}

/// As [`visit_plans`], of those that are not `known` yet, to which they are added; one that omits a
/// snapshot is passed over, since no pruner made it and nobody deletes by it. Tells whether there were
/// others.
///
/// # Errors
/// As [`visit_plans`].
pub fn visit_new_plans<E: From<RepositoryError>>(
    repository: &Repository,
    now: Timestamp,
    known: &mut HashSet<ObjectId>,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
    visit: &mut dyn FnMut(StoredPlan) -> std::result::Result<(), E>,
) -> std::result::Result<bool, E> {
    let mut snapshots: Option<Vec<(ObjectId, Timestamp)>> = None;
    let (mut new, mut is_any) = (Vec::new(), false);
    visit_plans(
        repository,
        now,
        &mut |id| !known.contains(id),
        damaged,
        &mut |plan| {
            new.push(plan.id);
            let listed = match &mut snapshots {
                Some(listed) => listed,
                None => snapshots.insert(listed_snapshots(repository)?),
            };
            if plan.omits_a_snapshot(listed) {
                return Ok(());
            }
            is_any = true;
            visit(plan)
        },
    )?;
    known.extend(new);
    Ok(is_any)
}

fn listed_snapshots(repository: &Repository) -> Result<Vec<(ObjectId, Timestamp)>> {
    let mut listed = Vec::new();
    let store = repository.store.as_ref();
    list_objects(store, Kind::Snapshot, &mut |id, info| {
        listed.push((id, info.modified));
    })?;
    Ok(listed)
}

/// The plans that `is_mine`, and of others the newest 64, the newest last: a flood pushes none of the
/// former out of sight. Those that are damaged or of an unknown version are given to `damaged`.
///
/// # Errors
/// `Store`.
pub fn load_plans(
    repository: &Repository,
    now: Timestamp,
    is_mine: &dyn Fn(&ObjectId) -> bool,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<LoadedPlans> {
    let (mut loaded, mut others, mut ids) = (LoadedPlans::default(), 0, 0);
    for (modified, id) in list(repository)?.into_iter().rev() {
        if is_of_long_ago(modified, now) {
            loaded.of_long_ago.push(id);
            continue;
        }
        let is_mine = is_mine(&id);
        if !is_mine && (others == PLANS_MAX || ids > IDS_MAX) {
            continue;
        }
        if let Some(plan) = load(repository, id, modified, damaged)? {
            if !is_mine {
                others += 1;
                ids += plan.ids();
            }
            loaded.plans.push(plan);
        }
    }
    loaded.plans.reverse();
    Ok(loaded)
}

/// What a pruner knows of plans.
#[derive(Debug, Default)]
pub struct LoadedPlans {
    pub plans: Vec<StoredPlan>,
    /// Those that have lapsed, whatever they say.
    pub of_long_ago: Vec<ObjectId>,
}

fn is_of_long_ago(modified: Timestamp, now: Timestamp) -> bool {
    modified.plus(GRACE_MAX + LAPSE_AFTER) < now
}

/// One plan.
///
/// # Errors
/// `Store`; `Object` for one that is damaged or no longer there.
pub fn fetch_plan(repository: &Repository, id: &ObjectId) -> Result<Plan> {
    let payload = fetch_record(repository, Kind::Plan, id)?;
    let name = name::of(Kind::Plan, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}

/// Oldest first.
fn list(repository: &Repository) -> Result<Vec<(Timestamp, ObjectId)>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Plan, &mut |id, info| {
        listed.push((info.modified, id));
    })?;
    listed.sort();
    Ok(listed)
}

/// `None`: it cannot be used, or is no longer there, because it was carried out.
fn load(
    repository: &Repository,
    id: ObjectId,
    modified: Timestamp,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Option<StoredPlan>> {
    match fetch_plan(repository, &id) {
        Ok(plan) => Ok(Some(StoredPlan { id, plan, modified })),
        Err(error) => match error.into_unusable()? {
            (_, ObjectProblem::Missing) => Ok(None),
            (name, problem) => {
                damaged(&name, &problem);
                Ok(None)
            }
        },
    }
}

#[cfg(test)]
#[path = "plans_tests.rs"]
mod tests;
