//! `restore`: a snapshot into a folder. Every chunk is verified; a file appears under its name
//! only when it is whole; what is there and right already is left alone, so that a repeated run
//! goes on where the last one stopped.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::{shown, with_causes};
use super::pipeline::Chunkers;
use super::queue::Queue;
use super::target::Target;
use super::{OpsError, Result};
use crate::format::entry::{DATABASE_PATH, Entry, EntryType, is_beneath};
use crate::format::snapshot::Snapshot;
use crate::id::ChunkId;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, few_ids, read_content,
};
use crate::source::immich;

/// A file of more chunks than this is not compared with what stands there: 1 TiB, 32 MiB of ids.
const IDS_COMPARED_MAX: usize = 1024 * 1024;
/// Entries that wait for a thread.
const WAITING_MAX: usize = 64;

#[derive(Debug, Clone)]
pub struct RestoreOptions {
    pub target: PathBuf,
    pub files: bool,
    pub database: bool,
    /// Only this path of the snapshot and what is beneath it; empty: all.
    pub path: Vec<u8>,
}

/// What a restore did.
#[derive(Debug, Default)]
pub struct RestoreReport {
    pub files_restored: u64,
    /// They were there already, with the right content.
    pub files_skipped: u64,
    pub bytes_restored: u64,
    /// Path and reason of everything that is not as it should be.
    pub problems: Vec<(Vec<u8>, String)>,
    /// Entries whose owner could not be set, as for everybody but root.
    pub owners_not_set: u64,
}

