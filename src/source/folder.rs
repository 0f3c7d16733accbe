//! One folder of the host, as the walk reads it.

use std::ffi::{OsStr, OsString};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{CWD, Dir, DirEntry, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::metadata::unsigned;

/// Opens a folder by its name in another, and nothing else that may stand in its place; leaves its
/// access time alone where the system allows that.
pub(super) fn open_folder(at: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::openat(at, path, flags, Mode::empty());
    #[cfg(target_os = "linux")]
    match open(flags | OFlags::NOATIME) {
        // Only the owner and root may ask for that.
        Err(Errno::PERM) => {}
        other => return other,
    }
    open(flags)
}

/// The sorted names in a folder, and the error that ended the reading early.
pub(super) fn names_in(folder: &OwnedFd) -> (Vec<Box<[u8]>>, Option<Errno>) {
    let mut names = Vec::new();
    let mut error = None;
    match Dir::read_from(folder) {
        Ok(entries) => {
            for entry in entries {
                match entry.as_ref().map(|entry| entry.file_name().to_bytes()) {
                    Ok(b"." | b"..") => {}
                    Ok(name) => names.push(Box::from(name)),
                    Err(errno) => {
                        error = Some(*errno);
                        break;
                    }
                }
            }
        }
        Err(errno) => error = Some(errno),
    }
    names.sort_unstable();
    (names, error)
}

/// The folders directly in a folder, as far as they can be read, links not followed; leaves its
/// access time alone.
pub(super) fn folders_in(folder: &Path) -> Vec<OsString> {
    let real = std::fs::canonicalize(folder);
    let real = real.as_deref().unwrap_or(folder);
    let Ok(handle) = open_folder(CWD, real.as_os_str().as_bytes()) else {
        return Vec::new();
    };
    let entries = Dir::read_from(&handle).into_iter().flatten().flatten();
    let is_folder = |entry: &DirEntry| match entry.file_type() {
        FileType::Directory => true,
        // Some file systems do not say.
        FileType::Unknown => {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            std::fs::symlink_metadata(real.join(name)).is_ok_and(|metadata| metadata.is_dir())
        }
        _ => false,
    };
    let names = entries
        .filter(is_folder)
        .map(|entry| entry.file_name().to_bytes().to_vec());
    names
        .filter(|name| !matches!(name.as_slice(), b"." | b".."))
        .map(OsString::from_vec)
        .collect()
}

/// Whether a folder is a window into the kernel, such as `/proc`, rather than one of files.
#[cfg(target_os = "linux")]
pub(super) fn is_kernel_folder(folder: &OwnedFd) -> bool {
    /// proc, sysfs, cgroup 1 and 2, debugfs, tracefs, securityfs, devpts, bpf, pstore
    /// (linux/magic.h).
    const MAGICS: [u64; 10] = [
        0x9fa0,
        0x6265_6572,
        0x0027_e0eb,
        0x6367_7270,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0x1cd1,
        0xcafe_4a11,
        0x6165_676c,
    ];
    rustix::fs::fstatfs(folder).is_ok_and(|system| MAGICS.contains(&unsigned(system.f_type)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_kernel_folder(_folder: &OwnedFd) -> bool {
    false
}
