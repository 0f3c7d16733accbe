//! What one levelling of copies has to bring where: packs by name, those that were found bad, and
//! those that a plan condemns. In a file without a name, so that memory does not grow with the store.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use super::scratch::{self, failure};
use crate::id::{ChunkId, ObjectId};
use crate::seams::Timestamp;

/// Tables of one run. Shared by threads; each call is one short step.
pub struct TransferTable {
    connection: Mutex<Connection>,
}

/// A pack that is wanted: wire number of its kind, name, stored bytes.
pub type WantedPack = (u8, ObjectId, u64);

impl TransferTable {
    /// Empty tables.
    ///
    /// # Errors
    /// `Sqlite` when no temporary file can be made.
    pub fn temporary() -> Result<Self> {
        let tables = "
             CREATE TABLE wanted (
                kind INTEGER NOT NULL, id BLOB NOT NULL, bytes INTEGER NOT NULL,
                PRIMARY KEY (kind, id)
             ) WITHOUT ROWID;
             CREATE TABLE needed (
                kind INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (kind, id)
             ) WITHOUT ROWID;
             CREATE TABLE bad (
                kind INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (kind, id)
             ) WITHOUT ROWID;
             CREATE TABLE condemned (
                id BLOB NOT NULL, made INTEGER NOT NULL, safe_until INTEGER NOT NULL,
                PRIMARY KEY (id, made, safe_until)
             ) WITHOUT ROWID;";
        let made = scratch::open(tables, 8192);
        let connection = Mutex::new(made.map_err(failure)?);
        Ok(Self { connection })
    }

    /// Notes that a pack has to be brought; tells whether that is new.
    ///
    /// # Errors
    /// `Sqlite`: the disk is full.
    pub fn want(&self, (kind, id, bytes): WantedPack) -> Result<bool> {
        self.with(|connection| {
            let sql =
                "INSERT INTO wanted (kind, id, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            Ok(insert.execute(params![kind, id.as_bytes(), bytes])? > 0)
        })
    }

