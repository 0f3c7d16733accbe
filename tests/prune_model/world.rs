//! A state of everything: the store, and what each of those at work has in mind.
//!
//! There is one chunk. It lies in an old pack, perhaps in a second one, and in those that backups
//! put. Every snapshot reaches it; other snapshots, that do not, are always listed and not shown.

use super::rules::{Cast, GRACE, LAPSE, Role};

pub const OLD: u8 = 0b0001;
pub const TWIN: u8 = 0b0010;

/// The pack that writer `w` puts.
pub const fn own(w: usize) -> u8 {
    0b0100 << w
}

pub const OLD_SNAPSHOT: u8 = 0b001;

/// One that is always listed and does not reach the chunk; it is shown only in what plans name.
pub const OTHER_SNAPSHOT: u8 = 0b1000;

/// The snapshot that writer `w` commits.
pub const fn snapshot_of(w: usize) -> u8 {
    0b010 << w
}

/// The slot of the forger's plan; those of the pruners come before.
pub const FORGED: usize = 2;
pub const NEVER: u8 = u8::MAX;

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    /// Zero: there is none.
    pub packs: u8,
    pub t0: u8,
    /// When it says that it was made: of an honest one not after its first T0.
    pub made: u8,
    /// The snapshots that it names.
    pub knew: u8,
}

impl Plan {
    pub fn has_lapsed(&self, now: u8) -> bool {
        now >= self.made.min(self.t0) + LAPSE
    }

