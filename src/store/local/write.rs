//! How a file becomes an object: made under `tmp/`, written, synced, renamed into place, and the
//! folder synced, as well as every folder on the way that was made for it. Only then has `put`
//! happened. Each step asks `Seams::disk` first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::folder::{Local, is_absent, modified};
use super::hold;
use crate::seams::{DiskOperation, Timestamp, WRITTEN_AT_ONCE};
use crate::store::{ErrorKind, Result, StoreError, name};

/// A temporary file is a leftover once it is older, by the store's own time: never less, for
/// another writer may be at it.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do when there is an object of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfTaken {
    Replace,
    Refuse,
}

/// A file under `tmp/`, removed again unless it was placed.
pub(super) struct Temporary<'a> {
    store: &'a Local,
    path: PathBuf,
    file: File,
    /// Its modification time as the file system gave it: the store's time.
    pub(super) made: Timestamp,
    is_placed: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed now is found by a later process.
            self.store.remove(&self.path).ok();
        }
    }
}

impl Local {
    pub(super) fn write(&self, name: &str, body: &Bytes, if_taken: IfTaken) -> Result<()> {
        let path = self.path_of(name, "store")?;
        let failed = |error: io::Error| self.failed_to_write(name, error);
        if if_taken == IfTaken::Refuse && path.symlink_metadata().is_ok() {
            // Spares the writing; the rename decides.
            return Err(StoreError::new(ErrorKind::AlreadyExists, "store", name));
        }
        let mut temporary = self.make_temporary().map_err(failed)?;
        self.remove_leftovers(temporary.made);
        self.fill(&mut temporary, body).map_err(failed)?;
        self.make_parents(name).map_err(failed)?;
        self.place(&mut temporary, &path, if_taken)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists if if_taken == IfTaken::Refuse => {
                    StoreError::new(ErrorKind::AlreadyExists, "store", name)
                }
                _ => failed(error),
            })
    }

    fn failed_to_write(&self, name: &str, error: io::Error) -> StoreError {
        let mut error = self.failed("store", name, error);
        if error.kind == ErrorKind::NotFound {
            // The folder went away between two steps; "not found" would mean the object.
            error.kind = ErrorKind::Transient;
        }
        error
    }

    /// Makes an empty file of a random name, mode 0600.
    pub(super) fn make_temporary(&self) -> io::Result<Temporary<'_>> {
        let mut random = [0; 16];
        self.seams.random.fill(&mut random)?;
        let folder = self.root.join(name::TEMPORARY);
        let path = folder.join(format!("{:032x}", u128::from_le_bytes(random)));
        let disk = &self.seams.disk;
        disk.before(DiskOperation::Create, &path)?;
        let create = || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
        };
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_there() => {
                self.make_folder(&folder)?;
                create()?
            }
            made => made?,
        };
        let seen = disk.after(DiskOperation::Create, &path);
        let made = match seen.and_then(|()| file.metadata()) {
            Ok(metadata) => modified(&metadata),
            Err(error) => {
                self.remove(&path).ok();
                return Err(error);
            }
        };
        Ok(Temporary {
            store: self,
            path,
            file,
            made,
            is_placed: false,
        })
    }

    fn fill(&self, temporary: &mut Temporary<'_>, body: &[u8]) -> io::Result<()> {
        let Temporary { path, file, .. } = temporary;
        for piece in body.chunks(WRITTEN_AT_ONCE) {
            let write = || file.write_all(piece);
            self.seams.disk.change(DiskOperation::Write, path, write)?;
        }
        let sync = || file.sync_all();
        self.seams.disk.change(DiskOperation::Sync, path, sync)
    }

    /// Makes the folders of a name durable, one below the other.
    ///
    /// A folder that is there already may not be on disk yet: another thread has just made it, or
    /// a process that was killed. So each is synced into its parent once by every process.
    fn make_parents(&self, name: &str) -> io::Result<()> {
        let mut folder = self.root.clone();
        let mut parts: Vec<&str> = name.split('/').collect();
        parts.pop();
        for part in parts {
            folder.push(part);
            let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
            if !durable.contains(&folder) {
                self.make_folder(&folder)?;
                durable.insert(folder.clone());
            }
        }
        Ok(())
    }

    fn place(
        &self,
        temporary: &mut Temporary<'_>,
        path: &Path,
        if_taken: IfTaken,
    ) -> io::Result<()> {
        self.seams.disk.before(DiskOperation::Rename, path)?;
        let renamed = match if_taken {
            IfTaken::Replace => fs::rename(&temporary.path, path),
            IfTaken::Refuse => rename_if_free(&temporary.path, path),
        };
        if let Err(error) = renamed {
            if is_absent(&error) {
                // Somebody removed a folder behind our back: do not trust the memory of any.
                self.durable
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clear();
            }
            return Err(error);
        }
        temporary.is_placed = true;
        self.seams.disk.after(DiskOperation::Rename, path)?;
        path.parent()
            .map_or(Ok(()), |folder| self.sync_folder(folder))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let remove = || fs::remove_file(path);
        self.seams.disk.change(DiskOperation::Remove, path, remove)
    }

    /// Once a process: removes what killed ones left under `tmp/`. A process that only reads never
    /// comes here. What cannot be removed does no harm and is left.
    fn remove_leftovers(&self, now: Timestamp) {
        if self.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let Ok(entries) = fs::read_dir(self.root.join(name::TEMPORARY)) else {
            return;
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if entry.file_name() == hold::FILE {
                continue;
            }
            if metadata.is_file() && now.since(modified(&metadata)) > LEFTOVER_AGE {
                self.remove(&entry.path()).ok();
            }
        }
    }
}

/// Renames only if nothing has the new name, in one step wherever the system has one.
fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system (NFS, many a FUSE) does not know the flag: a hard link refuses as well.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        renamed => return Ok(renamed?),
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // No links either (exFAT): as well as it can be done.
        Err(_) if to.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}
