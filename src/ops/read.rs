//! The reading verbs that give bytes or entries: `ls`, `cat`, `database`; and what they begin with.

use std::io::Write;

use super::error::shown;
use super::look::look;
use super::{OpsError, Result};
use crate::format::entry::{DATABASE_PATH, Entry, EntryType};
use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, SnapshotFilter, StoredSnapshot, read_content,
    resolve,
};

/// A repository whose index is level with the store.
pub struct Opened {
    pub repository: Repository,
    pub index: Index,
    /// Oldest first.
    pub snapshots: Vec<StoredSnapshot>,
}

impl Opened {
    /// Looks at the store.
    ///
    /// # Errors
    /// As [`look`].
    pub fn look(repository: Repository, index: Index, progress: &dyn Progress) -> Result<Self> {
        let snapshots = look(&repository, &index, progress)?;
        Ok(Self {
            repository,
            index,
            snapshots,
        })
    }

    /// The snapshot that a person means.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `AmbiguousSnapshot`, `NoSnapshots`.
    pub fn snapshot(&self, name: &str, filter: &SnapshotFilter) -> Result<&StoredSnapshot> {
        Ok(resolve(&self.snapshots, name, filter)?)
    }
}

/// Visits the entries at and beneath `path`, in order.
///
/// # Errors
/// `NoSuchFile` when there is nothing at `path`; of reading the listing; of `visit`.
pub fn list_entries(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    path: &[u8],
    visit: &mut dyn FnMut(&Entry) -> Result<()>,
) -> Result<()> {
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let mut found = path.is_empty();
    for entry in ListingReader::new(&chunks, snapshot.listing).beneath(path) {
        found = true;
        visit(&entry?)?;
    }
    if found {
        Ok(())
    } else {
        Err(OpsError::NoSuchFile { path: shown(path) })
    }
}

/// Whether there is anything at or beneath `path`.
///
/// # Errors
/// Of reading the listing.
pub fn has_path(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    path: &[u8],
) -> Result<bool> {
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let first = ListingReader::new(&chunks, snapshot.listing)
        .beneath(path)
        .next();
    Ok(first.transpose()?.is_some())
}

/// Writes one file of the snapshot to `out`.
///
/// # Errors
/// `NoSuchFile`, `NotAFile`, `Output`; of reading the archive.
pub fn cat(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    path: &[u8],
    out: &mut dyn Write,
) -> Result<()> {
    repository.read_key("to read a file")?;
    let chunks = ChunkReader::new(repository, index, Fetch::Windows);
    let found = ListingReader::new(&chunks, snapshot.listing).find(path)?;
    let entry = found.ok_or_else(|| OpsError::NoSuchFile { path: shown(path) })?;
    if !matches!(entry.entry_type(), EntryType::File | EntryType::HardLink) {
        return Err(OpsError::NotAFile { path: shown(path) });
    }
    write_content(&chunks, &entry, out)
}

/// Writes the database dump of the snapshot to `out`, byte for byte as it was made.
///
/// # Errors
/// `NoDatabase`, `Output`; of reading the archive.
pub fn database(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    out: &mut dyn Write,
) -> Result<()> {
    repository.read_key("to read the database dump")?;
    if snapshot.database.is_none() {
        return Err(OpsError::NoDatabase);
    }
    let chunks = ChunkReader::new(repository, index, Fetch::Windows);
    let entry = find_dump(&chunks, snapshot)?;
    write_content(&chunks, &entry, out)
}

/// The entry of the dump.
///
/// # Errors
/// `NoDatabase`; of reading the listing.
pub(super) fn find_dump(chunks: &ChunkReader<'_>, snapshot: &Snapshot) -> Result<Entry> {
    for entry in ListingReader::new(chunks, snapshot.listing).beneath(DATABASE_PATH) {
        let entry = entry?;
        if entry.is_database() {
            return Ok(entry);
        }
    }
    Err(OpsError::NoDatabase)
}

fn write_content(chunks: &ChunkReader<'_>, entry: &Entry, out: &mut dyn Write) -> Result<()> {
    read_content::<OpsError>(chunks, entry, &mut |chunk| {
        out.write_all(chunk).map_err(OpsError::Output)
    })?;
    out.flush().map_err(OpsError::Output)
}
