//! Extended attributes: tags, access lists, the zone a download came from. Read through the open
//! file where there is one, so that they are those of what was read.
//!
//! A system that has none says so and is believed. What it has and does not hand out is told in
//! words: the file itself is never lost for that.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::io::Errno;

use super::file::open_folder_quietly;
use crate::format::entry::{ATTRIBUTE_BYTES_MORE, ATTRIBUTES_BYTES_MAX, Attribute};

/// A list or a value that grew while it was asked for is asked for so many times.
const TRIES_MAX: usize = 4;

/// So many that are left out are named; a problem is a sentence, not a list.
const NAMED_MAX: usize = 3;

/// The extended attributes of one file, folder or link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Names and values, by the bytes of their names.
    pub kept: Vec<Attribute>,
    /// What is not among them and why, in words.
    pub problem: Option<String>,
}

/// The two questions a system is asked. An empty buffer asks for the size.
trait Ask {
    fn names(&mut self, buffer: &mut [u8]) -> Result<usize, Errno>;
    fn value(&mut self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno>;
}

impl Attributes {
    /// Of an open file or folder.
    pub fn of_open(file: impl AsFd) -> Self {
        read(&mut Open(file.as_fd()))
    }

    /// Of a folder by a path without links in it.
    pub fn of_folder(path: &Path) -> Self {
        match open_folder_quietly(path) {
            Ok(folder) => Self::of_open(folder),
            // The walk is about to say so itself: it cannot enter it either.
            Err(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::ACCESS
                | Errno::PERM
                | Errno::IO,
            ) => Self::default(),
            Err(errno) => Self::unreadable(errno),
        }
    }

    fn unreadable(errno: Errno) -> Self {
        let reason = std::io::Error::from(errno);
        Self {
            kept: Vec::new(),
            problem: Some(format!("its attributes could not be read: {reason}")),
        }
    }

    /// Of a link itself. There is no such thing as an open link, so this goes by its path: should
    /// a folder on the way be swapped meanwhile, then some attributes are another link's, no more.
    pub fn of_link(path: &Path) -> Self {
        read(&mut Link(path))
    }
}

struct Open<'f>(BorrowedFd<'f>);

impl Ask for Open<'_> {
    fn names(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return rustix::fs::flistxattr_query(self.0);
        }
        rustix::fs::flistxattr(self.0, buffer)
    }

    fn value(&mut self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return rustix::fs::fgetxattr_query(self.0, name);
        }
        rustix::fs::fgetxattr(self.0, name, buffer)
    }
}

struct Link<'p>(&'p Path);

impl Ask for Link<'_> {
    fn names(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return rustix::fs::llistxattr_query(self.0);
        }
        rustix::fs::llistxattr(self.0, buffer)
    }

    fn value(&mut self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return rustix::fs::lgetxattr_query(self.0, name);
        }
        rustix::fs::lgetxattr(self.0, name, buffer)
    }
}

fn read(ask: &mut dyn Ask) -> Attributes {
    let joined = match whole(&mut |buffer| ask.names(buffer)) {
        // The usual case: one call, no memory.
        Ok(joined) if joined.is_empty() => return Attributes::default(),
        Ok(joined) => joined,
        Err(errno) if has_none(errno) => return Attributes::default(),
        Err(errno) => return Attributes::unreadable(errno),
    };
    let mut names: Vec<&[u8]> = joined
        .split(|byte| *byte == 0)
        .filter(|name| is_kept(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut attributes = Attributes::default();
    let mut left_out = Vec::new();
    let mut room = ATTRIBUTES_BYTES_MAX;
    for name in names {
        match take(ask, name, room) {
            Ok(Some(value)) => {
                room -= name.len() + value.len() + ATTRIBUTE_BYTES_MORE;
                attributes.kept.push((name.to_vec().into(), value.into()));
            }
            Ok(None) => {}
            Err(reason) => {
                let name = String::from_utf8_lossy(name).escape_debug().to_string();
                left_out.push(format!("its attribute {name} is left out: {reason}"));
            }
        }
    }
    if !left_out.is_empty() {
        let more = left_out.len().saturating_sub(NAMED_MAX);
        left_out.truncate(NAMED_MAX);
        if more > 0 {
            left_out.push(format!("and {more} more"));
        }
        attributes.problem = Some(left_out.join("; "));
    }
    attributes
}

/// One value; `None` if there is none to be had.
fn take(ask: &mut dyn Ask, name: &[u8], room: usize) -> Result<Option<Vec<u8>>, String> {
    let too_large = || {
        format!(
            "the attributes of one file may have {} KiB together",
            ATTRIBUTES_BYTES_MAX / 1024
        )
    };
    let room = room
        .checked_sub(name.len() + ATTRIBUTE_BYTES_MORE)
        .ok_or_else(too_large)?;
    let mut refused = false;
    let value = whole(&mut |buffer| {
        let bytes = ask.value(name, buffer)?;
        refused = bytes > room;
        // A resource fork can have gigabytes: the size alone is enough to refuse it.
        if refused { Ok(0) } else { Ok(bytes) }
    });
    match value {
        _ if refused => Err(too_large()),
        Ok(value) => Ok(Some(value)),
        Err(errno) if has_none(errno) || is_gone(errno) => Ok(None),
        // Those are root's to read: an ordinary user backs up what is theirs.
        Err(Errno::PERM | Errno::ACCESS) if !name.starts_with(b"user.") => Ok(None),
        Err(errno) => Err(std::io::Error::from(errno).to_string()),
    }
}

/// Asks for the size, then for the bytes, until the two agree.
fn whole(ask: &mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    for _ in 0..TRIES_MAX {
        let size = ask(&mut [])?;
        if size == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; size];
        match ask(&mut bytes) {
            Ok(length) => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            Err(Errno::RANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::RANGE)
}

/// Whether the file system has no attributes at all.
fn has_none(errno: Errno) -> bool {
    // Some systems tell the first two apart.
    errno == Errno::NOTSUP || errno == Errno::OPNOTSUPP || errno == Errno::NOSYS
}

/// Whether it was removed since its name was read.
fn is_gone(errno: Errno) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return errno == Errno::NODATA;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return errno == Errno::NOATTR;
}

/// Whether an attribute belongs to the file. Most of `system.` is the file system's own view of
/// what the entry says anyway, made up when asked for; access lists are not.
fn is_kept(name: &[u8]) -> bool {
    !name.is_empty() && (!name.starts_with(b"system.") || name.starts_with(b"system.posix_acl_"))
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
