//! Links: symbolic ones, and second names of a file.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, XattrFlags};
use rustix::io::Errno;

use super::attributes;
use super::beneath::{Standing, Target, split};
use super::dress::{FILE_MODE, is_modified_at, times};
use crate::format::entry::{Entry, check_path};
use crate::seams::DiskOperation;

impl Target {
    /// Makes a symbolic link; a file or link that stands there is replaced.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn make_link(&self, path: &[u8], destination: &[u8], entry: &Entry) -> io::Result<()> {
        check_path(path).map_err(io::Error::other)?;
        let (above, name) = split(path);
        let parent = self.folder(above)?;
        if !self.is_link_to(path, destination) {
            self.change(DiskOperation::Create, path, || {
                match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    // An empty folder may go; one that is not empty is somebody's.
                    Err(Errno::ISDIR | Errno::PERM) => {
                        self.parents.forget();
                        rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
                    }
                    Err(error) => return Err(error.into()),
                }
                let destination = OsStr::from_bytes(destination);
                Ok(rustix::fs::symlinkat(destination, &parent, name)?)
            })?;
        }
        let (owner, group) = self.owner_of(entry);
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        self.note_owner(rustix::fs::chownat(&parent, name, owner, group, flags));
        self.set_link_attributes(&parent, name, entry);
        if let Some(modified) = entry.modified {
            let date = || rustix::fs::utimensat(&parent, name, &times(modified), flags);
            self.change(DiskOperation::SetMetadata, path, || Ok(date()?))?;
        }
        Ok(())
    }

    /// Whether a link stands there that leads to `destination`.
    pub fn is_link_to(&self, path: &[u8], destination: &[u8]) -> bool {
        self.existing_parent(path).is_ok_and(|(parent, name)| {
            rustix::fs::readlinkat(&parent, name, Vec::new())
                .is_ok_and(|found| found.to_bytes() == destination)
        })
    }

    /// A link cannot be opened, so its attributes are set by name in the folder that was opened.
    /// Only root's kinds exist on links.
    fn set_link_attributes(&self, parent: &OwnedFd, name: &OsStr, entry: &Entry) {
        let mut failed = attributes::count(entry);
        if self.is_root && failed > 0 {
            let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
            path.extend_from_slice(name.as_bytes());
            for (name, value) in attributes::wanted(entry) {
                let (path, name) = (OsStr::from_bytes(&path), OsStr::from_bytes(name));
                let set = rustix::fs::lsetxattr(path, name, value, XattrFlags::empty());
                failed -= u64::from(set.is_ok());
            }
        }
        self.attributes_not_set.fetch_add(failed, Ordering::Relaxed);
    }

    /// Whether both paths are names of one and the same file.
    pub fn is_same_file(&self, one: &[u8], two: &[u8]) -> bool {
        let (one, two) = (self.status(one), self.status(two));
        one.is_ok_and(|one| {
            two.is_ok_and(|two| (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino))
        })
    }

    /// Gives the file `first` the second name `path`; what stands there is replaced. `false`: it is
    /// not as the entry says, or cannot have a second name, and the content must be written.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn add_name(&self, first: &[u8], path: &[u8], entry: &Entry) -> io::Result<bool> {
        check_path(path).map_err(io::Error::other)?;
        let Some(file) = self.existing_file(first, entry.size.unwrap_or(0)) else {
            return Ok(false);
        };
        let found = file.metadata()?;
        let mode = entry.mode.map(|mode| mode & FILE_MODE);
        let is_like =
            mode.is_none_or(|mode| mode == found.mode() & 0o7777) && is_modified_at(entry, &found);
        if !is_like || self.standing(path) == Some(Standing::Folder) {
            return Ok(false);
        }
        let (first_parent, first_name) = self.existing_parent(first)?;
        let (above, name) = split(path);
        let parent = self.folder(above)?;
        let temporary = self.temporary_name()?;
        let temporary = temporary.as_str();
        let none = AtFlags::empty();
        let link = || {
            let linked = rustix::fs::linkat(&first_parent, first_name, &parent, temporary, none);
            Ok(linked.is_ok())
        };
        let name_it = || -> io::Result<bool> {
            if !self.change(DiskOperation::Create, path, link)? {
                // No second names on this file system, or too many of them.
                return Ok(false);
            }
            // What was looked at may have been swapped since.
            let made = rustix::fs::statat(&parent, temporary, AtFlags::SYMLINK_NOFOLLOW)?;
            if (made.st_dev, made.st_ino) != (found.dev(), found.ino()) {
                return Ok(false);
            }
            let rename = || rustix::fs::renameat(&parent, temporary, &parent, name);
            self.change(DiskOperation::Rename, path, || Ok(rename()?))?;
            Ok(true)
        };
        let named = name_it();
        // Between two names of one file the rename does nothing and leaves both.
        match rustix::fs::unlinkat(&parent, temporary, none) {
            Ok(()) | Err(Errno::NOENT) => named,
            Err(error) => Err(error.into()),
        }
    }
}
