//! What Immich needs to start on what was restored, and what it must not lose if it is at work there.

use super::work::Work;
use crate::format::entry::{Entry, EntryType};
use crate::ops::error::shown;
use crate::ops::target::{Standing, Target};
use crate::ops::{OpsError, Result};
use crate::source::immich;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const MARKER: &str = ".immich";
/// Folders whose contents a snapshot does not hold: a restore puts nothing but an empty marker there.
const GENERATED: [&str; 3] = ["backups", "encoded-video", "thumbs"];
/// Folders that it does hold; their owner is Immich's. The likeliest first.
const ARCHIVED: [&str; 3] = ["upload", "library", "profile"];

/// Whether the target looks like the upload location of an Immich that was started on it: it writes
/// the time into its markers, and makes small pictures.
fn is_live(target: &Target) -> bool {
    let is_marked = |folder: &&str| {
        let marker = format!("{folder}/{MARKER}");
        target.standing(marker.as_bytes()) == Some(Standing::File)
    };
    let is_used = |folder: &&str| {
        let others = target.surplus(folder.as_bytes(), &|name| name != MARKER.as_bytes());
        let is_ours = target.existing_file(format!("{folder}/{MARKER}").as_bytes(), 0);
        others.is_ok_and(|others| !others.is_empty()) || is_marked(folder) && is_ours.is_none()
    };
    ARCHIVED.iter().any(is_marked) && GENERATED.iter().any(is_used)
}

/// # Errors
/// `LiveInstallation`.
pub fn refuse_live(target: &Target, path: &Path) -> Result<()> {
    if is_live(target) {
        let path = shown(path.as_os_str().as_bytes());
        return Err(OpsError::LiveInstallation { path });
    }
    Ok(())
}

impl Work<'_> {
    /// Immich does not start without its six folders and a marker in each. An archived file or link
    /// of the name of such a folder stays.
    pub fn mark_immich_folders(&self) {
        for folder in immich::FOLDERS {
            let marker = format!("{folder}/{MARKER}").into_bytes();
            if self.target.standing(&marker).is_some() {
                continue;
            }
            let stands = self.target.standing(folder.as_bytes());
            if stands.is_some_and(|it| it != Standing::Folder) {
                let error = "no folder can be made here, since something else has its name";
                self.problem(marker, error.to_owned());
                continue;
            }
            let entry = Entry::new(0, marker.clone(), EntryType::File);
            let made = self
                .target
                .begin_file(&marker)
                .and_then(|file| file.commit(&entry));
            if let Err(error) = made {
                self.problem(marker, error.to_string());
            }
        }
    }

    /// The folders that only this restore made, with their empty markers, belong to whom the others
    /// belong to: Immich need not run as who restores.
    pub fn give_immich_folders(&self) {
        let is_there =
            |folder: &&str| self.target.standing(folder.as_bytes()) == Some(Standing::Folder);
        let Some(model) = ARCHIVED.into_iter().find(is_there) else {
            return;
        };
        for folder in GENERATED {
            let marker = format!("{folder}/{MARKER}");
            if self.target.existing_file(marker.as_bytes(), 0).is_none() {
                continue;
            }
            let (path, model) = (folder.as_bytes(), model.as_bytes());
            let given = self.target.dress_like(path, MARKER.as_bytes(), model);
            if let Err(error) = given {
                self.problem(path.to_vec(), error.to_string());
            }
        }
    }
}

/// Whether a name in a folder is a marker that this restore made, or Immich: not too much.
pub fn is_marker(folder: &[u8], name: &[u8]) -> bool {
    let mut folders = immich::FOLDERS.iter();
    name == MARKER.as_bytes() && folders.any(|it| it.as_bytes() == folder)
}