    /// The next of the wanted packs after the given one, in their order.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn wanted_after(&self, after: Option<WantedPack>) -> Result<Option<WantedPack>> {
        let (kind, id) = match after {
            Some((kind, id, _)) => (i64::from(kind), id.as_bytes().to_vec()),
            None => (-1, Vec::new()),
        };
        self.with(|connection| {
            let sql = "SELECT kind, id, bytes FROM wanted WHERE (kind, id) > (?, ?)
                       ORDER BY kind, id LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            let row = statement.query_row(params![kind, id], |row| {
                Ok((row.get(0)?, ObjectId::new(row.get(1)?), row.get(2)?))
            });
            row.optional()
        })
    }

    /// How many packs are wanted, and their bytes.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn wanted_totals(&self) -> Result<(u64, u64)> {
        self.with(|connection| {
            let sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM wanted";
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }

    /// Notes that a chunk must be there once all wanted packs have come.
    ///
    /// # Errors
    /// `Sqlite`: the disk is full.
    pub fn need_chunk(&self, kind: u8, id: &ChunkId) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT INTO needed (kind, id) VALUES (?, ?) ON CONFLICT DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            insert.execute(params![kind, id.as_bytes()]).map(drop)
        })
    }

    /// The next of the chunks after the given one, in their order.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn needed_after(&self, after: Option<(u8, ChunkId)>) -> Result<Option<(u8, ChunkId)>> {
        let (kind, id) = match after {
            Some((kind, id)) => (i64::from(kind), id.as_bytes().to_vec()),
            None => (-1, Vec::new()),
        };
        self.with(|connection| {
            let sql = "SELECT kind, id FROM needed WHERE (kind, id) > (?, ?)
                       ORDER BY kind, id LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            let row = statement.query_row(params![kind, id], |row| {
                Ok((row.get(0)?, ChunkId::new(row.get(1)?)))
            });
            row.optional()
        })
    }

    /// No pack is wanted any more, and no chunk.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn clear_wanted(&self) -> Result<()> {
        self.with(|connection| connection.execute_batch("DELETE FROM wanted; DELETE FROM needed;"))
    }

    /// Notes that nobody has sound bytes of the pack.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn mark_bad(&self, kind: u8, id: &ObjectId) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT INTO bad (kind, id) VALUES (?, ?) ON CONFLICT DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            insert.execute(params![kind, id.as_bytes()]).map(drop)
        })
    }

    /// # Errors
    /// `Sqlite`.
    pub fn is_bad(&self, kind: u8, id: &ObjectId) -> Result<bool> {
        self.with(|connection| {
            let sql = "SELECT 1 FROM bad WHERE kind = ? AND id = ?";
            connection
                .prepare_cached(sql)?
                .exists(params![kind, id.as_bytes()])
        })
    }

    /// Notes that a plan made at that time condemns the pack, and until when what it condemns may be
    /// put again.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn condemn(&self, id: &ObjectId, made: Timestamp, safe_until: Timestamp) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT INTO condemned (id, made, safe_until) VALUES (?, ?, ?)
                       ON CONFLICT DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            let row = params![id.as_bytes(), made.nanoseconds(), safe_until.nanoseconds()];
            insert.execute(row).map(drop)
        })
    }

    /// No plan condemns anything any more.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn pardon_all(&self) -> Result<()> {
        self.with(|connection| connection.execute("DELETE FROM condemned", []).map(drop))
    }

    /// Whether any plan condemns the pack.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_condemned(&self, id: &ObjectId) -> Result<bool> {
        self.with(|connection| {
            let sql = "SELECT 1 FROM condemned WHERE id = ?";
            connection.prepare_cached(sql)?.exists([id.as_bytes()])
        })
    }

    /// Of the plans that condemn the pack: all but those after which it arrived in time, at `modified`
    /// (all, of a pack that is
    /// not there): until when it may be put again. `None`: no plan can take it away.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn threat(&self, id: &ObjectId, modified: Option<Timestamp>) -> Result<Option<Timestamp>> {
        // A sweep deletes only what is older than its plan, but it may have looked at a pack that
        // was put late before it was put.
        let modified = modified.map_or(i64::MIN, Timestamp::nanoseconds);
        self.with(|connection| {
            let sql = "SELECT min(safe_until) FROM condemned WHERE id = ?1
                       AND (made > ?2 OR safe_until <= ?2)";
            let mut statement = connection.prepare_cached(sql)?;
            let row = params![id.as_bytes(), modified];
            let until: Option<i64> = statement.query_row(row, |row| row.get(0))?;
            Ok(until.map(Timestamp::from_nanoseconds))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_packs_come_once_each_and_in_order() {
        let table = TransferTable::temporary().unwrap();
        let pack = |kind, number| (kind, ObjectId::new([number; 32]), 7);
        for wanted in [pack(3, 1), pack(2, 9), pack(2, 4), pack(2, 9)] {
            table.want(wanted).unwrap();
        }
        assert_eq!(table.wanted_totals().unwrap(), (3, 21));
        let mut seen = Vec::new();
        while let Some(next) = table.wanted_after(seen.last().copied()).unwrap() {
            seen.push(next);
        }
        assert_eq!(seen, [pack(2, 4), pack(2, 9), pack(3, 1)]);
        table.clear_wanted().unwrap();
        assert_eq!(table.wanted_after(None).unwrap(), None);
    }

    #[test]
    fn a_plan_threatens_only_what_is_older_than_it() {
        let table = TransferTable::temporary().unwrap();
        let (id, at) = (ObjectId::new([1; 32]), Timestamp::from_seconds);
        table.condemn(&id, at(10), at(20)).unwrap();
        table.condemn(&id, at(50), at(60)).unwrap();
        assert!(table.is_condemned(&id).unwrap());
        assert!(!table.is_condemned(&ObjectId::new([2; 32])).unwrap());
        assert_eq!(table.threat(&id, None).unwrap(), Some(at(20)));
        assert_eq!(table.threat(&id, Some(at(9))).unwrap(), Some(at(20)));
        assert_eq!(table.threat(&id, Some(at(10))).unwrap(), Some(at(60)));
        assert_eq!(table.threat(&id, Some(at(50))).unwrap(), Some(at(20)));
        let other = ObjectId::new([3; 32]);
        table.condemn(&other, at(10), at(20)).unwrap();
        assert_eq!(table.threat(&other, Some(at(19))).unwrap(), None);
        assert_eq!(table.threat(&other, Some(at(20))).unwrap(), Some(at(20)));
    }
}