    pub fn is_ripe(&self, now: u8) -> bool {
        self.packs != 0 && now >= self.t0 + GRACE
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum WriterAt {
    #[default]
    Start,
    SawPlans,
    SawSnapshots,
    /// It has to send the chunk.
    Sends,
    Works,
    /// It looked at the plans before its commit and goes on to list packs.
    LooksAgain,
    /// It may commit.
    Ready,
    Committed,
    GaveUp,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Writer {
    pub at: WriterAt,
    /// Plans as it saw them at the start.
    pub saw: [Plan; 3],
    pub snapshots: u8,
    /// Plans that it knows to be false, by slot.
    pub disbelieved: u8,
    /// Packs on which its snapshot would rest.
    pub rests_on: u8,
    pub listed: u8,
    /// From when it counts the grace of a plan: from its look before the one that showed it first.
    pub counts_from: [u8; 3],
    pub checked: u8,
    pub has_sent: bool,
    pub sent: u8,
    /// A sync has to put a condemned pack again before this; zero: there is no hurry.
    pub until: u8,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum PrunerAt {
    #[default]
    Idle,
    /// It listed the first of snapshots and packs for a mark.
    MarkHalf,
    /// It knows what to condemn.
    MarkDone,
    SweepBegun,
    SweepSawSnapshots,
    /// It knows what to delete.
    Deletes,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Pruner {
    pub at: PrunerAt,
    pub snapshots: u8,
    pub closed: u8,
    pub packs: u8,
    pub began: u8,
    /// The T0 of its plan, as it noted it.
    pub noted: u8,
    /// The slot of the plan that it sweeps.
    pub slot: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub now: u8,
    pub packs: u8,
    pub modified: [u8; 4],
    pub snapshots: u8,
    pub committed: [u8; 3],
    pub plans: [Plan; 3],
    /// When a forged record came to close the session of a writer.
    pub closed: [u8; 2],
    pub forgeries: u8,
    pub writers: [Writer; 2],
    pub pruners: [Pruner; 2],
    /// A pruner believed that a chunk was lost which was not.
    pub false_alarm: bool,
    /// A backup failed because of what it had put itself.
    pub robbed: bool,
}

impl World {
    pub fn first(cast: &Cast) -> Self {
        Self {
            now: 1,
            packs: OLD | if cast.duplicate { TWIN } else { 0 },
            modified: [0; 4],
            snapshots: if cast.old_snapshot { OLD_SNAPSHOT } else { 0 },
            committed: [0; 3],
            plans: [Plan::default(); 3],
            closed: [NEVER; 2],
            forgeries: 0,
            writers: [Writer::default(); 2],
            pruners: [Pruner::default(); 2],
            false_alarm: false,
            robbed: false,
        }
    }

    /// What must never be: `None` if all is well.
    pub fn wrong(&self, cast: &Cast) -> Option<&'static str> {
        if self.snapshots != 0 && self.packs == 0 {
            return Some("a listed snapshot has lost a chunk");
        }
        if self.false_alarm {
            return Some("a pruner says that a chunk is lost, and it is not");
        }
        let honest = !cast.forges_plans && !cast.forges_records;
        (self.robbed && honest).then_some("a backup failed because of its own packs")
    }

    /// Two that do the same are one: halves the search.
    pub fn canonical(&self, cast: &Cast) -> Self {
        let mut best = *self;
        if cast.pruners == 2 {
            best = best.min_of(best.with_pruners_swapped());
        }
        if cast.writers == [Role::Backup; 2] {
            best = best.min_of(best.with_writers_swapped());
        }
        best
    }

    fn min_of(self, other: Self) -> Self {
        let key = |world: &Self| {
            let of_writer = |w: &Writer| (w.at as u8, w.rests_on, w.listed, w.checked, w.sent);
            let of_pruner = |p: &Pruner| (p.at as u8, p.snapshots, p.packs, p.began, p.noted);
            let writers = world.writers.each_ref().map(of_writer);
            let pruners = world.pruners.each_ref().map(of_pruner);
            let plans = world.plans.map(|plan| (plan.packs, plan.t0, plan.knew));
            (pruners, plans, writers, world.modified, world.committed)
        };
        if key(&other) < key(&self) {
            other
        } else {
            self
        }
    }

    fn with_pruners_swapped(mut self) -> Self {
        self.pruners.swap(0, 1);
        self.plans.swap(0, 1);
        for pruner in &mut self.pruners {
            if pruner.slot < 2 {
                pruner.slot = 1 - pruner.slot;
            }
        }
        for writer in &mut self.writers {
            writer.saw.swap(0, 1);
            writer.counts_from.swap(0, 1);
            writer.disbelieved = swap_bits(writer.disbelieved, 0, 1);
        }
        self
    }

    fn with_writers_swapped(mut self) -> Self {
        self.writers.swap(0, 1);
        self.closed.swap(0, 1);
        self.modified.swap(2, 3);
        self.committed.swap(1, 2);
        self.packs = swap_bits(self.packs, 2, 3);
        self.snapshots = swap_bits(self.snapshots, 1, 2);
        self.forgeries = swap_bits(self.forgeries, 2, 3);
        let plan = |plan: &mut Plan| {
            plan.packs = swap_bits(plan.packs, 2, 3);
            plan.knew = swap_bits(plan.knew, 1, 2);
        };
        self.plans.iter_mut().for_each(plan);
        for writer in &mut self.writers {
            writer.saw.iter_mut().for_each(plan);
            writer.rests_on = swap_bits(writer.rests_on, 2, 3);
            writer.snapshots = swap_bits(writer.snapshots, 1, 2);
        }
        for pruner in &mut self.pruners {
            pruner.packs = swap_bits(pruner.packs, 2, 3);
            pruner.snapshots = swap_bits(pruner.snapshots, 1, 2);
            pruner.closed = swap_bits(pruner.closed, 2, 3);
        }
        self
    }

    /// A plan of another name lies there now: what was thought of the last one says nothing of it.
    pub fn put_plan(&mut self, slot: usize, plan: Plan) {
        self.plans[slot] = plan;
        for writer in &mut self.writers {
            writer.disbelieved &= !(1 << slot);
            writer.counts_from[slot] = 0;
        }
    }
}

fn swap_bits(mask: u8, a: u8, b: u8) -> u8 {
    let differs = (mask >> a ^ mask >> b) & 1;
    mask ^ (differs << a | differs << b)
}
