//! The directory of a store: opening and making it, making folders in it, opening files of it, and
//! what the errors of the system mean.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use rustix::fs::OFlags;

use crate::buffers::Buffers;
use crate::seams::{DiskOperation, Seams, Timestamp};
use crate::store::{ErrorKind, ObjectInfo, Result, StoreError, name};

/// Memory that is kept for the next object: as much as two packs take.
const IDLE_BYTES_MAX: usize = 40 * 1024 * 1024;

/// Keeps objects as files below one folder.
pub struct Local {
    pub(super) root: PathBuf,
    pub(super) seams: Seams,
    /// Folders whose entry in their parent is known to be on disk.
    pub(super) durable: Mutex<HashSet<PathBuf>>,
    /// Whether the leftovers of killed processes were looked for.
    pub(super) swept: AtomicBool,
    /// Where objects are read into.
    pub(super) buffers: Buffers,
    /// Something was in the folder when it was opened.
    was_filled: bool,
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
            Ok(_) => Err(failed(ErrorKind::NoContainer).because("what is there is not a folder")),
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
            seams,
            durable: Mutex::default(),
            swept: AtomicBool::new(false),
            buffers: Buffers::new(IDLE_BYTES_MAX),
            was_filled: holds_anything(&root),
            root,
        }
    }

    /// Whether the folder is still the one that was opened. When its disk is unmounted meanwhile, an
    /// empty one shows in its place: nothing is missing from that, and nothing must be made in it.
    pub(super) fn is_there(&self) -> bool {
        self.root.is_dir() && (!self.was_filled || holds_anything(&self.root))
    }

    /// Makes one folder and puts its entry on disk.
    pub(super) fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let make = || match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            made => made,
        };
        let disk = &self.seams.disk;
        disk.change(DiskOperation::CreateFolder, folder, make)?;
        match folder.parent() {
            Some(parent) => self.sync_folder(parent),
            None => Ok(()),
        }
    }

    /// Puts the entries of a folder on disk.
    pub(super) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let sync = || match File::open(folder)?.sync_all() {
            // Some network and FUSE file systems cannot sync a folder and need not.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            synced => synced,
        };
        self.seams.disk.change(DiskOperation::Sync, folder, sync)
    }

    pub(super) fn path_of(&self, name: &str, operation: &'static str) -> Result<PathBuf> {
        name::check(name, operation)?;
        Ok(self.root.join(name))
    }

    pub(super) fn failed(
        &self,
        operation: &'static str,
        name: &str,
        error: io::Error,
    ) -> StoreError {
        let kind = if is_absent(&error) && !self.is_there() {
            ErrorKind::NoContainer
        } else {
            kind_of(&error)
        };
        StoreError::new(kind, operation, name).caused_by(error)
    }

    /// Opens an object for reading. Neither a link nor a named pipe that somebody put there is
    /// followed or waited for.
    pub(super) fn open_object(&self, path: &Path) -> io::Result<(File, u64)> {
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

/// What cannot be read may hold something.
fn holds_anything(folder: &Path) -> bool {
    let first = fs::read_dir(folder).map(|mut entries| entries.next().is_some());
    first.unwrap_or_else(|error| !is_absent(&error))
}

pub(super) fn info(name: String, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo {
        name,
        bytes: metadata.len(),
        modified: modified(metadata),
    }
}

pub(super) fn modified(metadata: &Metadata) -> Timestamp {
    let seconds = Timestamp::from_seconds(metadata.mtime()).nanoseconds();
    Timestamp::from_nanoseconds(seconds.saturating_add(metadata.mtime_nsec()))
}

/// Nothing of that name, be it that a part of the name is a file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        // Over what the file system, or a limit of this user, allows.
        | io::ErrorKind::FileTooLarge => ErrorKind::Full,
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
