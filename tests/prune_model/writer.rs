//! A backup, or a sync that brings a snapshot from another copy: the steps of rule 3.

use super::rules::{COMMIT, Cast, GRACE, LIMIT, Role, Rules};
use super::search::Next;
use super::world::{NEVER, OLD, OTHER_SNAPSHOT, Plan, World, Writer, WriterAt, own, snapshot_of};

pub fn step(rules: &Rules, cast: &Cast, world: &World, w: usize, next: &mut Next<'_>) {
    let role = cast.writers[w];
    if role == Role::Absent {
        return;
    }
    let one = Step { rules, role, w };
    match world.writers[w].at {
        WriterAt::Start => one.sees_plans(world, next),
        // Where there are many, the two are one step, so that the search stays small.
        WriterAt::SawPlans if cast.is_crowd() => {
            one.sees_snapshots(world, &mut |_, seen| one.sees_packs(&seen, next));
        }
        WriterAt::SawPlans => one.sees_snapshots(world, next),
        WriterAt::SawSnapshots => one.sees_packs(world, next),
        WriterAt::Sends => one.sends(world, next),
        WriterAt::Works => one.looks(world, next),
        WriterAt::LooksAgain => one.lists_packs_again(world, next),
        WriterAt::Ready => one.commits(world, next),
        WriterAt::Committed | WriterAt::GaveUp => {}
    }
}

struct Step<'s> {
    rules: &'s Rules,
    role: Role,
    w: usize,
}

