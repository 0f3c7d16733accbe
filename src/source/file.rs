//! Reads one file of the host, and tells afterwards whether it held still meanwhile.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Metadata, Result, SourceError};

/// NONBLOCK: a named pipe that took the file's place must not hold up the backup.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// A file that grows while it is read is read so far beyond the size it had: its end may never come.
const GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One open file.
#[derive(Debug)]
pub struct FileReader {
    file: File,
    path: PathBuf,
    at_open: Metadata,
    bytes_read: u64,
}

/// How a file changed while it was read: what was read may be a mixture of old and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It grew or shrank.
    Size { before: u64, after: u64 },
    /// Its times changed: it was written to, or its owner, permissions or names were changed.
    Times,
    /// Fewer or more bytes could be read than it has.
    Length { read: u64, size: u64 },
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { before, after } => {
                write!(
                    f,
                    "its size went from {before} to {after} bytes while it was read"
                )
            }
            Self::Times => f.write_str("it was changed while it was read"),
            Self::Length { read, size } => {
                write!(
                    f,
                    "{read} bytes could be read, but it is said to have {size}"
                )
            }
        }
    }
}

/// What is known of a file after it was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// As it was when it was opened.
    pub metadata: Metadata,
    pub bytes_read: u64,
    /// `None`: what was read is the file, whole, as it was at one time.
    pub changed: Option<Changed>,
}

impl FileReader {
    /// Opens a regular file by a path without links in it, such as [`Found::source`]; leaves its
    /// access time alone where the system allows that.
    ///
    /// [`Found::source`]: super::Found::source
    ///
    /// # Errors
    /// When it cannot be opened, or is no longer a regular file, or a link stands in the way.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |errno: Errno| SourceError::Open {
            path: path.into(),
            source: errno.into(),
        };
        let file = File::from(open_quietly(path, FLAGS).map_err(failed)?);
        let stat = rustix::fs::fstat(&file).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(SourceError::NotAFile { path: path.into() });
        }
        // Only a hint, to read further ahead; systems without it are none the worse.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        let at_open = Metadata::from_stat(&stat);
        Ok(Self {
            file,
            path: path.into(),
            at_open,
            bytes_read: 0,
        })
    }

    /// As it was when it was opened: newer than what the walk saw.
    pub fn metadata(&self) -> &Metadata {
        &self.at_open
    }

    /// Looks at the file once more, after it was read to its end.
    ///
    /// # Errors
    /// When the file system no longer answers.
    pub fn finish(self) -> Result<Finished> {
        let stat = rustix::fs::fstat(&self.file).map_err(|errno| SourceError::Open {
            path: self.path,
            source: errno.into(),
        })?;
        let now = Metadata::from_stat(&stat);
        let then = self.at_open;
        let changed = if now.size != then.size {
            Some(Changed::Size {
                before: then.size,
                after: now.size,
            })
        } else if self.bytes_read != then.size {
            Some(Changed::Length {
                read: self.bytes_read,
                size: then.size,
            })
        } else if (now.modified, now.changed) != (then.modified, then.changed) {
            Some(Changed::Times)
        } else {
            None
        };
        Ok(Finished {
            metadata: then,
            bytes_read: self.bytes_read,
            changed,
        })
    }
}

/// For what else belongs to the open file.
impl AsFd for FileReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes_read >= self.at_open.size.saturating_add(GROWTH_BYTES_MAX) {
            // `finish` says that it grew.
            return Ok(0);
        }
        let count = self.file.read(buffer)?;
        self.bytes_read += count as u64;
        Ok(count)
    }
}

/// Opens without touching the access time, which only the owner of a file and root may ask for, and
/// without following any link: a folder on the way that was swapped for a link since the walk must
/// not lead a backup that runs as root to another's files.
#[cfg(target_os = "linux")]
fn open_quietly(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{CWD, ResolveFlags};

    let plain = |flags| rustix::fs::open(path, flags, Mode::empty());
    let strict =
        |flags| rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    match strict(flags | OFlags::NOATIME).or_else(|errno| match errno {
        Errno::PERM => strict(flags),
        other => Err(other),
    }) {
        // Kernels before 5.6 do not know openat2, some sandboxes forbid it.
        Err(Errno::NOSYS | Errno::PERM) => {}
        other => return other,
    }
    match plain(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => plain(flags),
        other => other,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_quietly(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, flags, Mode::empty())
}

/// The same for a folder.
pub(super) fn open_folder_quietly(path: &Path) -> Result<OwnedFd, Errno> {
    open_quietly(path, FLAGS | OFlags::DIRECTORY)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_quiet_file_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("photo");
        std::fs::write(&path, b"bytes").unwrap();
        let mut reader = FileReader::open(&path).unwrap();
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"bytes");
        let finished = reader.finish().unwrap();
        assert_eq!((finished.bytes_read, finished.changed), (5, None));
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("growing");
        std::fs::write(&path, b"12345").unwrap();
        let mut reader = FileReader::open(&path).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"67").unwrap();
        io::copy(&mut reader, &mut io::sink()).unwrap();
        let changed = reader.finish().unwrap().changed;
        assert_eq!(
            changed,
            Some(Changed::Size {
                before: 5,
                after: 7
            })
        );
    }

    /// Somebody may write faster than a backup reads.
    #[test]
    fn a_file_that_grows_without_end_is_not_read_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("log");
        std::fs::write(&path, b"12345").unwrap();
        let mut reader = FileReader::open(&path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        let read = io::copy(&mut reader, &mut io::sink()).unwrap();
        assert!(read < 2 * GROWTH_BYTES_MAX, "{read}");
        let changed = reader.finish().unwrap().changed;
        assert!(matches!(changed, Some(Changed::Size { .. })));
    }

    #[test]
    fn rewriting_in_place_and_stopping_early_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("file");
        std::fs::write(&path, b"12345").unwrap();
        let mut reader = FileReader::open(&path).unwrap();
        io::copy(&mut reader, &mut io::sink()).unwrap();
        // The times of some file systems are coarse: change them by a wide margin.
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(reader.finish().unwrap().changed, Some(Changed::Times));

        let reader = FileReader::open(&path).unwrap();
        let changed = reader.finish().unwrap().changed;
        assert_eq!(changed, Some(Changed::Length { read: 0, size: 5 }));
    }

    #[test]
    fn links_pipes_and_folders_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        std::fs::create_dir(dir.join("real")).unwrap();
        std::fs::write(dir.join("real/file"), b"x").unwrap();
        symlink("real/file", dir.join("link")).unwrap();
        symlink("real", dir.join("detour")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("pipe"), Mode::RUSR).unwrap();
        for name in ["link", "detour/file", "pipe", "real", "absent"] {
            assert!(FileReader::open(&dir.join(name)).is_err(), "{name}");
        }
        assert!(FileReader::open(&dir.join("real/file")).is_ok());
    }
}
