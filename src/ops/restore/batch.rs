//! Files by the batch: first it is seen which are there already, then what the others need is planned,
//! so that it is fetched once and is on its way before its turn, and they are brought back.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::file::Reading;
use super::work::Work;
use crate::format::entry::Entry;
use crate::ops::{OpsError, Result};
use crate::repository::few_ids;

/// Entries with their ids that are held at once.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an entry weighs beside its path and ids.
const ENTRY_BYTES: usize = 512;
/// Chunks of files that are restored together, and of one of them: a larger one is restored alone.
const IDS_MAX: usize = 8 * 1024;
/// Chunks of one id list, about.
const LIST_IDS: usize = 1024;
/// Bytes of files that one thread takes at once.
const RUN_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Files that wait to be restored together.
#[derive(Default)]
pub struct Batch {
    files: Vec<Entry>,
    bytes: usize,
    ids: usize,
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
        self.ids += ids + (lists * LIST_IDS).min(IDS_MAX);
        self.files.push(file);
        (self.bytes >= BATCH_BYTES_MAX || self.ids >= IDS_MAX).then(|| self.take())
    }

    pub fn take(&mut self) -> Vec<Entry> {
        (self.bytes, self.ids) = (0, 0);
        std::mem::take(&mut self.files)
    }
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
        let (mut ids, mut together, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for (file, _) in left {
            match few_ids(self.chunks, file, IDS_MAX) {
                Ok(Some(some)) => {
                    ids.extend(some);
                    together.push(file);
                }
                Ok(None) => alone.push(file),
                // That it is damaged is said when it is read.
                Err(error) if error.is_damage() => alone.push(file),
                Err(error) => return Err(error.into()),
            }
        }
        let ahead = self.chunks.plan(&ids)?;
        drop(ids);
        let bring = |file: &Entry, how| {
            self.progress.item(&file.path);
            self.settle(file, self.bring(file, how))
        };
        let bring_all = || {
            let step = |_, file: &&Entry| bring(file, Reading::Planned);
            self.on_threads(&together, &|file| file, &step)
        };
        if self.options.dry_run {
            self.count_planned(&ahead);
            bring_all()?;
        } else {
            self.chunks.with_ahead(&ahead, bring_all)?;
        }
        let mut alone = alone.into_iter();
        alone.try_for_each(|file| bring(file, Reading::Alone))
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
