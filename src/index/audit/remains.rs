//! What the join of claims and files left over on either side, and how the two find each other
//! after all.

use rusqlite::{OptionalExtension, Row, params};

use super::super::Result;
use super::{AuditTables, Claim, ClaimKind, failure};

/// Made only once there is something to be looked up.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS unclaimed_by_sha1 ON unclaimed (sha1, taken, key);
CREATE INDEX IF NOT EXISTS unclaimed_by_name ON unclaimed (folded) WHERE folded IS NOT NULL;
CREATE INDEX IF NOT EXISTS sizes_by_asset ON sizes (asset, bytes);
CREATE INDEX IF NOT EXISTS users_by_id ON users (id);
";

/// A file that nothing claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub number: i64,
    pub key: Vec<u8>,
    pub sha1: [u8; 20],
    pub bytes: u64,
    /// The later of its times, in nanoseconds since 1970.
    pub written: Option<i64>,
    /// The key in normalization form C, unless it is ASCII; not given back.
    pub folded: Option<Vec<u8>>,
}

impl Leftover {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            key: row.get(1)?,
            sha1: row.get(2)?,
            bytes: row.get(3)?,
            written: row.get(4)?,
            folded: None,
        })
    }
}

/// A row whose file was not found where it should be, or that says of no place of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub kind: ClaimKind,
    pub row: i64,
    /// Where it should be.
    pub key: Option<Vec<u8>>,
    pub flags: u8,
    pub sha1: Option<[u8; 20]>,
    /// SHA-1 and size of what lies there instead.
    pub found: Option<([u8; 20], u64)>,
    /// Why it is not there, where that is known.
    pub reason: Option<String>,
}

