//! Knows Immich's upload location by sight, where a person named it, its parent, or no such thing.

use std::path::{Path, PathBuf};

use super::{FOLDERS, MARKER};
use crate::source::folder::folders_in;

/// So many of Immich's folders together are no chance.
const FOLDERS_TOGETHER: usize = 3;

/// Whether a folder looks like an upload location: a folder of Immich's with Immich's marker in it,
/// or several of the folders.
pub fn looks_like_one(folder: &Path) -> bool {
    let folders = || FOLDERS.iter().map(|name| folder.join(name));
    folders().any(|inner| inner.join(MARKER).is_file())
        || folders().filter(|inner| inner.is_dir()).count() >= FOLDERS_TOGETHER
}

/// The upload location that lies directly in a folder, as in that of Immich's compose file.
pub fn directly_in(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = folders_in(folder)
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| looks_like_one(path))
        .collect();
    // Whatever order the file system gives them in.
    found.sort();
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_location_is_known_by_markers_or_by_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        let location = dir.path().join("library");
        for name in ["library", "upload"] {
            fs::create_dir_all(location.join(name)).unwrap();
        }
        assert!(!looks_like_one(&location));
        assert_eq!(directly_in(dir.path()), None);
        fs::write(location.join("upload/.immich"), b"1").unwrap();
        assert!(looks_like_one(&location));
        assert_eq!(directly_in(dir.path()), Some(location.clone()));
        fs::remove_file(location.join("upload/.immich")).unwrap();
        fs::create_dir(location.join("thumbs")).unwrap();
        assert!(looks_like_one(&location));
        assert!(!looks_like_one(dir.path()));
    }
}
