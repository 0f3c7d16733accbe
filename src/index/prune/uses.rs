//! What is needed of each pack.

use rusqlite::{Connection, params};

use super::super::Result;
use super::PruneTables;
use super::shown::ShownPack;
use crate::id::{ChunkId, ObjectId};
use crate::seams::Timestamp;

/// A pack with what is needed of it.
#[derive(Debug, Clone)]
pub struct PackUse {
    pub pack: ShownPack,
    /// Its header, as it is claimed.
    pub header: Vec<u8>,
    /// Bytes of its chunks as they are sealed.
    pub sealed: u64,
    /// Chunks in it that snapshots need.
    pub reached: u64,
    /// Bytes of those that have no better place.
    pub needed: u64,
}

/// Sums over packs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uses {
    /// Sealed bytes of all chunks in packs, and of those that are needed.
    pub sealed: u64,
    pub needed: u64,
}

/// Live places of reached chunks that have several, each pack of a chunk once, the best first: in no
/// plan, then the newest. `?1`: whether chunks of contents count. Only what lies twice is sorted: the
/// joins are written in the order in which they are to be made.
const SPARE: &str = "
    INSERT OR IGNORE INTO temp.spare
    WITH twice AS MATERIALIZED (
        SELECT chunks.id AS id
        FROM main.chunks CROSS JOIN temp.there ON there.number = chunks.pack
        GROUP BY chunks.id HAVING min(there.pack) < max(there.pack))
    SELECT pack, id FROM (
        SELECT there.pack AS pack, reached.id AS id, row_number() OVER (
            PARTITION BY reached.id, reached.metadata
            ORDER BY shown.condemned, shown.modified DESC, packs.id) AS place
        FROM twice CROSS JOIN temp.reached ON reached.id = twice.id
        CROSS JOIN main.chunks ON chunks.id = reached.id
        CROSS JOIN temp.there ON there.number = chunks.pack AND there.metadata = reached.metadata
        CROSS JOIN main.packs ON packs.number = chunks.pack
        CROSS JOIN temp.shown ON shown.id = packs.id AND shown.metadata = there.metadata
        WHERE reached.metadata OR ?1
        GROUP BY reached.id, reached.metadata, there.pack)
    WHERE place > 1";

const THERE: &str = "
    DELETE FROM temp.there;
    INSERT INTO temp.there
    SELECT packs.number, shown.metadata,
        (SELECT min(other.number) FROM main.packs AS other WHERE other.id = packs.id)
    FROM temp.shown CROSS JOIN main.packs ON packs.id = shown.id AND packs.bytes = shown.bytes
        AND (packs.class = 2) = shown.metadata;";

/// Notes which claims are about packs that the store shows.
pub(super) fn find_there(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(THERE)
}

/// Sums for each claim. Ten million rows are added up in place: to sort them would take gigabytes.
const CLAIMS: &str = "
    INSERT INTO temp.claim_uses
    SELECT chunks.pack, stored, reached.id IS NOT NULL,
        CASE WHEN reached.id IS NOT NULL AND spare.id IS NULL THEN stored ELSE 0 END
    FROM main.chunks CROSS JOIN temp.there ON there.number = chunks.pack
    LEFT JOIN temp.reached ON reached.id = chunks.id AND reached.metadata = there.metadata
    LEFT JOIN temp.spare ON spare.pack = there.pack AND spare.id = chunks.id
    WHERE true ON CONFLICT (number) DO UPDATE SET sealed = sealed + excluded.sealed,
        reached = reached + excluded.reached, needed = needed + excluded.needed";

/// The word of the pack itself, where it is known, else the most that anybody says of it.
const USES: &str = "
    INSERT INTO temp.uses
    SELECT packs.id, packs.class = 2, max(packs.number), max(sealed), max(reached), max(needed)
    FROM temp.claim_uses AS claim CROSS JOIN main.packs ON packs.number = claim.number
    WHERE packs.verified OR NOT EXISTS (
        SELECT 1 FROM main.packs AS other JOIN temp.claim_uses ON claim_uses.number = other.number
        WHERE other.id = packs.id AND (other.class = 2) = (packs.class = 2) AND other.verified)
    GROUP BY packs.id, packs.class = 2";

