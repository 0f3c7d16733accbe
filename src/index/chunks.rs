//! Where chunks lie. Many-valued: every claimed place is kept, and restore tries each.

use rusqlite::{Connection, Transaction, params};

use super::{Index, Result};
use crate::id::{ChunkId, ObjectId};

/// A chunk of a pack that is being added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRow {
    pub id: ChunkId,
    /// Offset of the frame in the pack.
    pub start: u64,
    /// Bytes of the frame.
    pub stored: u32,
    /// Bytes of the content.
    pub plain: u32,
    pub position: u32,
    /// Wire number of the codec.
    pub codec: u8,
}

impl ChunkRow {
    /// From a row whose first columns are `id, start, stored, plain, position, codec`.
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: ChunkId::new(row.get(0)?),
            start: row.get(1)?,
            stored: row.get(2)?,
            plain: row.get(3)?,
            position: row.get(4)?,
            codec: row.get(5)?,
        })
    }
}

/// A pack with its chunks, to be added to the index.
#[derive(Debug, Clone)]
pub struct IndexedPack {
    pub id: ObjectId,
    /// Stored length in bytes.
    pub bytes: u64,
    /// Wire number of its class.
    pub class: u8,
    /// CRC-64/NVME of its bytes, where it is known.
    pub crc: Option<u64>,
    /// The pack's header as stored.
    pub header: Vec<u8>,
    pub chunks: Vec<ChunkRow>,
}

/// One claimed place of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the claim about the pack.
    pub row: i64,
    pub pack: ObjectId,
    pub pack_bytes: u64,
    /// Wire number of the pack's class.
    pub class: u8,
    /// The pack's header.
    pub header: Vec<u8>,
    /// Whether the store showed the pack at the last look.
    pub live: bool,
    /// Whether the pack says so itself, and not only a segment.
    pub verified: bool,
    pub chunk: ChunkRow,
}

/// Packs that hold a chunk and may be rested on.
const LIVE_PLACES: &str = "SELECT packs.number FROM chunks JOIN packs ON packs.number = chunks.pack
     WHERE chunks.id = ? AND packs.live
     AND NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.pack = packs.id)";

impl Index {
    /// Whether the chunk has a live place: then it need not be stored again.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_stored(&self, id: &ChunkId) -> Result<bool> {
        self.are_stored(std::slice::from_ref(id))
    }

    /// Whether every one of the chunks has a live place that no plan condemns. From then on the run
    /// rests on the packs that hold them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn are_stored(&self, ids: &[ChunkId]) -> Result<bool> {
        let mut packs = Vec::new();
        let are_stored = self.with(|connection| live_packs(connection, ids, &mut packs))?;
        self.uses.note(&packs);
        Ok(are_stored)
    }

    /// The same of each of these lists, in one transaction.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn are_each_stored(&self, lists: &[&[ChunkId]]) -> Result<Vec<bool>> {
        let mut packs = Vec::new();
        let are_stored = self.with(|connection| {
            let reading = connection.transaction()?;
            let lists = lists.iter();
            let are_stored = lists.map(|ids| live_packs(&reading, ids, &mut packs));
            are_stored.collect()
        })?;
        self.uses.note(&packs);
        Ok(are_stored)
    }

    /// All claimed places of a chunk, live ones first.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn places(&self, id: &ChunkId) -> Result<Vec<Place>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(PLACES)?;
            let key = [id.as_bytes().as_slice()];
            let rows = statement.query_map(key, |row| Place::of(id, row))?;
            let mut places = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            places.sort_by_key(|place| (!place.live, !place.verified, place.row));
            Ok(places)
        })
    }

    /// The places of those chunks that have one claimed place and no other, in one transaction.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn only_places(&self, ids: &[ChunkId]) -> Result<Vec<Place>> {
        self.with(|connection| {
            let reading = connection.transaction()?;
            let mut statement = reading.prepare_cached(PLACES)?;
            let mut places = Vec::with_capacity(ids.len());
            for id in ids {
                let mut rows = statement.query([id.as_bytes().as_slice()])?;
                let place = rows.next()?.map(|row| Place::of(id, row)).transpose()?;
                if rows.next()?.is_none() {
                    places.extend(place);
                }
            }
            Ok(places)
        })
    }

    /// The chunks of a pack, by the number of its row, in the order of their frames.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn chunks_of(&self, pack: i64) -> Result<Vec<ChunkRow>> {
        self.with(|connection| {
            // No index leads from packs to chunks: it would cost as much as the table, and only
            // the rare run that follows an interrupted one asks.
            let mut statement = connection.prepare_cached(
                "SELECT chunks.id, start, stored, plain, position, codec FROM chunks
                 WHERE pack = ? ORDER BY start",
            )?;
            let rows = statement.query_map([pack], ChunkRow::of)?;
            rows.collect()
        })
    }

    /// How many places of chunks are known.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn count_chunks(&self) -> Result<u64> {
        self.with(|connection| {
            connection.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0))
        })
    }
}

/// All claimed places of a chunk.
const PLACES: &str = "SELECT packs.id, packs.bytes, packs.class, packs.header, packs.live,
            start, stored, plain, position, codec, packs.number, packs.verified
     FROM chunks JOIN packs ON packs.number = chunks.pack
     WHERE chunks.id = ?";

