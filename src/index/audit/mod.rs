//! The tables of one audit: the rows of the dump that matter, where each should lie in the
//! snapshot, and what did not fit. They live in a file without a name in the system's folder for
//! temporary files and go with the audit; memory stays within SQLite's cache.
//!
//! `rows` takes the dump in, of the best of several databases (`remembered`), `claims` sorts what the rows claim into the order of a listing,
//! `remains` keeps what the join of the two orders left over, `settled` the findings.

mod claims;
mod moves;
mod remains;
mod remembered;
mod row_schema;
mod rows;
mod settled;

use rusqlite::Connection;

pub use claims::{Claim, ClaimKind};
pub use remains::{Leftover, Loss};
pub use rows::{AssetRow, flags};
pub use settled::{SettledFinding, Settlement};

use super::Result;
use super::schema::keep_plans;
use super::scratch::failure;

/// No file survives the process, so nothing is journaled or synced.
const SETUP: &str = "
PRAGMA page_size = 8192;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -8192;
PRAGMA temp_store = FILE;
";

const SCHEMA: &str = "
-- What the rows claim: `key` is the place in the snapshot, in bytes whose order is that of a listing.
CREATE TABLE claims (
    key    BLOB NOT NULL,
    kind   INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    flags  INTEGER NOT NULL,
    sha1   BLOB
);
-- The same in order.
CREATE TABLE sorted (
    number INTEGER PRIMARY KEY,
    key    BLOB NOT NULL,
    kind   INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    flags  INTEGER NOT NULL,
    sha1   BLOB
);
-- Pairs of places between which Immich was moving a file, either way round.
CREATE TABLE moved_between (key BLOB NOT NULL, other BLOB NOT NULL, PRIMARY KEY (key, other)) WITHOUT ROWID;
-- Claims for which nothing lay there, or something else (`sha1` and `bytes`: what).
CREATE TABLE unmatched (claim INTEGER PRIMARY KEY, reason TEXT);
CREATE TABLE mismatched (claim INTEGER PRIMARY KEY, sha1 BLOB NOT NULL, bytes INTEGER NOT NULL);
-- Files of the snapshot that nothing claims. `folded`: the key in normalization form C, where it is
-- not plain ASCII. `written`: the later of its times.
CREATE TABLE unclaimed (
    number  INTEGER PRIMARY KEY,
    key     BLOB NOT NULL,
    sha1    BLOB NOT NULL,
    bytes   INTEGER NOT NULL,
    written INTEGER,
    folded  BLOB,
    taken   INTEGER NOT NULL DEFAULT 0
);
-- What could not be read, and why.
CREATE TABLE unreadable (key BLOB PRIMARY KEY, error TEXT NOT NULL) WITHOUT ROWID;
-- Rows whose file is nowhere to be expected, or was not found: to be settled at the end.
CREATE TABLE lost (
    number INTEGER PRIMARY KEY,
    kind   INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    key    BLOB,
    flags  INTEGER NOT NULL,
    sha1   BLOB,
    found_sha1  BLOB,
    found_bytes INTEGER,
    reason TEXT
);
-- Places of rows that are missing.
CREATE TABLE gone (key BLOB PRIMARY KEY) WITHOUT ROWID;
-- Findings that are kept in words. `asset`: a row of `assets`. `wanted`: the SHA-1 whose other
-- places are of interest, `elsewhere` one of them.
CREATE TABLE findings (
    number  INTEGER PRIMARY KEY,
    rank    INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    asset   INTEGER,
    user    INTEGER,
    key     BLOB,
    path    BLOB,
    sha1    BLOB,
    found_sha1  BLOB,
    found_bytes INTEGER,
    detail  TEXT NOT NULL,
    wanted  BLOB,
    elsewhere BLOB
);
";

/// The tables; used by one thread at a time.
pub struct AuditTables {
    connection: Connection,
    /// Whether a path of a managed file was seen that begins with `upload/`.
    relative: bool,
    /// The same of the rows that are remembered.
    relative_then: bool,
}

impl AuditTables {
    /// Empty tables in a file without a name.
    ///
    /// # Errors
    /// `Sqlite` when no such file can be made.
    pub fn temporary() -> Result<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open("")?;
            connection.execute_batch(SETUP)?;
            keep_plans(&connection)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.execute_batch(&format!("BEGIN; {} {SCHEMA}", row_schema::ROWS))?;
            Ok(connection)
        };
        let connection = open().map_err(failure)?;
        Ok(Self {
            connection,
            relative: false,
            relative_then: false,
        })
    }
}
