//! Whether the roots are still what they were when the reading began. A disk that is unplugged
//! meanwhile leaves an empty folder, or one that answers from memory while nothing in it can be
//! read: a snapshot of that must not pass for one of the photos.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Result, Root, SourceError};

/// A folder that is there, and what it is.
#[derive(Debug)]
pub struct Anchor {
    named: PathBuf,
    folder: PathBuf,
    device: u64,
    inode: u64,
    /// Where the kernel shows the disk, if it does: that ends when it is unplugged.
    disk: Option<PathBuf>,
}

impl Anchor {
    /// Remembers what a root is. Of a root that is a file, the folder it lies in: the file itself
    /// may be replaced by a new one.
    ///
    /// # Errors
    /// `Root`, when it cannot be looked at.
    pub fn of(root: &Root) -> Result<Self> {
        let failed = |source| SourceError::Root {
            path: root.folder.clone(),
            source,
        };
        let mut folder = fs::canonicalize(&root.folder).map_err(failed)?;
        if !folder.is_dir() {
            folder.pop();
        }
        let (device, inode) = identity(&folder).map_err(failed)?;
        Ok(Self {
            named: root.folder.clone(),
            folder,
            device,
            inode,
            disk: Some(shown_at(device)).filter(|path| path.exists()),
        })
    }

    /// # Errors
    /// `RootGone`, unless the folder and its disk are there as before.
    pub fn check(&self) -> Result<()> {
        let gone = |source| SourceError::RootGone {
            path: self.named.clone(),
            source,
        };
        let now = identity(&self.folder).map_err(|error| gone(Some(error)))?;
        let unplugged = self.disk.as_ref().is_some_and(|disk| !disk.exists());
        if now != (self.device, self.inode) || unplugged {
            return Err(gone(None));
        }
        Ok(())
    }
}

fn identity(folder: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(folder)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Linux has a folder here for each block device that is plugged in (`sysfs(5)`).
fn shown_at(device: u64) -> PathBuf {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    PathBuf::from(format!("/sys/dev/block/{major}:{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(folder: &Path) -> Root {
        Root {
            number: 11,
            folder: folder.into(),
            stored_as: b"photos".to_vec(),
        }
    }

    #[test]
    fn a_folder_that_vanished_or_was_replaced_is_noticed_and_a_changed_one_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        let photos = dir.path().join("photos");
        fs::create_dir(&photos).unwrap();
        let anchor = Anchor::of(&root(&photos)).unwrap();
        fs::write(photos.join("new"), b"x").unwrap();
        anchor.check().unwrap();

        fs::rename(&photos, dir.path().join("elsewhere")).unwrap();
        let error = anchor.check().unwrap_err();
        assert!(matches!(error, SourceError::RootGone { .. }), "{error}");
        // As an empty mount point that comes to light.
        fs::create_dir(&photos).unwrap();
        let error = anchor.check().unwrap_err();
        assert!(error.to_string().contains("went away"), "{error}");
    }

    #[test]
    fn a_file_may_be_replaced_while_its_folder_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("notes.txt");
        fs::write(&file, b"old").unwrap();
        let anchor = Anchor::of(&root(&file)).unwrap();
        fs::write(dir.path().join("new"), b"new").unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
        anchor.check().unwrap();
    }

    #[test]
    fn a_disk_that_the_kernel_no_longer_shows_is_gone_though_its_folder_still_answers() {
        let dir = tempfile::tempdir().unwrap();
        let shown = dir.path().join("8:17");
        fs::create_dir(&shown).unwrap();
        let mut anchor = Anchor::of(&root(dir.path())).unwrap();
        anchor.disk = Some(shown.clone());
        anchor.check().unwrap();
        fs::remove_dir(shown).unwrap();
        assert!(anchor.check().is_err());
    }
}