impl Place {
    fn of(id: &ChunkId, row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            row: row.get(10)?,
            pack: ObjectId::new(row.get(0)?),
            pack_bytes: row.get(1)?,
            class: row.get(2)?,
            header: row.get(3)?,
            live: row.get(4)?,
            verified: row.get(11)?,
            chunk: ChunkRow {
                id: *id,
                start: row.get(5)?,
                stored: row.get(6)?,
                plain: row.get(7)?,
                position: row.get(8)?,
                codec: row.get(9)?,
            },
        })
    }
}

/// Whether each of the chunks has a live place; if so, their packs are added to `packs`.
fn live_packs(
    connection: &Connection,
    ids: &[ChunkId],
    packs: &mut Vec<i64>,
) -> rusqlite::Result<bool> {
    let before = packs.len();
    let mut statement = connection.prepare_cached(LIVE_PLACES)?;
    for id in ids {
        let mut rows = statement.query([id.as_bytes().as_slice()])?;
        let Some(row) = rows.next()? else {
            packs.truncate(before);
            return Ok(false);
        };
        let pack = row.get(0)?;
        if packs.last() != Some(&pack) {
            packs.push(pack);
        }
    }
    Ok(true)
}

pub(super) fn insert_chunks(
    transaction: &Transaction<'_>,
    pack: i64,
    chunks: &[ChunkRow],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO chunks (id, pack, start, stored, plain, position, codec)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )?;
    for chunk in chunks {
        insert.execute(params![
            chunk.id.as_bytes(),
            pack,
            chunk.start,
            chunk.stored,
            chunk.plain,
            chunk.position,
            chunk.codec
        ])?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::IndexedPack;
    use super::*;

    pub(in super::super) fn chunk(number: u8) -> ChunkRow {
        let id = ChunkId::new([number; 32]);
        ChunkRow {
            id,
            start: 212,
            stored: 50,
            plain: 34,
            position: 0,
            codec: 0,
        }
    }

    pub(in super::super) fn pack(number: u8, chunks: &[ChunkRow]) -> IndexedPack {
        IndexedPack {
            id: ObjectId::new([number; 32]),
            bytes: 100,
            class: 0,
            crc: Some(u64::MAX - 1),
            header: vec![1, 2, 3],
            chunks: chunks.to_vec(),
        }
    }

    /// SQLite planned the statement anew for each chunk that was asked for: a third of what an
    /// unchanged backup cost.
    #[test]
    fn a_question_is_planned_once() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(1, &[chunk(1), chunk(2)])).unwrap();
        for number in [1, 2, 3, 1] {
            index.is_stored(&chunk(number).id).unwrap();
        }
        let planned_again = index.with(|connection| {
            let statement = connection.prepare_cached(LIVE_PLACES)?;
            Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
        });
        assert_eq!(planned_again.unwrap(), 0);
    }

    #[test]
    fn only_what_has_one_place_is_looked_up_with_others() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(1, &[chunk(1), chunk(2)])).unwrap();
        index.add_pack(&pack(3, &[chunk(2)])).unwrap();
        let ids = [1, 2, 9].map(|number| chunk(number).id);
        let places = index.only_places(&ids).unwrap();
        assert_eq!(places, index.places(&chunk(1).id).unwrap());
        let lists: [&[ChunkId]; 3] = [&ids[..2], &ids, &[]];
        let are_stored = index.are_each_stored(&lists).unwrap();
        assert_eq!(are_stored, [true, false, true]);
    }

    #[test]
    fn every_place_is_kept_and_live_ones_come_first() {
        let index = Index::in_memory().unwrap();
        index
            .add_segment(
                &ObjectId::new([7; 32]),
                &crate::id::SessionId::new([0; 16]),
                &[pack(1, &[chunk(5)])],
            )
            .unwrap();
        index
            .add_pack(&pack(
                2,
                &[
                    chunk(5),
                    ChunkRow {
                        start: 262,
                        ..chunk(6)
                    },
                ],
            ))
            .unwrap();
        let places = index.places(&chunk(5).id).unwrap();
        assert_eq!(places.len(), 2);
        assert!(places[0].live && places[0].pack == ObjectId::new([2; 32]) && !places[1].live);
        assert_eq!(places[0].chunk, chunk(5));
        assert_eq!(index.chunks_of(places[0].row).unwrap().len(), 2);
        assert!(index.places(&ChunkId::new([9; 32])).unwrap().is_empty());
        assert!(
            !index
                .are_stored(&[chunk(5).id, ChunkId::new([9; 32])])
                .unwrap()
        );
        assert_eq!(
            index.pack(&ObjectId::new([1; 32])).unwrap().unwrap().crc,
            Some(u64::MAX - 1)
        );
    }

    #[test]
    fn a_damaged_or_foreign_index_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.sqlite");
        std::fs::write(
            &path,
            b"this is no database, however long it may look".repeat(100),
        )
        .unwrap();
        let index = Index::open(&path).unwrap();
        index.add_pack(&pack(1, &[chunk(1)])).unwrap();
        drop(index);
        assert_eq!(Index::open(&path).unwrap().count_chunks().unwrap(), 1);
    }
}