impl PruneTables<'_> {
    /// Computes what is needed of each pack. Of a chunk with several places one is the home, and the
    /// others are spare: of listings always, of contents only where somebody can read them and see
    /// whether the home is a true one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn compute_uses(&self, contents_can_be_read: bool) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            for table in ["spare", "claim_uses", "uses"] {
                transaction.execute(&format!("DELETE FROM temp.{table}"), [])?;
            }
            find_there(&transaction)?;
            transaction.execute(SPARE, [contents_can_be_read])?;
            transaction.execute(CLAIMS, [])?;
            transaction.execute(USES, [])?;
            transaction.commit()
        })
    }

    /// Packs in no plan of this host of which at most `needed_percent` of a hundred bytes are needed, in the
    /// order of their names after `after`.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn little_used(
        &self,
        needed_percent: f64,
        after: Option<(ObjectId, bool)>,
        count: u32,
    ) -> Result<Vec<PackUse>> {
        let (id, metadata) = after.map_or((Vec::new(), false), |(id, metadata)| {
            (id.as_bytes().to_vec(), metadata)
        });
        self.index.with(|connection| {
            let sql = "SELECT uses.id, uses.metadata, shown.bytes, shown.modified, packs.header,
                    uses.sealed, uses.reached, uses.needed, shown.condemned
                 FROM temp.uses JOIN temp.shown
                    ON shown.id = uses.id AND shown.metadata = uses.metadata
                 JOIN main.packs ON packs.number = uses.number
                 WHERE (uses.id, uses.metadata) > (?1, ?2) AND NOT shown.mine
                    AND uses.needed * 100.0 <= uses.sealed * ?3
                 ORDER BY uses.id, uses.metadata LIMIT ?4";
            let mut statement = connection.prepare_cached(sql)?;
            let rows =
                statement.query_map(params![id, metadata, needed_percent, count], |row| {
                    Ok(PackUse {
                        pack: ShownPack {
                            id: ObjectId::new(row.get(0)?),
                            metadata: row.get(1)?,
                            bytes: row.get(2)?,
                            modified: Timestamp::from_nanoseconds(row.get(3)?),
                            condemned: row.get(8)?,
                            mine: false,
                        },
                        header: row.get(4)?,
                        sealed: row.get(5)?,
                        reached: row.get(6)?,
                        needed: row.get(7)?,
                    })
                })?;
            rows.collect()
        })
    }

    /// Whether the chunk has a better place than this pack.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_spare(&self, pack: &ObjectId, id: &ChunkId) -> Result<bool> {
        self.index.with(|connection| {
            let sql = "SELECT 1 FROM temp.spare WHERE id = ?2
                 AND pack = (SELECT min(number) FROM main.packs WHERE packs.id = ?1)";
            let mut statement = connection.prepare_cached(sql)?;
            statement.exists(params![pack.as_bytes(), id.as_bytes()])
        })
    }

    /// Sums over all packs that are in no plan of this host.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn use_totals(&self) -> Result<Uses> {
        self.index.with(|connection| {
            let sql = "SELECT coalesce(sum(sealed), 0), coalesce(sum(needed), 0) FROM temp.uses
                 JOIN temp.shown ON shown.id = uses.id AND shown.metadata = uses.metadata
                 WHERE NOT shown.mine";
            connection.query_row(sql, [], |row| {
                Ok(Uses {
                    sealed: row.get(0)?,
                    needed: row.get(1)?,
                })
            })
        })
    }

    /// Packs that the store shows and of which nothing is known.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn unknown_packs(&self) -> Result<Vec<ShownPack>> {
        self.index.with(|connection| {
            let sql = "SELECT id, metadata, bytes, modified, condemned, mine FROM temp.shown
                 WHERE NOT EXISTS (SELECT 1 FROM main.packs
                    WHERE packs.id = shown.id AND packs.bytes = shown.bytes
                    AND (packs.class = 2) = shown.metadata)";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], super::shown::shown_pack)?;
            rows.collect()
        })
    }
}
