//! Chunks that snapshots reach.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::PruneTables;
use crate::id::ChunkId;

impl PruneTables<'_> {
    /// Notes a metadata chunk; tells whether it is new, so that what lies beneath it must be gone
    /// into.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reach_metadata(&self, id: &ChunkId) -> Result<bool> {
        self.index.with(|connection| {
            let sql = "INSERT INTO temp.reached VALUES (?1, 1) ON CONFLICT DO NOTHING";
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
            let sql = "SELECT id FROM temp.reached AS reached WHERE NOT EXISTS (
                    SELECT 1 FROM main.chunks JOIN main.packs ON packs.number = chunks.pack
                    JOIN temp.shown ON shown.id = packs.id AND shown.bytes = packs.bytes
                        AND shown.metadata = (packs.class = 2)
                    WHERE chunks.id = reached.id AND shown.metadata = reached.metadata)
                LIMIT 1";
            let found = connection.query_row(sql, params![], |row| row.get(0));
            Ok(found.optional()?.map(ChunkId::new))
        })
    }
}
