//! Folders: made when something is to go into them, dressed when nothing more is.

use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::Mode;

use super::beneath::Target;
use crate::format::entry::Entry;
use crate::seams::DiskOperation;

impl Target {
    /// Makes a folder and those above it; a file or link that stands in the way is removed, unless
    /// all that exists is kept.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.folder(path).map(drop)
    }

    /// Gives a folder its owner, permissions and time, once nothing more is written into it.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish_folder(&self, path: &[u8], entry: &Entry) -> io::Result<()> {
        let folder = self.existing_folder(path)?;
        // Set-group-ID on a folder is how shares keep their group.
        self.dress(folder, path, entry, 0o3777)
    }

    /// Gives a folder, and the file `marker` in it, the owner and the rights of another folder.
    ///
    /// # Errors
    /// Of the file system.
    pub fn dress_like(&self, path: &[u8], marker: &[u8], model: &[u8]) -> io::Result<()> {
        let model = std::fs::File::from(self.existing_folder(model)?.try_clone()?).metadata()?;
        let mut entry = Entry::default();
        (entry.owner, entry.group) = (Some(model.uid()), Some(model.gid()));
        entry.mode = Some(model.mode() & 0o3777);
        let file = [path, b"/", marker].concat();
        if let Some(marker) = self.existing_file(&file, 0) {
            self.change(DiskOperation::SetMetadata, &file, || {
                let (owner, group) = self.owner_of(&entry);
                self.note_owner(rustix::fs::fchown(&marker, owner, group));
                // What may be searched in the folder may be read in the file.
                let mode = Mode::from_raw_mode(model.mode() & 0o666 | 0o600);
                Ok(rustix::fs::fchmod(&marker, mode)?)
            })?;
        }
        self.finish_folder(path, &entry)
    }
}
