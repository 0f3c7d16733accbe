//! The plans of every replica that takes part: each is watched by itself, and what one forbids
//! concerns that one alone.

use std::cell::RefCell;
use std::sync::Arc;

use super::plans_watch::PlansWatch;
use crate::id::{ChunkId, SessionId};
use crate::index::CachedContent;
use crate::ops::pipeline::Worker;
use crate::ops::{OpsError, Result};
use crate::repository::SealedObject;
use crate::source::Found;

/// What watches the plans of each replica, in the order in which they take part.
pub struct Watches<'r>(Vec<Arc<PlansWatch<'r>>>);

impl<'r> Watches<'r> {
    pub fn new(of_each: Vec<Arc<PlansWatch<'r>>>) -> Self {
        Self(of_each)
    }

    /// Looks again at the plans of each replica whose last look was long ago; called for every file.
    /// One whose plans cannot be listed leaves the run.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn look_if_due(&self, worker: &Worker<'_, '_>) -> Result<()> {
        let look = |number| self.of(number)?.look_if_due().map(|()| true);
        worker.is_so_everywhere(&look).map(drop)
    }

    /// The same for whoever reads on for hours, a dump or one large file. What fails here is left to the
    /// look that has to succeed, before the commit.
    pub fn look_out(&self, takes_part: &dyn Fn(usize) -> bool) {
        for (number, plans) in self.0.iter().enumerate() {
            if takes_part(number) {
                let _ = plans.look_if_due();
            }
        }
    }

    /// Whether a file that is unchanged may be taken as it is known: every replica that takes part
    /// has all of it, or only a plan that is false says otherwise.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn are_stored(
        &self,
        worker: &Worker<'_, '_>,
        found: &Found,
        content: &CachedContent,
    ) -> Result<bool> {
        worker.is_so_everywhere(&|number| self.of(number)?.are_stored(found, content))
    }

    /// The same of several files at once; what is not stored has to be asked about by itself.
    ///
    /// # Errors
    /// Of the last replica.
    pub fn are_each_stored(
        &self,
        worker: &Worker<'_, '_>,
        contents: &[&[ChunkId]],
    ) -> Result<Vec<bool>> {
        let stored = RefCell::new(vec![true; contents.len()]);
        worker.is_so_everywhere(&|number| {
            let here = self.of(number)?.are_each_stored(contents)?;
            let mut stored = stored.borrow_mut();
            stored.iter_mut().zip(here).for_each(|(all, it)| *all &= it);
            Ok(true)
        })?;
        Ok(stored.into_inner())
    }

    /// Commits at one replica, if its plans allow it, and in time.
    ///
    /// # Errors
    /// `Overtaken`, and nothing was committed there; `CommittedLate`; what the commit gives.
    pub fn commit_at(
        &self,
        number: usize,
        session: SessionId,
        object: &SealedObject,
        commit: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let plans = self.of(number)?;
        let allowed = plans.before_commit(session)?;
        commit()?;
        plans.after_commit(&allowed, object, session)
    }

    fn of(&self, number: usize) -> Result<&PlansWatch<'r>> {
        let plans = self.0.get(number).ok_or(OpsError::Stopped)?;
        Ok(plans)
    }
}
