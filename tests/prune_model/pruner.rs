//! A pruner: marks, waits, sweeps; at any moment it can be killed and begin again.

use super::rules::{Age, Cast, MARK, Rules};
use super::search::Next;
use super::world::{
    FORGED, NEVER, OLD, OTHER_SNAPSHOT, Plan, Pruner, PrunerAt, TWIN, World, own, snapshot_of,
};

/// A snapshot that came after the plan keeps a pack from being deleted.
pub const RESCUE: &str = "a sweep spares what a snapshot needs now";
/// What all this is for.
pub const FREES: &str = "a sweep deletes a pack";

pub fn step(rules: &Rules, cast: &Cast, world: &World, p: usize, next: &mut Next<'_>) {
    let one = Step { rules, cast, p };
    let pruner = &world.pruners[p];
    match pruner.at {
        PrunerAt::Idle => {
            one.begins_mark(world, next);
            one.begins_sweep(world, next);
        }
        PrunerAt::MarkHalf => one.ends_listing(world, next),
        PrunerAt::MarkDone => one.puts_plan(world, next),
        PrunerAt::SweepBegun => one.sees_snapshots(world, next),
        PrunerAt::SweepSawSnapshots => one.sees_packs(world, next),
        PrunerAt::Deletes => one.deletes(world, next),
    }
    if pruner.at != PrunerAt::Idle {
        next("a pruner is killed", one.with(world, rest));
    }
}

/// Nothing in mind but what it noted on disk.
fn rest(pruner: &mut Pruner) {
    *pruner = Pruner {
        noted: pruner.noted,
        ..Pruner::default()
    };
}

struct Step<'s> {
    rules: &'s Rules,
    cast: &'s Cast,
    p: usize,
}

