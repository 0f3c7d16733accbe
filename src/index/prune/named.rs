//! What segments say of packs: whether one says anything that no other does.

use rusqlite::params;

use super::super::Result;
use super::PruneTables;
use crate::id::ObjectId;

impl PruneTables<'_> {
    /// Notes what a segment says: for each pack its name, whether it is one of listings, and a hash
    /// of all that is said of it.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn name_packs(
        &self,
        segment: &ObjectId,
        said: impl Iterator<Item = (ObjectId, bool, [u8; 32])>,
    ) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT INTO temp.named VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
                let mut insert = transaction.prepare_cached(sql)?;
                for (pack, metadata, hash) in said {
                    let row = params![pack.as_bytes(), metadata, hash, segment.as_bytes()];
                    insert.execute(row)?;
                }
            }
            transaction.commit()
        })
    }

    /// Says which segments are to go: none of them vouches for another.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn set_going(&self, segments: &[ObjectId]) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM temp.going", [])?;
            for segment in segments {
                let sql = "INSERT INTO temp.going VALUES (?) ON CONFLICT DO NOTHING";
                transaction.execute(sql, [segment.as_bytes()])?;
            }
            transaction.commit()
        })
    }

    /// Whether segments that stay say all that this one says of packs which are there.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_said_elsewhere(&self, segment: &ObjectId) -> Result<bool> {
        self.index.with(|connection| {
            let sql = "SELECT 1 FROM temp.named AS one
                 JOIN temp.shown ON shown.id = one.pack AND shown.metadata = one.metadata
                 WHERE one.segment = ?1 AND NOT EXISTS (
                    SELECT 1 FROM temp.named AS other
                    WHERE other.pack = one.pack AND other.metadata = one.metadata
                    AND other.said = one.said AND other.segment <> ?1
                    AND other.segment NOT IN (SELECT segment FROM temp.going))";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(!statement.exists([segment.as_bytes()])?)
        })
    }

    /// Of how many packs a segment speaks, and how many of those are not there.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn named_totals(&self, segment: &ObjectId) -> Result<(u64, u64)> {
        self.index.with(|connection| {
            let sql = "SELECT count(*), count(*) - count(shown.id) FROM temp.named
                 LEFT JOIN temp.shown ON shown.id = named.pack AND shown.metadata = named.metadata
                 WHERE named.segment = ?";
            connection.query_row(sql, [segment.as_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
    }
}
