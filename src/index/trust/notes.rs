//! Small things by name, for a place: what `doctor` saw a store do, and the like.

use rusqlite::{OptionalExtension, params};

use super::Trust;
use crate::index::Result;

impl Trust {
    /// What was noted under that name of a place.
    ///
    /// # Errors
    /// `Trust`.
    pub fn note(&self, place: &str, name: &str) -> Result<Option<String>> {
        self.with(|connection| {
            let sql = "SELECT value FROM notes WHERE place = ? AND name = ?";
            let mut statement = connection.prepare_cached(sql)?;
            let value = statement.query_row([place, name], |row| row.get(0));
            value.optional()
        })
    }

    /// Notes it; an older note of that name is replaced.
    ///
    /// # Errors
    /// `Trust`.
    pub fn set_note(&self, place: &str, name: &str, value: &str) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT OR REPLACE INTO notes (place, name, value) VALUES (?, ?, ?)";
            connection
                .prepare_cached(sql)?
                .execute(params![place, name, value])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_there_after_the_file_was_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.sqlite");
        let trust = Trust::open(&path).unwrap();
        trust.set_note("s3://a", "profile", "1").unwrap();
        trust.set_note("s3://a", "profile", "2").unwrap();
        drop(trust);
        let trust = Trust::open(&path).unwrap();
        assert_eq!(trust.note("s3://a", "profile").unwrap().unwrap(), "2");
        assert_eq!(trust.note("s3://b", "profile").unwrap(), None);
    }
}
