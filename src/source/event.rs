//! What a walk over the roots comes upon.

use std::fmt;
use std::path::PathBuf;

use rustix::fs::FileType;

use super::Metadata;

/// What the walk comes upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Found(Found),
    Problem(Problem),
    /// Something without content to back up; no problem.
    Skipped {
        path: Vec<u8>,
        what: Special,
    },
}

/// A file, a folder or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The number of its root.
    pub root: u32,
    /// Its path inside the snapshot: raw bytes, not necessarily UTF-8.
    pub path: Vec<u8>,
    /// Where it is on this host, without links on the way.
    pub source: PathBuf,
    pub kind: Kind,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// A symbolic link, with its target as it is written.
    Link {
        target: Vec<u8>,
    },
}

/// Something that should be in the snapshot and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub root: u32,
    /// Its path inside the snapshot.
    pub path: Vec<u8>,
    /// Why, in words.
    pub error: String,
}

/// What is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    Socket,
    Fifo,
    BlockDevice,
    CharacterDevice,
    /// `/proc`, `/sys` and their like, met below a root: the kernel's state, not files.
    KernelFolder,
    /// A folder where another file system is mounted, when only one is wanted; the folder is found.
    OtherFileSystem,
    Unknown,
}

impl Special {
    /// `None` for what can be backed up.
    pub(super) fn of(file_type: FileType) -> Option<Self> {
        match file_type {
            FileType::RegularFile | FileType::Directory | FileType::Symlink => None,
            FileType::Socket => Some(Self::Socket),
            FileType::Fifo => Some(Self::Fifo),
            FileType::BlockDevice => Some(Self::BlockDevice),
            FileType::CharacterDevice => Some(Self::CharacterDevice),
            FileType::Unknown => Some(Self::Unknown),
        }
    }
}

/// What stands between "PATH is" and the end of the sentence.
impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Socket => "a socket and is left out",
            Self::Fifo => "a named pipe and is left out",
            Self::BlockDevice => "a block device and is left out",
            Self::CharacterDevice => "a character device and is left out",
            Self::KernelFolder => {
                "a window into the kernel, not a folder of files, and is left out"
            }
            Self::OtherFileSystem => "on another file system: it is kept as an empty folder",
            Self::Unknown => "of an unknown kind and is left out",
        })
    }
}
