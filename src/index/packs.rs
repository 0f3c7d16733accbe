//! Packs and segments: what the store holds, as far as this host knows.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::chunks::IndexedPack;
use super::publication::{self, Origin};
use super::{Index, IndexError, Result};
use crate::id::{ObjectId, SessionId};

/// What the index knows of a pack, without its chunks. There may be several of one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPack {
    /// Of the row.
    pub number: i64,
    pub id: ObjectId,
    pub bytes: u64,
    pub class: u8,
    pub crc: Option<u64>,
    pub header: Vec<u8>,
    pub live: bool,
    pub published: bool,
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

    /// Notes that a segment which carries packs of this host was acknowledged.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn published(
        &self,
        id: &ObjectId,
        session: &SessionId,
        packs: impl Iterator<Item = ObjectId>,
    ) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let segment = insert_segment(&transaction, id, session)?;
            {
                let sql = "UPDATE packs SET segment = ?2 WHERE id = ?1 AND verified";
                let mut update = transaction.prepare_cached(sql)?;
                for pack in packs {
                    update.execute(params![pack.as_bytes(), segment])?;
                }
            }
            transaction.commit()
        })
    }

    /// Adds a pack that this host knows for itself: it was just stored, or its footer was just read.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn add_pack(&self, pack: &IndexedPack) -> Result<()> {
        let number = self.with(|connection| {
            let transaction = connection.transaction()?;
            let count = publication::distinct(&pack.chunks).len();
            let number = insert_row(&transaction, pack, count, Origin::Verified)?;
            super::chunks::insert_chunks(&transaction, number, &pack.chunks)?;
            let chunks = || Ok(pack.chunks.clone());
            publication::note(&transaction, pack, number, Origin::Verified, &chunks)?;
            transaction.commit()?;
            Ok(number)
        })?;
        self.uses.note(&[number]);
        Ok(())
    }

    /// Forgets segments that the store no longer shows; their packs count as unpublished unless
    /// another listed segment named them later.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reconcile_segments(&self, listed: &BTreeSet<ObjectId>) -> Result<()> {
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

    /// Marks as live exactly the packs (of data, or of listings) that `list` shows with their
    /// right size. `list` must give ids in ascending order; nothing is held in memory but what
    /// changed.
    ///
    /// # Errors
    /// `Sqlite`; whatever `list` returns.
    pub fn reconcile_packs<E: From<IndexError>>(
        &self,
        metadata: bool,
        list: impl FnOnce(&mut dyn FnMut(ObjectId, u64)) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let connection = self.lock();
        let sql = "SELECT number, id, bytes, live, id IN (SELECT id FROM distrusted)
                   FROM packs WHERE (class = 2) = ? ORDER BY id";
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
            let mut take = |upto: Option<ObjectId>, seen: Option<u64>| -> rusqlite::Result<()> {
                while let Some(row) = &next {
                    if upto.is_some_and(|id| row.id > id) {
                        break;
                    }
                    let is_listed = upto == Some(row.id) && seen == Some(row.bytes);
                    let live = is_listed && !row.distrusted;
                    if live != row.live {
                        changes.push((row.number, live));
                    }
                    next = advance()?;
                }
                Ok(())
            };
            list(&mut |id, bytes| failure = failure.take().or(take(Some(id), Some(bytes)).err()))?;
            take(None, None).map_err(|e| self.error(e))?;
        }
        drop(connection);
        if let Some(error) = failure {
            return Err(self.error(error).into());
        }
        // In the order of the table, whose pages are then written once each.
        changes.sort_unstable();
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

    /// What is known of a pack: the live claim, if there is one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn pack(&self, id: &ObjectId) -> Result<Option<KnownPack>> {
        Ok(self.claims_of(id)?.into_iter().next())
    }

    /// All claims about a pack, live ones first.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn claims_of(&self, id: &ObjectId) -> Result<Vec<KnownPack>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {PACK_COLUMNS} FROM packs WHERE id = ?
                 ORDER BY live DESC, verified DESC, number"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([id.as_bytes().as_slice()], known_pack)?;
            rows.collect()
        })
    }

    /// All claims about packs, in the order of ids, without their chunks.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn packs_after(&self, after: Option<&ObjectId>, count: u32) -> Result<Vec<KnownPack>> {
        let after = after.map_or(Vec::new(), |id| id.as_bytes().to_vec());
        self.with(|connection| {
            let sql = format!(
                "SELECT {PACK_COLUMNS} FROM packs WHERE id > ? ORDER BY id, number LIMIT ?"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![after, count], known_pack)?;
            rows.collect()
        })
    }

    /// Whether the pack's own word is known: this host stored it or read its footer.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_verified(&self, id: &ObjectId) -> Result<bool> {
        self.with(|connection| {
            let sql = "SELECT 1 FROM packs WHERE id = ? AND verified";
            connection.prepare_cached(sql)?.exists([id.as_bytes()])
        })
    }

    /// Live packs that this host knows for itself and of which no listed segment says all that it
    /// knows: one that names the pack and says less, or something else, may be a false one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn unpublished_packs(&self) -> Result<Vec<KnownPack>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {PACK_COLUMNS} FROM packs
                 WHERE verified AND live AND segment IS NULL ORDER BY id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], known_pack)?;
            rows.collect()
        })
    }
}

const PACK_COLUMNS: &str = "number, id, bytes, class, crc, header, live, segment IS NOT NULL";

