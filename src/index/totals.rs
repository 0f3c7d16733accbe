//! Figures of what the store holds: by class, and of the chunks that a snapshot refers to. Chunk ids
//! of a snapshot are kept in a temporary table, so that memory does not grow with it.

use rusqlite::params;

use super::{Index, Result};
use crate::id::ChunkId;

/// What is stored of one class. Packs count once however many claims there are about them, and so
/// do chunks that lie in several places; only what the store showed at the last look counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassTotals {
    /// Wire number.
    pub class: u8,
    pub packs: u64,
    /// Bytes of the packs as stored, padding included.
    pub pack_bytes: u64,
    pub chunks: u64,
    /// Bytes of the chunks before compression.
    pub plain_bytes: u64,
    /// Bytes of the chunks as they are sealed.
    pub sealed_bytes: u64,
}

/// What the noted references come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReferenceTotals {
    /// Different chunks, and how many of them lie nowhere.
    pub chunks: u64,
    pub chunks_missing: u64,
    pub plain_bytes: u64,
    pub sealed_bytes: u64,
    /// Of those that nothing else refers to.
    pub own_chunks: u64,
    pub own_plain_bytes: u64,
    pub own_sealed_bytes: u64,
}

impl Index {
    /// Figures of each class of which there is anything.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn class_totals(&self) -> Result<Vec<ClassTotals>> {
        self.with(|connection| {
            let mut packs = connection.prepare(
                "SELECT class, count(*), coalesce(sum(bytes), 0)
                 FROM (SELECT DISTINCT id, class, bytes FROM packs WHERE live)
                 GROUP BY class ORDER BY class",
            )?;
            let rows = packs.query_map([], |row| {
                Ok(ClassTotals {
                    class: row.get(0)?,
                    packs: row.get(1)?,
                    pack_bytes: row.get(2)?,
                    ..ClassTotals::default()
                })
            })?;
            let mut totals = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            // Each chunk asks for its pack: unlike `packs` this fits into memory.
            connection.execute_batch(
                "PRAGMA temp.cache_size = -16384;
                 DROP TABLE IF EXISTS temp.alive;
                 CREATE TEMP TABLE alive (number INTEGER PRIMARY KEY, class INTEGER NOT NULL);
                 INSERT INTO temp.alive SELECT number, class FROM packs WHERE live ORDER BY number;",
            )?;
            let mut chunks = connection.prepare(
                "SELECT class, count(*), sum(plain), sum(stored) FROM (
                    SELECT min(class) AS class, max(plain) AS plain, min(stored) AS stored
                    FROM chunks CROSS JOIN temp.alive ON alive.number = chunks.pack
                    GROUP BY chunks.id)
                 GROUP BY class",
            )?;
            let mut rows = chunks.query([])?;
            while let Some(row) = rows.next()? {
                let class: u8 = row.get(0)?;
                if let Some(total) = totals.iter_mut().find(|total| total.class == class) {
                    total.chunks = row.get(1)?;
                    total.plain_bytes = row.get(2)?;
                    total.sealed_bytes = row.get(3)?;
                }
            }
            Ok(totals)
        })
    }

    /// Forgets all references.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn clear_references(&self) -> Result<()> {
        self.with(|connection| {
            connection.execute_batch(
                "DROP TABLE IF EXISTS temp.noted;
                 CREATE TEMP TABLE noted (id BLOB PRIMARY KEY, shared INTEGER NOT NULL)
                 WITHOUT ROWID;",
            )
        })
    }

    /// Notes references to chunks, after [`Index::clear_references`], and empties `ids`. The more there are at
    /// once the better: they are sorted, as the table is.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note_references(&self, ids: &mut Vec<ChunkId>) -> Result<()> {
        self.for_each_id(
            ids,
            "INSERT INTO temp.noted (id, shared) VALUES (?1, 0) ON CONFLICT DO NOTHING",
        )
    }

    /// Notes that something else refers to those chunks too, and empties `ids`.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn share_references(&self, ids: &mut Vec<ChunkId>) -> Result<()> {
        self.for_each_id(
            ids,
            "UPDATE temp.noted SET shared = 1 WHERE id = ?1 AND NOT shared",
        )
    }

    /// What the noted references come to.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reference_totals(&self) -> Result<ReferenceTotals> {
        self.with(|connection| {
            let noted: u64 =
                connection.query_row("SELECT count(*) FROM temp.noted", [], |row| row.get(0))?;
            let sql = "SELECT count(*), coalesce(sum(plain), 0), coalesce(sum(stored), 0),
                    coalesce(sum(own), 0), coalesce(sum(own * plain), 0),
                    coalesce(sum(own * stored), 0)
                 FROM (SELECT NOT noted.shared AS own, max(plain) AS plain, min(stored) AS stored
                    FROM temp.noted JOIN chunks ON chunks.id = noted.id
                    JOIN packs ON packs.number = chunks.pack
                    WHERE packs.live GROUP BY noted.id)";
            connection.query_row(sql, [], |row| {
                let found: u64 = row.get(0)?;
                Ok(ReferenceTotals {
                    chunks: noted,
                    chunks_missing: noted.saturating_sub(found),
                    plain_bytes: row.get(1)?,
                    sealed_bytes: row.get(2)?,
                    own_chunks: row.get(3)?,
                    own_plain_bytes: row.get(4)?,
                    own_sealed_bytes: row.get(5)?,
                })
            })
        })
    }

    fn for_each_id(&self, ids: &mut Vec<ChunkId>, sql: &str) -> Result<()> {
        ids.sort_unstable();
        ids.dedup();
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(sql)?;
                for id in ids.iter() {
                    statement.execute(params![id.as_bytes().as_slice()])?;
                }
            }
            transaction.commit()
        })?;
        ids.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ChunkRow;
    use super::super::chunks::tests::{chunk, pack};
    use super::*;
    use crate::id::{ObjectId, SessionId};

    #[test]
    fn what_is_claimed_twice_or_lies_twice_counts_once() {
        let index = Index::in_memory().unwrap();
        let both = [chunk(1), chunk(2)];
        index.add_pack(&pack(1, &both)).unwrap();
        index.add_pack(&pack(2, &[chunk(2)])).unwrap();
        // A segment says the same of a pack, and another names one that is not there.
        let session = SessionId::new([0; 16]);
        index
            .add_segment(&ObjectId::new([9; 32]), &session, &[pack(1, &both)])
            .unwrap();
        index
            .add_segment(&ObjectId::new([8; 32]), &session, &[pack(7, &[chunk(7)])])
            .unwrap();
        let expected = ClassTotals {
            class: 0,
            packs: 2,
            pack_bytes: 200,
            chunks: 2,
            plain_bytes: 68,
            sealed_bytes: 100,
        };
        assert_eq!(index.class_totals().unwrap(), [expected]);
    }

    #[test]
    fn references_are_counted_once_and_apart_when_something_else_has_them_too() {
        let index = Index::in_memory().unwrap();
        let rows: Vec<ChunkRow> = (1..=3).map(chunk).collect();
        index.add_pack(&pack(1, &rows)).unwrap();
        let id = |number| ChunkId::new([number; 32]);
        for _ in 0..2 {
            index.clear_references().unwrap();
            index
                .note_references(&mut vec![id(1), id(2), id(2)])
                .unwrap();
            index.note_references(&mut vec![id(2), id(9)]).unwrap();
            index.share_references(&mut vec![id(2), id(3)]).unwrap();
            let expected = ReferenceTotals {
                chunks: 3,
                chunks_missing: 1,
                plain_bytes: 68,
                sealed_bytes: 100,
                own_chunks: 1,
                own_plain_bytes: 34,
                own_sealed_bytes: 50,
            };
            assert_eq!(index.reference_totals().unwrap(), expected);
        }
    }
}
