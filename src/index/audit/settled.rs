//! The findings that are kept in words, with what is to be said of the rows they are of.

use rusqlite::{OptionalExtension, Row, params};

use super::super::Result;
use super::{AuditTables, failure};

/// A finding as it is put down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Smaller ones come first.
    pub rank: u8,
    pub verdict: &'static str,
    /// Its row among the assets.
    pub asset: Option<i64>,
    /// Its row among the users, for what is of a user.
    pub user: Option<i64>,
    /// Its place in the snapshot …
    pub key: Option<Vec<u8>>,
    /// … or what the database has for one. Neither: that of the asset.
    pub path: Option<Vec<u8>>,
    /// What the file should be, if that is not the asset's to say.
    pub sha1: Option<[u8; 20]>,
    pub found: Option<([u8; 20], u64)>,
    pub detail: String,
    /// Other places of these bytes are of interest.
    pub wanted: Option<[u8; 20]>,
}

/// A finding with what the rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledFinding {
    pub verdict: String,
    pub asset: Option<[u8; 16]>,
    pub owner: Option<[u8; 16]>,
    pub owner_name: Option<Vec<u8>>,
    pub key: Option<Vec<u8>>,
    /// As the database has it.
    pub path: Vec<u8>,
    pub sha1: Option<[u8; 20]>,
    pub size: Option<u64>,
    pub found: Option<([u8; 20], u64)>,
    pub detail: String,
    /// Another place of the wanted bytes.
    pub elsewhere: Option<Vec<u8>>,
}

const FINDINGS: &str = "
SELECT f.verdict, a.id, coalesce(a.owner, u.id),
       coalesce(u.name, (SELECT name FROM users WHERE id = a.owner)),
       f.key, coalesce(f.path, a.path, x''), f.sha1,
       CASE WHEN f.sha1 IS NULL THEN NULL ELSE (SELECT bytes FROM sizes WHERE asset = a.id LIMIT 1) END,
       f.found_sha1, f.found_bytes, f.detail, f.elsewhere
FROM findings f LEFT JOIN assets a ON a.number = f.asset LEFT JOIN users u ON u.number = f.user
ORDER BY f.rank, f.number";

/// Where the bytes of missing and altered originals lie besides: at a file that nothing claims, at
/// one that is not what its own row says, or at one that is.
const ELSEWHERE: &str = "
CREATE TABLE wanted (sha1 BLOB PRIMARY KEY, place BLOB) WITHOUT ROWID;
INSERT OR IGNORE INTO wanted SELECT DISTINCT wanted, NULL FROM findings WHERE wanted IS NOT NULL;
UPDATE wanted SET place = (SELECT min(key) FROM unclaimed u WHERE u.sha1 = wanted.sha1);
CREATE TABLE elsewhere AS
    SELECT m.sha1 AS sha1, min(s.key) AS key
    FROM mismatched m CROSS JOIN wanted w ON w.sha1 = m.sha1 JOIN sorted s ON s.number = m.claim
    GROUP BY m.sha1
    UNION ALL
    SELECT s.sha1, min(s.key) FROM sorted s CROSS JOIN wanted w ON w.sha1 = s.sha1
    WHERE s.kind = 0
      AND NOT EXISTS (SELECT 1 FROM unmatched WHERE claim = s.number)
      AND NOT EXISTS (SELECT 1 FROM mismatched WHERE claim = s.number)
    GROUP BY s.sha1;
UPDATE wanted SET place = (SELECT min(key) FROM elsewhere e WHERE e.sha1 = wanted.sha1)
    WHERE place IS NULL;
UPDATE findings SET elsewhere = (SELECT place FROM wanted w WHERE w.sha1 = findings.wanted)
    WHERE wanted IS NOT NULL;
DROP TABLE elsewhere; DROP TABLE wanted;
";

impl AuditTables {
    /// The size that the database has for an asset.
    ///
    /// # Errors
    /// `Sqlite`, as for all that follow.
    pub fn size_of(&self, asset: i64) -> Result<Option<u64>> {
        let read = || -> rusqlite::Result<Option<u64>> {
            let sql = "SELECT bytes FROM sizes
                 WHERE asset = (SELECT id FROM assets WHERE number = ?1) LIMIT 1";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([asset], |row| row.get(0)).optional()
        };
        read().map_err(failure)
    }

