//! The order of a prune. First what was condemned long enough ago goes, then what is half empty is
//! rewritten, then what nobody needs now is condemned; plans that are done go last.

use std::collections::HashSet;
use std::time::Duration;

use super::calendar;
use super::elsewhere::Elsewhere;
use super::error::PruneError;
use super::hold::{self, Attempt};
use super::judge::Judge;
use super::options::{PruneOptions, PruneReport, Sum};
use super::reach::reach;
use super::sessions::ORPHAN_AGE;
use super::view::View;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::prune::{PruneTables, ShownPack};
use crate::index::{Index, Trust};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{GRACE_MIN, Repository, StoredPlan, visit_plans};
use crate::seams::Timestamp;
use crate::store::ErrorKind;

/// One prune.
pub struct Run<'r> {
    pub repository: &'r Repository,
    pub index: &'r Index,
    pub trust: &'r Trust,
    pub options: &'r PruneOptions,
    pub progress: &'r dyn Progress,
    pub tables: PruneTables<'r>,
    pub view: View,
    pub report: PruneReport,
    /// Since boot: when the look began, and when the store was looked at last.
    pub began: Duration,
    pub looked: Duration,
    /// Plans of which nothing is left to do.
    pub done: Vec<ObjectId>,
    pub new_plans: Vec<StoredPlan>,
}

/// Deletes what was condemned long enough ago, and condemns what no snapshot needs. `trust` knows
/// which plans this host made: only those are carried out.
///
/// # Errors
/// `Prune` when anything cannot be read that might need what would be deleted, when a snapshot is
/// missing, or when the grace is too short; `Store`, `Index`.
pub fn prune(
    repository: &Repository,
    index: &Index,
    trust: &Trust,
    options: &PruneOptions,
    progress: &dyn Progress,
) -> Result<PruneReport> {
    if options.grace < GRACE_MIN && !options.exclusive {
        return Err(PruneError::GraceTooShort.into());
    }
    let store = repository.store.as_ref();
    let _held = match options.exclusive && !options.dry_run {
        true => Some(hold::demand(store)?),
        false => None,
    };
    let look = || Run::look(repository, index, trust, options, progress);
    let mut run = match look() {
        // Another prune may just have deleted what a snapshot reached that is forgotten by now:
        // what is damage is so at the second look as well.
        Err(OpsError::Prune(_)) => look()?,
        looked => looked?,
    };
    let before = run.condemned_before()?;
    run.sweep_alone()?;
    run.forget_done()?;
    run.compute()?;
    let rewritten = run.rewrite()?;
    run.mark(&before, &rewritten)?;
    run.delete_done()?;
    run.consolidate()?;
    if options.exclusive && !options.dry_run {
        run.sweep_new()?;
    }
    run.finish()
}

impl<'r> Run<'r> {
    fn look(
        repository: &'r Repository,
        index: &'r Index,
        trust: &'r Trust,
        options: &'r PruneOptions,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let began = repository.seams.clock.since_boot();
        progress.stage("Looking at the repository", None);
        let tables = PruneTables::new(index)?;
        let mut report = PruneReport::default();
        let mut view = View::load(repository, trust, options.dry_run, progress)?;
        view.load_packs(repository, index, &tables, &mut report, progress)?;
        view.heed_forgets(repository, &options.known_snapshots, progress)?;
        progress.finish();
        reach(repository, index, &tables, &view.snapshots, progress)?;
        report.snapshots = view.snapshots.len() as u64;
        report.chunks = tables.reached_count()?;
        if let Some(id) = tables.nowhere()? {
            return Err(PruneError::ChunkNowhere { id }.into());
        }
        Ok(Self {
            repository,
            index,
            trust,
            options,
            progress,
            tables,
            view,
            report,
            began,
            looked: began,
            done: Vec::new(),
            new_plans: Vec::new(),
        })
    }

    /// A grace below the least, where nobody else can write.
    pub fn shorter_grace(&self) -> Option<Duration> {
        self.options.exclusive.then_some(self.options.grace)
    }

    /// Whether something was put so long ago that no running session can need it.
    pub fn is_old(&self, modified: Timestamp) -> bool {
        self.view.now.since(modified) > ORPHAN_AGE
    }

    /// Adds up what a pack that is deleted then is paid for all the same.
    pub fn note_early(&mut self, pack: &ShownPack, at: Timestamp) {
        let left = pack.modified.plus(self.options.billed_storage).since(at);
        self.report.early_byte_seconds += u128::from(pack.bytes) * u128::from(left.as_secs());
    }