impl Step<'_> {
    fn with(&self, world: &World, change: impl FnOnce(&mut Pruner)) -> World {
        let mut next = *world;
        change(&mut next.pruners[self.p]);
        next
    }

    fn begins_mark(&self, world: &World, next: &mut Next<'_>) {
        if world.plans[self.p].packs != 0 {
            return;
        }
        let begun = self.with(world, |pruner| {
            pruner.began = world.now;
            pruner.at = PrunerAt::MarkHalf;
            match self.rules.snapshots_are_listed_first {
                true => (pruner.snapshots, pruner.closed) = (world.snapshots, closed(world)),
                false => pruner.packs = world.packs,
            }
        });
        next("a pruner lists the first thing to mark", begun);
    }

    fn ends_listing(&self, world: &World, next: &mut Next<'_>) {
        let mut listed = self.with(world, |pruner| {
            match self.rules.snapshots_are_listed_first {
                true => pruner.packs = world.packs,
                false => (pruner.snapshots, pruner.closed) = (world.snapshots, closed(world)),
            }
            pruner.at = PrunerAt::MarkDone;
        });
        let pruner = &mut listed.pruners[self.p];
        let is_reached = pruner.snapshots != 0;
        if is_reached && pruner.packs == 0 {
            // Another may have swept what a snapshot reached that was forgotten meanwhile.
            let still = pruner.snapshots & world.snapshots != 0;
            rest(pruner);
            listed.false_alarm = still || !self.rules.alarm_is_checked;
            next("a pruner finds no place of a chunk", listed);
            return;
        }
        let open = match self.rules.mark_leaves_open_sessions {
            true => self.open_packs(pruner, world),
            false => 0,
        };
        let candidates = pruner.packs & !open;
        let choices: &[u8] = match (is_reached, self.cast.duplicate) {
            (false, _) => &[!0],
            // One of two is enough, and it has the key to see that the other is good.
            (true, true) if candidates & (OLD | TWIN) == OLD | TWIN => &[OLD, TWIN],
            (true, _) => &[],
        };
        for choice in choices.iter().filter(|choice| candidates & **choice != 0) {
            let mut marked = listed;
            marked.pruners[self.p].packs = candidates & choice;
            marked.pruners[self.p].closed = 0;
            next("a pruner knows what to condemn", marked);
        }
    }

    /// Packs of sessions that no record closes, or only one that is older than they are.
    fn open_packs(&self, pruner: &Pruner, world: &World) -> u8 {
        let is_open = |w: &usize| {
            let has_closed = pruner.closed & own(*w) != 0;
            let is_lie = world.modified[2 + w] > world.closed[*w];
            !has_closed || (is_lie && pruner.snapshots & snapshot_of(*w) == 0)
        };
        (0..2).filter(is_open).fold(0, |all, w| all | own(w))
    }

    fn puts_plan(&self, world: &World, next: &mut Next<'_>) {
        let pruner = &world.pruners[self.p];
        if world.now > pruner.began + MARK {
            return;
        }
        let plan = Plan {
            packs: pruner.packs,
            t0: world.now,
            made: pruner.began,
            knew: match self.rules.mark_names_all_snapshots {
                true => pruner.snapshots | OTHER_SNAPSHOT,
                false => 0,
            },
        };
        let mut put = self.with(world, |pruner| {
            pruner.noted = world.now;
            rest(pruner);
        });
        put.put_plan(self.p, plan);
        next("a pruner puts its plan", put);
    }

    fn begins_sweep(&self, world: &World, next: &mut Next<'_>) {
        for slot in 0..3 {
            let plan = &world.plans[slot];
            let is_own = slot == self.p;
            if plan.packs == 0 || (self.rules.sweep_takes_its_own_plans_only && !is_own) {
                continue;
            }
            if is_own && world.pruners[self.p].noted != plan.t0 {
                let mut void = *world;
                void.plans[slot] = Plan::default();
                next("a pruner throws away a plan that was put again", void);
                continue;
            }
            let is_ripe = match self.rules.sweep_age {
                Age::LastModified => plan.is_ripe(world.now),
                // A forged plan claims to be as old as it likes.
                Age::Claimed => slot == FORGED || plan.is_ripe(world.now),
                Age::OwnClock => true,
            };
            if is_ripe {
                let mut begun = self.with(world, |pruner| {
                    pruner.slot = slot as u8;
                    pruner.packs = plan.packs;
                    pruner.began = plan.t0;
                    pruner.at = PrunerAt::SweepBegun;
                });
                if !self.rules.sweep_removes_its_plan_last {
                    begun.plans[slot] = Plan::default();
                }
                next("a pruner begins to sweep", begun);
            }
        }
    }

    fn sees_snapshots(&self, world: &World, next: &mut Next<'_>) {
        let seen = self.with(world, |pruner| {
            pruner.snapshots = world.snapshots;
            pruner.at = PrunerAt::SweepSawSnapshots;
        });
        next("a sweep lists snapshots", seen);
    }

    fn sees_packs(&self, world: &World, next: &mut Next<'_>) {
        let pruner = &world.pruners[self.p];
        let is_newer = |n: &u8| world.modified[usize::from(*n)] >= pruner.began;
        let newer = (0..4).filter(is_newer).fold(0, |all, n| all | 1 << n);
        let spared = match self.rules.sweep_spares_what_is_newer {
            true => newer,
            false => 0,
        };
        let mut doomed = pruner.packs & world.packs & !spared;
        if self.rules.sweep_recomputes && pruner.snapshots != 0 {
            let planned = |all, slot: usize| all | world.plans[slot].packs;
            let in_plans = match self.rules.relied_on_is_in_no_plan {
                true => (0..3).fold(0, planned),
                false => pruner.packs,
            };
            let relied_on = world.packs & !in_plans;
            if relied_on == 0 || !self.cast.duplicate {
                doomed = 0;
            }
        }
        let seen = self.with(world, |pruner| {
            (pruner.packs, pruner.snapshots) = (doomed, 0);
            pruner.at = PrunerAt::Deletes;
        });
        let is_saved = pruner.snapshots != 0 && world.packs & pruner.packs & !newer & !doomed != 0;
        next(
            if is_saved {
                RESCUE
            } else {
                "a sweep looks at packs"
            },
            seen,
        );
    }

    fn deletes(&self, world: &World, next: &mut Next<'_>) {
        let pruner = &world.pruners[self.p];
        let slot = usize::from(pruner.slot);
        let has_lapsed = world.plans[slot].packs != 0 && world.plans[slot].has_lapsed(world.now);
        let must_stop = self.rules.sweep_ends_before_the_lapse && has_lapsed;
        if pruner.packs == 0 || must_stop {
            let mut done = self.with(world, rest);
            if done.plans[slot].t0 == pruner.began {
                done.plans[slot] = Plan::default();
            }
            next("a sweep removes its plan", done);
            return;
        }
        let pack = 1 << pruner.packs.trailing_zeros();
        let mut deleted = self.with(world, |pruner| pruner.packs &= !pack);
        deleted.packs &= !pack;
        next(FREES, deleted);
    }
}

/// Sessions of writers that a listed record names, by their packs.
fn closed(world: &World) -> u8 {
    let is_closed = |w: &usize| world.closed[*w] != NEVER || world.snapshots & snapshot_of(*w) != 0;
    (0..2).filter(is_closed).fold(0, |all, w| all | own(w))
}
