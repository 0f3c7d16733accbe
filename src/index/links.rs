//! What the first name of a file held, for its other names: so that a file with many names is read
//! once. Of one run, in a file without a name in the system's folder for temporary files, so that a
//! million of them cost disk and not memory; made when the first is met.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use super::scratch::{self, failure};

/// By device and inode. Shared by threads.
#[derive(Default)]
pub struct LinkTable {
    connection: Mutex<Option<Connection>>,
}

impl LinkTable {
    /// Remembers what a file holds that `names` more names may follow for.
    ///
    /// # Errors
    /// `Sqlite` when there is no room.
    pub fn remember(&self, device: u64, inode: u64, names: u64, content: &[u8]) -> Result<()> {
        self.with(|connection| {
            let mut insert = connection.prepare_cached(
                "INSERT OR REPLACE INTO links (device, inode, names, content)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            let names = i64::try_from(names).unwrap_or(i64::MAX);
            insert.execute(params![
                device.cast_signed(),
                inode.cast_signed(),
                names,
                content
            ])?;
            Ok(())
        })
    }

    /// What is known of a file of which another name was met; forgotten with the last of them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn follow(&self, device: u64, inode: u64) -> Result<Option<Vec<u8>>> {
        let key = (device.cast_signed(), inode.cast_signed());
        if self.lock().is_none() {
            return Ok(None);
        }
        self.with(|connection| {
            let found = connection
                .prepare_cached("SELECT names, content FROM links WHERE device = ? AND inode = ?")?
                .query_row(key, |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()?;
            let Some((names, content)) = found else {
                return Ok(None);
            };
            let change = if names > 1 {
                "UPDATE links SET names = names - 1 WHERE device = ? AND inode = ?"
            } else {
                "DELETE FROM links WHERE device = ? AND inode = ?"
            };
            connection.prepare_cached(change)?.execute(key)?;
            Ok(Some(content))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut slot = self.lock();
        let done = match &*slot {
            Some(connection) => work(connection),
            None => open().and_then(|connection| work(slot.insert(connection))),
        };
        done.map_err(failure)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn open() -> rusqlite::Result<Connection> {
    let tables = "
         CREATE TABLE links (
             device  INTEGER NOT NULL,
             inode   INTEGER NOT NULL,
             names   INTEGER NOT NULL,
             content BLOB NOT NULL,
             PRIMARY KEY (device, inode)
         ) WITHOUT ROWID;";
    scratch::open(tables, 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_until_its_last_name_was_met() {
        let table = LinkTable::default();
        assert_eq!(table.follow(1, 2).unwrap(), None);
        assert!(table.lock().is_none(), "nothing is made for nothing");
        table.remember(u64::MAX, u64::MAX, 2, b"content").unwrap();
        assert_eq!(table.follow(u64::MAX, 2).unwrap(), None);
        for _ in 0..2 {
            let known = table.follow(u64::MAX, u64::MAX).unwrap();
            assert_eq!(known.as_deref(), Some(b"content".as_slice()));
        }
        assert_eq!(table.follow(u64::MAX, u64::MAX).unwrap(), None);
    }
}
