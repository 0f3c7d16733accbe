//! Many segments on their way into the index.
//!
//! Ids are random, and the table of chunks is a tree ordered by them: a segment taken in by itself touches as
//! many pages of it as it has chunks, and ten million chunks came to eighty gigabytes of writing. So segments
//! gather in temporary tables, in the order in which they come, and millions of rows are sorted and taken in at
//! once: each page is written a few times. Segments are known only together with all that they say.

use rusqlite::{Transaction, params};

use super::chunks::{ChunkRow, IndexedPack};
use super::packs::{insert_row, insert_segment};
use super::publication::{self, Origin};
use super::{Index, Result};
use crate::id::{ObjectId, SessionId};

/// So many chunks are taken in at once: some 300 MB on their way through temporary files.
const CHUNKS_AT_ONCE: usize = 3_000_000;

const DROP: &str = "
    DROP TABLE IF EXISTS temp.staged_segments;
    DROP TABLE IF EXISTS temp.staged_packs;
    DROP TABLE IF EXISTS temp.staged_chunks;
    DROP TABLE IF EXISTS temp.staged_numbers;";

const CREATE: &str = "
    CREATE TEMP TABLE staged_segments (
        number  INTEGER PRIMARY KEY,
        id      BLOB NOT NULL,
        session BLOB NOT NULL
    );
    -- `first`: the number of its first chunk, which others follow up to the first of the next; `chunks`: how
    -- many different ones.
    CREATE TEMP TABLE staged_packs (
        number  INTEGER PRIMARY KEY,
        segment INTEGER NOT NULL,
        id      BLOB NOT NULL,
        bytes   INTEGER NOT NULL,
        class   INTEGER NOT NULL,
        crc     INTEGER,
        header  BLOB NOT NULL,
        first   INTEGER NOT NULL,
        chunks  INTEGER NOT NULL
    );
    CREATE TEMP TABLE staged_chunks (
        number   INTEGER PRIMARY KEY,
        pack     INTEGER NOT NULL,
        id       BLOB NOT NULL,
        start    INTEGER NOT NULL,
        stored   INTEGER NOT NULL,
        plain    INTEGER NOT NULL,
        position INTEGER NOT NULL,
        codec    INTEGER NOT NULL
    );
    -- Under which number a staged pack stands in the index.
    CREATE TEMP TABLE staged_numbers (staged INTEGER PRIMARY KEY, number INTEGER NOT NULL);";

/// Segments that were read and are not in the index yet; one at a time of an index.
pub struct Staging<'i> {
    index: &'i Index,
    /// The tables are there: most runs find no new segment and need none.
    is_open: bool,
    packs: usize,
    chunks: usize,
    /// When so many are staged, they are taken in.
    chunks_max: usize,
}

impl<'i> Staging<'i> {
    pub fn new(index: &'i Index) -> Self {
        Self {
            index,
            is_open: false,
            packs: 0,
            chunks: 0,
            chunks_max: CHUNKS_AT_ONCE,
        }
    }

