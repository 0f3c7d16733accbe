//! The recovery kit on paper: one page of HTML, or plain text, with everything that is needed on
//! the worst day when only the storage is left.
//!
//! It holds the master secret as 24 words. Nothing on it is fetched from elsewhere, so it can be
//! opened and printed on a computer without a network.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

mod html;
mod kit;
mod text;

pub use html::page;
pub use kit::{Address, Kit};
pub use text::text_page;

/// Writes the page to a new file that only its owner can read.
///
/// # Errors
/// `AlreadyExists` when there is a file of that name, which is left as it is; otherwise what the
/// file system says, and then no half-written file stays behind.
pub fn write(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(content.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(path);
        return written;
    }
    // So that the name too outlives a power cut; some file systems cannot, and the page is there.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests;
