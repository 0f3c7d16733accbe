//! The way to a place in the target: folder by folder, by name, through no link.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::owners::Owners;
use super::parents::Parents;
use super::ways::Ways;
use crate::format::entry::check_path;
use crate::seams::{Disk, DiskOperation, Random, Seams};

pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How a target is treated.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetOptions {
    /// What stands there already is never removed or replaced.
    pub keep_existing: bool,
    /// Owners by number, although they have names that are known here.
    pub numeric_owners: bool,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    File,
    Folder,
    Other,
}

/// Where a restore writes.
pub struct Target {
    /// `None`: nothing is there, and nothing is to be made (a dry run).
    root: Option<Arc<OwnedFd>>,
    pub(super) parents: Parents,
    pub(super) ways: Ways,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    pub(super) random: Arc<dyn Random>,
    pub(super) options: TargetOptions,
    pub(super) owners: Owners,
    pub(super) is_root: bool,
    /// Entries whose owner could not be set.
    pub(super) owners_not_set: AtomicU64,
    /// Extended attributes that could not be set.
    pub(super) attributes_not_set: AtomicU64,
}

impl Target {
    /// Opens the folder; makes it if it is not there.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(path: &Path, seams: &Seams, options: TargetOptions) -> io::Result<Self> {
        let make = || fs::create_dir_all(path);
        seams.disk.change(DiskOperation::CreateFolder, path, make)?;
        Ok(Self::at(Some(root(path)?), path, seams, options))
    }

    /// Opens the folder as it is, to look at it only.
    ///
    /// # Errors
    /// Of the file system; it may well not be there.
    pub fn look(path: &Path, seams: &Seams, options: TargetOptions) -> io::Result<Self> {
        let root = match root(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            root => Some(root?),
        };
        Ok(Self::at(root, path, seams, options))
    }

    fn at(root: Option<OwnedFd>, path: &Path, seams: &Seams, options: TargetOptions) -> Self {
        Self {
            root: root.map(Arc::new),
            parents: Parents::default(),
            ways: Ways::default(),
            path: path.to_path_buf(),
            disk: Arc::clone(&seams.disk),
            random: Arc::clone(&seams.random),
            options,
            owners: Owners::default(),
            is_root: rustix::process::geteuid().is_root(),
            owners_not_set: AtomicU64::new(0),
            attributes_not_set: AtomicU64::new(0),
        }
    }

    pub fn owners_not_set(&self) -> u64 {
        self.owners_not_set.load(Ordering::Relaxed)
    }

    pub fn attributes_not_set(&self) -> u64 {
        self.attributes_not_set.load(Ordering::Relaxed)
    }

    /// The target itself.
    pub(super) fn root(&self) -> io::Result<Arc<OwnedFd>> {
        match &self.root {
            Some(root) => Ok(Arc::clone(root)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Opens a folder; makes it and those above it. What stands in the way and is no folder is
    /// removed, unless all that exists is kept.
    pub(super) fn folder(&self, path: &[u8]) -> io::Result<Arc<OwnedFd>> {
        self.walk(path, &|folder, name| self.step_into(folder, name, path))
    }

    /// A folder that is there, without links on the way; the target itself for the empty path.
    pub(super) fn existing_folder(&self, path: &[u8]) -> io::Result<Arc<OwnedFd>> {
        self.walk(path, &|folder, name| {
            Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
        })
    }

    /// Goes from the target down to a folder, from one to the next by `step`; those that were opened
    /// lately are at hand. A loop: a path may have sixteen thousand parts.
    fn walk(
        &self,
        path: &[u8],
        step: &dyn Fn(&OwnedFd, &OsStr) -> io::Result<OwnedFd>,
    ) -> io::Result<Arc<OwnedFd>> {
        if path.is_empty() {
            return self.root();
        }
        check_path(path).map_err(io::Error::other)?;
        let mut known = path;
        let mut folder = loop {
            match self.parents.find(known) {
                Some(folder) => break folder,
                None => known = split(known).0,
            }
            if known.is_empty() {
                break self.root()?;
            }
        };
        while known.len() < path.len() {
            // Behind what is known and its slash, up to the next.
            let from = known.len() + usize::from(!known.is_empty());
            let rest = path.get(from..).unwrap_or_default();
            let name = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
            folder = Arc::new(step(&folder, OsStr::from_bytes(name))?);
            known = path.get(..from + name.len()).unwrap_or(path);
            self.parents.remember(known, &folder);
        }
        Ok(folder)
    }

    fn step_into(&self, folder: &OwnedFd, name: &OsStr, path: &[u8]) -> io::Result<OwnedFd> {
        match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
            Ok(next) => return Ok(next),
            Err(Errno::NOENT) => {}
            // A link gives LOOP or NOTDIR, a file NOTDIR.
            Err(Errno::LOOP | Errno::NOTDIR) if self.options.keep_existing => {
                return Err(io::Error::other("something that is no folder stands there"));
            }
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let unlink = || rustix::fs::unlinkat(folder, name, AtFlags::empty());
                self.change(DiskOperation::Remove, path, || Ok(unlink()?))?;
            }
            Err(error) => return Err(error.into()),
        }
        let make = || match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        };
        self.change(DiskOperation::CreateFolder, path, make)?;
        Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
    }

    /// The folder above, if it is there without links on the way, and the last name.
    pub(super) fn existing_parent<'p>(
        &self,
        path: &'p [u8],
    ) -> io::Result<(Arc<OwnedFd>, &'p OsStr)> {
        check_path(path).map_err(io::Error::other)?;
        let (above, name) = split(path);
        Ok((self.existing_folder(above)?, name))
    }

    pub(super) fn status(&self, path: &[u8]) -> io::Result<Stat> {
        let (parent, name) = self.existing_parent(path)?;
        Ok(rustix::fs::statat(
            &parent,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// What stands at `path`, if anything does.
    pub fn standing(&self, path: &[u8]) -> Option<Standing> {
        let status = self.status(path).ok()?;
        Some(match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => Standing::File,
            FileType::Directory => Standing::Folder,
            _ => Standing::Other,
        })
    }

    /// Asks the system to bring everything to the disk.
    ///
    /// # Errors
    /// Of the file system.
    pub fn sync(&self) -> io::Result<()> {
        self.change(DiskOperation::Sync, b"", || {
            #[cfg(target_os = "linux")]
            if let Some(root) = &self.root {
                rustix::fs::syncfs(root)?;
            }
            Ok(())
        })
    }

    /// Makes a change at `path`, asking `Seams::disk`.
    pub(super) fn change<T>(
        &self,
        operation: DiskOperation,
        path: &[u8],
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.path.join(OsStr::from_bytes(path));
        self.disk.change(operation, &path, change)
    }
}

/// The folder that a person named: there, and only there, a link is followed.
fn root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Folder and name; the folder is empty at the top.
pub(super) fn split(path: &[u8]) -> (&[u8], &OsStr) {
    let place = path.iter().rposition(|byte| *byte == b'/');
    let (above, name) = place.map_or((&[] as &[u8], path), |place| {
        let (above, rest) = path.split_at(place);
        (above, rest.split_at(1).1)
    });
    (above, OsStr::from_bytes(name))
}
