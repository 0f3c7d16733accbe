//! Packs that the store showed.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::PruneTables;
use crate::id::ObjectId;
use crate::seams::Timestamp;

/// A pack as a LIST showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownPack {
    pub id: ObjectId,
    /// Whether it is a listing pack.
    pub metadata: bool,
    /// Stored length in bytes.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
    /// Whether a plan names it, and whether one of this host does.
    pub condemned: bool,
    pub mine: bool,
}

impl PruneTables<'_> {
    /// Notes packs of a LIST, and empties `packs`.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn show(&self, packs: &mut Vec<ShownPack>) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT INTO temp.shown (id, metadata, bytes, modified)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET bytes = ?3, modified = ?4";
                let mut insert = transaction.prepare_cached(sql)?;
                for pack in packs.iter() {
                    let id = pack.id.as_bytes();
                    let modified = pack.modified.nanoseconds();
                    insert.execute(params![id, pack.metadata, pack.bytes, modified])?;
                }
            }
            transaction.commit()
        })?;
        packs.clear();
        Ok(())
    }

    /// What the LIST showed of packs of that name: there may be one of data and one of listings.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn shown(&self, id: &ObjectId) -> Result<Vec<ShownPack>> {
        self.index.with(|connection| {
            let sql = "SELECT id, metadata, bytes, modified, condemned, mine FROM temp.shown WHERE id = ?";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([id.as_bytes()], shown_pack)?;
            rows.collect()
        })
    }

    /// As [`PruneTables::shown`], of one of the two.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn shown_as(&self, id: &ObjectId, metadata: bool) -> Result<Option<ShownPack>> {
        self.index.with(|connection| {
            let sql = "SELECT id, metadata, bytes, modified, condemned, mine FROM temp.shown
                 WHERE id = ? AND metadata = ?";
            let mut statement = connection.prepare_cached(sql)?;
            let row = statement.query_row(params![id.as_bytes(), metadata], shown_pack);
            row.optional()
        })
    }

    /// Leaves the pack out from now on, as if the store did not show it.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn hide(&self, pack: &ShownPack) -> Result<()> {
        self.index.with(|connection| {
            let sql = "DELETE FROM temp.shown WHERE id = ? AND metadata = ?";
            let key = params![pack.id.as_bytes(), pack.metadata];
            connection.prepare_cached(sql)?.execute(key)?;
            Ok(())
        })
    }

    /// As [`PruneTables::hide`], of one that was deleted: the index knows it as well.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn deleted(&self, pack: &ShownPack) -> Result<()> {
        self.hide(pack)?;
        self.index.with(|connection| {
            let sql = "UPDATE main.packs SET live = 0 WHERE id = ? AND (class = 2) = ?";
            let key = params![pack.id.as_bytes(), pack.metadata];
            connection.prepare_cached(sql)?.execute(key)?;
            Ok(())
        })
    }

    /// Notes that a plan names those packs, and whether it is one of this host.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn condemn(&self, packs: &[ObjectId], mine: bool) -> Result<()> {
        self.index.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "UPDATE temp.shown SET condemned = 1, mine = max(mine, ?2) WHERE id = ?1";
                let mut update = transaction.prepare_cached(sql)?;
                for id in packs {
                    update.execute(params![id.as_bytes(), mine])?;
                }
            }
            transaction.commit()
        })
    }

    /// Notes that no plan names any pack, until [`PruneTables::condemn`] says otherwise.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn pardon_all(&self) -> Result<()> {
        self.index.with(|connection| {
            connection.execute_batch("UPDATE temp.shown SET condemned = 0, mine = 0")
        })
    }

    /// Visits each pack that the store shows with the header that is claimed for it, and the time it
    /// was put.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn each_header(&self, visit: &mut dyn FnMut(&[u8], bool, Timestamp)) -> Result<()> {
        self.index.with(|connection| {
            let sql = "SELECT packs.header, shown.metadata, shown.modified FROM main.packs
                 JOIN temp.shown ON shown.id = packs.id AND shown.bytes = packs.bytes
                    AND shown.metadata = (packs.class = 2)";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let header = row.get_ref(0)?.as_blob()?;
                visit(
                    header,
                    row.get(1)?,
                    Timestamp::from_nanoseconds(row.get(2)?),
                );
            }
            Ok(())
        })
    }

    /// How many packs the store shows, and their bytes; of all, or of those that plans of this host
    /// name.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn shown_totals(&self, only_mine: bool) -> Result<(u64, u64)> {
        self.index.with(|connection| {
            let sql =
                "SELECT count(*), coalesce(sum(bytes), 0) FROM temp.shown WHERE mine OR NOT ?";
            connection.query_row(sql, [only_mine], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }
}

pub(super) fn shown_pack(row: &rusqlite::Row<'_>) -> rusqlite::Result<ShownPack> {
    Ok(ShownPack {
        id: ObjectId::new(row.get(0)?),
        metadata: row.get(1)?,
        bytes: row.get(2)?,
        modified: Timestamp::from_nanoseconds(row.get(3)?),
        condemned: row.get(4)?,
        mine: row.get(5)?,
    })
}
