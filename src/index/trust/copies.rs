//! Copies of the objects without which nothing opens: `repository` and the key slots of a place.

use rusqlite::params;

use super::Trust;
use crate::index::Result;

/// Stands for all places, in notes.
const EVERYWHERE: &str = "";

/// A copy of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    pub name: String,
    /// Empty for an object that was looked at and is not worth keeping.
    pub bytes: Vec<u8>,
    /// It is gone from the place, and somebody was told.
    pub missed: bool,
}

impl Trust {
    /// The copies of a place, by name.
    ///
    /// # Errors
    /// `Trust`.
    pub fn copies(&self, place: &str) -> Result<Vec<KeptCopy>> {
        self.with(|connection| {
            let sql = "SELECT name, bytes, missed FROM copies WHERE place = ? ORDER BY name";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([place], |row| {
                Ok(KeptCopy {
                    name: row.get(0)?,
                    bytes: row.get(1)?,
                    missed: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Keeps a copy; an older one of that name is replaced.
    ///
    /// # Errors
    /// `Trust`.
    pub fn keep_copy(&self, place: &str, name: &str, bytes: &[u8]) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT OR REPLACE INTO copies (place, name, bytes, missed)
                       VALUES (?1, ?2, ?3, 0)";
            connection
                .prepare_cached(sql)?
                .execute(params![place, name, bytes])?;
            Ok(())
        })
    }

    /// Notes whether somebody was told that the object is gone.
    ///
    /// # Errors
    /// `Trust`.
    pub fn set_missed(&self, place: &str, name: &str, missed: bool) -> Result<()> {
        self.with(|connection| {
            let sql = "UPDATE copies SET missed = ?3 WHERE place = ?1 AND name = ?2";
            connection
                .prepare_cached(sql)?
                .execute(params![place, name, missed])?;
            Ok(())
        })
    }

    /// Forgets the copies of an object, of all places, for good: it was removed on purpose. Where a
    /// lock of the store still keeps it, it stands in LISTs until that is over.
    ///
    /// # Errors
    /// `Trust`.
    pub fn drop_copies(&self, name: &str) -> Result<()> {
        self.with(|connection| {
            let sql = "DELETE FROM copies WHERE name = ?";
            connection.prepare_cached(sql)?.execute([name])?;
            Ok(())
        })?;
        self.set_note(EVERYWHERE, name, "removed")
    }

    /// Whether somebody removed the object on purpose, on this host.
    ///
    /// # Errors
    /// `Trust`.
    pub fn was_removed(&self, name: &str) -> Result<bool> {
        Ok(self.note(EVERYWHERE, name)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_kept_a_place_and_go_everywhere_at_once() {
        let trust = Trust::in_memory().unwrap();
        for place in ["a", "b"] {
            trust.keep_copy(place, "keys/1", b"slot").unwrap();
            trust.keep_copy(place, "repository", b"head").unwrap();
        }
        trust.set_missed("a", "keys/1", true).unwrap();
        let missed = |place| {
            let copies = trust.copies(place).unwrap();
            copies.iter().map(|copy| copy.missed).collect::<Vec<_>>()
        };
        assert_eq!(missed("a"), [true, false]);
        assert_eq!(missed("b"), [false, false]);
        trust.drop_copies("keys/1").unwrap();
        assert!(missed("a").len() == 1 && missed("b").len() == 1);
        assert!(trust.was_removed("keys/1").unwrap() && !trust.was_removed("keys/2").unwrap());
    }
}
