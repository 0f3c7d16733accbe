//! Chunks that snapshots reach.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::PruneTables;
use super::uses::find_there;
use crate::id::ChunkId;

impl PruneTables<'_> {
    /// Notes a metadata chunk that leads to others; tells whether nobody went into it before, so that
    /// what lies beneath it must be noted too. That somebody named it as anything else does not
    /// count: whoever can put a snapshot can name any chunk in it.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn enter_metadata(&self, id: &ChunkId) -> Result<bool> {
        self.need_metadata(id)?;
        self.insert(
            "INSERT INTO temp.entered VALUES (?) ON CONFLICT DO NOTHING",
            id,
        )
    }

    /// Notes a metadata chunk that leads nowhere; tells whether it is new.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn need_metadata(&self, id: &ChunkId) -> Result<bool> {
        self.insert(
            "INSERT INTO temp.reached VALUES (?, 1) ON CONFLICT DO NOTHING",
            id,
        )
    }

    fn insert(&self, sql: &str, id: &ChunkId) -> Result<bool> {
        self.index.with(|connection| {
            let changed = connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
            Ok(changed > 0)
        })
    }

    /// Notes chunks of contents, and empties `ids`. They are sorted first: the table is a tree, and
    /// neighbours cost less than strangers.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reach_contents(&self, ids: &mut Vec<ChunkId>) -> Result<()> {
        ids.sort_unstable();
        ids.dedup();
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT INTO temp.reached VALUES (?1, 0) ON CONFLICT DO NOTHING";
                let mut insert = transaction.prepare_cached(sql)?;
                for id in ids.iter() {
                    insert.execute([id.as_bytes()])?;
                }
            }
            transaction.commit()
        })?;
        ids.clear();
        Ok(())
    }

    /// Whether a snapshot needs the chunk.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_reached(&self, id: &ChunkId) -> Result<bool> {
        self.index.with(|connection| {
            let sql = "SELECT 1 FROM temp.reached WHERE id = ?";
            connection.prepare_cached(sql)?.exists([id.as_bytes()])
        })
    }

    /// How many chunks snapshots need.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reached_count(&self) -> Result<u64> {
        self.index.with(|connection| {
            let sql = "SELECT count(*) FROM temp.reached";
            connection.query_row(sql, [], |row| row.get(0))
        })
    }

    /// A chunk that is needed and that no pack which the store shows is said to hold.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn nowhere(&self) -> Result<Option<ChunkId>> {
        self.index.with(|connection| {
            find_there(connection)?;
            let sql = "SELECT id FROM temp.reached AS reached WHERE NOT EXISTS (
                    SELECT 1 FROM main.chunks CROSS JOIN temp.there ON there.number = chunks.pack
                    WHERE chunks.id = reached.id AND there.metadata = reached.metadata)
                LIMIT 1";
            let found = connection.query_row(sql, params![], |row| row.get(0));
            Ok(found.optional()?.map(ChunkId::new))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;

    /// A forged file names a chunk of a listing among its contents, or as a list of problems. Then that
    /// chunk counted as seen, nobody went into it, and all beneath it was swept.
    #[test]
    fn what_was_named_as_something_else_is_gone_into_all_the_same() {
        let index = Index::in_memory().unwrap();
        let tables = PruneTables::new(&index).unwrap();
        let [part, other] = [1, 2].map(|number| ChunkId::new([number; 32]));
        tables.reach_contents(&mut vec![part]).unwrap();
        assert!(tables.need_metadata(&part).unwrap());
        assert!(!tables.need_metadata(&part).unwrap());
        assert!(tables.enter_metadata(&part).unwrap());
        assert!(!tables.enter_metadata(&part).unwrap());
        assert!(tables.enter_metadata(&other).unwrap());
        assert!(!tables.need_metadata(&other).unwrap());
    }
}
