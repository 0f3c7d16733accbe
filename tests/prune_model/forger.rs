//! Those whose steps are single ones. Whoever holds the writer key and means ill: he puts what he likes and deletes
//! nothing. A host that is swift: it looks and commits at once. And the one who lets go of a snapshot
//! at the worst time, and means well.

use super::rules::{Cast, Role};
use super::search::Next;
use super::world::{FORGED, NEVER, OLD_SNAPSHOT, OTHER_SNAPSHOT, Plan, World};

const HIS_PLAN: u8 = 0b0001;
const PUT_AGAIN: u8 = 0b0010;
/// Shifted by the number of the writer.
const HIS_RECORD: u8 = 0b0100;

const CAME: u8 = 0b1_0000;

pub fn step(cast: &Cast, world: &World, next: &mut Next<'_>) {
    if world.snapshots & OLD_SNAPSHOT != 0 {
        let mut forgotten = *world;
        forgotten.snapshots &= !OLD_SNAPSHOT;
        next("a snapshot is forgotten", forgotten);
    }
    // What plans condemn is absent for it, and it sends nothing.
    let condemned = world.plans.iter().fold(0, |all, plan| all | plan.packs);
    let may_come = cast.swift_snapshot && world.forgeries & CAME == 0;
    if may_come && world.packs & !condemned != 0 {
        let mut came = *world;
        came.forgeries |= CAME;
        came.snapshots |= OLD_SNAPSHOT;
        came.committed[0] = world.now;
        next("a swift host commits", came);
    }
    if cast.forges_plans {
        puts_a_plan(world, next);
    }
    if cast.puts_plans_again {
        puts_a_plan_again(cast, world, next);
    }
    for w in 0..2 {
        let once = HIS_RECORD << w;
        let is_there = cast.forges_records && cast.writers[w] == Role::Backup;
        if is_there && world.forgeries & once == 0 && world.closed[w] == NEVER {
            let mut closed = *world;
            closed.forgeries |= once;
            closed.closed[w] = world.now;
            next("the forger closes a session", closed);
        }
    }
}

/// It names all packs there are, and all snapshots, or none; and is as old as it says.
fn puts_a_plan(world: &World, next: &mut Next<'_>) {
    if world.forgeries & HIS_PLAN != 0 || world.packs == 0 {
        return;
    }
    let all = world.snapshots | OTHER_SNAPSHOT;
    for (made, knew) in [(world.now, 0), (world.now, all), (0, all)] {
        let mut forged = *world;
        forged.forgeries |= HIS_PLAN;
        let plan = Plan {
            packs: world.packs,
            t0: world.now,
            made,
            knew,
        };
        forged.put_plan(FORGED, plan);
        next("the forger puts a plan", forged);
    }
}

/// The same bytes under the same name: only the store's time is new.
fn puts_a_plan_again(cast: &Cast, world: &World, next: &mut Next<'_>) {
    for slot in 0..cast.pruners {
        let plan = world.plans[slot];
        if world.forgeries & PUT_AGAIN == 0 && plan.packs != 0 && plan.t0 != world.now {
            let mut again = *world;
            again.forgeries |= PUT_AGAIN;
            again.plans[slot].t0 = world.now;
            next("the forger puts an honest plan again", again);
        }
    }
}
