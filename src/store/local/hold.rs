//! Keeps a sweep of the directory and those who write to it apart, by `flock` on a file under
//! `tmp/`: the kernel lets go of it, so it never goes stale.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::folder::Local;
use crate::seams::DiskOperation;
use crate::store::{ErrorKind, Result, StoreError, name};

/// Never removed: whoever holds it holds the file, not the name.
pub(super) const FILE: &str = "held";

impl Local {
    /// The locked file; `None` where the file system knows no locks.
    pub(super) fn lock(&self, exclusive: bool) -> Result<Option<File>> {
        let file = self
            .open_lock_file()
            .map_err(|error| self.failed("hold", "", error))?;
        let operation = match exclusive {
            true => FlockOperation::NonBlockingLockExclusive,
            false => FlockOperation::NonBlockingLockShared,
        };
        match flock(&file, operation) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Err(StoreError::new(ErrorKind::InUse, "hold", "")),
            Err(Errno::NOSYS | Errno::NOTSUP | Errno::INVAL | Errno::NOLCK) => Ok(None),
            Err(error) => Err(self.failed("hold", "", error.into())),
        }
    }

    fn open_lock_file(&self) -> io::Result<File> {
        let folder = self.root.join(name::TEMPORARY);
        let path = folder.join(FILE);
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
        };
        let make = || match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_there() => {
                self.make_folder(&folder)?;
                open()
            }
            opened => opened,
        };
        self.seams.disk.change(DiskOperation::Create, &path, make)
    }
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