fn known_pack(row: &rusqlite::Row<'_>) -> rusqlite::Result<KnownPack> {
    Ok(KnownPack {
        number: row.get(0)?,
        id: ObjectId::new(row.get(1)?),
        bytes: row.get(2)?,
        class: row.get(3)?,
        // SQLite has signed integers; the bits are what counts.
        crc: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        header: row.get(5)?,
        live: row.get(6)?,
        published: row.get(7)?,
    })
}

struct Row {
    number: i64,
    id: ObjectId,
    bytes: u64,
    live: bool,
    distrusted: bool,
}

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: ObjectId::new(row.get(1)?),
            bytes: row.get(2)?,
            live: row.get(3)?,
            distrusted: row.get(4)?,
        })
    }
}

pub(super) fn insert_segment(
    transaction: &Transaction<'_>,
    id: &ObjectId,
    session: &SessionId,
) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO segments (id, session) VALUES (?1, ?2)
               ON CONFLICT (id) DO UPDATE SET session = excluded.session RETURNING number";
    let mut insert = transaction.prepare_cached(sql)?;
    insert.query_row(params![id.as_bytes(), session.as_bytes()], |row| row.get(0))
}

/// Takes in a pack without its chunks, of which it has `count` different ones. Gives its number, which it has
/// already if the claim is known.
pub(super) fn insert_row(
    transaction: &Transaction<'_>,
    pack: &IndexedPack,
    count: usize,
    origin: Origin,
) -> rusqlite::Result<i64> {
    let IndexedPack {
        id,
        bytes,
        class,
        crc,
        header,
        chunks: _,
    } = pack;
    let (id, crc) = (id.as_bytes(), crc.map(u64::cast_signed));
    let (verified, segment) = match origin {
        Origin::Segment(number) => (false, Some(number)),
        Origin::Verified => (true, None),
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO packs (id, bytes, class, header, verified, crc, live, segment, chunks)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5 AND ?1 NOT IN (SELECT id FROM distrusted), ?7, ?8)
         ON CONFLICT (id, bytes, class, header, verified) DO UPDATE SET
            live = max(live, excluded.live), crc = coalesce(crc, excluded.crc),
            segment = coalesce(excluded.segment, segment)
         RETURNING number",
    )?;
    let row = params![id, bytes, class, header, verified, crc, segment, count];
    insert.query_row(row, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::super::{ChunkRow, Place};
    use super::*;

    fn reconcile(index: &Index, listed: &[(u8, u64)]) {
        index
            .reconcile_packs::<IndexError>(false, |see| {
                listed
                    .iter()
                    .for_each(|(id, bytes)| see(ObjectId::new([*id; 32]), *bytes));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_place_counts_only_while_the_store_shows_its_pack_with_the_right_size() {
        let index = Index::in_memory().unwrap();
        for id in [1, 3, 5] {
            index.add_pack(&pack(id, &[chunk(id)])).unwrap();
        }
        let live = |id| index.is_stored(&chunk(id).id).unwrap();
        reconcile(&index, &[(0, 9), (1, 100), (4, 9), (5, 99), (7, 9)]);
        assert!(live(1) && !live(3) && !live(5));
        reconcile(&index, &[(1, 100), (3, 100), (5, 100)]);
        assert!(live(1) && live(3) && live(5));
        reconcile(&index, &[]);
        assert!(!live(1) && !live(3) && !live(5));
    }

    #[test]
    fn a_false_claim_about_a_pack_takes_nothing_away() {
        let index = Index::in_memory().unwrap();
        let (forged, honest) = (ObjectId::new([8; 32]), ObjectId::new([9; 32]));
        let session = SessionId::new([0; 16]);
        let misplaced = ChunkRow {
            stored: 99,
            ..chunk(1)
        };
        let lies = [
            pack(1, &[misplaced]),
            IndexedPack {
                header: vec![9],
                ..pack(1, &[chunk(1)])
            },
            IndexedPack {
                class: 2,
                ..pack(1, &[chunk(1)])
            },
            IndexedPack {
                bytes: 7,
                ..pack(1, &[chunk(1)])
            },
        ];
        index.add_segment(&forged, &session, &lies).unwrap();
        index
            .add_segment(&honest, &session, &[pack(1, &[chunk(1)])])
            .unwrap();
        reconcile(&index, &[(1, 100)]);
        let places = index.places(&chunk(1).id).unwrap();
        let right = |place: &Place| {
            place.live && place.class == 0 && place.header == [1, 2, 3] && place.chunk == chunk(1)
        };
        assert!(places.iter().any(right), "{places:?}");
        assert!(places.iter().filter(|place| place.live).count() <= 3);
    }

    #[test]
    fn a_pack_is_published_by_a_segment_that_is_listed() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(1, &[chunk(1)])).unwrap();
        assert_eq!(index.unpublished_packs().unwrap().len(), 1);
        let (segment, session) = (ObjectId::new([9; 32]), SessionId::new([0; 16]));
        index
            .published(&segment, &session, [ObjectId::new([1; 32])].into_iter())
            .unwrap();
        assert!(index.has_segment(&segment).unwrap());
        assert!(index.unpublished_packs().unwrap().is_empty());
        assert!(index.is_stored(&chunk(1).id).unwrap(), "it stays live");
        index.reconcile_segments(&[segment].into()).unwrap();
        assert!(index.unpublished_packs().unwrap().is_empty());
        index.reconcile_segments(&[].into()).unwrap();
        assert_eq!(index.unpublished_packs().unwrap().len(), 1);
        assert!(!index.has_segment(&segment).unwrap());
    }
}
