//! Where a walk stops beside what patterns leave out: at the edge of a file system, and before what
//! a program has marked as its cache.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// The file that marks a cache, and what it begins with (the Cache Directory Tagging
/// Specification, <https://bford.info/cachedir/>).
const TAG: &[u8] = b"CACHEDIR.TAG";
const SIGNATURE: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// What else keeps a walk from going on; by default nothing does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of a folder where another file system is mounted, only the folder itself is taken.
    pub one_file_system: bool,
    /// Of a folder beneath a root that is marked as a cache, only itself and the mark are taken.
    pub exclude_caches: bool,
}

impl Limits {
    /// Leaves out of the names of a folder what these limits do.
    pub(super) fn narrow(self, folder: &OwnedFd, names: &mut Vec<Box<[u8]>>) {
        let marked = |name: &[u8]| name == TAG;
        if self.exclude_caches && names.iter().any(|name| marked(name)) && is_cache(folder) {
            names.retain(|name| marked(name));
        }
    }
}

/// Whether the mark is a regular file that begins as it must. One that cannot be read marks
/// nothing: better to keep too much.
fn is_cache(folder: &OwnedFd) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |flags| rustix::fs::openat(folder.as_fd(), TAG, flags, Mode::empty());
    #[cfg(target_os = "linux")]
    let opened = match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        other => other,
    };
    #[cfg(not(target_os = "linux"))]
    let opened: Result<OwnedFd, Errno> = open(flags);
    let Ok(tag) = opened else {
        return false;
    };
    let regular = rustix::fs::fstat(&tag)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    let mut start = [0; SIGNATURE.len()];
    regular && File::from(tag).read_exact(&mut start).is_ok() && start == *SIGNATURE
}
