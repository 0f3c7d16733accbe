//! Payloads of snapshot records that were opened before, each with a check behind it.

use rusqlite::{OptionalExtension, params};

use super::check::{check, split};
use super::{Index, Result};
use crate::id::ObjectId;

impl Index {
    /// The payload of a record, if it was opened before, as it was then.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn record(&self, id: &ObjectId) -> Result<Option<Vec<u8>>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT payload FROM records WHERE id = ?")?;
            let kept: Option<Vec<u8>> = statement
                .query_row([id.as_bytes().as_slice()], |row| row.get(0))
                .optional()?;
            Ok(kept.and_then(|kept| {
                let (payload, kept) = split(&kept)?;
                (kept == check(&[id.as_bytes(), payload])).then(|| payload.to_vec())
            }))
        })
    }

    /// # Errors
    /// `Sqlite`.
    pub fn remember_record(&self, id: &ObjectId, payload: &[u8]) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT OR REPLACE INTO records (id, payload) VALUES (?1, ?2)";
            let kept = [payload, &check(&[id.as_bytes(), payload])].concat();
            connection
                .prepare_cached(sql)?
                .execute(params![id.as_bytes(), kept])
                .map(|_| ())
        })
    }
}
