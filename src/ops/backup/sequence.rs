//! Entries finish in any order; the listing takes them in one. What comes ahead of its turn waits
//! here, and whoever is too far ahead waits himself, so that memory stays bounded however slow one
//! large file is. The thread whose turn it is never waits, so the others get theirs.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::links::First;
use crate::compress::Compressor;
use crate::format::entry::{Attribute, Entry};
use crate::format::listing::{CUT_BYTES_MIN, Problem, append_problem, begin_problem_list};
use crate::id::ChunkId;
use crate::index::{CachedFile, FileStamp, Index};
use crate::ops::audit::Audit;
use crate::ops::pipeline::Pipeline;
use crate::ops::{OpsError, Result};
use crate::repository::{ListingWriter, store_ids};

/// Something of the source that is not in the snapshot, or not surely as it was.
pub type SourceProblem = Problem;

/// Entries that wait for their turn, in bytes. Part of the memory bound.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Problems that are kept in words; more are counted.
pub(super) const PROBLEMS_KEPT_MAX: usize = 10_000;
/// Files are remembered so many at a time.
const REMEMBERED_AT_ONCE: usize = 256;

/// What became of one thing that the walk came upon.
#[derive(Default)]
pub struct Outcome {
    entry: Option<(Entry, Vec<ChunkId>)>,
    problem: Option<SourceProblem>,
    remember: Option<CachedFile>,
}

impl Outcome {
    pub fn entry(entry: Entry, chunks: Vec<ChunkId>) -> Self {
        Self {
            entry: Some((entry, chunks)),
            ..Self::default()
        }
    }

    pub fn problem(problem: SourceProblem) -> Self {
        Self {
            problem: Some(problem),
            ..Self::default()
        }
    }

    /// The entry is there, and something is to be said about it.
    pub fn also(&mut self, problem: SourceProblem) {
        match &mut self.problem {
            Some(before) => before.error = format!("{}; {}", before.error, problem.error),
            None => self.problem = Some(problem),
        }
    }

    /// What the other names of the same file need to know; `None` if it could not be read.
    pub fn as_first(&self) -> Option<First> {
        let (entry, chunks) = self.entry.as_ref()?;
        let remember = self.remember.as_ref();
        Some(First {
            entry: entry.clone(),
            chunks: chunks.clone().into(),
            trusted: remember.is_none_or(|file| file.stamp != FileStamp::UNTRUSTED),
            attributes_whole: match remember {
                Some(file) => file.content.attributes.is_some(),
                // It did not change, and there is nothing new about it but perhaps a complaint.
                None => self.problem.is_none(),
            },
        })
    }

    /// So that the file need not be read next time.
    pub fn remember(&mut self, file: CachedFile) {
        self.remember = Some(file);
    }

    /// About how many bytes it takes while it waits.
    pub fn weight(&self) -> usize {
        let entry = self.entry.as_ref();
        let entry = entry.map_or(0, |(entry, ids)| {
            entry.path.len() + ids.len() * ChunkId::LEN + weight_of(&entry.attributes)
        });
        let remember = self.remember.as_ref();
        let remember = remember.map_or(0, |file| {
            let content = &file.content;
            let ids = content.chunks.len() * ChunkId::LEN;
            file.path.len() + ids + weight_of(&content.attributes)
        });
        let problem = self.problem.as_ref();
        let problem = problem.map_or(0, |problem| problem.path.len() + problem.error.len());
        400 + entry + remember + problem
    }
}

fn weight_of(attributes: &Option<Vec<Attribute>>) -> usize {
    let of_one = |(name, value): &Attribute| 64 + name.len() + value.len();
    attributes.iter().flatten().map(of_one).sum()
}

/// What a finished sequence has made.
pub struct Sequenced {
    /// Level and id of the topmost chunk of the listing.
    pub listing: (u8, ChunkId),
    pub problems: Vec<SourceProblem>,
    pub problems_total: u64,
    /// Problem lists.
    pub problem_chunks: Vec<ChunkId>,
}

pub struct Sequence<'p, 'r> {
    pipeline: &'p Pipeline<'r>,
    index: &'r Index,
    audit: Option<&'p Audit>,
    state: Mutex<State>,
    turn: Condvar,
}

struct State {
    /// `None` once it ended.
    listing: Option<ListingWriter>,
    compressor: Compressor,
    next: u64,
    /// By the number of the first.
    waiting: BTreeMap<u64, Vec<Outcome>>,
    waiting_bytes: usize,
    problems: Vec<SourceProblem>,
    problems_total: u64,
    remember: Vec<CachedFile>,
    stopped: bool,
}

