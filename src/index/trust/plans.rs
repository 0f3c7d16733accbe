//! Prune plans that this host made, as the store showed them right after: no other is ever carried
//! out here, for only whoever made a plan knows that nobody put it there in his name, or again.

use std::collections::HashMap;

use rusqlite::params;

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

    /// The plans that this host made.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn noted_plans(&self) -> Result<HashMap<ObjectId, NotedPlan>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, modified, noted FROM plans")?;
            let rows = statement.query_map([], |row| {
                let plan = NotedPlan {
                    modified: Timestamp::from_nanoseconds(row.get(1)?),
                    noted: Timestamp::from_nanoseconds(row.get(2)?),
                };
                Ok((ObjectId::new(row.get(0)?), plan))
            })?;
            rows.collect()
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
