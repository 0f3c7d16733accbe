//! Packs and segments: what the store holds, as far as this host knows.

use rusqlite::{Transaction, params};

use super::{Index, IndexError, Result};
use crate::id::{ObjectId, SessionId};

/// A pack with its chunks, to be added to the index.
#[derive(Debug, Clone)]
pub struct IndexedPack {
    pub id: ObjectId,
    /// Stored length in bytes.
    pub bytes: u64,
    /// Wire number of its class.
    pub class: u8,
    pub crc: u64,
    /// The pack's header as stored.
    pub header: Vec<u8>,
    pub chunks: Vec<super::chunks::ChunkRow>,
}

impl Index {
    /// Whether that segment was read in before.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn has_segment(&self, id: &ObjectId) -> Result<bool> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM segments WHERE id = ?")?;
            statement.exists([id.as_bytes().as_slice()])
        })
    }

    /// Takes in what a segment says, in one transaction. Packs that are new are not live until the
    /// store was seen to hold them, unless `live`.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn add_segment(
        &self,
        id: &ObjectId,
        session: &SessionId,
        packs: &[IndexedPack],
        live: bool,
    ) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO segments (id, session) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
                params![id.as_bytes(), session.as_bytes()],
            )?;
            let segment: i64 = transaction.query_row(
                "SELECT number FROM segments WHERE id = ?",
                [id.as_bytes().as_slice()],
                |row| row.get(0),
            )?;
            for pack in packs {
                insert_pack(&transaction, pack, live, Some(segment))?;
            }
            transaction.commit()
        })
    }

    /// Adds a pack that no segment names yet: it was just stored, or its footer was just read.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn add_pack(&self, pack: &IndexedPack) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            insert_pack(&transaction, pack, true, None)?;
            transaction.commit()
        })
    }

    /// Forgets segments that the store no longer shows; their packs count as unpublished unless
    /// another listed segment named them later.
    ///
    /// # Errors
    /// `Sqlite`; whatever `look` returns.
    pub fn reconcile_segments<E: From<IndexError>>(
        &self,
        listed: &std::collections::BTreeSet<ObjectId>,
    ) -> std::result::Result<(), E> {
        let gone = self.with(|connection| {
            let mut statement = connection.prepare("SELECT number, id FROM segments")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, [u8; 32]>(1)?)))?;
            let all = rows.collect::<rusqlite::Result<Vec<(i64, [u8; 32])>>>()?;
            Ok(all
                .into_iter()
                .filter(|(_, id)| !listed.contains(&ObjectId::new(*id))))
        })?;
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for (number, _) in gone {
                transaction.execute(
                    "UPDATE packs SET segment = NULL WHERE segment = ?",
                    [number],
                )?;
                transaction.execute("DELETE FROM segments WHERE number = ?", [number])?;
            }
            transaction.commit()
        })?;
        Ok(())
    }

    /// Marks as live exactly the claims of packs (of data, or of listings) that `list` shows with
    /// the size claimed. `list` must give ids in ascending order; nothing is held in memory but what
    /// changed. Packs that the index does not know are given to `stranger`.
    ///
    /// # Errors
    /// `Sqlite`; whatever `list` returns.
    pub fn reconcile_packs<E: From<IndexError>>(
        &self,
        metadata: bool,
        list: impl FnOnce(&mut dyn FnMut(ObjectId, u64)) -> std::result::Result<(), E>,
        stranger: &mut dyn FnMut(ObjectId, u64),
    ) -> std::result::Result<(), E> {
        let connection = self.lock();
        let sql = "SELECT number, id, bytes, live FROM packs WHERE (class = 2) = ? ORDER BY id";
        let mut changes = Vec::new();
        let mut failure = None;
        {
            let mut statement = connection.prepare(sql).map_err(|e| self.error(e))?;
            let mut rows = statement.query([metadata]).map_err(|e| self.error(e))?;
            let mut advance = || match rows.next() {
                Ok(row) => row.map(Row::of).transpose(),
                Err(error) => Err(error),
            };
            let mut next = advance().map_err(|e| self.error(e))?;
            let mut take = |upto: Option<ObjectId>, seen: Option<u64>| -> rusqlite::Result<bool> {
                let mut known = false;
                while let Some(row) = &next {
                    if upto.is_some_and(|id| row.id > id) {
                        break;
                    }
                    let here = upto == Some(row.id);
                    let live = here && seen == Some(row.bytes);
                    if live != row.live {
                        changes.push((row.number, live));
                    }
                    next = advance()?;
                    known |= here;
                }
                Ok(known)
            };
            list(&mut |id, bytes| match take(Some(id), Some(bytes)) {
                Ok(true) => {}
                Ok(false) => stranger(id, bytes),
                Err(error) => failure = Some(error),
            })?;
            take(None, None).map_err(|e| self.error(e))?;
        }
        drop(connection);
        if let Some(error) = failure {
            return Err(self.error(error).into());
        }
        self.set_live(&changes)?;
        Ok(())
    }

    fn set_live(&self, changes: &[(i64, bool)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut update =
                    transaction.prepare_cached("UPDATE packs SET live = ?2 WHERE number = ?1")?;
                for (number, live) in changes {
                    update.execute(params![number, live])?;
                }
            }
            transaction.commit()
        })
    }
}

struct Row {
    number: i64,
    id: ObjectId,
    bytes: u64,
    live: bool,
}

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: ObjectId::new(row.get(1)?),
            bytes: row.get(2)?,
            live: row.get(3)?,
        })
    }
}

