//! What all parts of a restore share: where from, where to, what is counted, what went wrong.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::options::{LISTED_BYTES_MAX, LISTED_MAX, RestoreOptions, RestoreReport};
use crate::format::entry::Entry;
use crate::ops::error::with_causes;
use crate::ops::pipeline::Chunkers;
use crate::ops::target::Target;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{ChunkReader, Repository, RepositoryError};

/// A restore at work; shared by its threads.
pub struct Work<'r> {
    pub repository: &'r Repository,
    pub options: &'r RestoreOptions,
    pub progress: &'r dyn Progress,
    pub chunks: &'r ChunkReader<'r>,
    pub chunkers: Chunkers,
    pub target: Target,
    pub counts: Counts,
    list: Mutex<List>,
}

#[derive(Default)]
pub struct Counts {
    pub restored: AtomicU64,
    pub replaced: AtomicU64,
    pub skipped: AtomicU64,
    pub bytes: AtomicU64,
    pub bytes_to_fetch: AtomicU64,
    pub packs_to_fetch: AtomicU64,
    pub fetches: AtomicU64,
}

#[derive(Default)]
struct List {
    problems: Vec<(Vec<u8>, String)>,
    /// Of all paths and sentences that are held.
    bytes: usize,
    problems_total: u64,
    deleted: u64,
    deleted_paths: Vec<Vec<u8>>,
    delete_refused: Option<String>,
}

impl List {
    fn has_room_for(&mut self, bytes: usize, listed: usize) -> bool {
        let has_room = listed < LISTED_MAX && self.bytes < LISTED_BYTES_MAX;
        self.bytes += if has_room { bytes } else { 0 };
        has_room
    }
}

/// Why one file could not be restored.
pub enum FileError {
    Archive(RepositoryError),
    Target(io::Error),
}

impl From<RepositoryError> for FileError {
    fn from(error: RepositoryError) -> Self {
        Self::Archive(error)
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}

impl<'r> Work<'r> {
    pub fn new(
        repository: &'r Repository,
        options: &'r RestoreOptions,
        progress: &'r dyn Progress,
        chunks: &'r ChunkReader<'r>,
        target: Target,
    ) -> Result<Self> {
        Ok(Self {
            repository,
            options,
            progress,
            chunks,
            chunkers: Chunkers::new(repository)?,
            target,
            counts: Counts::default(),
            list: Mutex::default(),
        })
    }

    /// What became of one entry: only what stops the whole restore is an error.
    pub fn settle(&self, entry: &Entry, result: Result<(), FileError>) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(FileError::Archive(error)) => self.damage(entry.path.clone(), error),
            Err(FileError::Target(error)) => self.note(&entry.path, Err(error)),
        }
    }

    /// Damage is the file's problem; a store that is out of reach is everybody's.
    pub fn damage(&self, path: Vec<u8>, error: RepositoryError) -> Result<()> {
        if !error.is_damage() {
            return Err(error.into());
        }
        self.problem(path, with_causes(&error));
        Ok(())
    }

    /// A full or read-only target is everybody's problem too.
    pub fn note(&self, path: &[u8], result: io::Result<()>) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if is_hopeless(&error) => Err(OpsError::file(
                "could not write beneath",
                &self.options.target,
                error,
            )),
            Err(error) => {
                self.problem(path.to_vec(), error.to_string());
                Ok(())
            }
        }
    }

    pub fn problem(&self, path: Vec<u8>, error: String) {
        let mut list = self.list();
        list.problems_total += 1;
        let listed = list.problems.len();
        if list.has_room_for(path.len() + error.len(), listed) {
            list.problems.push((path, error));
        }
    }

    /// Something was removed, or would be.
    pub fn deleted(&self, path: &[u8]) {
        let mut list = self.list();
        list.deleted += 1;
        let listed = list.deleted_paths.len();
        if list.has_room_for(path.len(), listed) {
            list.deleted_paths.push(path.to_vec());
        }
    }

    /// Nothing more is removed, because of this.
    pub fn refuse_delete(&self, reason: &str) {
        self.list()
            .delete_refused
            .get_or_insert_with(|| reason.to_owned());
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn report(self) -> RestoreReport {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let list = self
            .list
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        RestoreReport {
            files_restored: get(&self.counts.restored),
            files_replaced: get(&self.counts.replaced),
            files_skipped: get(&self.counts.skipped),
            bytes_restored: get(&self.counts.bytes),
            bytes_to_fetch: get(&self.counts.bytes_to_fetch),
            packs_to_fetch: get(&self.counts.packs_to_fetch),
            fetches: get(&self.counts.fetches),
            deleted: list.deleted,
            deleted_paths: list.deleted_paths,
            delete_refused: list.delete_refused,
            problems: list.problems,
            problems_total: list.problems_total,
            owners_not_set: self.target.owners_not_set(),
            attributes_not_set: self.target.attributes_not_set(),
        }
    }
}

fn is_hopeless(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}
