//! MARK: what no snapshot needs is written into a plan. Nothing is deleted by that; from the moment
//! that the store has the plan the grace runs, and writers refer no more to what it names.

use std::collections::HashSet;

use super::judge::{Fate, Proof};
use super::options::Sum;
use super::parallel::each;
use super::run::Run;
use super::view::name_of;
use crate::format::header::Header;
use crate::format::housekeeping::Plan;
use crate::id::ObjectId;
use crate::index::NotedPlan;
use crate::index::prune::{PackUse, ShownPack};
use crate::ops::prune::view::kind_of;
use crate::ops::{OpsError, Result};
use crate::repository::{MARK_MAX, RepositoryError, store_plan};

/// Packs of which nothing is needed are taken from the tables so many at a time.
const PAGE: u32 = 256;
/// A plan names at most so many packs: 8 MiB.
const PACKS_MAX: usize = 250_000;

/// What was found that can be condemned.
#[derive(Default)]
struct Found {
    dead: Vec<ObjectId>,
    /// These need the read key again when they are swept, so that they have a plan of their own.
    superseded: Vec<ObjectId>,
}

impl Run<'_> {
    /// Condemns what nobody needs. `before`: packs that plans of this host named when the run began;
    /// `rewritten`: packs whose contents were stored anew just now.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn mark(
        &mut self,
        before: &HashSet<ObjectId>,
        rewritten: &HashSet<ObjectId>,
    ) -> Result<()> {
        self.progress.stage("Looking for what is not needed", None);
        let found = self.find(before, rewritten)?;
        self.progress.finish();
        let segments = self.replaced_segments()?;
        if self.options.dry_run {
            self.tables.condemn(&found.dead, true)?;
            self.tables.condemn(&found.superseded, true)?;
            return Ok(());
        }
        match self.condemn_all(&found, &segments) {
            Err(OpsError::Repository(RepositoryError::SeenLongAgo)) => {
                self.progress.notice(
                    "this took over a day, so that what was seen is too old to condemn anything \
                     by; run it again",
                );
                if self.new_plans.is_empty() {
                    self.report.marked = Sum::default();
                }
                Ok(())
            }
            done => done,
        }
    }

    fn condemn_all(&mut self, found: &Found, segments: &[ObjectId]) -> Result<()> {
        let boot = self.repository.seams.clock.since_boot();
        if boot.saturating_sub(self.began) > MARK_MAX {
            return Err(RepositoryError::SeenLongAgo.into());
        }
        for packs in found.superseded.chunks(PACKS_MAX) {
            self.condemn(packs, &[])?;
        }
        let mut segments = segments;
        if found.dead.is_empty() && !segments.is_empty() {
            self.condemn(&[], segments)?;
        }
        for packs in found.dead.chunks(PACKS_MAX) {
            self.condemn(packs, std::mem::take(&mut segments))?;
        }
        Ok(())
    }

    fn find(&mut self, before: &HashSet<ObjectId>, rewritten: &HashSet<ObjectId>) -> Result<Found> {
        let mut found = Found::default();
        let mut after = None;
        loop {
            let page = self.tables.little_used(0.0, after, PAGE)?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some((last.pack.id, last.pack.metadata));
            for (one, fate) in self.judge_page(&page, rewritten)? {
                self.take(&one.pack, fate, before, &mut found);
            }
        }
        let free_at = self.view.now.plus(self.options.grace);
        for pack in std::mem::take(&mut self.view.mute) {
            let shown = self.tables.shown_as(&pack.id, pack.metadata)?;
            if let Some(pack) = shown.filter(|shown| !shown.mine) {
                let fate = self.judge().fate(&pack, free_at, Proof::Read)?;
                self.take(&pack, fate, before, &mut found);
            }
        }
        Ok(found)
    }

    fn take(
        &mut self,
        pack: &ShownPack,
        fate: Fate,
        before: &HashSet<ObjectId>,
        found: &mut Found,
    ) {
        match fate {
            Fate::Dead => found.dead.push(pack.id),
            Fate::Superseded => found.superseded.push(pack.id),
            Fate::Unreadable(problem) => return self.report.cannot_read(name_of(pack), problem),
            Fate::PaidFor => return self.report.paid_for.add(pack.bytes),
            Fate::Needed | Fate::Running | Fate::Unproven | Fate::Gone => return,
        }
        if !before.contains(&pack.id) {
            self.report.marked.add(pack.bytes);
            let free_at = self.view.now.plus(self.options.grace);
            self.note_early(pack, free_at);
        }
    }

    fn judge_page<'u>(
        &mut self,
        page: &'u [PackUse],
        rewritten: &HashSet<ObjectId>,
    ) -> Result<Vec<(&'u PackUse, Fate)>> {
        let free_at = self.view.now.plus(self.options.grace);
        let judge = self.judge();
        let references: Vec<&PackUse> = page.iter().collect();
        let judged = each(self.repository.seams.threads, &references, |one| {
            let one: &'u PackUse = one;
            let pack = &one.pack;
            let repository = self.repository.id();
            let header = Header::decode(&one.header, kind_of(pack), Some(repository));
            // Its own word costs a request, and most of the packs of a backup that is running need
            // not be asked twice. What segments say of its session may be false.
            if header.is_ok_and(|header| !judge.sessions.are_over_for(&header, pack.modified))
                && judge.index.is_verified(&pack.id)?
            {
                return Ok((one, Fate::Running));
            }
            let proof = if self.options.dry_run || rewritten.contains(&pack.id) {
                Proof::Claimed
            } else {
                Proof::Read
            };
            Ok((one, judge.fate(pack, free_at, proof)?))
        })?;
        let unread = judge.elsewhere.unread();
        if self.options.dry_run {
            self.report.to_prove.add_all(unread);
        }
        Ok(judged)
    }

    /// Stores a plan, and notes that it is one of this host.
    fn condemn(&mut self, packs: &[ObjectId], segments: &[ObjectId]) -> Result<()> {
        let snapshots: Vec<_> = self.view.snapshots.iter().map(|one| one.id).collect();
        let forgets = self.view.forgets.clone();
        let plan = Plan {
            host: self.options.host.clone(),
            created: self.view.now,
            grace_seconds: self.options.grace.as_secs(),
            packs: packs.to_vec().into(),
            segments: segments.to_vec().into(),
            snapshots: snapshots.into(),
            forgets: forgets.into(),
        };
        let stored = store_plan(self.repository, plan)?;
        // If this is not reached, nobody ever carries the plan out.
        let noted = self.repository.seams.clock.now();
        let modified = stored.modified;
        self.trust
            .note_plan(&stored.id, NotedPlan { modified, noted })?;
        self.view.noted.insert(stored.id, noted);
        self.tables.condemn(packs, true)?;
        self.new_plans.push(stored);
        Ok(())
    }
}
