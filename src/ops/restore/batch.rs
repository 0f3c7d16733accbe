//! Files by the batch: first it is seen which are there already, then the rest is brought back in
//! the order of the packs, so that a pack is fetched once, however the files lie in it, and is on
//! its way before its turn.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::work::Work;
use crate::format::entry::Entry;
use crate::id::ObjectId;
use crate::ops::{OpsError, Result};
use crate::repository::{Ahead, RepositoryError, read_ids};

/// Entries with their ids that are held at once.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an entry weighs beside its path and ids.
const ENTRY_BYTES: usize = 512;
/// Chunks of one file whose packs are fetched ahead: 64 GiB at the usual size.
const IDS_AHEAD_MAX: usize = 64 * 1024;
/// Threads that fetch ahead. Those that write fetch too, when these come too late.
const FETCHERS: usize = 2;

/// Bytes of files that one thread takes at once.
const RUN_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Files that wait to be restored together.
#[derive(Default)]
pub struct Batch {
    files: Vec<Entry>,
    bytes: usize,
}

impl Batch {
    /// Adds a file; gives all back once they are enough.
    pub fn push(&mut self, file: Entry) -> Option<Vec<Entry>> {
        let ids = file.chunks.as_ref().map_or(0, |ids| ids.0.len());
        let lists = file.lists.as_ref().map_or(0, |(_, ids)| ids.0.len());
        let attributes = file.attributes.iter().flatten();
        let attributes: usize = attributes
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.bytes += ENTRY_BYTES + file.path.len() + 32 * (ids + lists) + attributes;
        self.files.push(file);
        (self.bytes >= BATCH_BYTES_MAX).then(|| self.take())
    }

    pub fn take(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        std::mem::take(&mut self.files)
    }
}

/// Why no more ids are looked at.
enum Stop {
    Enough,
    Failed(RepositoryError),
}

impl From<RepositoryError> for Stop {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error)
    }
}

/// Which packs hold a file, as far as that is known.
struct Located<'e> {
    file: &'e Entry,
    packs: Vec<(ObjectId, u64)>,
}

