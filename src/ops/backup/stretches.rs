//! A stretch of what the walk came upon, on its way into the snapshot. What the indexes know of its
//! files is asked for in few questions, and what became of it is delivered in few.

use super::files::FileContext;
use super::known::HELD_BYTES_MAX;
use super::sequence::{Outcome, Sequence, SourceProblem};
use crate::ops::pipeline::{Met, Stretch, Worker};
use crate::ops::{OpsError, Result};
use crate::source::{Found, Kind};

impl FileContext<'_> {
    /// Takes all of a stretch, and delivers what became of it.
    ///
    /// # Errors
    /// As [`FileContext::take`] and [`Sequence::deliver`].
    pub fn take_stretch(
        &self,
        worker: &mut Worker<'_, '_>,
        stretch: &Stretch,
        sequence: &Sequence<'_, '_>,
    ) -> Result<()> {
        let files: Vec<&Found> = stretch.met().iter().filter_map(file).collect();
        let mut files = files.as_slice();
        let mut known = Vec::new().into_iter();
        let mut number = stretch.first();
        let (mut outcomes, mut held) = (Vec::with_capacity(stretch.met().len()), 0);
        for met in stretch.met() {
            let outcome = match met {
                Met::Found(found) if found.kind == Kind::File => {
                    if known.len() == 0 {
                        let next = self.known(worker, files)?;
                        files = files.get(next.len()..).unwrap_or_default();
                        known = next.into_iter();
                    }
                    let known = known.next().ok_or(OpsError::Stopped)?;
                    self.take(worker, found, number, known)?
                }
                Met::Found(found) => self.entry_without_content(found),
                Met::Problem(problem) => Outcome::problem(SourceProblem {
                    root: problem.root,
                    path: problem.path.clone(),
                    error: problem.error.clone(),
                }),
            };
            number += 1;
            held += outcome.weight();
            outcomes.push(outcome);
            if held >= HELD_BYTES_MAX {
                let first = number - outcomes.len() as u64;
                sequence.deliver_all(first, std::mem::take(&mut outcomes))?;
                held = 0;
            }
        }
        sequence.deliver_all(number - outcomes.len() as u64, outcomes)
    }
}

fn file(met: &Met) -> Option<&Found> {
    match met {
        Met::Found(found) if found.kind == Kind::File => Some(found),
        _ => None,
    }
}

#[cfg(test)]
#[path = "stretches_tests.rs"]
mod tests;
