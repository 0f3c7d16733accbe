//! What is in a folder of the target, read through its descriptor.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::Dir;

/// Visits the names in a folder, in no order.
///
/// # Errors
/// Of the file system.
pub fn names_in(folder: impl AsFd, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    // A descriptor of its own: the place in the folder belongs to it.
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            visit(name);
        }
    }
    Ok(())
}
