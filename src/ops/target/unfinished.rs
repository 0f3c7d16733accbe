//! Names of files that are not whole yet. Each is drawn by chance, so that two restores into one
//! folder do not meet, and each file is locked while somebody writes it: what is not locked was left
//! by a restore that was killed, and a later one takes it away.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::Target;
use super::names::names_in;
use crate::seams::DiskOperation;

const BEGINNING: &str = ".offsite-";
const END: &str = ".part";
const RANDOM_BYTES: usize = 16;
/// Names that are tried: more are needed only where somebody takes new files away at once.
const TRIES: usize = 64;

impl Target {
    /// A name that nothing has.
    pub(super) fn temporary_name(&self) -> io::Result<String> {
        let mut random = [0; RANDOM_BYTES];
        self.random.fill(&mut random)?;
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{BEGINNING}{hex}{END}"))
    }

    /// Makes a file with a temporary name, and locks it.
    pub(super) fn create_unfinished(&self, parent: &OwnedFd) -> io::Result<(String, File)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        for _ in 0..TRIES {
            let name = self.temporary_name()?;
            let mode = Mode::from_raw_mode(0o600);
            let file = File::from(rustix::fs::openat(parent, name.as_str(), flags, mode)?);
            let is_ours = match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Between the two another restore may have found it unlocked.
                Ok(()) => file.metadata()?.nlink() > 0,
                Err(Errno::WOULDBLOCK) => false,
                // A file system without locks: there nobody takes it for left over either.
                Err(_) => true,
            };
            if is_ours {
                return Ok((name, file));
            }
            let _ = rustix::fs::unlinkat(parent, name.as_str(), AtFlags::empty());
        }
        Err(io::Error::other(
            "another restore is at work in this folder",
        ))
    }

    /// Whether the target takes `A.jpg` and `a.jpg` for one name, seen at a file made for that.
    ///
    /// # Errors
    /// Of the file system.
    pub fn ignores_case(&self) -> io::Result<bool> {
        let root = self.root()?;
        let make = || self.create_unfinished(&root);
        let (name, _file) = self.change(DiskOperation::Create, b"", make)?;
        let other = name.to_uppercase();
        let found = rustix::fs::statat(&root, other.as_str(), AtFlags::SYMLINK_NOFOLLOW);
        rustix::fs::unlinkat(&root, name.as_str(), AtFlags::empty())?;
        Ok(found.is_ok())
    }

    /// The same without writing anything: seen at a name that stands at the top already. `false` also
    /// where there is none to see it at.
    pub fn seems_to_ignore_case(&self) -> bool {
        let Ok(root) = self.root() else { return false };
        let status = |name: &[u8]| {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::statat(&root, OsStr::from_bytes(name), flags)
                .map(|found| (found.st_dev, found.st_ino))
        };
        let mut seen = None;
        let read = names_in(&root, &mut |name| {
            let other: Vec<u8> = name.iter().map(swapped_case).collect();
            if seen.is_none() && other != name {
                seen = status(name).ok().map(|one| status(&other) == Ok(one));
            }
        });
        read.is_ok() && seen == Some(true)
    }

    /// Takes away what restores that were killed left in a folder. `is_archived` says whether a path
    /// is that of an archived file: somebody may have backed such a thing up.
    ///
    /// # Errors
    /// Of the file system.
    pub fn clean(&self, path: &[u8], is_archived: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
        // Where there is no folder, nothing was left in it.
        let Ok(folder) = self.existing_folder(path) else {
            return Ok(());
        };
        let mut found = Vec::new();
        names_in(&folder, &mut |name| {
            if is_temporary(name) {
                found.push(name.to_vec());
            }
        })?;
        for name in found {
            let whole = match path {
                b"" => name.clone(),
                _ => [path, b"/", &name].concat(),
            };
            if is_archived(&whole) {
                continue;
            }
            if let Some(_lock) = left_over(&folder, OsStr::from_bytes(&name)) {
                let take = || take_away(&folder, OsStr::from_bytes(&name));
                self.change(DiskOperation::Remove, &whole, take)?;
            }
        }
        Ok(())
    }
}

fn swapped_case(byte: &u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte.to_ascii_uppercase(),
        _ => byte.to_ascii_lowercase(),
    }
}

/// Whether a name is one that [`Target::temporary_name`] could have given.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let inner = name.strip_prefix(BEGINNING.as_bytes());
    let hex = inner.and_then(|inner| inner.strip_suffix(END.as_bytes()));
    hex.is_some_and(|hex| {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        hex.len() == 2 * RANDOM_BYTES && hex.iter().all(is_hex)
    })
}

/// Removes a file that its maker may remove at the same moment.
pub(super) fn take_away(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A regular file of such a name that nobody writes, locked: whoever takes it away holds on to it
/// until it is gone, or another restore that has just made it could lock it in between.
pub(super) fn left_over(folder: impl AsFd, name: &OsStr) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty()).ok()?);
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let is_ours =
        is_file && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
    is_ours.then_some(file)
}
