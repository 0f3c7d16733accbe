//! Payloads of snapshot records that were opened before.

use rusqlite::{OptionalExtension, params};

use super::{Index, Result};
use crate::id::ObjectId;

impl Index {
    /// The payload of a record, if it was opened before.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn record(&self, id: &ObjectId) -> Result<Option<Vec<u8>>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT payload FROM records WHERE id = ?")?;
            statement
                .query_row([id.as_bytes().as_slice()], |row| row.get(0))
                .optional()
        })
    }

    /// # Errors
    /// `Sqlite`.
    pub fn remember_record(&self, id: &ObjectId, payload: &[u8]) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT OR REPLACE INTO records (id, payload) VALUES (?1, ?2)";
            connection
                .prepare_cached(sql)?
                .execute(params![id.as_bytes(), payload])
                .map(|_| ())
        })
    }
}
