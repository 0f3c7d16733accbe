//! Files: those that stand there already, and those in the making.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rustix::fs::Advice;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{Target, split};
use super::dress::is_modified_at;
use crate::format::entry::{Entry, check_path};
use crate::seams::{DiskOperation, WRITTEN_AT_ONCE};

/// Runs of zeros of so many bytes, from a multiple of it in a chunk on, are left out as holes.
const HOLE_BYTES: usize = 64 * 1024;

/// Bytes of a file that are sent to the disk at once, and of the last of them: small files are cheaper
/// together.
const SENT_AT_ONCE: u64 = 8 * 1024 * 1024;
const SENT_ALONE: u64 = 512 * 1024;

impl Target {
    /// A regular file that stands at `path` already and is `size` bytes long.
    pub fn existing_file(&self, path: &[u8], size: u64) -> Option<File> {
        let (parent, name) = self.existing_parent(path).ok()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&parent, name, flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && metadata.len() == size).then_some(file)
    }

    /// Whether a file from [`Target::existing_file`] has the time that the entry says.
    pub fn is_of_that_time(&self, file: &File, entry: &Entry) -> bool {
        entry.modified.is_some()
            && file
                .metadata()
                .is_ok_and(|found| is_modified_at(entry, &found))
    }

    /// Begins a file that will stand at `path` when it is whole.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn begin_file(&self, path: &[u8]) -> io::Result<NewFile<'_>> {
        check_path(path).map_err(io::Error::other)?;
        let begin = || match self.begin_in_folder(path) {
            // The folder that was opened lately has gone since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.parents.forget();
                self.begin_in_folder(path)
            }
            begun => begun,
        };
        self.change(DiskOperation::Create, path, begin)
    }

    fn begin_in_folder(&self, path: &[u8]) -> io::Result<NewFile<'_>> {
        let (above, name) = split(path);
        let parent = self.folder(above)?;
        let (temporary, file) = match self.create_unnamed(&parent) {
            Some(file) => (None, file),
            None => {
                let (name, file) = self.create_unfinished(&parent)?;
                (Some(name), file)
            }
        };
        Ok(NewFile {
            target: self,
            parent,
            temporary,
            name: name.to_os_string(),
            path: path.to_vec(),
            file,
            length: 0,
            sent: 0,
            ends_in_hole: false,
        })
    }
}

/// A file in the making. Dropped before `commit`, it leaves nothing behind.
pub struct NewFile<'t> {
    target: &'t Target,
    parent: Arc<OwnedFd>,
    /// The name that it has until it is whole, if it has one.
    temporary: Option<String>,
    name: OsString,
    path: Vec<u8>,
    /// Where it has a name, it is locked, so that nobody takes it for left over.
    file: File,
    length: u64,
    /// Bytes that the system was asked to bring to the disk.
    sent: u64,
    ends_in_hole: bool,
}

impl NewFile<'_> {
    /// Appends; long runs of zeros take no room on the disk.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_hole = |block: &[u8]| block.len() == HOLE_BYTES && is_zero(block);
        let blocks = bytes.chunks(HOLE_BYTES);
        self.target.change(DiskOperation::Write, &self.path, || {
            if !blocks.clone().any(is_hole) {
                let mut pieces = bytes.chunks(WRITTEN_AT_ONCE);
                pieces.try_for_each(|piece| self.file.write_all(piece))?;
                self.ends_in_hole &= bytes.is_empty();
                return Ok(());
            }
            for block in blocks {
                self.ends_in_hole = is_hole(block);
                if self.ends_in_hole {
                    self.file.seek(SeekFrom::Current(block.len() as i64))?;
                } else {
                    self.file.write_all(block)?;
                }
            }
            Ok(())
        })?;
        self.length += bytes.len() as u64;
        self.send(SENT_AT_ONCE);
        Ok(())
    }

    /// Asks the system to begin to bring what was written to the disk, if it is so much: else all of a
    /// restore would lie in memory at its end, and one thread wait for it.
    fn send(&mut self, least: u64) {
        let bytes = self.length - self.sent;
        if bytes < least {
            return;
        }
        #[cfg(target_os = "linux")]
        {
            // An advice, and Linux writes before it forgets. Whether it heeds it is all the same.
            let length = std::num::NonZeroU64::new(bytes);
            let _ = rustix::fs::fadvise(&self.file, self.sent, length, Advice::DontNeed);
        }
        self.sent = self.length;
    }

    /// The file is whole: it gets owner, permissions, attributes, time and its name.
    ///
    /// # Errors
    /// Of the file system; then the old file, if there was one, still stands.
    pub fn commit(mut self, entry: &Entry) -> io::Result<()> {
        let (target, path) = (self.target, std::mem::take(&mut self.path));
        if self.ends_in_hole {
            let lengthen = || self.file.set_len(self.length);
            target.change(DiskOperation::Write, &path, lengthen)?;
        }
        self.send(SENT_ALONE);
        target.dress_new(&self.file, &path, entry)?;
        target.change(DiskOperation::Rename, &path, || self.take_name())
    }

    fn take_name(&mut self) -> io::Result<()> {
        if self.temporary.is_none() {
            if self.target.name_it(&self.file, &self.parent, &self.name)? {
                return Ok(());
            }
            // Only a file that has a name can take another's place.
            self.temporary = Some(self.target.name_for_now(&self.file, &self.parent)?);
        }
        let (from, to) = (self.temporary.as_deref().unwrap_or_default(), &self.name);
        match rustix::fs::renameat(&self.parent, from, &self.parent, to) {
            Err(Errno::ISDIR) => {
                self.target.parents.forget();
                rustix::fs::unlinkat(&self.parent, to, AtFlags::REMOVEDIR)?;
                rustix::fs::renameat(&self.parent, from, &self.parent, to)?;
            }
            other => other?,
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.temporary {
            let _ = rustix::fs::unlinkat(&self.parent, name.as_str(), AtFlags::empty());
        }
    }
}

fn is_zero(block: &[u8]) -> bool {
    // The first byte decides for nearly all.
    block.first() == Some(&0) && block.iter().all(|byte| *byte == 0)
}
