//! Until when the objects of a place are locked, as far as this host has seen to it: so that nothing
//! is asked twice, and an extension that was cut short goes on.

use rusqlite::{OptionalExtension, params};

use super::Trust;
use crate::index::Result;
use crate::seams::Timestamp;

/// Under this name of a place lies how far its locks reach (see `Trust::note`).
const HORIZON: &str = "locked-until";

/// The locks of what is needed at a place, as the last extension left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockHorizon {
    /// When the first of them is over.
    pub until: Timestamp,
    /// By then somebody should have extended it: a third of the period before.
    pub extend_before: Timestamp,
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

    /// How far the locks of a place reach; `None` where nobody extended any from here.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn lock_horizon(&self, place: &str) -> Result<Option<LockHorizon>> {
        let note = self.note(place, HORIZON)?.unwrap_or_default();
        let mut times = note.split(' ').map(|text| text.parse().ok());
        let mut next = || times.next().flatten().map(Timestamp::from_seconds);
        Ok(next()
            .zip(next())
            .map(|(until, extend_before)| LockHorizon {
                until,
                extend_before,
            }))
    }

    /// # Errors
    /// `Sqlite`.
    pub fn set_lock_horizon(&self, place: &str, horizon: &LockHorizon) -> Result<()> {
        let LockHorizon {
            until,
            extend_before,
        } = horizon;
        let note = format!("{} {}", until.seconds(), extend_before.seconds());
        self.set_note(place, HORIZON, &note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_locks_and_a_horizon() {
        let trust = Trust::in_memory().unwrap();
        let at = Timestamp::from_seconds;
        let locks = [("a", 5), ("b", 20), ("c", 30)].map(|(name, s)| (name.to_owned(), at(s)));
        trust.note_locks("here", &locks).unwrap();
        trust.note_locks("there", &locks[..1]).unwrap();
        assert_eq!(trust.locked_until("here", "b").unwrap(), Some(at(20)));
        assert_eq!(trust.locked_until("there", "b").unwrap(), None);
        trust.forget_locks_before("here", at(10)).unwrap();
        assert_eq!(trust.locked_until("here", "a").unwrap(), None);
        let horizon = LockHorizon {
            until: at(30),
            extend_before: at(20),
        };
        trust.set_lock_horizon("here", &horizon).unwrap();
        assert_eq!(trust.lock_horizon("here").unwrap(), Some(horizon));
        assert_eq!(trust.lock_horizon("there").unwrap(), None);
    }
}