/// Restores a snapshot.
///
/// # Errors
/// `NoSuchFile`, `NoDatabase` when what was asked for is not in the snapshot; of the store or the
/// target as a whole; what is wrong with single files is in the report.
pub fn restore(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<RestoreReport> {
    repository.read_key("to restore")?;
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let listing = ListingReader::new(&chunks, snapshot.listing);
    refuse_nothing(&listing, snapshot, options)?;
    if options.database && options.files {
        refuse_taken_name(&listing)?;
    }
    let target = Target::open(&options.target, &repository.seams, snapshot.listing.1)
        .map_err(|error| OpsError::file("could not open the folder", &options.target, error))?;
    let whole = options.path.is_empty() && options.files;
    progress.stage("Restoring", whole.then_some(snapshot.statistics.bytes));
    let run = Run {
        repository,
        options,
        progress,
        awaits_dump: options.database && options.path.is_empty() && snapshot.database.is_some(),
        chunks: &chunks,
        chunkers: Chunkers::new(repository)?,
        target,
        counts: Counts::default(),
        problems: Mutex::default(),
        failure: Mutex::new(None),
    };
    run.restore_all(&listing)?;
    if snapshot.profile == "immich" && whole {
        run.mark_immich_folders();
    }
    run.finish_folders(&listing)?;
    run.target
        .sync()
        .map_err(|error| OpsError::file("could not bring to disk", &options.target, error))?;
    progress.finish();
    Ok(run.report())
}

/// Who asks for what the snapshot does not hold must not be told that all is well.
fn refuse_nothing(
    listing: &ListingReader<'_>,
    snapshot: &Snapshot,
    options: &RestoreOptions,
) -> Result<()> {
    if options.database && !options.files && snapshot.database.is_none() {
        return Err(OpsError::NoDatabase);
    }
    let path = &options.path;
    if !path.is_empty() && listing.beneath(path).next().is_none() {
        return Err(OpsError::NoSuchFile { path: shown(path) });
    }
    Ok(())
}

/// The dump goes to `database.sql`: no archived file may have that name.
fn refuse_taken_name(listing: &ListingReader<'_>) -> Result<()> {
    for entry in listing.beneath(DATABASE_PATH) {
        match entry {
            Ok(entry) if !entry.is_database() => {
                return Err(OpsError::DatabaseNameTaken {
                    name: shown(&entry.path),
                });
            }
            Ok(_) => {}
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    restored: AtomicU64,
    skipped: AtomicU64,
    bytes: AtomicU64,
}

struct Run<'r> {
    repository: &'r Repository,
    options: &'r RestoreOptions,
    progress: &'r dyn Progress,
    /// The record says that there is one, and it is asked for.
    awaits_dump: bool,
    chunks: &'r ChunkReader<'r>,
    chunkers: Chunkers,
    target: Target,
    counts: Counts,
    problems: Mutex<Vec<(Vec<u8>, String)>>,
    failure: Mutex<Option<OpsError>>,
}

/// Why one file could not be restored.
enum FileError {
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

impl Run<'_> {
    /// Folders and links here, files on the threads.
    fn restore_all(&self, listing: &ListingReader<'_>) -> Result<()> {
        let workers = self.repository.seams.threads.workers;
        let queue: Queue<Entry> = Queue::new(WAITING_MAX);
        let walked = std::thread::scope(|scope| {
            for _ in 0..workers.map_or(0, std::num::NonZero::get) {
                scope.spawn(|| {
                    let _guard = queue.abandon_on_panic();
                    while let Some(entry) = queue.pop() {
                        if let Err(error) = self.file(&entry.item) {
                            self.fail(error);
                            queue.abandon();
                        }
                    }
                });
            }
            let _guard = queue.abandon_on_panic();
            let walked = self.walk(listing, workers.is_some().then_some(&queue));
            match &walked {
                Ok(()) => queue.close(),
                Err(_) => queue.abandon(),
            }
            walked
        });
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failure.map_or(walked, Err)
    }

    fn walk(&self, listing: &ListingReader<'_>, queue: Option<&Queue<Entry>>) -> Result<()> {
        let (mut above, mut is_found, mut is_dump_found) = (None, false, false);
        for entry in listing.beneath(&self.options.path) {
            let entry = match entry {
                Ok(entry) if is_beneath_a_file(&mut above, &entry) => {
                    let error = "it lies beneath something that is no folder".to_owned();
                    self.problem(entry.path, error);
                    continue;
                }
                Ok(entry) if self.is_wanted(&entry) => entry,
                Ok(_) => continue,
                Err(error) => {
                    is_found = true;
                    self.damage(Vec::new(), error)?;
                    continue;
                }
            };
            is_found = true;
            is_dump_found |= entry.is_database();
            match entry.entry_type() {
                EntryType::File | EntryType::HardLink => match queue {
                    Some(queue) => queue.push(entry, 1).map_err(|_| OpsError::Stopped)?,
                    None => self.file(&entry)?,
                },
                EntryType::Folder => {
                    let made = self.target.make_folder(&entry.path);
                    self.note(&entry, made)?;
                }
                EntryType::Link => {
                    let destination = entry.target.as_deref().map_or(&[] as &[u8], Vec::as_slice);
                    let made = self.target.make_link(&entry.path, destination, &entry);
                    self.note(&entry, made)?;
                }
                EntryType::Unknown(number) => {
                    let error =
                        format!("it is of type {number}, which this version cannot restore");
                    self.problem(entry.path, error);
                }
            }
        }
        if self.awaits_dump && !is_dump_found {
            let error = "the listing does not hold the dump that the snapshot is said to have";
            self.problem(DATABASE_PATH.to_vec(), error.to_owned());
        }
        let path = shown(&self.options.path);
        if is_found || path.is_empty() {
            Ok(())
        } else {
            Err(OpsError::NoSuchFile { path })
        }
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        if entry.is_database() {
            self.options.database
        } else {
            self.options.files
        }
    }

    /// Restores one file; only what stops the whole restore is an error.
    fn file(&self, entry: &Entry) -> Result<()> {
        self.progress.item(&entry.path);
        match self.try_file(entry) {
            Ok(()) => Ok(()),
            Err(FileError::Archive(error)) => self.damage(entry.path.clone(), error),
            Err(FileError::Target(error)) => self.note(entry, Err(error)),
        }
    }

    fn try_file(&self, entry: &Entry) -> Result<(), FileError> {
        let size = entry.size.unwrap_or(0);
        let ids = few_ids(self.chunks, entry, IDS_COMPARED_MAX)?;
        if let Some(ids) = ids
            && self.is_there(entry, &ids, size)?
        {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
            self.progress.advance(size);
            return Ok(());
        }
        let mut file = self.target.begin_file(&entry.path)?;
        read_content::<FileError>(self.chunks, entry, &mut |chunk| {
            file.write(chunk)?;
            self.progress.advance(chunk.len() as u64);
            Ok(())
        })?;
        file.commit(entry)?;
        self.counts.restored.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the file stands there already: of the right size and, cut the same way, of the same
    /// chunks. Then its permissions and time are put right as well.
    fn is_there(&self, entry: &Entry, ids: &[ChunkId], size: u64) -> io::Result<bool> {
        let Some(mut file) = self.target.existing_file(&entry.path, size) else {
            return Ok(false);
        };
        let chunker = if entry.is_database() {
            &self.chunkers.dumps
        } else {
            &self.chunkers.files
        };
        let mut expected = ids.iter();
        let compared = chunker.each_chunk::<io::Error>(&mut file, &mut Vec::new(), &mut |chunk| {
            let id = self.repository.writer.content_id(chunk);
            if expected.next() == Some(&id) {
                Ok(())
            } else {
                Err(io::Error::other("differs"))
            }
        });
        if compared.is_err() || expected.next().is_some() {
            return Ok(false);
        }
        self.target.mend(&file, &entry.path, entry)
    }

    /// Immich does not start without its six folders and a marker in each.
    fn mark_immich_folders(&self) {
        for folder in immich::FOLDERS {
            let marker = format!("{folder}/.immich");
            if self.target.exists(marker.as_bytes()) {
                continue;
            }
            let entry = Entry::new(0, marker.clone().into_bytes(), EntryType::File);
            let made = self
                .target
                .begin_file(marker.as_bytes())
                .and_then(|file| file.commit(&entry));
            if let Err(error) = made {
                self.problem(marker.into_bytes(), error.to_string());
            }
        }
    }

    /// Times of folders last: writing into them changes those.
    fn finish_folders(&self, listing: &ListingReader<'_>) -> Result<()> {
        if !self.options.files {
            return Ok(());
        }
        for entry in listing.beneath(&self.options.path) {
            match entry {
                Ok(entry) if entry.entry_type() == EntryType::Folder => {
                    let finished = self.target.finish_folder(&entry.path, &entry);
                    self.note(&entry, finished)?;
                }
                Err(error) if !error.is_damage() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Damage is the file's problem; a store that is out of reach is everybody's.
    fn damage(&self, path: Vec<u8>, error: RepositoryError) -> Result<()> {
        if !error.is_damage() {
            return Err(error.into());
        }
        self.problem(path, with_causes(&error));
        Ok(())
    }

    /// A full or read-only target is everybody's problem too.
    fn note(&self, entry: &Entry, result: io::Result<()>) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if is_hopeless(&error) => Err(OpsError::file(
                "could not write beneath",
                &self.options.target,
                error,
            )),
            Err(error) => {
                self.problem(entry.path.clone(), error.to_string());
                Ok(())
            }
        }
    }

    fn problem(&self, path: Vec<u8>, error: String) {
        self.problems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((path, error));
    }

    fn fail(&self, error: OpsError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(error, OpsError::Stopped) {
            failure.get_or_insert(error);
        }
    }

    fn report(self) -> RestoreReport {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RestoreReport {
            files_restored: get(&self.counts.restored),
            files_skipped: get(&self.counts.skipped),
            bytes_restored: get(&self.counts.bytes),
            owners_not_set: self.target.owners_not_set(),
            problems: self
                .problems
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Whether the entry lies beneath the last one that is no folder, which `above` remembers. To make a
/// folder for it would take that file away again. In the order of a listing one follows the other.
fn is_beneath_a_file(above: &mut Option<(u32, Vec<u8>)>, entry: &Entry) -> bool {
    let last = above.as_ref();
    if last.is_some_and(|(root, path)| *root == entry.root && is_beneath(&entry.path, path)) {
        return true;
    }
    *above = (entry.entry_type() != EntryType::Folder).then(|| (entry.root, entry.path.clone()));
    false
}

fn is_hopeless(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}
