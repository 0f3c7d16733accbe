//! Files that Immich was moving when the dump was made: they may lie at either end of the move.

use rusqlite::params;

use super::super::Result;
use super::{AuditTables, Leftover, failure};

/// Is told of a move: from where, to where.
type Visit<'v> = &'v mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

impl AuditTables {
    /// A move that is not finished; paths as the database has them.
    ///
    /// # Errors
    /// `Sqlite`: the disk is full. The same holds for all that follow.
    pub fn add_move(&self, old: &[u8], new: &[u8]) -> Result<()> {
        let sql = "INSERT INTO moves (old, new) VALUES (?1, ?2)";
        self.execute(sql, params![old, new])
    }

    /// Visits all moves: from where, to where.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_move(&self, visit: Visit<'_>) -> Result<()> {
        let sql = "SELECT old, new FROM moves";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            let (old, new): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(failure)?, row.get(1).map_err(failure)?);
            visit(&old, &new)?;
        }
        Ok(())
    }

    /// A file that should be at one of these places may be at the other.
    ///
    /// # Errors
    /// As above.
    pub fn add_moved_between(&self, one: &[u8], two: &[u8]) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO moved_between (key, other) VALUES (?1, ?2), (?2, ?1)";
        self.execute(sql, params![one, two])
    }

    /// The file at the other end of an unfinished move, unless something else claims it; from now on
    /// it is claimed.
    ///
    /// # Errors
    /// As above.
    pub fn take_by_move(&self, key: &[u8]) -> Result<Option<Leftover>> {
        self.take(
            "SELECT number, key, sha1, bytes, written FROM unclaimed
             WHERE key IN (SELECT other FROM moved_between WHERE key = ?1) AND taken = 0
             ORDER BY key LIMIT 1",
            key,
        )
    }

    /// Makes the index that [`AuditTables::take_by_move`] looks into, if there is a move.
    pub(super) fn index_moves(&self) -> rusqlite::Result<()> {
        let sql = "SELECT EXISTS (SELECT 1 FROM moved_between)";
        if self.connection.query_row(sql, [], |row| row.get(0))? {
            let sql = "CREATE INDEX IF NOT EXISTS unclaimed_by_key ON unclaimed (key)";
            self.connection.execute_batch(sql)?;
        }
        Ok(())
    }
}
