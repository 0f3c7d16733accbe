//! Extended attributes: which of them a restore sets, and setting them.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::XattrFlags;

use crate::format::entry::Entry;

/// Values that are compared with what is there; longer ones are set each time.
const COMPARED_BYTES_MAX: usize = 64 * 1024;

/// Rights of a program beyond those of who runs it: like set-ID bits, they have no business in a
/// photo library, and a forged listing could bring some (docs/decisions/0004-no-set-id-bits.md).
const NEVER: &[u8] = b"security.capability";
/// What only root may set, or what a forged listing could open a file with.
const FOR_ROOT: [&[u8]; 3] = [b"security.", b"trusted.", b"system."];

/// Sets the attributes of an entry; gives how many could not be set.
pub fn set(what: impl AsFd, entry: &Entry, is_root: bool) -> u64 {
    let mut failed = 0;
    for (name, value) in wanted(entry) {
        let is_set = may_set(name, is_root)
            && rustix::fs::fsetxattr(&what, name_of(name), value, XattrFlags::empty()).is_ok();
        failed += u64::from(!is_set);
    }
    failed
}

/// Whether an open file has all attributes of an entry that can be set here.
pub fn are_set(what: impl AsFd, entry: &Entry, is_root: bool) -> bool {
    let mut wanted = wanted(entry).filter(|(name, _)| may_set(name, is_root));
    wanted.all(|(name, value)| {
        let mut found = vec![0; value.len() + 1];
        value.len() < COMPARED_BYTES_MAX
            && rustix::fs::fgetxattr(&what, name_of(name), &mut found[..])
                .is_ok_and(|bytes| found.get(..bytes) == Some(value))
    })
}

/// Whether an entry has attributes that a restore would set if it could.
pub fn count(entry: &Entry) -> u64 {
    wanted(entry).count() as u64
}

/// Name and value of each attribute that a restore sets if it can.
pub fn wanted(entry: &Entry) -> impl Iterator<Item = (&[u8], &[u8])> {
    let all = entry.attributes.iter().flatten();
    all.map(|(name, value)| (name.as_slice(), value.as_slice()))
        .filter(|(name, _)| *name != NEVER)
}

fn may_set(name: &[u8], is_root: bool) -> bool {
    is_root || !FOR_ROOT.iter().any(|prefix| name.starts_with(prefix))
}

fn name_of(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}
