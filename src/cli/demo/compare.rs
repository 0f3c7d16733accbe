//! Whether what was restored is what was there: the demo takes fingerprints of its own of both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Files by their path below a folder.
pub type Fingerprints = BTreeMap<PathBuf, blake3::Hash>;

/// What is archived of the library, and the dump under the name that a restore gives it.
///
/// # Errors
/// What the file system says.
pub fn of_library(place: &Path, dump: &Path) -> io::Result<Fingerprints> {
    let mut files = BTreeMap::new();
    for taken in ["library", "profile", "upload"] {
        add_tree(place, &place.join(taken), &mut files)?;
    }
    files.insert(PathBuf::from("database.sql"), hash(dump)?);
    Ok(files)
}

/// What was restored, without the markers that a restore adds to folders whose contents are not
/// archived.
///
/// # Errors
/// What the file system says.
pub fn of_restored(restored: &Path, before: &Fingerprints) -> io::Result<Fingerprints> {
    let mut files = BTreeMap::new();
    add_tree(restored, restored, &mut files)?;
    files.retain(|path, _| before.contains_key(path) || !path.ends_with(".immich"));
    Ok(files)
}

fn add_tree(base: &Path, folder: &Path, files: &mut Fingerprints) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_tree(base, &path, files)?;
        } else {
            let name = path.strip_prefix(base).unwrap_or(&path).to_path_buf();
            files.insert(name, hash(&path)?);
        }
    }
    Ok(())
}

fn hash(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        };
    }
}
