//! A stretch of what the walk came upon, on its way into the snapshot. What the indexes know of its
//! files is asked for in few questions, and what became of it is delivered in few.

use std::os::unix::ffi::OsStrExt;

use super::files::{FileContext, stamp_of};
use super::known::Known;
use super::sequence::{Outcome, Sequence, SourceProblem};
use crate::id::ChunkId;
use crate::ops::pipeline::{Met, Stretch, Worker};
use crate::ops::{OpsError, Result};
use crate::source::{Found, Kind};

/// So many bytes of what is known of files are held at once by a worker; more if one file has more.
/// The same of outcomes that are not delivered yet. Part of the memory bound.
const HELD_BYTES_MAX: usize = 256 * 1024;

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

    /// What is known of the first of these files; of at least one.
    ///
    /// # Errors
    /// Of the index; of the last replica.
    fn known(&self, worker: &Worker<'_, '_>, files: &[&Found]) -> Result<Vec<Known>> {
        // Whoever looks for plans only afterwards would rest on what they condemn.
        self.plans.look_if_due(worker)?;
        let paths = files
            .iter()
            .map(|found| found.source.as_os_str().as_bytes());
        let paths: Vec<&[u8]> = paths.collect();
        let known = self.index.files(&paths, HELD_BYTES_MAX)?;
        let mut known: Vec<Known> = known.into_iter().map(Known::of).collect();
        let unchanged = known.iter_mut().zip(files);
        let mut unchanged: Vec<&mut Known> = unchanged
            .filter_map(|(known, found)| {
                let is_same = known.stamp() == Some(stamp_of(&found.metadata));
                is_same.then_some(known)
            })
            .collect();
        let chunks: Vec<&[ChunkId]> = unchanged.iter().map(|known| known.chunks()).collect();
        let stored = self.plans.are_each_stored(worker, &chunks)?;
        for (known, stored) in unchanged.iter_mut().zip(stored) {
            known.is_stored = stored;
        }
        Ok(known)
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
