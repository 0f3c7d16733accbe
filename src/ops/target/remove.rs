//! Taking away what is not in the snapshot (`--delete`), never through a link.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode};

use super::beneath::{FOLDER, Target};
use super::names::names_in;
use super::unfinished::{is_temporary, left_over, take_away};
use crate::seams::DiskOperation;

/// Folders in folders that are gone into; deeper ones stay.
const DEPTH_MAX: usize = 256;

impl Target {
    /// The names in a folder that `is_surplus` finds too many; none where there is no folder. What
    /// another restore is writing is nobody's surplus.
    ///
    /// # Errors
    /// Of the file system.
    pub fn surplus(
        &self,
        path: &[u8],
        is_surplus: &dyn Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<Vec<u8>>> {
        let Ok(folder) = self.existing_folder(path) else {
            return Ok(Vec::new());
        };
        let mut surplus = Vec::new();
        names_in(&folder, &mut |name| {
            if is_surplus(name) {
                surplus.push(name.to_vec());
            }
        })?;
        surplus.retain(|name| {
            !is_temporary(name) || left_over(&folder, OsStr::from_bytes(name)).is_some()
        });
        surplus.sort_unstable();
        Ok(surplus)
    }

    /// Removes what stands at `path`, a folder with all that is in it; `visit` is told of each thing
    /// before it goes. With `dry`, nothing goes.
    ///
    /// # Errors
    /// Of the file system.
    pub fn remove(&self, path: &[u8], dry: bool, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let (parent, _) = self.existing_parent(path)?;
        self.remove_from(&parent, path, dry, DEPTH_MAX, visit)
    }

    fn remove_from(
        &self,
        parent: &OwnedFd,
        path: &[u8],
        dry: bool,
        depth: usize,
        visit: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        let (_, name) = super::beneath::split(path);
        let status = rustix::fs::statat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(status.st_mode);
        let mut flags = AtFlags::empty();
        if kind == FileType::RegularFile && is_temporary(name.as_bytes()) {
            return self.remove_left_over(parent, path, dry, visit);
        }
        if kind == FileType::Directory {
            let folder = rustix::fs::openat(parent, name, FOLDER, Mode::empty())?;
            let mut names = Vec::new();
            names_in(&folder, &mut |name| names.push(name.to_vec()))?;
            if depth == 0 && !names.is_empty() {
                return Err(io::Error::other("its folders are nested too deeply"));
            }
            for name in names {
                let inner = [path, b"/", &name].concat();
                self.remove_from(&folder, &inner, dry, depth.saturating_sub(1), visit)?;
            }
            flags = AtFlags::REMOVEDIR;
            self.parents.forget();
        }
        visit(path);
        if !dry {
            let unlink = || rustix::fs::unlinkat(parent, name, flags);
            self.change(DiskOperation::Remove, path, || Ok(unlink()?))?;
        }
        Ok(())
    }

    /// Somebody may have begun to write it meanwhile; then it stays.
    fn remove_left_over(
        &self,
        parent: &OwnedFd,
        path: &[u8],
        dry: bool,
        visit: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        let (_, name) = super::beneath::split(path);
        let Some(_lock) = left_over(parent, name) else {
            return Ok(());
        };
        visit(path);
        if !dry {
            let take = || take_away(parent, name);
            self.change(DiskOperation::Remove, path, take)?;
        }
        Ok(())
    }
}