impl Step<'_> {
    fn with(&self, world: &World, change: impl FnOnce(&mut Writer)) -> World {
        let mut next = *world;
        change(&mut next.writers[self.w]);
        next
    }

    /// The object that it can put: a backup a pack of its own, a sync the very pack of old.
    fn object(&self) -> u8 {
        match self.role {
            Role::Sync => OLD,
            _ => own(self.w),
        }
    }

    fn sees_plans(&self, world: &World, next: &mut Next<'_>) {
        let blind = !self.rules.writer_lists_plans_first;
        let seen = self.with(world, |writer| {
            if !blind {
                writer.saw = world.plans;
            }
            (writer.listed, writer.checked) = (world.now, world.now);
            writer.at = WriterAt::SawPlans;
        });
        next("a writer lists plans", seen);
    }

    fn sees_snapshots(&self, world: &World, next: &mut Next<'_>) {
        let seen = self.with(world, |writer| {
            writer.snapshots = world.snapshots;
            for (slot, plan) in writer.saw.iter().enumerate() {
                if omits_an_older_one(self.rules, plan, world) {
                    writer.disbelieved |= 1 << slot;
                }
            }
            writer.at = WriterAt::SawSnapshots;
        });
        next("a writer lists snapshots", seen);
    }

    fn sees_packs(&self, world: &World, next: &mut Next<'_>) {
        let mut seen = *world;
        let writer = &mut seen.writers[self.w];
        if self.role == Role::Backup {
            for (slot, plan) in writer.saw.iter().enumerate() {
                // It condemns every place of a chunk that a snapshot which it names reaches.
                let is_reached = plan.knew & writer.snapshots != 0;
                if plan.packs != 0 && is_reached && world.packs & !plan.packs == 0 {
                    writer.disbelieved |= 1 << slot;
                }
            }
        }
        if !self.rules.age_counts_from_the_plans {
            writer.listed = world.now;
        }
        let condemned = self.condemned(writer, world.now, |_| true);
        let until = (0..3)
            .filter(|slot| condemned & writer.saw[*slot].packs & OLD != 0)
            .map(|slot| writer.saw[slot].made.min(writer.saw[slot].t0) + LIMIT);
        writer.until = match self.role {
            Role::Sync => until.min().unwrap_or(0),
            _ => 0,
        };
        // From here on what it saw is of no more use.
        (writer.saw, writer.snapshots) = ([Plan::default(); 3], 0);
        let usable = match self.role {
            Role::Sync => OLD,
            _ => !0,
        };
        writer.rests_on = world.packs & !condemned & usable;
        writer.at = match (self.role, writer.rests_on) {
            (_, 0) => WriterAt::Sends,
            _ => WriterAt::Works,
        };
        next("a writer lists packs", seen);
    }

    fn sends(&self, world: &World, next: &mut Next<'_>) {
        let mut sent = *world;
        sent.packs |= self.object();
        sent.modified[self.object().trailing_zeros() as usize] = world.now;
        let writer = &mut sent.writers[self.w];
        (writer.has_sent, writer.sent) = (true, world.now);
        writer.rests_on = self.object();
        let is_late = writer.until != 0 && world.now >= writer.until && self.rules.sync_is_in_time;
        writer.at = match is_late {
            true => WriterAt::GaveUp,
            false => WriterAt::Works,
        };
        next("a writer puts the chunk", sent);
    }

    /// What plans say is gone, of those that it believes and that `counts`.
    fn condemned(&self, writer: &Writer, now: u8, counts: impl Fn(usize) -> bool) -> u8 {
        if self.role == Role::Sync && !self.rules.sync_heeds_plans {
            return 0;
        }
        let believed = |slot: &usize| writer.disbelieved >> slot & 1 == 0;
        let counts = |slot: &usize| !writer.saw[*slot].has_lapsed(now) && counts(*slot);
        let slots = (0..3).filter(believed).filter(counts);
        slots.fold(0, |all, slot| all | writer.saw[slot].packs)
    }

    fn looks(&self, world: &World, next: &mut Next<'_>) {
        let mut looked = *world;
        let writer = &mut looked.writers[self.w];
        if self.rules.writer_looks_before_commit {
            writer.saw = world.plans;
            self.dates(writer);
            let late = self.condemned(writer, world.now, |slot| {
                self.is_late(writer, slot, world.now)
            });
            let late = late & !self.is_surely_open(world);
            writer.rests_on &= !late;
        }
        writer.checked = world.now;
        writer.saw = [Plan::default(); 3];
        let is_old = world.now - writer.listed >= GRACE;
        writer.at = match is_old && self.rules.writer_lists_packs_again {
            true => WriterAt::LooksAgain,
            false => WriterAt::Ready,
        };
        if self.rules.age_counts_from_the_plans && is_old {
            writer.listed = world.now;
        }
        self.settle(&mut looked);
        next("a writer lists plans before its commit", looked);
    }

    /// Sees to it that each plan has a time to count from.
    fn dates(&self, writer: &mut Writer) {
        for slot in 0..3 {
            if writer.saw[slot].packs != 0 && writer.counts_from[slot] == 0 {
                writer.counts_from[slot] = match self.rules.writer_counts_from_its_own_look {
                    true => writer.checked,
                    false => writer.saw[slot].t0,
                };
            }
        }
    }

    fn is_late(&self, writer: &Writer, slot: usize, now: u8) -> bool {
        let plan = &writer.saw[slot];
        // What a sync put again in time is newer than the plan when the sweep looks at it.
        let is_newer = self.role == Role::Sync
            && writer.has_sent
            && writer.sent > plan.t0
            && (writer.sent < plan.made.min(plan.t0) + LIMIT || !self.rules.sync_is_in_time);
        now >= writer.counts_from[slot] + LIMIT && self.rules.writer_heeds_the_limit && !is_newer
    }

    /// Its own packs, of a session that no record closes: no honest plan names them.
    fn is_surely_open(&self, world: &World) -> u8 {
        let doubts = self.rules.writer_doubts_its_own_packs && world.closed[self.w] != NEVER;
        match (self.role, doubts) {
            (Role::Backup, false) => own(self.w),
            _ => 0,
        }
    }

    fn lists_packs_again(&self, world: &World, next: &mut Next<'_>) {
        let mut looked = *world;
        let writer = &mut looked.writers[self.w];
        writer.rests_on &= world.packs;
        if !self.rules.age_counts_from_the_plans {
            writer.listed = world.now;
        }
        writer.at = WriterAt::Ready;
        self.settle(&mut looked);
        next("a writer lists packs again", looked);
    }

    /// With nothing left to rest on it sends the chunk, or gives up when it did so before.
    fn settle(&self, world: &mut World) {
        let writer = &mut world.writers[self.w];
        if writer.rests_on != 0 {
            return;
        }
        let is_backup = self.role == Role::Backup;
        writer.at = match is_backup && !writer.has_sent {
            true => WriterAt::Sends,
            false => WriterAt::GaveUp,
        };
        world.robbed |= is_backup && writer.has_sent;
    }

    fn commits(&self, world: &World, next: &mut Next<'_>) {
        let writer = &world.writers[self.w];
        if self.rules.writer_commits_soon && world.now > writer.checked + COMMIT {
            let again = self.with(world, |writer| writer.at = WriterAt::Works);
            next("a writer took too long", again);
            return;
        }
        let mut committed = self.with(world, |writer| {
            *writer = Writer {
                at: WriterAt::Committed,
                ..Writer::default()
            }
        });
        committed.snapshots |= snapshot_of(self.w);
        committed.committed[1 + self.w] = world.now;
        next("a writer commits", committed);
    }
}

/// A snapshot that is listed is older than the plan, which does not name it.
fn omits_an_older_one(rules: &Rules, plan: &Plan, world: &World) -> bool {
    let since = match rules.writer_judges_by_when_it_was_made {
        true => plan.made.min(plan.t0),
        false => plan.t0.saturating_sub(GRACE),
    };
    let is_older = |s: &usize| world.snapshots >> s & 1 == 1 && world.committed[*s] < since;
    let omits_other = since > 0 && plan.knew & OTHER_SNAPSHOT == 0;
    let omits = omits_other || (0..3).filter(is_older).any(|s| plan.knew >> s & 1 == 0);
    plan.packs != 0 && omits
}