impl Work<'_> {
    /// Restores files.
    ///
    /// # Errors
    /// What stops the whole restore.
    pub fn restore_batch(&self, files: &[Entry]) -> Result<()> {
        let done: Vec<AtomicBool> = files.iter().map(|_| AtomicBool::new(true)).collect();
        self.on_threads(
            files,
            &|file| file,
            &|place, file| match self.is_done(file) {
                Ok(is_done) => {
                    if let Some(done) = done.get(place) {
                        done.store(is_done, Ordering::Relaxed);
                    }
                    Ok(())
                }
                Err(error) => self.settle(file, Err(error)),
            },
        )?;
        let left = files.iter().zip(&done);
        let left = left.filter(|(_, done)| !done.load(Ordering::Relaxed));
        let left = left.map(|(file, _)| file);
        let direct = left.clone().filter_map(|file| file.chunks.as_ref());
        let direct = direct.flat_map(|ids| ids.0.iter().copied());
        self.chunks.foresee(direct)?;
        let mut left = left
            .map(|file| self.locate(file))
            .collect::<Result<Vec<_>>>()?;
        let packs = order_by_packs(&mut left);
        if self.options.dry_run {
            let bytes: u64 = packs.iter().map(|(_, bytes)| bytes).sum();
            let counts = &self.counts;
            counts.bytes_to_fetch.fetch_add(bytes, Ordering::Relaxed);
            let number = packs.len() as u64;
            counts.packs_to_fetch.fetch_add(number, Ordering::Relaxed);
        }
        let is_ahead = self.repository.seams.threads.workers.is_some() && !self.options.dry_run;
        let ahead = Ahead::new(packs);
        std::thread::scope(|scope| {
            let _end = self.chunks.begin_ahead(&ahead);
            for _ in 0..if is_ahead { FETCHERS } else { 0 } {
                scope.spawn(|| self.chunks.fetch_ahead(&ahead));
            }
            self.on_threads(&left, &|located| located.file, &|_, located| {
                self.progress.item(&located.file.path);
                self.settle(located.file, self.bring(located.file))
            })
        })
    }

    /// Finds the packs of a file, or of its beginning: id lists that repeat each other could go on
    /// for years. That it is damaged is seen when it is read.
    fn locate<'e>(&self, file: &'e Entry) -> Result<Located<'e>> {
        let mut packs: Vec<(ObjectId, u64)> = Vec::new();
        let (mut known, mut ids) = (HashSet::new(), 0);
        let read = read_ids::<Stop>(self.chunks, file, &mut |id| {
            ids += 1;
            if ids > IDS_AHEAD_MAX {
                return Err(Stop::Enough);
            }
            if let Some((pack, bytes)) = self.chunks.pack_of(id)?
                && packs.last().is_none_or(|(last, _)| *last != pack)
                && known.insert(pack)
            {
                packs.push((pack, bytes));
            }
            Ok(())
        });
        match read {
            Err(Stop::Failed(error)) if !error.is_damage() => Err(error.into()),
            _ => Ok(Located { file, packs }),
        }
    }

    /// Does a step for each item, on all threads, in about their order.
    fn on_threads<T: Sync>(
        &self,
        items: &[T],
        file_of: &dyn Fn(&T) -> &Entry,
        step: &(dyn Fn(usize, &T) -> Result<()> + Sync),
    ) -> Result<()> {
        let Some(workers) = self.repository.seams.threads.workers else {
            let mut items = items.iter().enumerate();
            return items.try_for_each(|(place, item)| step(place, item));
        };
        let runs = runs(items.iter().map(file_of));
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<OpsError>> = Mutex::new(None);
        let work = || {
            loop {
                let run = runs.get(next.fetch_add(1, Ordering::Relaxed)).cloned();
                let Some((begin, run)) = run.and_then(|run| Some((run.start, items.get(run)?)))
                else {
                    return;
                };
                let mut run = run.iter().enumerate();
                if let Err(error) = run.try_for_each(|(place, item)| step(begin + place, item)) {
                    // The others find nothing more to do.
                    next.store(runs.len(), Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..workers.get().min(runs.len()) {
                scope.spawn(work);
            }
            work();
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }
}

/// Which files one thread takes at once: small ones of one folder, since threads that make files in
/// the same folder wait for each other in the kernel.
fn runs<'e>(files: impl Iterator<Item = &'e Entry>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let (mut folder, mut bytes): (Option<&[u8]>, u64) = (None, 0);
    for (place, file) in files.enumerate() {
        let above = memchr::memrchr(b'/', &file.path).and_then(|end| file.path.get(..end));
        let above = above.unwrap_or_default();
        bytes = bytes.saturating_add(file.size.unwrap_or(0));
        match runs.last_mut() {
            Some(run) if folder == Some(above) && bytes <= RUN_BYTES_MAX => run.end = place + 1,
            _ => {
                runs.push(place..place + 1);
                bytes = file.size.unwrap_or(0);
            }
        }
        folder = Some(above);
    }
    runs
}

/// Puts files beside each other that lie in the same pack; gives the packs in the order of their
/// first use then.
fn order_by_packs(files: &mut [Located<'_>]) -> Vec<(ObjectId, u64)> {
    let mut ranks: HashMap<ObjectId, usize> = HashMap::new();
    for (pack, _) in files.iter().flat_map(|file| &file.packs) {
        let next = ranks.len();
        ranks.entry(*pack).or_insert(next);
    }
    files.sort_by_key(|file| {
        file.packs
            .first()
            .and_then(|(pack, _)| ranks.get(pack).copied())
    });
    let mut known = HashSet::new();
    let packs = files.iter().flat_map(|file| &file.packs);
    packs
        .filter(|(pack, _)| known.insert(*pack))
        .copied()
        .collect()
}
