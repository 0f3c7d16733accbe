//! The alarm: Immich never changes an original. When many have changed, or are gone while the
//! database still has them, the new snapshot must not be taken for a replacement of older ones.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::noise::is_noise;
use super::verdict::Verdict;
use super::{Audit, IMMICH_ROOT_MAX};
use crate::format::entry::Entry;
use crate::format::snapshot::Snapshot;
use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::error::shown;
use crate::ops::{OpsError, Result};
use crate::repository::{
    ChunkReader, Fetch, ListingDiff, ListingReader, Repository, StoredSnapshot,
};
use crate::source::Root;

/// So many originals must be concerned …
const ALARM_MIN: u64 = 20;
/// … and more than one in so many.
const ALARM_ONE_IN: u64 = 100;
/// The folders that hold originals.
const FOLDERS: [&[u8]; 2] = [b"library", b"upload"];
const MARKER: &str = ".immich";

/// The last good snapshot of an upload location, if there is one.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    pub snapshot: Option<&'k StoredSnapshot>,
}

impl<'k> Known<'k> {
    /// `newest_first`: snapshots of this host; `location`: of the upload location.
    pub fn find(
        mut newest_first: impl Iterator<Item = &'k StoredSnapshot>,
        location: &Path,
    ) -> Self {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let wanted = real(location);
        let snapshot = newest_first.find(|one| {
            one.record.suspect.is_none()
                && immich_roots(&one.record)
                    .any(|(_, folder)| folder.parent().is_some_and(|parent| real(parent) == wanted))
        });
        Self { snapshot }
    }
}

/// Number and folder of the roots of a snapshot that are Immich's.
fn immich_roots(record: &Snapshot) -> impl Iterator<Item = (u32, PathBuf)> {
    let roots = record.roots.iter().filter(|root| root.kind == "immich");
    roots.map(|root| {
        let folder = std::ffi::OsStr::from_bytes(&root.source);
        (root.number, PathBuf::from(folder))
    })
}

/// Refuses a run whose originals are on a disk that is not mounted: a folder, or the marker in it,
/// that the last good snapshot holds is not there.
///
/// # Errors
/// `OriginalsAbsent`; of reading the listing.
pub fn refuse_absent(
    repository: &Repository,
    index: &Index,
    known: Known<'_>,
    roots: &[Root],
) -> Result<()> {
    let Some(StoredSnapshot { record, .. }) = known.snapshot else {
        return Ok(());
    };
    for (number, folder) in immich_roots(record) {
        let absent = |what| OpsError::OriginalsAbsent {
            folder: shown(folder.as_os_str().as_bytes()),
            what,
        };
        let Some(root) = roots.iter().find(|root| root.number == number) else {
            return Err(absent("is not there"));
        };
        if root.folder.join(MARKER).is_file() {
            continue;
        }
        let marker = [root.stored_as.as_slice(), MARKER.as_bytes()].join(&b'/');
        let chunks = ChunkReader::new(repository, index, Fetch::Windows);
        match ListingReader::new(&chunks, record.listing).find(&marker) {
            Ok(Some(_)) => return Err(absent("lacks the file .immich that was in it")),
            Err(error) if !error.is_damage() => return Err(error.into()),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(())
}

/// How many known originals changed, or are gone while the database still has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changes {
    changed: u64,
    gone: u64,
}

/// Compares the listing of a run with that of the last good snapshot. Gives the reason, in a
/// sentence, why the run's snapshot is suspect, if it is.
///
/// # Errors
/// Of reading the two listings.
pub fn changes_of(
    repository: &Repository,
    index: &Index,
    known: Known<'_>,
    listing: (u8, ChunkId),
    audit: Option<&Audit>,
) -> Result<Option<String>> {
    let Some(StoredSnapshot { id, record }) = known.snapshot else {
        return Ok(None);
    };
    let chunks = ChunkReader::new(repository, index, Fetch::Windows);
    let mut changes = Changes::default();
    for folder in FOLDERS {
        for difference in ListingDiff::new(&chunks, record.listing, listing).beneath(folder) {
            if let (Some(old), new) = difference? {
                changes.note(&old, new.as_ref(), audit)?;
            }
        }
    }
    let originals = originals_of(record);
    if !changes.are_alarming(originals) {
        return Ok(None);
    }
    let id = id.to_string();
    let id = id.get(..12).unwrap_or(&id);
    let Changes { changed, gone } = changes;
    let what = match (changed, gone) {
        (changed, 0) => format!("{changed} of {originals} originals have other contents than"),
        (0, gone) => format!(
            "{gone} of {originals} originals that the database still has are gone or unreadable, \
             which were"
        ),
        (changed, gone) => format!(
            "of {originals} originals {changed} have other contents, and {gone} that the database \
             still has are gone or unreadable, compared with those"
        ),
    };
    Ok(Some(format!("{what} in the last good snapshot {id}")))
}

impl Changes {
    fn note(&mut self, old: &Entry, new: Option<&Entry>, audit: Option<&Audit>) -> Result<()> {
        // Immich writes to sidecars, and to nothing else.
        let is_original = old.has_content()
            && old.root <= IMMICH_ROOT_MAX
            && !is_noise(&old.path)
            && !old.path.to_ascii_lowercase().ends_with(b".xmp");
        if !is_original {
            return Ok(());
        }
        match new.filter(|new| new.has_content()) {
            Some(new) if new.sha1 != old.sha1 => self.changed += 1,
            Some(_) => {}
            None => {
                if let Some(audit) = audit
                    && audit.misses(old.root, &old.path)?
                {
                    self.gone += 1;
                }
            }
        }
        Ok(())
    }

    fn are_alarming(self, originals: u64) -> bool {
        let all = self.changed + self.gone;
        all >= ALARM_MIN && all > originals / ALARM_ONE_IN
    }
}

/// How many originals a snapshot holds, as nearly as its record says.
fn originals_of(record: &Snapshot) -> u64 {
    let held = [
        Verdict::Ok,
        Verdict::SizeMismatch,
        Verdict::ChecksumMismatch,
        Verdict::Moved,
        Verdict::StalePath,
        Verdict::Untracked,
    ];
    let counts = held.map(|verdict| record.audit.0.get(verdict.name()).copied());
    let counted = counts.into_iter().flatten();
    let counted = counted.fold(0, u64::saturating_add);
    // Without an audit all files count, those of other folders too.
    if counted == 0 {
        record.statistics.files
    } else {
        counted.min(record.statistics.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_and_more_than_one_in_a_hundred_are_an_alarm() {
        let of = |changed, gone, originals| Changes { changed, gone }.are_alarming(originals);
        assert!(of(20, 0, 100) && of(10, 10, 100) && of(0, 21, 2_099));
        assert!(!of(19, 0, 19) && !of(20, 0, 2_000) && of(21, 0, 2_000));
    }
}