impl AuditTables {
    /// Nothing lies where the claim says; `reason`: but a link, for example.
    ///
    /// # Errors
    /// `Sqlite`, as for all that follow.
    pub fn add_unmatched(&self, claim: i64, reason: Option<&str>) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO unmatched (claim, reason) VALUES (?1, ?2)";
        self.execute(sql, params![claim, reason])
    }

    /// Something else lies where the claim says.
    ///
    /// # Errors
    /// As above.
    pub fn add_mismatched(&self, claim: i64, sha1: &[u8; 20], bytes: u64) -> Result<()> {
        self.execute(
            "INSERT OR REPLACE INTO mismatched (claim, sha1, bytes) VALUES (?1, ?2, ?3)",
            params![claim, sha1.as_slice(), clamped(bytes)],
        )
    }

    /// A file that nothing claims.
    ///
    /// # Errors
    /// As above.
    pub fn add_unclaimed(&self, file: &Leftover) -> Result<()> {
        self.execute(
            "INSERT INTO unclaimed (key, sha1, bytes, written, folded) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                file.key,
                file.sha1.as_slice(),
                clamped(file.bytes),
                file.written,
                file.folded
            ],
        )
    }

    /// # Errors
    /// As above.
    pub fn add_unreadable(&self, key: &[u8], error: &str) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO unreadable (key, error) VALUES (?1, ?2)";
        self.execute(sql, params![key, error])
    }

    /// Why what lies at a key could not be read, if it could not.
    ///
    /// # Errors
    /// As above.
    pub fn unreadable(&self, key: &[u8]) -> Result<Option<String>> {
        let read = || -> rusqlite::Result<Option<String>> {
            let sql = "SELECT error FROM unreadable WHERE key = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([key], |row| row.get(0)).optional()
        };
        read().map_err(failure)
    }

    /// Makes the indexes that the following look into.
    ///
    /// # Errors
    /// As above.
    pub fn index_remains(&self) -> Result<()> {
        let indexes = self.connection.execute_batch(INDEXES);
        indexes.and_then(|()| self.index_moves()).map_err(failure)
    }

    /// Visits the claims that nothing matched, in order.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_unmatched(
        &self,
        visit: &mut dyn FnMut(Claim, Option<String>) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT s.number, s.key, s.kind, s.row, s.flags, s.sha1, u.reason
             FROM unmatched u JOIN sorted s ON s.number = u.claim ORDER BY u.claim";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            let claim = Claim::read(row).map_err(failure)?;
            visit(claim, row.get(6).map_err(failure)?)?;
        }
        Ok(())
    }

    /// Visits the claims where something else lies, in order, with SHA-1 and size of that.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_mismatched(
        &self,
        visit: &mut dyn FnMut(Claim, ([u8; 20], u64)) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT s.number, s.key, s.kind, s.row, s.flags, s.sha1, m.sha1, m.bytes
             FROM mismatched m JOIN sorted s ON s.number = m.claim ORDER BY m.claim";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            let claim = Claim::read(row).map_err(failure)?;
            let found = (row.get(6).map_err(failure)?, row.get(7).map_err(failure)?);
            visit(claim, found)?;
        }
        Ok(())
    }

    /// Visits the files that nothing claims and that nobody took, in order.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_unclaimed(&self, visit: &mut dyn FnMut(Leftover) -> Result<()>) -> Result<()> {
        let sql = "SELECT number, key, sha1, bytes, written FROM unclaimed WHERE taken = 0
             ORDER BY number";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            visit(Leftover::read(row).map_err(failure)?)?;
        }
        Ok(())
    }

    /// The file whose name is the same in normalization form C; from now on it is claimed.
    ///
    /// # Errors
    /// As above.
    pub fn take_by_name(&self, folded: &[u8]) -> Result<Option<Leftover>> {
        self.take(
            "SELECT number, key, sha1, bytes, written FROM unclaimed WHERE folded = ?1
             ORDER BY key LIMIT 1",
            folded,
        )
    }

    /// A file of that content which nothing claims; from now on it is claimed.
    ///
    /// # Errors
    /// As above.
    pub fn take_by_content(&self, sha1: &[u8; 20]) -> Result<Option<Leftover>> {
        self.take(
            "SELECT number, key, sha1, bytes, written FROM unclaimed
             WHERE sha1 = ?1 AND taken = 0 ORDER BY key LIMIT 1",
            sha1,
        )
    }

    pub(super) fn take(&self, sql: &str, wanted: &[u8]) -> Result<Option<Leftover>> {
        let take = || -> rusqlite::Result<Option<Leftover>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([wanted], Leftover::read).optional()
        };
        let taken = take().map_err(failure)?;
        if let Some(file) = &taken {
            let sql = "UPDATE unclaimed SET taken = 1 WHERE number = ?1";
            self.execute(sql, [file.number])?;
        }
        Ok(taken)
    }

    /// # Errors
    /// As above.
    pub fn add_loss(&self, loss: &Loss) -> Result<()> {
        let (found_sha1, found_bytes) = loss.found.unzip();
        self.execute(
            "INSERT INTO lost (kind, row, key, flags, sha1, found_sha1, found_bytes, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                loss.kind.number(),
                loss.row,
                loss.key,
                loss.flags,
                loss.sha1.as_ref().map(<[u8; 20]>::as_slice),
                found_sha1.as_ref().map(<[u8; 20]>::as_slice),
                found_bytes.map(clamped),
                loss.reason,
            ],
        )
    }

    /// Visits the losses, in the order in which they came.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_loss(&self, visit: &mut dyn FnMut(Loss) -> Result<()>) -> Result<()> {
        let sql = "SELECT kind, row, key, flags, sha1, found_sha1, found_bytes, reason FROM lost
             ORDER BY number";
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            visit(read_loss(row).map_err(failure)?)?;
        }
        Ok(())
    }

    /// Remembers where a missing file should be.
    ///
    /// # Errors
    /// As above.
    pub fn add_gone(&self, key: &[u8]) -> Result<()> {
        self.execute("INSERT OR IGNORE INTO gone (key) VALUES (?1)", [key])
    }

    /// Whether a row is missing its file at that place.
    ///
    /// # Errors
    /// As above.
    pub fn is_gone(&self, key: &[u8]) -> Result<bool> {
        let read = || -> rusqlite::Result<bool> {
            let sql = "SELECT 1 FROM gone WHERE key = ?1";
            self.connection.prepare_cached(sql)?.exists([key])
        };
        read().map_err(failure)
    }
}

fn read_loss(row: &Row<'_>) -> rusqlite::Result<Loss> {
    let found: (Option<[u8; 20]>, Option<u64>) = (row.get(5)?, row.get(6)?);
    Ok(Loss {
        kind: ClaimKind::from_number(row.get(0)?),
        row: row.get(1)?,
        key: row.get(2)?,
        flags: row.get(3)?,
        sha1: row.get(4)?,
        found: found.0.zip(found.1),
        reason: row.get(7)?,
    })
}

fn clamped(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
