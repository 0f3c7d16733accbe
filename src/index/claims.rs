//! What is claimed of packs. There may be several claims for one: a wrong one must not keep out a
//! right one.

use rusqlite::params;

use super::chunks::ChunkRow;
use super::{Index, Result};
use crate::id::{ChunkId, ObjectId};

/// What is claimed of a pack, without its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPack {
    pub(super) number: i64,
    pub id: ObjectId,
    pub bytes: u64,
    pub class: u8,
    pub crc: u64,
    pub header: Vec<u8>,
    pub live: bool,
    pub published: bool,
}

impl Index {
    /// The pack with that id, if known; of several claims a live one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn pack(&self, id: &ObjectId) -> Result<Option<KnownPack>> {
        Ok(self.claims_of(id)?.into_iter().next())
    }

    /// All that is claimed of a pack, live claims first.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn claims_of(&self, id: &ObjectId) -> Result<Vec<KnownPack>> {
        self.with(|connection| {
            let sql =
                format!("SELECT {PACK_COLUMNS} FROM packs WHERE id = ? ORDER BY live DESC, number");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([id.as_bytes().as_slice()], known_pack)?;
            rows.collect()
        })
    }

    /// All packs, in the order of their ids, without their chunks; of several claims a live one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn packs_after(&self, after: Option<&ObjectId>, count: u32) -> Result<Vec<KnownPack>> {
        let after = after.map_or(Vec::new(), |id| id.as_bytes().to_vec());
        self.with(|connection| {
            // With `max` alone among aggregates, SQLite takes the other columns from its row.
            let sql = format!(
                "SELECT {PACK_COLUMNS}, max(live) FROM packs WHERE id > ?
                 GROUP BY id ORDER BY id LIMIT ?"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![after, count], known_pack)?;
            rows.collect()
        })
    }

    /// Live packs that no listed segment names.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn unpublished_packs(&self) -> Result<Vec<KnownPack>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {PACK_COLUMNS} FROM packs WHERE segment IS NULL AND live ORDER BY id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], known_pack)?;
            rows.collect()
        })
    }

    /// The chunks that a claim says are in its pack, in the order of their frames.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn chunks_of(&self, claim: &KnownPack) -> Result<Vec<ChunkRow>> {
        self.with(|connection| {
            // No index leads from packs to chunks: it would cost as much as the table, and only
            // the rare run that follows an interrupted one asks.
            let mut statement = connection.prepare_cached(
                "SELECT chunks.id, start, stored, plain, position, codec FROM chunks
                 WHERE pack = ? ORDER BY start",
            )?;
            let rows = statement.query_map([claim.number], |row| {
                Ok(ChunkRow {
                    id: ChunkId::new(row.get(0)?),
                    start: row.get(1)?,
                    stored: row.get(2)?,
                    plain: row.get(3)?,
                    position: row.get(4)?,
                    codec: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }
}

const PACK_COLUMNS: &str = "id, bytes, class, crc, header, live, segment IS NOT NULL, number";

fn known_pack(row: &rusqlite::Row<'_>) -> rusqlite::Result<KnownPack> {
    Ok(KnownPack {
        id: ObjectId::new(row.get(0)?),
        bytes: row.get(1)?,
        class: row.get(2)?,
        crc: u64::from_ne_bytes(row.get::<_, i64>(3)?.to_ne_bytes()),
        header: row.get(4)?,
        live: row.get(5)?,
        published: row.get(6)?,
        number: row.get(7)?,
    })
}
