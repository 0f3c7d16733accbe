//! A host that lost its state recalls from the last snapshot what its files held, so that it need
//! not read terabytes again to find out that nothing changed.
//!
//! It happens once for each source and state folder. What the snapshot says of a file is believed
//! as much as the cache would be: size, times and inode must be those of today, and the file must
//! not have been written to shortly before it was read.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::files::TRUSTED_AFTER;
use crate::format::entry::Entry;
use crate::format::snapshot::Snapshot;
use crate::index::{CachedContent, CachedFile, FileStamp, Index};
use crate::ops::Result;
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, ListingReader, Repository, RepositoryError, few_ids};
use crate::source::Root;

/// Files of more chunks are read again: 1 TiB.
const IDS_MAX: usize = 1024 * 1024;
/// So many bytes of paths and ids are put into the cache at once. Part of the memory bound.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Fills the cache from the last snapshot of the source, unless that was done before.
///
/// # Errors
/// `Index`; `Store` when it is out of reach. A damaged listing is no error: what cannot be recalled
/// is read.
pub fn files(
    repository: &Repository,
    index: &Index,
    roots: &[Root],
    parent: Option<&Snapshot>,
    progress: &dyn Progress,
) -> Result<()> {
    let source = name(roots);
    if index.is_recalled(&source)? {
        return Ok(());
    }
    if let Some(parent) = parent {
        progress.stage("Recalling what the files held", None);
        recall(repository, index, roots, parent)?;
        progress.finish();
    }
    Ok(index.set_recalled(&source)?)
}

fn recall(repository: &Repository, index: &Index, roots: &[Root], parent: &Snapshot) -> Result<()> {
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let listing = ListingReader::new(&chunks, parent.listing);
    let places: Vec<_> = roots.iter().filter_map(Place::of).collect();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for entry in listing.beneath(b"") {
        let file = entry.and_then(|entry| cached(&chunks, &places, parent, &entry));
        match file {
            Ok(None) => {}
            Ok(Some(file)) => {
                bytes += 200 + file.path.len() + 32 * file.content.chunks.len();
                batch.push(file);
            }
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
        if bytes >= BATCH_BYTES {
            index.recall_files(&std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    Ok(index.recall_files(&batch)?)
}

/// What the cache would say of the file; `None` for what it would not keep.
fn cached(
    chunks: &ChunkReader<'_>,
    places: &[Place<'_>],
    parent: &Snapshot,
    entry: &Entry,
) -> std::result::Result<Option<CachedFile>, RepositoryError> {
    let known = (
        entry.size,
        entry.modified,
        entry.changed,
        entry.inode,
        entry.sha1.as_ref(),
        places
            .iter()
            .find(|place| place.root.number == entry.root)
            .and_then(|place| place.path(entry)),
    );
    let (Some(size), Some(modified), Some(changed), Some(inode), Some(sha1), Some(path)) = known
    else {
        return Ok(None);
    };
    if !entry.has_content() || modified.max(changed).plus(TRUSTED_AFTER) >= parent.started {
        return Ok(None);
    }
    let Some(chunks) = few_ids(chunks, entry, IDS_MAX)? else {
        return Ok(None);
    };
    let stamp = FileStamp {
        size,
        modified,
        changed,
        inode,
    };
    let content = CachedContent {
        sha1: **sha1,
        chunks,
        // None may be none, or a program that did not keep them: then they are read.
        attributes: entry.attributes.clone(),
    };
    Ok(Some(CachedFile {
        path,
        stamp,
        content,
    }))
}

/// A root as the walk will enter it: it follows the links on the way there, once.
struct Place<'r> {
    root: &'r Root,
    folder: PathBuf,
}

impl<'r> Place<'r> {
    fn of(root: &'r Root) -> Option<Self> {
        let folder = std::fs::canonicalize(&root.folder).ok()?;
        Some(Self { root, folder })
    }

    /// Where the walk will come upon an entry of the snapshot.
    fn path(&self, entry: &Entry) -> Option<Vec<u8>> {
        let below = entry.path.strip_prefix(self.root.stored_as.as_slice())?;
        let below = below.strip_prefix(b"/").unwrap_or(below);
        let path = if below.is_empty() {
            self.folder.clone()
        } else {
            self.folder.join(OsString::from_vec(below.to_vec()))
        };
        Some(path.into_os_string().into_vec())
    }
}

/// Tells sources of one host apart.
fn name(roots: &[Root]) -> Vec<u8> {
    let mut name = Vec::new();
    for root in roots {
        name.extend_from_slice(root.folder.as_os_str().as_bytes());
        name.push(0);
    }
    name
}
