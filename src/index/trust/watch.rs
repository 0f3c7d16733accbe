//! Which copy of a repository an index is of, and what this host remembers of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::Trust;
use crate::index::Result;

/// The memory of one place. Opened when first asked for: a memory that is damaged holds up nobody
/// who only reads, and is told by whoever looks.
pub struct Watch {
    path: PathBuf,
    place: String,
    opened: OnceLock<Arc<Trust>>,
}

impl Watch {
    /// What `path` remembers of `place`.
    pub fn at(path: &Path, place: &str) -> Self {
        Self {
            path: path.to_path_buf(),
            place: place.to_owned(),
            opened: OnceLock::new(),
        }
    }

    /// What an opened memory remembers of `place`.
    pub fn with(trust: Arc<Trust>, place: &str) -> Self {
        Self {
            path: PathBuf::new(),
            place: place.to_owned(),
            opened: OnceLock::from(trust),
        }
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// # Errors
    /// `Trust`.
    pub fn trust(&self) -> Result<&Trust> {
        if let Some(trust) = self.opened.get() {
            return Ok(trust);
        }
        let trust = Arc::new(Trust::open(&self.path)?);
        Ok(self.opened.get_or_init(|| trust))
    }
}
