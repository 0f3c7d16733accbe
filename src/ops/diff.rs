//! `diff`: what changed between two snapshots, as people see it: what is new, gone, altered.

use super::error::shown;
use super::{OpsError, Result};
use crate::format::entry::{Entry, EntryType};
use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::repository::{ChunkReader, Difference, Fetch, ListingDiff, ListingReader, Repository};

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    /// Other bytes in a file, or another target of a link.
    Content,
    /// The same content with other permissions, owner, time or attributes.
    Metadata,
    /// Such as a folder where a file was.
    Type,
}

/// An entry that is not the same in both snapshots; at least one side is there.
#[derive(Debug, Clone)]
pub struct Changed {
    pub change: Change,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

impl Changed {
    /// `None` where nothing changed that a person would call a change: inode and ctime alone, or of a
    /// folder its time alone, which follows from what is in it.
    pub fn of((old, new): Difference) -> Option<Self> {
        let change = match (&old, &new) {
            (None, None) => return None,
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Removed,
            (Some(old), Some(new)) if !is_same_type(old, new) => Change::Type,
            (Some(old), Some(new)) if !is_same_content(old, new) => Change::Content,
            (Some(old), Some(new)) if !is_same_metadata(old, new) => Change::Metadata,
            (Some(_), Some(_)) => return None,
        };
        Some(Self { change, old, new })
    }

    /// The entry as it is now, or as it was last.
    pub fn entry(&self) -> Option<&Entry> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

/// Whether both are files, both folders, and so on. Which of several hard links is listed as the
/// file follows from their names alone.
pub(super) fn is_same_type(old: &Entry, new: &Entry) -> bool {
    old.entry_type() == new.entry_type() || (old.has_content() && new.has_content())
}

pub(super) fn is_same_content(old: &Entry, new: &Entry) -> bool {
    (old.size, &old.chunks, &old.lists, &old.target)
        == (new.size, &new.chunks, &new.lists, &new.target)
}

fn is_same_metadata(old: &Entry, new: &Entry) -> bool {
    let owners = |entry: &Entry| (entry.mode, entry.owner, entry.group);
    owners(old) == owners(new)
        && old.owner_name == new.owner_name
        && old.group_name == new.group_name
        && old.attributes == new.attributes
        && old.first == new.first
        && (old.modified == new.modified || old.entry_type() == EntryType::Folder)
}

/// How much of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: u64,
    pub folders: u64,
    /// Links and whatever else.
    pub others: u64,
    /// Plain bytes of the files.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, entry: &Entry) {
        match entry.entry_type() {
            EntryType::File | EntryType::HardLink => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(entry.size.unwrap_or(0));
            }
            EntryType::Folder => self.folders += 1,
            EntryType::Link | EntryType::Unknown(_) => self.others += 1,
        }
    }
}

/// What a diff comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiffReport {
    pub added: Tally,
    pub removed: Tally,
    /// What has another content now: as it was, and as it is.
    pub changed_before: Tally,
    pub changed_after: Tally,
    /// Entries of which only the metadata changed.
    pub metadata_changed: u64,
    pub type_changed: u64,
}

impl DiffReport {
    fn add(&mut self, changed: &Changed) {
        let Changed { change, old, new } = changed;
        let (gone, come) = match change {
            Change::Added | Change::Removed => (&mut self.removed, &mut self.added),
            Change::Content => (&mut self.changed_before, &mut self.changed_after),
            Change::Metadata => return self.metadata_changed += 1,
            Change::Type => return self.type_changed += 1,
        };
        old.iter().for_each(|entry| gone.add(entry));
        new.iter().for_each(|entry| come.add(entry));
    }
}

/// Visits what changed from `old` to `new` at and beneath `path`, in the order of the listing.
///
/// # Errors
/// `NoSuchFile` when neither snapshot has anything at `path`; of reading the listings; of `visit`.
pub fn diff(
    repository: &Repository,
    index: &Index,
    (old, new): (&Snapshot, &Snapshot),
    path: &[u8],
    visit: &mut dyn FnMut(&Changed) -> Result<()>,
) -> Result<DiffReport> {
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let mut report = DiffReport::default();
    let mut is_there = path.is_empty();
    for difference in ListingDiff::new(&chunks, old.listing, new.listing).beneath(path) {
        is_there = true;
        if let Some(changed) = Changed::of(difference?) {
            report.add(&changed);
            visit(&changed)?;
        }
    }
    // Equal in both, or in neither of them?
    if !is_there {
        let entry = ListingReader::new(&chunks, new.listing)
            .beneath(path)
            .next();
        entry.ok_or_else(|| OpsError::NoSuchFile { path: shown(path) })??;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::cbor::Joined;
    use crate::id::ChunkId;
    use crate::seams::Timestamp;

    fn file() -> Entry {
        let mut entry = Entry::new(1, b"a".to_vec(), EntryType::File);
        entry.size = Some(5);
        entry.chunks = Some(Joined(vec![ChunkId::new([1; 32])]));
        entry
    }

    fn change(old: Entry, new: Entry) -> Option<Change> {
        Changed::of((Some(old), Some(new))).map(|changed| changed.change)
    }

    fn with(mut entry: Entry, alter: impl FnOnce(&mut Entry)) -> Entry {
        alter(&mut entry);
        entry
    }

    #[test]
    fn a_change_is_what_a_person_would_call_one() {
        let time = Some(Timestamp::from_seconds(7));
        let folder = Entry::new(1, b"a".to_vec(), EntryType::Folder);
        let link = Entry::new(1, b"a".to_vec(), EntryType::HardLink);
        let same_link = with(link, |it| {
            (it.chunks, it.size) = (file().chunks, file().size);
        });
        assert_eq!(change(file(), folder.clone()), Some(Change::Type));
        assert_eq!(change(file(), same_link), None);
        let other = with(file(), |it| {
            it.chunks = Some(Joined(vec![ChunkId::new([2; 32])]))
        });
        assert_eq!(change(file(), other), Some(Change::Content));
        let later = with(file(), |it| it.modified = time);
        assert_eq!(change(file(), later), Some(Change::Metadata));
        let moved = with(file(), |it| (it.inode, it.changed) = (Some(9), time));
        assert_eq!(change(file(), moved), None);
        let touched = with(folder.clone(), |it| it.modified = time);
        assert_eq!(change(folder.clone(), touched), None);
        let opened = with(folder.clone(), |it| it.mode = Some(0o777));
        assert_eq!(change(folder, opened), Some(Change::Metadata));
    }
}
