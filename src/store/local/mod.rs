//! A store in a directory. An object is a file of its name; it is written under `tmp/`, synced and
//! renamed, so that a name never shows a part of its bytes, whatever crashes.
//!
//! `write` makes files durable, `walk` lists them in byte order.

mod walk;
mod write;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use rustix::fs::OFlags;

use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window, name};
use crate::seams::{DiskOperation, Seams, Timestamp};

/// Keeps objects as files below one folder.
pub struct Local {
    root: PathBuf,
    seams: Seams,
    /// Folders whose entry in their parent is known to be on disk.
    durable: Mutex<HashSet<PathBuf>>,
    /// Whether the leftovers of killed processes were looked for.
    swept: AtomicBool,
}

impl Local {
    /// Opens a folder that is there.
    ///
    /// # Errors
    /// `NoContainer` when it is not, or is no folder.
    pub fn open(path: &Path, seams: Seams) -> Result<Self> {
        let failed = |kind| StoreError::new(kind, "open", &path.to_string_lossy());
        let root = std::path::absolute(path)
            .map_err(|error| failed(ErrorKind::Invalid).caused_by(error))?;
        match fs::metadata(&root) {
            Ok(metadata) if metadata.is_dir() => Ok(Self::at(root, seams)),
            Ok(_) => Err(failed(ErrorKind::NoContainer).because("it is not a folder")),
            Err(error) if is_absent(&error) => Err(failed(ErrorKind::NoContainer)),
            Err(error) => Err(failed(kind_of(&error)).caused_by(error)),
        }
    }

    /// Opens a folder and makes it, and those above it, where they are missing (mode 0700).
    ///
    /// # Errors
    /// `Denied`, `Full`, or `NoContainer` where something else is in the way.
    pub fn create(path: &Path, seams: Seams) -> Result<Self> {
        let failed = |error: io::Error| {
            StoreError::new(kind_of(&error), "create", &path.to_string_lossy()).caused_by(error)
        };
        let root = std::path::absolute(path).map_err(failed)?;
        let mut missing = Vec::new();
        let mut folder = root.as_path();
        while !folder.exists() {
            missing.push(folder);
            match folder.parent() {
                Some(parent) => folder = parent,
                None => break,
            }
        }
        let store = Self::at(root.clone(), seams);
        for folder in missing.into_iter().rev() {
            store.make_folder(folder).map_err(failed)?;
        }
        let Self { seams, .. } = store;
        Self::open(&root, seams)
    }

    fn at(root: PathBuf, seams: Seams) -> Self {
        Self {
            root,
            seams,
            durable: Mutex::default(),
            swept: AtomicBool::new(false),
        }
    }

    /// Makes one folder and puts its entry on disk.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.seams
            .disk
            .before(DiskOperation::CreateFolder, folder)?;
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        match folder.parent() {
            Some(parent) => self.sync_folder(parent),
            None => Ok(()),
        }
    }

    fn path_of(&self, name: &str, operation: &'static str) -> Result<PathBuf> {
        name::check(name, operation)?;
        Ok(self.root.join(name))
    }

    fn failed(&self, operation: &'static str, name: &str, error: io::Error) -> StoreError {
        let kind = if is_absent(&error) && !self.root.is_dir() {
            ErrorKind::NoContainer
        } else {
            kind_of(&error)
        };
        StoreError::new(kind, operation, name).caused_by(error)
    }

    /// Opens an object for reading. Neither a link nor a named pipe that somebody put there is
    /// followed or waited for.
    fn open_object(&self, path: &Path) -> io::Result<(File, u64)> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            // The flags are a C int, of which the type of the bits is the unsigned twin.
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((file, metadata.len()))
    }
}

impl Store for Local {
    fn url(&self) -> String {
        self.root.display().to_string()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.write(name, &body, write::IfTaken::Replace)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.write(name, &body, write::IfTaken::Refuse)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        let path = self.path_of(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        let failed = |error| self.failed("fetch", name, error);
        let error_of = |kind| StoreError::new(kind, "fetch", name);
        let (file, length) = self.open_object(&path).map_err(failed)?;
        let body = match window {
            Window::Whole { bytes_max } => {
                if length > bytes_max {
                    return Err(error_of(ErrorKind::TooLarge));
                }
                let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
                file.take(length).read_to_end(&mut body).map_err(failed)?;
                body
            }
            Window::Range { start, bytes } => {
                let fits = start.checked_add(bytes).is_some_and(|end| end <= length);
                let bytes = usize::try_from(bytes).ok().filter(|_| fits);
                let bytes = bytes.ok_or_else(|| error_of(ErrorKind::Incomplete))?;
                let mut body = vec![0; bytes];
                match file.read_exact_at(&mut body, start) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => body.clear(),
                    read => read.map_err(failed)?,
                }
                body
            }
        };
        let expected = match window {
            Window::Whole { .. } => length,
            Window::Range { bytes, .. } => bytes,
        };
        if body.len() as u64 != expected {
            return Err(error_of(ErrorKind::Incomplete));
        }
        Ok(Bytes::from(body))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.walk(prefix, visit)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let path = self.path_of(name, "look at")?;
        let metadata =
            fs::symlink_metadata(path).map_err(|error| self.failed("look at", name, error))?;
        if !metadata.is_file() {
            return Err(StoreError::new(ErrorKind::NotFound, "look at", name));
        }
        Ok(info(name.to_owned(), &metadata))
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path_of(name, "delete")?;
        let removed = self
            .seams
            .disk
            .before(DiskOperation::Remove, &path)
            .and_then(|()| fs::remove_file(&path))
            .and_then(|()| {
                path.parent()
                    .map_or(Ok(()), |folder| self.sync_folder(folder))
            });
        match removed {
            Err(error) if is_absent(&error) && self.root.is_dir() => Ok(()),
            removed => removed.map_err(|error| self.failed("delete", name, error)),
        }
    }

    /// The time of a file just made: on a network drive that is the time of its server, as are the
    /// times of the objects.
    fn now(&self) -> Result<Timestamp> {
        self.make_temporary()
            .map(|temporary| temporary.made)
            .map_err(|error| self.failed("ask the time of", "", error))
    }
}

fn info(name: String, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo {
        name,
        bytes: metadata.len(),
        modified: modified(metadata),
    }
}

fn modified(metadata: &Metadata) -> Timestamp {
    let seconds = Timestamp::from_seconds(metadata.mtime()).nanoseconds();
    Timestamp::from_nanoseconds(seconds.saturating_add(metadata.mtime_nsec()))
}

/// Nothing of that name, be it that a part of the name is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidFilename => ErrorKind::Invalid,
        io::ErrorKind::StaleNetworkFileHandle
        | io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::Interrupted => ErrorKind::Transient,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests;
