//! Prune plans that this host made, as the store showed them right after: no other is ever carried
//! out here, for only whoever made a plan knows that nobody put it there in his name, or again.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::Trust;
use crate::id::ObjectId;
use crate::seams::Timestamp;

impl Trust {
    /// Notes a plan that this host stored, with the time that the store gives for it.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note_plan(&self, id: &ObjectId, modified: Timestamp) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT INTO plans (id, modified) VALUES (?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET modified = ?2";
            connection.execute(sql, params![id.as_bytes(), modified.nanoseconds()])?;
            Ok(())
        })
    }

    /// When the store got a plan that this host made; `None` for one of somebody else.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn plan_stored(&self, id: &ObjectId) -> Result<Option<Timestamp>> {
        self.with(|connection| {
            let sql = "SELECT modified FROM plans WHERE id = ?";
            let found = connection.query_row(sql, [id.as_bytes()], |row| row.get(0));
            Ok(found.optional()?.map(Timestamp::from_nanoseconds))
        })
    }

    /// Forgets a plan that is no more.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn forget_plan(&self, id: &ObjectId) -> Result<()> {
        self.with(|connection| {
            connection.execute("DELETE FROM plans WHERE id = ?", [id.as_bytes()])?;
            Ok(())
        })
    }
}
