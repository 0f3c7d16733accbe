//! SWEEP: what a plan of this host condemned, long enough ago, is looked at once more and deleted.
//! The plan itself goes last, so that a sweep that was cut short is taken up again.

use std::time::Duration;

use super::calendar::{self, Standing};
use super::judge::{Fate, Judge, Proof};
use super::options::PruneReport;
use super::parallel::each;
use super::reach::reach;
use super::run::{Run, is_refusal};
use super::view::name_of;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::prune::ShownPack;
use crate::ops::Result;
use crate::repository::StoredPlan;
use crate::seams::Timestamp;
use crate::store::ErrorKind;

/// So many packs are judged and deleted before somebody looks whether the time is right still.
const BATCH: usize = 64;
/// What was seen of the store is good for so long, by the clock that no one can set.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// Beyond so long nothing is deleted by it.
const STALE: Duration = Duration::from_secs(15 * 60);

/// What became of a condemned pack.
#[derive(Debug)]
enum Outcome {
    Deleted,
    Kept(Fate),
    Retained(String),
    Denied,
    /// What was seen of the store is too old to delete anything by: the machine slept, perhaps.
    Late,
}

impl Run<'_> {
    /// Carries out the plans of this host that are due.
    ///
    /// # Errors
    /// `Prune`, `Store`, `Index`. What was deleted by then was not needed; the plan stays, and the
    /// next sweep goes on.
    pub fn sweep(&mut self) -> Result<()> {
        let own = self.repository.seams.clock.now();
        for stored in self.view.mine.clone() {
            let noted = self.view.noted.get(&stored.id).copied();
            let own = own.since(noted.unwrap_or(own));
            match calendar::standing(&stored, self.view.now, own, self.shorter_grace()) {
                Standing::Waiting => {}
                Standing::Lapsed => self.done.push(stored.id),
                Standing::Doubtful => {
                    self.progress.notice(
                        "the clock of this machine and that of the store disagree on how much \
                         time went by since the last prune, so its wait begins anew",
                    );
                    self.done.push(stored.id);
                }
                Standing::Due => {
                    if self.carry_out(&stored)? {
                        self.done.push(stored.id);
                    }
                }
            }
        }
        let now = self.view.now;
        let others = self.view.others.iter();
        let lapsed = others.filter(|stored| calendar::has_lapsed(stored, now));
        self.done.extend(lapsed.map(|stored| stored.id));
        self.done.append(&mut self.view.void);
        Ok(())
    }

    /// Gives whether there is nothing left to do about the plan.
    fn carry_out(&mut self, stored: &StoredPlan) -> Result<bool> {
        let ids = &stored.plan.packs.0;
        self.progress.stage("Deleting what is not needed", None);
        let before = (self.report.denied.packs, self.report.unproven.packs);
        let mut late = false;
        for ids in ids.chunks(BATCH) {
            let fresh = self.freshen(stored)?;
            if !fresh || self.report.denied.packs > before.0 {
                self.progress.finish();
                return Ok(false);
            }
            let mut packs = Vec::new();
            for id in ids {
                packs.extend(self.tables.shown(id)?);
            }
            late |= self.sweep_batch(stored, &packs)?;
        }
        self.progress.finish();
        let is_over = (self.report.denied.packs, self.report.unproven.packs) == before;
        self.sweep_segments(stored)?;
        Ok(is_over && !late)
    }

    /// Gives whether something must be looked at again.
    fn sweep_batch(&mut self, stored: &StoredPlan, packs: &[ShownPack]) -> Result<bool> {
        let bytes = packs.iter().map(|pack| pack.bytes).sum();
        self.progress.expect(bytes);
        let now = self.view.now;
        let judge = self.judge();
        let dry_run = self.options.dry_run;
        let (progress, looked) = (self.progress, self.looked);
        let clock = self.repository.seams.clock.as_ref();
        let outcomes = each(self.repository.seams.threads, packs, |pack| {
            progress.item(name_of(pack).as_bytes());
            let fate = fate(&judge, stored.modified, pack, now, dry_run)?;
            let is_dead = matches!(fate, Fate::Dead | Fate::Superseded);
            let outcome = match is_dead {
                false => Outcome::Kept(fate),
                true if dry_run => Outcome::Deleted,
                true if clock.since_boot().saturating_sub(looked) > STALE => Outcome::Late,
                true => delete(&judge, stored.modified, pack)?,
            };
            progress.advance(pack.bytes);
            Ok((*pack, outcome))
        })?;
        let unread = judge.elsewhere.unread();
        self.report.to_prove.add_all(unread);
        let mut late = false;
        for (pack, outcome) in outcomes {
            let gone = matches!(outcome, Outcome::Deleted | Outcome::Kept(Fate::Gone));
            match (gone, dry_run) {
                (true, false) => self.tables.deleted(&pack)?,
                (true, true) => self.tables.hide(&pack)?,
                (false, _) => {}
            }
            if gone {
                self.note_early(&pack, now);
            }
            late |= matches!(outcome, Outcome::Late);
            note(&mut self.report, &pack, outcome);
        }
        Ok(late)
    }

    /// Sees to it that what is known of the store is fresh: new snapshots are followed. `false`: the
    /// plan must not be carried out any further.
    fn freshen(&mut self, stored: &StoredPlan) -> Result<bool> {
        let boot = self.repository.seams.clock.since_boot();
        if self.options.dry_run || boot.saturating_sub(self.looked) < FRESH {
            return Ok(true);
        }
        self.look_again()?;
        let is_there = match self
            .repository
            .store
            .head(&name::of(Kind::Plan, &stored.id))
        {
            Ok(info) => calendar::is_same(info.modified, stored.modified),
            Err(error) if error.kind == ErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        Ok(is_there && self.view.now < calendar::last_delete(stored))
    }

    /// Looks for snapshots that came meanwhile, and at the store's clock.
    ///
    /// # Errors
    /// `Prune`, `Store`, `Index`.
    pub fn look_again(&mut self) -> Result<()> {
        let boot = self.repository.seams.clock.since_boot();
        self.view.now = self.repository.store.now()?;
        let before = self.view.take_new_snapshots(self.repository)?;
        let new = self.view.snapshots.get(before..).unwrap_or_default();
        if !new.is_empty() {
            crate::repository::load_catalog(self.repository, self.index)?;
            reach(
                self.repository,
                self.index,
                &self.tables,
                new,
                self.progress,
            )?;
        }
        self.looked = boot;
        Ok(())
    }

    /// Segments go when others say all that they say of packs which are there.
    fn sweep_segments(&mut self, stored: &StoredPlan) -> Result<()> {
        let plans = self.view.mine.iter().chain(&self.view.others);
        let going: Vec<ObjectId> = plans
            .flat_map(|stored| stored.plan.segments.0.iter().copied())
            .collect();
        self.tables.set_going(&going)?;
        for id in &stored.plan.segments.0 {
            let Some(head) = self.view.segments.iter().find(|head| head.id == *id) else {
                continue;
            };
            let is_old = self.is_old(head.modified) && head.modified < stored.modified;
            if !is_old || !self.tables.is_said_elsewhere(id)? {
                continue;
            }
            if !self.options.dry_run {
                match self.repository.store.delete(&name::of(Kind::Segment, id)) {
                    Ok(()) => {}
                    Err(error) if is_refusal(error.kind) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            self.report.segments_deleted += 1;
            self.view.segments.retain(|head| head.id != *id);
        }
        Ok(())
    }
}

fn fate(
    judge: &Judge<'_>,
    condemned: Timestamp,
    pack: &ShownPack,
    now: Timestamp,
    dry_run: bool,
) -> Result<Fate> {
    if pack.modified >= condemned {
        // Somebody put it again since.
        return Ok(Fate::Needed);
    }
    let proof = if dry_run { Proof::Claimed } else { Proof::Read };
    judge.fate(pack, now, proof)
}

/// Deletes the pack, unless it was put again since it was condemned.
fn delete(judge: &Judge<'_>, condemned: Timestamp, pack: &ShownPack) -> Result<Outcome> {
    let store = judge.repository.store.as_ref();
    let name = name_of(pack);
    match store.head(&name) {
        Ok(info) if is_not_before(info.modified, condemned) => {
            return Ok(Outcome::Kept(Fate::Needed));
        }
        Ok(_) => {}
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Outcome::Kept(Fate::Gone)),
        Err(error) => return Err(error.into()),
    }
    match store.delete(&name) {
        Ok(()) => Ok(Outcome::Deleted),
        Err(error) if error.kind == ErrorKind::Retained => Ok(Outcome::Retained(error.detail)),
        Err(error) if error.kind == ErrorKind::Denied => Ok(Outcome::Denied),
        Err(error) => Err(error.into()),
    }
}

/// Whether an object may have been put at `moment` or later. A HEAD of object storage knows whole
/// seconds, and rounds down.
fn is_not_before(modified: Timestamp, moment: Timestamp) -> bool {
    let is_whole = modified == Timestamp::from_seconds(modified.seconds());
    modified >= moment || is_whole && modified.seconds() == moment.seconds()
}

fn note(report: &mut PruneReport, pack: &ShownPack, outcome: Outcome) {
    let bytes = pack.bytes;
    match outcome {
        Outcome::Deleted => report.swept.add(bytes),
        Outcome::Retained(until) => {
            report.retained.add(bytes);
            let until = Some(until).filter(|until| !until.is_empty());
            report.retained_until = until.or(report.retained_until.take());
        }
        Outcome::Denied => report.denied.add(bytes),
        Outcome::Late => {}
        Outcome::Kept(fate) => match fate {
            Fate::Unreadable(problem) => report.cannot_read(name_of(pack), problem),
            Fate::PaidFor => report.paid_for.add(bytes),
            Fate::Unproven => report.unproven.add(bytes),
            Fate::Needed | Fate::Running => report.pardoned.add(bytes),
            Fate::Dead | Fate::Superseded | Fate::Gone => {}
        },
    }
}