    /// Notes what a segment claims; now and then takes in all that was noted. Its packs are not live until the
    /// store was seen to hold them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn add(&mut self, id: &ObjectId, session: &SessionId, packs: &[IndexedPack]) -> Result<()> {
        let index = self.index;
        // Only temporary tables are written: nobody else has to wait.
        index.with(|connection| {
            if !self.is_open {
                connection.execute_batch(&format!("{DROP}{CREATE}"))?;
                self.is_open = true;
            }
            let transaction = connection.transaction()?;
            self.stage(&transaction, id, session, packs)?;
            transaction.commit()
        })?;
        match self.chunks < self.chunks_max {
            true => Ok(()),
            false => self.take_in(),
        }
    }

    /// Takes in what is left.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn finish(mut self) -> Result<()> {
        match self.is_open {
            true => self.take_in(),
            false => Ok(()),
        }
    }

    fn stage(
        &mut self,
        transaction: &Transaction<'_>,
        id: &ObjectId,
        session: &SessionId,
        packs: &[IndexedPack],
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO temp.staged_segments (id, session) VALUES (?1, ?2)";
        transaction.execute(sql, params![id.as_bytes(), session.as_bytes()])?;
        let segment = transaction.last_insert_rowid();
        let mut insert = transaction.prepare_cached(
            "INSERT INTO temp.staged_packs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let mut insert_chunk = transaction.prepare_cached(
            "INSERT INTO temp.staged_chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for pack in packs {
            self.packs += 1;
            insert.execute(params![
                self.packs,
                segment,
                pack.id.as_bytes(),
                pack.bytes,
                pack.class,
                pack.crc.map(u64::cast_signed),
                pack.header,
                self.chunks + 1,
                publication::distinct(&pack.chunks).len()
            ])?;
            for chunk in &pack.chunks {
                self.chunks += 1;
                insert_chunk.execute(params![
                    self.chunks,
                    self.packs,
                    chunk.id.as_bytes(),
                    chunk.start,
                    chunk.stored,
                    chunk.plain,
                    chunk.position,
                    chunk.codec
                ])?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            take_packs(&transaction)?;
            transaction.execute(TAKE_CHUNKS, [])?;
            transaction.commit()?;
            connection.execute_batch(DROP)
        })?;
        self.is_open = false;
        (self.packs, self.chunks) = (0, 0);
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        // They go with the connection at the latest.
        let _ = self.index.with(|connection| connection.execute_batch(DROP));
    }
}

impl Index {
    /// Takes in what one segment claims. Its packs are not live until the store was seen to hold them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn add_segment(
        &self,
        id: &ObjectId,
        session: &SessionId,
        packs: &[IndexedPack],
    ) -> Result<()> {
        let mut staging = Staging::new(self);
        staging.add(id, session, packs)?;
        staging.finish()
    }
}

/// Rows come in the order of the table, so that its pages are written one after another.
const TAKE_CHUNKS: &str = "
    INSERT INTO main.chunks (id, pack, start, stored, plain, position, codec)
    SELECT one.id, numbers.number, one.start, one.stored, one.plain, one.position, one.codec
    FROM temp.staged_chunks AS one
    CROSS JOIN temp.staged_numbers AS numbers ON numbers.staged = one.pack
    WHERE true ORDER BY one.id, numbers.number
    ON CONFLICT DO NOTHING";

/// Takes in segments and packs, and notes their numbers for the chunks. In the order in which they were told: packs
/// that were filled at one time have neighbouring numbers, by which a restore goes.
fn take_packs(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut segments = Vec::new();
    let mut select =
        transaction.prepare("SELECT id, session FROM temp.staged_segments ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, session) = (ObjectId::new(row.get(0)?), SessionId::new(row.get(1)?));
        segments.push(insert_segment(transaction, &id, &session)?);
    }
    let mut note = transaction.prepare("INSERT INTO temp.staged_numbers VALUES (?1, ?2)")?;
    let mut select = transaction.prepare(
        "SELECT number, segment, id, bytes, class, crc, header, first, chunks
         FROM temp.staged_packs ORDER BY number",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (staged, segment): (i64, usize) = (row.get(0)?, row.get(1)?);
        let pack = IndexedPack {
            id: ObjectId::new(row.get(2)?),
            bytes: row.get(3)?,
            class: row.get(4)?,
            crc: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            header: row.get(6)?,
            chunks: Vec::new(),
        };
        // They are numbered from 1 on.
        let Some(segment) = segments.get(segment.wrapping_sub(1)) else {
            continue;
        };
        let origin = Origin::Segment(*segment);
        let first: i64 = row.get(7)?;
        let number = insert_row(transaction, &pack, row.get(8)?, origin)?;
        let chunks = || staged_chunks(transaction, staged, first);
        publication::note(transaction, &pack, number, origin, &chunks)?;
        note.execute([staged, number])?;
    }
    Ok(())
}

