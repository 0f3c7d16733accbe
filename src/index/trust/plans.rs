//! Prune plans that this host made, as the store showed them right after: no other is ever carried
//! out here, for only whoever made a plan knows that nobody put it there in his name, or again.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::Trust;
use crate::id::ObjectId;
use crate::seams::Timestamp;

/// When a plan was made, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedPlan {
    /// When the store got it, as it said right after.
    pub modified: Timestamp,
    /// By the clock of this machine.
    pub noted: Timestamp,
}

impl Trust {
    /// Notes a plan that this host stored.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note_plan(&self, id: &ObjectId, plan: NotedPlan) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT OR REPLACE INTO plans (id, modified, noted) VALUES (?1, ?2, ?3)";
            let (modified, noted) = (plan.modified.nanoseconds(), plan.noted.nanoseconds());
            connection.execute(sql, params![id.as_bytes(), modified, noted])?;
            Ok(())
        })
    }

    /// A plan that this host made; `None` for one of somebody else.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn noted_plan(&self, id: &ObjectId) -> Result<Option<NotedPlan>> {
        self.with(|connection| {
            let sql = "SELECT modified, noted FROM plans WHERE id = ?";
            let found = connection.query_row(sql, [id.as_bytes()], |row| {
                Ok(NotedPlan {
                    modified: Timestamp::from_nanoseconds(row.get(0)?),
                    noted: Timestamp::from_nanoseconds(row.get(1)?),
                })
            });
            found.optional()
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