    /// The asset that a file belongs to, with its flags; `None` if there is none.
    ///
    /// # Errors
    /// As above.
    pub fn asset_of_file(&self, file: i64) -> Result<Option<(i64, u8)>> {
        let read = || -> rusqlite::Result<Option<(i64, u8)>> {
            let index = "CREATE INDEX IF NOT EXISTS assets_by_id ON assets (id)";
            self.connection.prepare_cached(index)?.execute([])?;
            let sql = "SELECT number, flags FROM assets
                 WHERE id = (SELECT asset FROM files WHERE number = ?1)";
            let mut statement = self.connection.prepare_cached(sql)?;
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement.query_row([file], read).optional()
        };
        read().map_err(failure)
    }

    /// The path of a row as the database has it, by the table it is in.
    ///
    /// # Errors
    /// As above.
    pub fn path_of_file(&self, file: i64) -> Result<Option<Vec<u8>>> {
        let read = || -> rusqlite::Result<Option<Vec<u8>>> {
            let sql = "SELECT path FROM files WHERE number = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([file], |row| row.get(0)).optional()
        };
        read().map_err(failure)
    }

    /// The path of a user's picture, as the database has it.
    ///
    /// # Errors
    /// As above.
    pub fn picture_of(&self, user: i64) -> Result<Option<Vec<u8>>> {
        let read = || -> rusqlite::Result<Option<Vec<u8>>> {
            let sql = "SELECT image FROM users WHERE number = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([user], |row| row.get(0)).optional()
        };
        read().map_err(failure)
    }

    /// Keeps a finding.
    ///
    /// # Errors
    /// As above.
    pub fn add_finding(&self, finding: &Settlement) -> Result<()> {
        let (found_sha1, found_bytes) = finding.found.unzip();
        self.execute(
            "INSERT INTO findings
             (rank, verdict, asset, user, key, path, sha1, found_sha1, found_bytes, detail, wanted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                finding.rank,
                finding.verdict,
                finding.asset,
                finding.user,
                finding.key,
                finding.path,
                finding.sha1.as_ref().map(<[u8; 20]>::as_slice),
                found_sha1.as_ref().map(<[u8; 20]>::as_slice),
                found_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
                finding.detail,
                finding.wanted.as_ref().map(<[u8; 20]>::as_slice),
            ],
        )
    }

    /// Finds out where else the wanted bytes lie.
    ///
    /// # Errors
    /// As above.
    pub fn look_elsewhere(&self) -> Result<()> {
        let wanted = || -> rusqlite::Result<bool> {
            let sql = "SELECT 1 FROM findings WHERE wanted IS NOT NULL LIMIT 1";
            self.connection.prepare(sql)?.exists([])
        };
        if wanted().map_err(failure)? {
            self.connection.execute_batch(ELSEWHERE).map_err(failure)?;
        }
        Ok(())
    }

    /// Visits all findings that were kept, the gravest first.
    ///
    /// # Errors
    /// `Sqlite`; of `visit`.
    pub fn each_finding<E: From<super::super::IndexError>>(
        &self,
        visit: &mut dyn FnMut(SettledFinding) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.connection.prepare(FINDINGS).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            visit(read_finding(row).map_err(failure)?)?;
        }
        Ok(())
    }
}

fn read_finding(row: &Row<'_>) -> rusqlite::Result<SettledFinding> {
    let found: (Option<[u8; 20]>, Option<u64>) = (row.get(8)?, row.get(9)?);
    Ok(SettledFinding {
        verdict: row.get(0)?,
        asset: row.get(1)?,
        owner: row.get(2)?,
        owner_name: row.get(3)?,
        key: row.get(4)?,
        path: row.get(5)?,
        sha1: row.get(6)?,
        size: row.get(7)?,
        found: found.0.zip(found.1),
        detail: row.get(10)?,
        elsewhere: row.get(11)?,
    })
}
