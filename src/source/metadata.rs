//! What the file system says about a file, a folder or a link, beside its name and its content.

use crate::seams::Timestamp;

/// The part of `stat` that a snapshot keeps, and the part that tells a file that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky (`0o7777`), without the type of the file.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// When the content last changed; a program can set it.
    pub modified: Timestamp,
    /// When the content or the metadata last changed; only the kernel sets it.
    pub changed: Timestamp,
    pub inode: u64,
    pub device: u64,
    /// How many names the file has.
    pub links: u64,
    /// Bytes; for a link, of its target.
    pub size: u64,
}

impl Metadata {
    pub(super) fn from_stat(stat: &rustix::fs::Stat) -> Self {
        Self {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified: timestamp(signed(stat.st_mtime), signed(stat.st_mtime_nsec)),
            changed: timestamp(signed(stat.st_ctime), signed(stat.st_ctime_nsec)),
            inode: unsigned(stat.st_ino),
            device: unsigned(stat.st_dev),
            links: unsigned(stat.st_nlink),
            size: unsigned(stat.st_size),
        }
    }
}

/// The widths of these fields differ from system to system; none exceeds 64 bits.
pub(super) fn unsigned(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

fn signed(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(0)
}

/// Times before 1677 or after 2262, which a broken file system can hold, are clamped.
fn timestamp(seconds: i64, nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanoseconds(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}
