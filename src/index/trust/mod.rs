//! What this host must not forget of a repository: unlike the index, it cannot be made again from
//! the store, because it is there to notice when the store no longer tells the truth. One database
//! a repository id, `trust.sqlite`; for each table of `schema` a file in this folder.

mod copies;
mod locks;
mod notes;
mod plans;
mod reads;
mod schema;
mod seen;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use reads::{PackRead, ReadSums};
use rusqlite::Connection;

pub use plans::NotedPlan;

use super::{IndexError, Result};
pub use locks::LockHorizon;

pub use copies::KeptCopy;
pub use seen::{Presence, SeenSnapshot};
pub use watch::Watch;

/// The memory of one repository. Shared by threads; each call is one short transaction.
pub struct Trust {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Trust {
    /// Opens it, or makes an empty one. A damaged one is an error, never replaced in silence.
    ///
    /// # Errors
    /// `Trust`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::prepare(Connection::open(path), path)
    }

    /// One that lives as long as the process.
    ///
    /// # Errors
    /// `Trust` when there is no memory.
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory(), Path::new("in memory"))
    }

    fn prepare(connection: rusqlite::Result<Connection>, path: &Path) -> Result<Self> {
        let prepared = connection.and_then(|connection| {
            connection.busy_timeout(std::time::Duration::from_secs(30))?;
            // FULL: what was once noted is not lost with the power.
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
            for table in schema::TABLES {
                connection.execute_batch(table)?;
            }
            Ok(connection)
        });
        let path = path.to_path_buf();
        match prepared {
            Ok(connection) => Ok(Self {
                connection: Mutex::new(connection),
                path,
            }),
            Err(source) => Err(failure(&path, source)),
        }
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|source| failure(&self.path, source))
    }
}

fn failure(path: &Path, source: rusqlite::Error) -> IndexError {
    IndexError::Trust {
        path: path.display().to_string(),
        source: source.into(),
    }
}
