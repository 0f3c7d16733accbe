//! What a restored thing has beside its content: owner, attributes, permissions, time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::attributes;
use super::beneath::Target;
use crate::format::entry::Entry;
use crate::seams::{DiskOperation, Timestamp};

/// Set-ID bits have no business in a photo library, and a forged listing could bring some.
pub(super) const FILE_MODE: u32 = 0o777;

impl Target {
    /// Gives a file from [`Target::existing_file`], whose content is right, its owner, permissions,
    /// attributes and time where they differ. `false` when it has other names as well, perhaps
    /// outside of the target, for which they would change too.
    ///
    /// # Errors
    /// Of the file system.
    pub fn mend(&self, file: &File, path: &[u8], entry: &Entry) -> io::Result<bool> {
        let found = file.metadata()?;
        let (owner, group) = self.owner_of(entry);
        let is_owned = owner.is_none_or(|owner| owner.as_raw() == found.uid())
            && group.is_none_or(|group| group.as_raw() == found.gid());
        let is_dressed = entry
            .mode
            .is_none_or(|mode| mode & FILE_MODE == found.mode() & 0o7777)
            && is_modified_at(entry, &found)
            && attributes::are_set(file, entry, self.is_root);
        match (is_owned, is_dressed) {
            (true, true) => {}
            // Written anew it would not be given away either.
            (false, true) if found.nlink() > 1 && !self.is_root => {
                self.owners_not_set.fetch_add(1, Ordering::Relaxed);
            }
            _ if found.nlink() > 1 => return Ok(false),
            (false, true) => self.give(file, entry),
            (_, false) => self.dress(file, path, entry, FILE_MODE)?,
        }
        Ok(true)
    }

    /// As [`Target::dress`], of a file that was just made: what it has already is not set again.
    pub(super) fn dress_new(&self, file: &File, path: &[u8], entry: &Entry) -> io::Result<()> {
        self.change(DiskOperation::SetMetadata, path, || {
            let found = file.metadata()?;
            let (owner, group) = self.owner_of(entry);
            let is_owned = owner.is_none_or(|owner| owner.as_raw() == found.uid())
                && group.is_none_or(|group| group.as_raw() == found.gid());
            if !is_owned {
                self.give(file, entry);
            }
            let mode = entry.mode.map(|mode| mode & FILE_MODE);
            let mode = mode.filter(|mode| *mode != found.mode() & 0o7777);
            self.finish_dress(file, entry, mode)
        })
    }

    /// Owner first: changing it clears set-ID bits. Then what a read-only mode would forbid.
    pub(super) fn dress(
        &self,
        what: impl AsFd,
        path: &[u8],
        entry: &Entry,
        mask: u32,
    ) -> io::Result<()> {
        self.change(DiskOperation::SetMetadata, path, || {
            self.give(&what, entry);
            self.finish_dress(&what, entry, entry.mode.map(|mode| mode & mask))
        })
    }

    fn finish_dress(&self, what: impl AsFd, entry: &Entry, mode: Option<u32>) -> io::Result<()> {
        let failed = attributes::set(&what, entry, self.is_root);
        self.attributes_not_set.fetch_add(failed, Ordering::Relaxed);
        if let Some(mode) = mode {
            rustix::fs::fchmod(&what, Mode::from_raw_mode(mode))?;
        }
        if let Some(modified) = entry.modified {
            rustix::fs::futimens(&what, &times(modified))?;
        }
        Ok(())
    }

    fn give(&self, what: impl AsFd, entry: &Entry) {
        let (owner, group) = self.owner_of(entry);
        let given = rustix::fs::fchown(&what, owner, group);
        if given.is_err() && group.is_some() {
            // One of their own groups is what an ordinary user may give.
            let _ = rustix::fs::fchown(&what, None, group);
        }
        self.note_owner(given);
    }

    pub(super) fn owner_of(&self, entry: &Entry) -> (Option<Uid>, Option<Gid>) {
        self.owners.of(entry, self.options.numeric_owners)
    }

    /// An ordinary user cannot give files away: that is counted and told once.
    pub(super) fn note_owner(&self, given: Result<(), Errno>) {
        if given.is_err() {
            self.owners_not_set.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether a file has the time that its entry says.
pub(super) fn is_modified_at(entry: &Entry, found: &std::fs::Metadata) -> bool {
    entry.modified.is_none_or(|modified| {
        seconds_and_nanoseconds(modified) == (found.mtime(), found.mtime_nsec())
    })
}

pub(super) fn times(modified: Timestamp) -> Timestamps {
    let (tv_sec, tv_nsec) = seconds_and_nanoseconds(modified);
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec { tv_sec, tv_nsec },
    }
}

/// As file systems have them: the nanoseconds count forward, before 1970 too.
fn seconds_and_nanoseconds(time: Timestamp) -> (i64, i64) {
    let nanoseconds = time.nanoseconds().rem_euclid(1_000_000_000);
    (time.seconds(), nanoseconds)
}
