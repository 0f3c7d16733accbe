//! What was found of which path in which snapshot, in the order of paths: in a file without a name,
//! so that a search that finds two million paths takes no more memory than one that finds two.

use rusqlite::{Connection, params};

use super::scratch::{self, failure};
use super::{IndexError, Result};

/// Rows for one search.
pub struct VersionTable {
    connection: Connection,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    pub path: Vec<u8>,
    /// Which series of snapshots.
    pub series: u32,
    pub root: u32,
    /// Its place in the series.
    pub snapshot: u32,
    /// `None`: not there any more.
    pub payload: Option<Vec<u8>>,
}

impl VersionTable {
    /// An empty table.
    ///
    /// # Errors
    /// `Sqlite` when no temporary file can be made.
    pub fn temporary() -> Result<Self> {
        let tables = "
             CREATE TABLE versions (
                path BLOB NOT NULL, series INTEGER NOT NULL, root INTEGER NOT NULL,
                snapshot INTEGER NOT NULL, payload BLOB,
                PRIMARY KEY (path, series, root, snapshot)
             ) WITHOUT ROWID;";
        let made = scratch::open(tables, 8192);
        made.map(|connection| Self { connection }).map_err(failure)
    }

    /// # Errors
    /// `Sqlite`: the disk is full.
    pub fn add(&self, row: &VersionRow) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO versions (path, series, root, snapshot, payload)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.connection.prepare_cached(sql).map_err(failure)?;
        let values = params![row.path, row.series, row.root, row.snapshot, row.payload];
        insert.execute(values).map(drop).map_err(failure)
    }

    /// Takes back what was said of one snapshot.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn remove(&self, series: u32, snapshot: u32) -> Result<()> {
        let sql = "DELETE FROM versions WHERE series = ?1 AND snapshot = ?2";
        let deleted = self.connection.execute(sql, params![series, snapshot]);
        deleted.map(drop).map_err(failure)
    }

    /// All rows by path, series, root and snapshot.
    ///
    /// # Errors
    /// `Sqlite`; whatever `visit` returns.
    pub fn visit<E: From<IndexError>>(
        &self,
        visit: &mut dyn FnMut(VersionRow) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let sql = "SELECT path, series, root, snapshot, payload FROM versions
                   ORDER BY path, series, root, snapshot";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            let read = || -> rusqlite::Result<VersionRow> {
                Ok(VersionRow {
                    path: row.get(0)?,
                    series: row.get(1)?,
                    root: row.get(2)?,
                    snapshot: row.get(3)?,
                    payload: row.get(4)?,
                })
            };
            visit(read().map_err(failure)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_and_one_snapshot_can_be_taken_back() {
        let table = VersionTable::temporary().unwrap();
        let row = |path: &[u8], snapshot| VersionRow {
            path: path.to_vec(),
            series: 0,
            root: 1,
            snapshot,
            payload: Some(vec![1]),
        };
        for (path, snapshot) in [(b"b", 2), (b"a", 10), (b"b", 1), (b"a", 9)] {
            table.add(&row(path, snapshot)).unwrap();
        }
        table.remove(0, 10).unwrap();
        let mut rows = Vec::new();
        table
            .visit::<IndexError>(&mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        assert_eq!(rows, [row(b"a", 9), row(b"b", 1), row(b"b", 2)]);
    }
}
