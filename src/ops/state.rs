//! What a host keeps of a repository: one folder per repository id, with the writer key and the
//! index (architecture.md, "State").

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{OpsError, Result};
use crate::crypto::WriterKey;
use crate::id::RepositoryId;
use crate::index::{Index, Trust, Watch};

const KEY_PREFIX: &str = "offsite-writer-key-1:";

/// The state folder of one repository.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
}

/// Held while a backup runs; the kernel releases it, whatever happens to the process.
#[derive(Debug)]
pub struct SourceLock {
    _file: File,
}

impl StateFolder {
    /// The folder for a repository beneath the state directory; nothing is made yet.
    pub fn new(state_directory: &Path, repository: RepositoryId) -> Self {
        Self {
            path: state_directory.join(repository.to_string()),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// `File` when the folder cannot be made.
    pub fn create(&self) -> Result<()> {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path);
        made.map_err(|error| OpsError::file("could not make the state folder", &self.path, error))
    }

    /// The writer key that `init` left here; `None` if there is none.
    ///
    /// # Errors
    /// `File` when it cannot be read or is damaged.
    pub fn writer_key(&self) -> Result<Option<WriterKey>> {
        load_writer_key(&self.key_path())
    }

    /// Keeps the writer key, readable by its owner only; replaces an older one at once.
    ///
    /// # Errors
    /// `File`.
    pub fn save_writer_key(&self, key: &WriterKey) -> Result<()> {
        self.create()?;
        save_writer_key(&self.key_path(), key)
    }

    fn key_path(&self) -> PathBuf {
        self.path.join("writer.key")
    }

    /// Opens the index of the copy at `place`, or makes an empty one, with what is remembered of it. `place` is its address; each
    /// copy of a repository has an index of its own, since each holds other objects.
    ///
    /// # Errors
    /// `File`, `Index`.
    pub fn open_index(&self, place: &str) -> Result<Index> {
        self.create()?;
        let watch = Watch::at(&self.trust_path(), place);
        Ok(Index::open(&self.index_path(place))?.watched(watch))
    }

    /// As [`StateFolder::open_index`], in a temporary file: for whoever only reads, where that one
    /// cannot be used.
    ///
    /// # Errors
    /// `Index`.
    pub fn stopgap_index(&self, place: &str) -> Result<Index> {
        let watch = Watch::at(&self.trust_path(), place);
        Ok(Index::temporary()?.watched(watch))
    }

    /// The file of [`StateFolder::open_index`].
    pub fn index_path(&self, place: &str) -> PathBuf {
        let hash = blake3::hash(place.as_bytes()).to_hex();
        let hash = hash.get(..16).unwrap_or_default();
        self.path.join(format!("cache-{hash}.sqlite"))
    }

    /// Opens what this host must not forget of the repository, or begins it.
    ///
    /// # Errors
    /// `File`, `Index`.
    pub fn open_trust(&self) -> Result<Trust> {
        self.create()?;
        Ok(Trust::open(&self.trust_path())?)
    }

    fn trust_path(&self) -> PathBuf {
        self.path.join("trust.sqlite")
    }

    /// One backup at a time of a source (as `name` tells them apart) and state directory.
    ///
    /// # Errors
    /// `Busy`, `File`.
    pub fn lock_source(&self, name: &[u8]) -> Result<SourceLock> {
        self.create()?;
        let hash = blake3::hash(name).to_hex();
        let path = self.path.join(format!(
            "backup-{}.lock",
            hash.get(..16).unwrap_or_default()
        ));
        let failed = |error| OpsError::file("could not lock", &path, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(SourceLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(OpsError::Busy),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// Reads a writer key from a file; `None` if there is no such file.
///
/// # Errors
/// `File` when it cannot be read or is damaged.
pub fn load_writer_key(path: &Path) -> Result<Option<WriterKey>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpsError::file("could not read", path, error)),
    };
    let damaged = || {
        let source = io::Error::other("it is no writer key of offsite, or it is damaged");
        OpsError::file("could not use", path, source)
    };
    let bytes = text
        .trim()
        .strip_prefix(KEY_PREFIX)
        .and_then(from_hex)
        .ok_or_else(damaged)?;
    WriterKey::from_bytes(&bytes)
        .map(Some)
        .map_err(|_| damaged())
}

/// Writes a writer key, readable by its owner only; replaces an older file at once.
///
/// # Errors
/// `File`.
pub fn save_writer_key(path: &Path, key: &WriterKey) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let bytes = key.to_bytes();
        let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len() + 32));
        text.push_str(KEY_PREFIX);
        for byte in bytes.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| OpsError::file("could not write", path, error))
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        bytes.push((digit(high)? << 4 | digit(low)?) as u8);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ReadKey, Secret};

    #[test]
    fn the_writer_key_is_kept_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let key = ReadKey::from_master(Secret::new(&[1; 32]));
        let state = StateFolder::new(folder.path(), key.writer().repository());
        assert!(state.writer_key().unwrap().is_none());
        state.save_writer_key(key.writer()).unwrap();
        state.save_writer_key(key.writer()).unwrap();
        let again = state.writer_key().unwrap().unwrap();
        assert_eq!(
            again.to_bytes().as_slice(),
            key.writer().to_bytes().as_slice()
        );
        let mode = fs::metadata(state.key_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(state.key_path(), "offsite-writer-key-1:0011zz").unwrap();
        assert!(matches!(state.writer_key(), Err(OpsError::File { .. })));
    }

    #[test]
    fn two_backups_of_one_source_do_not_run_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path(), RepositoryId::new([0; 16]));
        let held = state.lock_source(b"photos").unwrap();
        assert!(matches!(state.lock_source(b"photos"), Err(OpsError::Busy)));
        assert!(state.lock_source(b"other").is_ok());
        drop(held);
        assert!(state.lock_source(b"photos").is_ok());
    }
}