    pub fn judge(&self) -> Judge<'_> {
        Judge {
            repository: self.repository,
            index: self.index,
            tables: &self.tables,
            sessions: &self.view.sessions,
            options: self.options,
            elsewhere: Elsewhere::new(self.repository, self.index, &self.tables),
        }
    }

    /// Notes which packs are condemned; gives those that plans of this host name.
    fn condemned_before(&mut self) -> Result<HashSet<ObjectId>> {
        self.condemn_again()?;
        let plans = self.view.mine.iter();
        Ok(plans
            .flat_map(|stored| stored.plan.packs.0.iter().copied())
            .collect())
    }

    fn condemn_again(&self) -> Result<()> {
        self.tables.pardon_all()?;
        for stored in &self.view.mine {
            self.tables.condemn(&stored.plan.packs.0, true)?;
        }
        // However many plans somebody puts there, none is pushed out of sight by others.
        let is_another = |id: &ObjectId| {
            let is_it = |stored: &StoredPlan| stored.id == *id;
            !self.view.mine.iter().any(is_it) && !self.done.contains(id)
        };
        visit_plans::<OpsError>(
            self.repository,
            self.view.now,
            &mut |id| is_another(id),
            &mut |_, _| {},
            &mut |stored| Ok(self.tables.condemn(&stored.plan.packs.0, false)?),
        )
    }

    /// Sweeps while nobody else writes, where that can be had.
    fn sweep_alone(&mut self) -> Result<()> {
        if self.options.exclusive || self.options.dry_run {
            return self.sweep();
        }
        let view = &self.view;
        if view.mine.is_empty() && view.others.is_empty() && view.void.is_empty() {
            return Ok(());
        }
        let _held = match hold::attempt(self.repository.store.as_ref())? {
            Attempt::Held(held) => {
                // Somebody may have committed before the lock was had.
                self.look_again()?;
                Some(held)
            }
            Attempt::NoSuchThing => None,
            Attempt::Busy => {
                self.report.put_off = true;
                return Ok(());
            }
        };
        self.sweep()
    }

    /// From now on plans that are done condemn nothing: what of theirs is left is judged anew.
    fn forget_done(&mut self) -> Result<()> {
        let done: HashSet<_> = self.done.iter().copied().collect();
        self.view.mine.retain(|stored| !done.contains(&stored.id));
        self.view.others.retain(|stored| !done.contains(&stored.id));
        self.condemn_again()
    }

    pub fn compute(&mut self) -> Result<()> {
        self.progress.stage("Adding up what is needed", None);
        self.tables.compute_uses(self.repository.reader.is_some())?;
        self.progress.finish();
        Ok(())
    }

    /// After the new ones are there: so nothing that stays condemned is free in between.
    fn delete_done(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.done) {
            if !self.options.dry_run {
                match self.repository.store.delete(&name::of(Kind::Plan, &id)) {
                    Ok(()) => self.trust.forget_plan(&id)?,
                    Err(error) if is_refusal(error.kind) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            self.report.plans_deleted += 1;
        }
        Ok(())
    }

    /// What was condemned just now, if the grace is none.
    fn sweep_new(&mut self) -> Result<()> {
        self.view.now = self.repository.store.now()?;
        self.view.mine = std::mem::take(&mut self.new_plans);
        self.sweep()?;
        let done: HashSet<_> = self.done.iter().copied().collect();
        let waiting = std::mem::take(&mut self.view.mine).into_iter();
        self.new_plans = waiting.filter(|one| !done.contains(&one.id)).collect();
        self.delete_done()
    }

    fn finish(mut self) -> Result<PruneReport> {
        let sum = |(packs, bytes)| Sum { packs, bytes };
        self.report.kept = sum(self.tables.shown_totals(false)?);
        self.report.waiting = sum(self.tables.shown_totals(true)?);
        let plans = self.view.mine.iter().chain(&self.new_plans);
        let due = plans.map(|stored| calendar::due(stored, self.shorter_grace()));
        let mut due: Vec<_> = due.collect();
        if self.options.dry_run && self.report.marked.packs > 0 {
            due.push(self.view.now.plus(self.options.grace));
        }
        if self.report.waiting.packs > 0 {
            self.report.next_sweep = due.iter().min().copied();
            self.report.free_after = due.iter().max().copied();
        }
        Ok(self.report)
    }
}

/// Whether the store says no, and will say so again.
pub fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Denied | ErrorKind::Retained)
}