/// The chunks of a staged pack, of which the first has that number.
fn staged_chunks(
    transaction: &Transaction<'_>,
    pack: i64,
    first: i64,
) -> rusqlite::Result<Vec<ChunkRow>> {
    let mut select = transaction.prepare_cached(
        "SELECT id, start, stored, plain, position, codec, pack FROM temp.staged_chunks
         WHERE number >= ? ORDER BY number",
    )?;
    let mut rows = select.query([first])?;
    let mut chunks = Vec::new();
    while let Some(row) = rows.next()?.filter(|row| row.get(6) == Ok(pack)) {
        chunks.push(ChunkRow::of(row)?);
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::*;

    const SESSION: SessionId = SessionId::new([0; 16]);

    fn staged(known: &[IndexedPack], segments: &[&[IndexedPack]], chunks_max: usize) -> Index {
        let index = Index::in_memory().unwrap();
        known
            .iter()
            .for_each(|known| index.add_pack(known).unwrap());
        let mut staging = Staging::new(&index);
        staging.chunks_max = chunks_max;
        for (number, packs) in (1..).zip(segments) {
            let id = ObjectId::new([number; 32]);
            staging.add(&id, &SESSION, packs).unwrap();
        }
        staging.finish().unwrap();
        index
    }

    #[test]
    fn it_makes_no_difference_how_many_segments_are_taken_in_at_once() {
        let known = [pack(3, &[chunk(3), chunk(4)]), pack(5, &[chunk(5)])];
        let segments: [&[IndexedPack]; 4] = [
            &[
                pack(2, &[chunk(2), chunk(1)]),
                pack(1, &[chunk(1), chunk(1)]),
            ],
            // Less than the pack itself says, and all that it says.
            &[pack(3, &[chunk(3)]), pack(5, &[chunk(5)])],
            &[pack(1, &[chunk(7)]), pack(3, &[chunk(4), chunk(3)])],
            &[],
        ];
        let one_by_one = staged(&known, &segments, 0);
        let unpublished = one_by_one.unpublished_packs().unwrap();
        assert!(unpublished.is_empty(), "{unpublished:?}");
        for chunks_max in [3, 100] {
            let index = staged(&known, &segments, chunks_max);
            let counts = [&index, &one_by_one].map(|it| it.count_chunks().unwrap());
            assert_eq!(counts[0], counts[1]);
            assert!(index.unpublished_packs().unwrap().is_empty());
            for number in 1..=7 {
                let places = |index: &Index| {
                    let places = index.places(&chunk(number).id).unwrap().into_iter();
                    let places =
                        places.map(|place| (place.pack, place.verified, place.chunk.start));
                    let mut places: Vec<_> = places.collect();
                    places.sort_unstable();
                    places
                };
                assert_eq!(places(&index), places(&one_by_one), "chunk {number}");
            }
            for number in 1..=4 {
                assert!(index.has_segment(&ObjectId::new([number; 32])).unwrap());
            }
        }
        let less = staged(&known, &segments[..2], 100);
        let unpublished = less.unpublished_packs().unwrap();
        let unpublished: Vec<ObjectId> = unpublished.iter().map(|pack| pack.id).collect();
        assert_eq!(unpublished, [ObjectId::new([3; 32])]);
    }

    #[test]
    fn a_run_that_ends_before_segments_are_taken_in_knows_none_of_them() {
        let index = Index::in_memory().unwrap();
        let id = ObjectId::new([1; 32]);
        let mut staging = Staging::new(&index);
        staging.add(&id, &SESSION, &[pack(1, &[chunk(1)])]).unwrap();
        drop(staging);
        assert!(!index.has_segment(&id).unwrap());
        assert!(index.claims_of(&ObjectId::new([1; 32])).unwrap().is_empty());
        assert_eq!(index.count_chunks().unwrap(), 0);
    }
}