/// All that is said of a pack, as a hash. The checksum is left out: the footer of a pack says all
/// the rest, and must count as the same claim.
fn claim_of(pack: &IndexedPack) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&pack.bytes.to_le_bytes());
    hasher.update(&[pack.class]);
    hasher.update(&(pack.header.len() as u64).to_le_bytes());
    hasher.update(&pack.header);
    for chunk in &pack.chunks {
        hasher.update(chunk.id.as_bytes());
        hasher.update(&chunk.start.to_le_bytes());
        for field in [chunk.stored, chunk.plain, chunk.position] {
            hasher.update(&field.to_le_bytes());
        }
        hasher.update(&[chunk.codec]);
    }
    *hasher.finalize().as_bytes()
}

/// A claim that is known stays as it is, but may become published.
fn insert_pack(
    transaction: &Transaction<'_>,
    pack: &IndexedPack,
    live: bool,
    segment: Option<i64>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO packs (id, claim, bytes, class, crc, header, live, segment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id, claim) DO NOTHING",
    )?;
    // SQLite has signed integers; the bits are what counts.
    let crc = i64::from_ne_bytes(pack.crc.to_ne_bytes());
    let (id, claim) = (pack.id.as_bytes(), claim_of(pack));
    let new = insert.execute(params![
        id,
        claim,
        pack.bytes,
        pack.class,
        crc,
        pack.header,
        live,
        segment
    ])? == 1;
    if !new {
        if let Some(segment) = segment {
            let sql = "UPDATE packs SET segment = ?3 WHERE id = ?1 AND claim = ?2";
            transaction
                .prepare_cached(sql)?
                .execute(params![id, claim, segment])?;
        }
        return Ok(());
    }
    super::chunks::insert_chunks(transaction, transaction.last_insert_rowid(), &pack.chunks)
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::*;

    fn reconcile(index: &Index, listed: &[(u8, u64)]) -> Vec<u8> {
        let mut strangers = Vec::new();
        index
            .reconcile_packs::<IndexError>(
                false,
                |see| {
                    listed
                        .iter()
                        .for_each(|(id, bytes)| see(ObjectId::new([*id; 32]), *bytes));
                    Ok(())
                },
                &mut |id, _| strangers.push(id.as_bytes()[0]),
            )
            .unwrap();
        strangers
    }

    #[test]
    fn a_place_counts_only_while_the_store_shows_its_pack_with_the_right_size() {
        let index = Index::in_memory().unwrap();
        for id in [1, 3, 5] {
            index.add_pack(&pack(id, &[chunk(id)])).unwrap();
        }
        let live = |id| index.is_stored(&chunk(id).id).unwrap();
        assert_eq!(
            reconcile(&index, &[(0, 9), (1, 100), (4, 9), (5, 99), (7, 9)]),
            [0, 4, 7]
        );
        assert!(live(1) && !live(3) && !live(5));
        assert!(reconcile(&index, &[(1, 100), (3, 100), (5, 100)]).is_empty());
        assert!(live(1) && live(3) && live(5));
        reconcile(&index, &[]);
        assert!(!live(1) && !live(3) && !live(5));
    }

    #[test]
    fn a_false_claim_keeps_out_no_true_one() {
        let index = Index::in_memory().unwrap();
        let session = SessionId::new([0; 16]);
        let longer = IndexedPack {
            bytes: 101,
            ..pack(1, &[chunk(1)])
        };
        let recoded = super::super::ChunkRow {
            codec: 1,
            ..chunk(1)
        };
        let lies = [longer, pack(1, &[]), pack(1, &[recoded])];
        let forged = ObjectId::new([8; 32]);
        index.add_segment(&forged, &session, &lies, false).unwrap();
        let honest = ObjectId::new([9; 32]);
        let truth = [pack(1, &[chunk(1)])];
        index.add_segment(&honest, &session, &truth, false).unwrap();
        index.add_segment(&honest, &session, &truth, false).unwrap();
        assert!(reconcile(&index, &[(1, 100), (2, 100)]) == [2]);
        let claims = index.claims_of(&truth[0].id).unwrap();
        let live: Vec<_> = claims.iter().map(|claim| claim.live).collect();
        assert_eq!(live, [true, true, true, false]);
        assert!(index.pack(&truth[0].id).unwrap().unwrap().bytes == 100);
        assert!(index.packs_after(None, 9).unwrap()[0].live);
        let places = index.places(&chunk(1).id).unwrap();
        let true_place = |place: &super::super::Place| place.chunk == chunk(1) && place.live;
        assert_eq!(places.iter().filter(|place| true_place(place)).count(), 1);
        let chunks = claims.iter().map(|claim| index.chunks_of(claim).unwrap());
        assert!(chunks.into_iter().any(|chunks| chunks == [chunk(1)]));
    }

    #[test]
    fn a_pack_is_published_by_a_segment_that_is_listed() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(1, &[chunk(1)])).unwrap();
        assert_eq!(index.unpublished_packs().unwrap().len(), 1);
        let (segment, session) = (ObjectId::new([9; 32]), SessionId::new([0; 16]));
        index
            .add_segment(&segment, &session, &[pack(1, &[chunk(1)])], false)
            .unwrap();
        assert!(index.has_segment(&segment).unwrap());
        assert!(index.unpublished_packs().unwrap().is_empty());
        assert!(index.is_stored(&chunk(1).id).unwrap(), "it stays live");
        index
            .reconcile_segments::<IndexError>(&[segment].into())
            .unwrap();
        assert!(index.unpublished_packs().unwrap().is_empty());
        index.reconcile_segments::<IndexError>(&[].into()).unwrap();
        assert_eq!(index.unpublished_packs().unwrap().len(), 1);
        assert!(!index.has_segment(&segment).unwrap());
    }
}