impl<'p, 'r> Sequence<'p, 'r> {
    /// # Errors
    /// No memory for a compressor.
    pub fn new(
        pipeline: &'p Pipeline<'r>,
        index: &'r Index,
        listing: ListingWriter,
        audit: Option<&'p Audit>,
    ) -> Result<Self> {
        let compressor = Compressor::new().map_err(|error| OpsError::Seal(error.into()))?;
        let state = State {
            listing: Some(listing),
            compressor,
            next: 0,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            problems: Vec::new(),
            problems_total: 0,
            remember: Vec::new(),
            stopped: false,
        };
        Ok(Self {
            pipeline,
            index,
            audit,
            state: Mutex::new(state),
            turn: Condvar::new(),
        })
    }

    /// Hands in the outcome with that number; each number comes once, from 0 on without gaps.
    ///
    /// # Errors
    /// `Stopped`; of storing metadata chunks.
    pub fn deliver(&self, number: u64, outcome: Outcome) -> Result<()> {
        self.deliver_all(number, vec![outcome])
    }

    /// As [`Sequence::deliver`], for outcomes with the numbers from `number` on. Whoever holds on to
    /// one for the sake of others must wait for nobody meanwhile who waits for its turn.
    ///
    /// # Errors
    /// As [`Sequence::deliver`].
    pub fn deliver_all(&self, number: u64, outcomes: Vec<Outcome>) -> Result<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Err(OpsError::Stopped);
            }
            if number == state.next {
                break;
            }
            if state.waiting_bytes < WAITING_BYTES_MAX {
                state.waiting_bytes += outcomes.iter().map(Outcome::weight).sum::<usize>();
                state.waiting.insert(number, outcomes);
                return Ok(());
            }
            state = self
                .turn
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut ready = Some(outcomes);
        while let Some(outcomes) = ready {
            for outcome in outcomes {
                self.take(&mut state, outcome)?;
                state.next += 1;
            }
            let next = state.next;
            ready = state.waiting.remove(&next);
            let freed = ready.iter().flatten().map(Outcome::weight).sum::<usize>();
            state.waiting_bytes -= freed;
        }
        drop(state);
        self.turn.notify_all();
        Ok(())
    }

    fn take(&self, state: &mut State, outcome: Outcome) -> Result<()> {
        let Outcome {
            entry,
            problem,
            remember,
        } = outcome;
        if let Some(audit) = self.audit {
            match (&entry, &problem) {
                (Some((entry, _)), _) => audit.entry(entry)?,
                (None, Some(problem)) => {
                    audit.unreadable(problem.root, &problem.path, &problem.error)?;
                }
                (None, None) => {}
            }
        }
        if let Some((mut entry, ids)) = entry {
            let State {
                listing,
                compressor,
                ..
            } = state;
            let mut store = |chunk: &[u8]| self.pipeline.store_metadata(chunk, compressor);
            if entry.has_content() {
                store_ids(&mut entry, ids, &mut store)?;
            }
            if let Some(listing) = listing {
                listing.push(&entry, &mut store)?;
            }
        }
        if let Some(problem) = problem {
            state.problems_total += 1;
            if state.problems.len() < PROBLEMS_KEPT_MAX {
                state.problems.push(problem);
            }
        }
        state.remember.extend(remember);
        if state.remember.len() >= REMEMBERED_AT_ONCE {
            self.index
                .remember_files(&std::mem::take(&mut state.remember))?;
        }
        Ok(())
    }

    /// Wakes everybody who waits for a turn that will not come.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.turn.notify_all();
    }

    /// Ends listing and problem lists, after all of so many outcomes were delivered.
    ///
    /// # Errors
    /// Of storing metadata chunks; `Index`.
    ///
    /// # Panics
    /// When one is missing: a snapshot must never lack a file that nobody has complained of.
    pub fn finish(&self, outcomes: u64) -> Result<Sequenced> {
        let mut state = self.lock();
        assert_eq!(state.next, outcomes, "everything was delivered");
        self.index
            .remember_files(&std::mem::take(&mut state.remember))?;
        let problems = std::mem::take(&mut state.problems);
        let problems_total = state.problems_total;
        let listing = state.listing.take().ok_or(OpsError::Stopped)?;
        let compressor = &mut state.compressor;
        let mut store = |chunk: &[u8]| self.pipeline.store_metadata(chunk, compressor);
        let listing = listing.finish(&mut store)?;
        let mut problem_chunks = Vec::new();
        let mut list = begin_problem_list();
        for (place, problem) in problems.iter().enumerate() {
            append_problem(&mut list, problem);
            if list.len() >= CUT_BYTES_MIN || place + 1 == problems.len() {
                problem_chunks.push(store(&list)?);
                list = begin_problem_list();
            }
        }
        Ok(Sequenced {
            listing,
            problems,
            problems_total,
            problem_chunks,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
