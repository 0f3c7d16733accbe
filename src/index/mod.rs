//! Floor 2: the local index, an SQLite database. All SQL of the project is in this folder.
//!
//! It answers two questions: where does a chunk lie (`chunks`, `packs`), and what did a file hold
//! when it was last read (`files`). It is a cache: deleting it costs time, never data. `links` is a table
//! of one run, kept apart, as is `restore_order`; `trust` is no cache, and a database of its own.

#[cfg(test)]
mod all_rows;
pub mod audit;
mod check;
mod chunks;
mod condemned;
mod distrust;
mod files;
mod links;
mod packs;
pub mod prune;
mod publication;
mod reached;
mod records;
mod restore_order;
mod schema;
mod scratch;
mod staged;
mod stored;
mod totals;
mod transfers;
mod trust;
mod uses;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use uses::Uses;

pub use chunks::{ChunkRow, IndexedPack, Place};
pub use files::{CachedContent, CachedFile, FileStamp};
pub use links::LinkTable;
pub use packs::KnownPack;
pub use restore_order::{RestoreOrder, Turn};
pub use staged::Staging;
pub use totals::{ClassTotals, ReferenceTotals};
pub use transfers::{TransferTable, WantedPack};
pub use trust::{
    KeptCopy, LockHorizon, NotedPlan, PackRead, Presence, ReadSums, SeenSnapshot, Trust, Watch,
};
pub use versions::{VersionRow, VersionTable};

/// The cache of one repository. Shared by threads; each call is one short transaction.
pub struct Index {
    connection: Mutex<Connection>,
    path: Option<PathBuf>,
    /// Packs that this run refers to.
    uses: Uses,
    watch: Option<Watch>,
}

/// Why SQLite failed, in its words, which are then said once: its own chain repeats them.
#[derive(Debug, thiserror::Error)]
#[error("{0}{more}", more = what_else(.0))]
pub struct Reason(rusqlite::Error);

/// On a full disk SQLite speaks of an error of the disk where it is the file beside its log that does
/// not get larger.
fn what_else(error: &rusqlite::Error) -> &'static str {
    let code = error.sqlite_error().map(|error| error.extended_code);
    match code {
        Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
            " (a file cannot be made larger: the disk is probably full)"
        }
        _ => "",
    }
}

impl From<rusqlite::Error> for Reason {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

/// A failure of the local database: its disk is full, read-only or damaged.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("the local index {path} could not be used")]
    Sqlite {
        path: String,
        #[source]
        source: Reason,
    },
    /// It is no sound database, and was removed.
    #[error("the local index {path} was damaged and has been removed; the next run makes it anew")]
    Unsound {
        path: String,
        #[source]
        source: Reason,
    },
    /// Unlike the index it cannot be made again.
    #[error("what this host remembers of the repository, {path}, could not be used")]
    Trust {
        path: String,
        #[source]
        source: Reason,
    },
    #[error("the local index holds a value that it cannot have written")]
    Damaged,
}

type Result<T, E = IndexError> = std::result::Result<T, E>;

impl Index {
    /// Opens or makes the index. One of another schema is replaced, as is one that is no database.
    ///
    /// # Errors
    /// `Sqlite` when the folder cannot be written or the disk is full.
    pub fn open(path: &Path) -> Result<Self> {
        let attempt = Connection::open(path).and_then(schema::prepare);
        let connection = match attempt {
            Ok(connection) => Ok(connection),
            Err(error) if schema::is_worth_a_fresh_start(&error) => {
                Self::remove(path);
                Connection::open(path).and_then(schema::prepare)
            }
            Err(error) => Err(error),
        };
        let path = path.to_path_buf();
        match connection {
            Ok(connection) => Ok(Self {
                connection: Mutex::new(connection),
                path: Some(path),
                uses: Uses::default(),
                watch: None,
            }),
            Err(source) => Err(IndexError::Sqlite {
                path: path.display().to_string(),
                source: source.into(),
            }),
        }
    }

    /// An index that lives as long as the process.
    ///
    /// # Errors
    /// `Sqlite` when there is no memory.
    pub fn in_memory() -> Result<Self> {
        let connection = Connection::open_in_memory().and_then(schema::prepare);
        let connection = connection.map_err(|source| IndexError::Sqlite {
            path: "in memory".to_owned(),
            source: source.into(),
        })?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: None,
            uses: Uses::default(),
            watch: None,
        })
    }

    /// An index that lives as long as the process, in a file without a name in the system's folder
    /// for temporary files: it may grow large without memory growing.
    ///
    /// # Errors
    /// `Sqlite` when no such file can be made.
    pub fn temporary() -> Result<Self> {
        let connection = Connection::open("").and_then(schema::prepare);
        let connection = connection.map_err(|source| IndexError::Sqlite {
            path: "in a temporary file".to_owned(),
            source: source.into(),
        })?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: None,
            uses: Uses::default(),
            watch: None,
        })
    }

    /// With what this host remembers of the copy that the index is of.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// What this host remembers of the copy that the index is of; nothing of one in memory.
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// From now on this index takes its share only of the memory of one, among so many that are open
    /// at once.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn share_memory(&self, among: usize) -> Result<()> {
        self.with(|connection| schema::limit_memory(connection, among))
    }

    /// Whether it is remembered from run to run.
    pub fn is_kept(&self) -> bool {
        self.path.is_some()
    }

    /// It was seen to be wrong: the next run makes it anew. This one goes on with it.
    pub fn discard(&self) {
        if let Some(path) = &self.path {
            Self::remove(path);
        }
    }

    /// Deletes the files of an index; what is not there is no error.
    pub fn remove(path: &Path) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let _ = std::fs::remove_file(PathBuf::from(name));
        }
    }

    /// Forgets everything about packs, chunks and segments; what files held stays known.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn clear_packs(&self) -> Result<()> {
        self.with(|connection| {
            connection.execute_batch("DELETE FROM chunks; DELETE FROM packs; DELETE FROM segments;")
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&mut self.lock()).map_err(|source| self.error(source))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no half-done state here: SQLite rolls back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody need be there to clear away what is no sound database: the next run begins anew.
    fn error(&self, source: rusqlite::Error) -> IndexError {
        let is_unsound = schema::is_unsound(&source);
        let source = source.into();
        match self.path.as_deref() {
            Some(path) if is_unsound => {
                Self::remove(path);
                let path = path.display().to_string();
                IndexError::Unsound { path, source }
            }
            path => {
                let path = path.unwrap_or(Path::new("in memory")).display().to_string();
                IndexError::Sqlite { path, source }
            }
        }
    }
}
