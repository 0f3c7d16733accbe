//! When a plan may be carried out (design, rules 4 and 6). Time is the store's; the clock of this
//! machine only has to agree on how much of it went by.

use std::time::Duration;

use crate::repository::{LAPSE_AFTER, StoredPlan};
use crate::seams::Timestamp;

/// Nothing is deleted in the last part of the time in which others reckon with a plan.
const LAPSE_MARGIN: Duration = Duration::from_secs(24 * 3600);
/// The two clocks may disagree by so much on the time since the plan.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(3600);

/// How things stand with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    /// The clocks disagree on the time that has gone by.
    Doubtful,
    Due,
    /// Too late: whoever lists it passes it over by now.
    Lapsed,
}

/// The grace that a plan is given. `shorter`: nobody else can write, and a person wants no more.
pub fn grace(stored: &StoredPlan, shorter: Option<Duration>) -> Duration {
    let stated = Duration::from_secs(stored.plan.grace_seconds);
    shorter.map_or(stored.grace(), |shorter| stated.min(shorter))
}

/// When a plan may be carried out at the earliest.
pub fn due(stored: &StoredPlan, shorter: Option<Duration>) -> Timestamp {
    stored.modified.plus(grace(stored, shorter))
}

/// Until when anything may be deleted because of the plan.
pub fn last_delete(stored: &StoredPlan) -> Timestamp {
    // Whichever of the two others go by: when it was begun, or when it was put.
    let begun = stored.plan.created.min(stored.modified);
    begun
        .plus(grace(stored, None))
        .plus(LAPSE_AFTER - LAPSE_MARGIN)
}

/// Whether nobody has to reckon with the plan any more.
pub fn has_lapsed(stored: &StoredPlan, now: Timestamp) -> bool {
    now >= stored.lapses_at()
}

/// Whether two answers of a store about one object are the same time: a HEAD knows whole seconds, a
/// LIST may know more.
pub fn is_same(one: Timestamp, other: Timestamp) -> bool {
    one.since(other).max(other.since(one)) <= Duration::from_secs(1)
}

/// `now` by the store's clock; `own` has gone by since the plan by that of this machine, which made
/// it.
pub fn standing(
    stored: &StoredPlan,
    now: Timestamp,
    own: Duration,
    shorter: Option<Duration>,
) -> Standing {
    if now >= last_delete(stored) {
        return Standing::Lapsed;
    }
    if now.plus(CLOCKS_DIFFER_MAX) < stored.modified {
        // It was made when the store's clock stood ahead, and would wait for as long.
        return Standing::Doubtful;
    }
    if now < due(stored, shorter) {
        return Standing::Waiting;
    }
    let by_store = now.since(stored.modified);
    if shorter.is_none() && by_store.abs_diff(own) > CLOCKS_DIFFER_MAX {
        return Standing::Doubtful;
    }
    Standing::Due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::housekeeping::Plan;
    use crate::id::ObjectId;

    const HOUR: u64 = 3600;

    fn plan(grace_hours: u64) -> StoredPlan {
        StoredPlan {
            id: ObjectId::new([1; 32]),
            plan: Plan {
                host: "nas".to_owned(),
                created: Timestamp::from_seconds(1_000_000),
                grace_seconds: grace_hours * HOUR,
                packs: Vec::new().into(),
                segments: Vec::new().into(),
                snapshots: Vec::new().into(),
                forgets: Vec::new().into(),
            },
            modified: Timestamp::from_seconds(1_000_000),
        }
    }

    fn after(grace_hours: u64, store_hours: u64, own_hours: u64) -> Standing {
        let stored = plan(grace_hours);
        let now = stored
            .modified
            .plus(Duration::from_secs(store_hours * HOUR));
        standing(&stored, now, Duration::from_secs(own_hours * HOUR), None)
    }

    #[test]
    fn only_elapsed_time_counts_and_both_clocks_must_have_seen_it() {
        assert_eq!(after(72, 71, 72), Standing::Waiting);
        assert_eq!(after(72, 72, 72), Standing::Due);
        assert_eq!(after(72, 73, 72), Standing::Due);
        assert_eq!(
            after(72, 74, 72),
            Standing::Doubtful,
            "a store's clock jumped"
        );
        assert_eq!(after(72, 73, 2), Standing::Doubtful);
        // What anybody can write into a plan makes it neither short nor endless.
        assert_eq!(after(0, 23, 23), Standing::Waiting);
        assert_eq!(after(0, 24, 24), Standing::Due);
        assert_eq!(after(1_000_000, 30 * 24, 30 * 24), Standing::Due);
        assert_eq!(after(72, 72 + 29 * 24 - 1, 72 + 29 * 24 - 1), Standing::Due);
        assert_eq!(after(72, 72 + 29 * 24, 72 + 29 * 24), Standing::Lapsed);
    }

    /// A folder's clock stood a year ahead when it was pruned: for a year nothing more went.
    #[test]
    fn a_plan_that_is_still_to_come_is_made_again() {
        let stored = plan(72);
        let own = Duration::from_secs(HOUR);
        let at = |hours: u64| {
            let now = stored.modified.minus(Duration::from_secs(hours * HOUR));
            standing(&stored, now, own, None)
        };
        assert_eq!([at(1), at(2)], [Standing::Waiting, Standing::Doubtful]);
    }

    #[test]
    fn where_nobody_else_can_write_a_person_may_want_no_grace_at_all() {
        let stored = plan(72);
        let now = stored.modified;
        let none = Some(Duration::ZERO);
        let own = Duration::from_secs(1_000_000);
        assert_eq!(standing(&stored, now, own, none), Standing::Due);
    }
}
