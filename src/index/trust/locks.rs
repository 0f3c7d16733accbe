//! Until when the objects of a place are locked, as far as this host has seen to it: so that nothing
//! is asked twice, and an extension that was cut short goes on.

use rusqlite::{OptionalExtension, params};

use super::Trust;
use crate::index::Result;
use crate::seams::Timestamp;

/// The locks of a place as this host knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockHorizon {
    /// Objects whose lock is not over yet.
    pub objects: u64,
    /// When the first of them is.
    pub until: Timestamp,
}

impl Trust {
    /// Until when an object is locked; `None` where this host does not know.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn locked_until(&self, place: &str, name: &str) -> Result<Option<Timestamp>> {
        self.with(|connection| {
            let sql = "SELECT until FROM locks WHERE place = ? AND name = ?";
            let mut statement = connection.prepare_cached(sql)?;
            let until = statement.query_row([place, name], |row| row.get(0));
            Ok(until.optional()?.map(Timestamp::from_nanoseconds))
        })
    }

    /// Notes until when objects are locked, in one transaction.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note_locks(&self, place: &str, locks: &[(String, Timestamp)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT OR REPLACE INTO locks (place, name, until) VALUES (?, ?, ?)";
                let mut statement = transaction.prepare_cached(sql)?;
                for (name, until) in locks {
                    statement.execute(params![place, name, until.nanoseconds()])?;
                }
            }
            transaction.commit()
        })
    }

    /// Forgets locks that are over: whoever needs the object still would have extended them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn forget_locks_before(&self, place: &str, now: Timestamp) -> Result<()> {
        self.with(|connection| {
            let sql = "DELETE FROM locks WHERE place = ? AND until < ?";
            connection.execute(sql, params![place, now.nanoseconds()])?;
            Ok(())
        })
    }

    /// How far the locks of a place reach; `None` where none is known.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn lock_horizon(&self, place: &str, now: Timestamp) -> Result<Option<LockHorizon>> {
        self.with(|connection| {
            let sql = "SELECT count(*), min(until) FROM locks WHERE place = ? AND until >= ?";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
            let found = connection.query_row(sql, params![place, now.nanoseconds()], row);
            let (objects, until) = found?;
            Ok(until.map(|until| LockHorizon {
                objects,
                until: Timestamp::from_nanoseconds(until),
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_is_where_the_first_lock_ends() {
        let trust = Trust::in_memory().unwrap();
        let at = Timestamp::from_seconds;
        let locks = [("a", 5), ("b", 20), ("c", 30)].map(|(name, s)| (name.to_owned(), at(s)));
        trust.note_locks("here", &locks).unwrap();
        trust.note_locks("there", &locks[..1]).unwrap();
        assert_eq!(trust.locked_until("here", "b").unwrap(), Some(at(20)));
        assert_eq!(trust.locked_until("there", "b").unwrap(), None);
        let horizon = trust.lock_horizon("here", at(10)).unwrap().unwrap();
        assert_eq!((horizon.objects, horizon.until), (2, at(20)));
        trust.forget_locks_before("here", at(10)).unwrap();
        assert_eq!(trust.locked_until("here", "a").unwrap(), None);
        assert_eq!(trust.lock_horizon("nowhere", at(0)).unwrap(), None);
    }
}
