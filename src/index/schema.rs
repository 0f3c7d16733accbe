//! The tables, and how the database is opened.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

/// Raised with every change of the tables; an index of another number is thrown away.
const SCHEMA_VERSION: i32 = 3;

const SCHEMA: &str = "
-- Index segments that were read in, and that the store showed at the last look.
CREATE TABLE segments (
    number  INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE,
    session BLOB NOT NULL
);
-- Packs, as segments or footers claim them: of two claims about one pack both are kept, so that a
-- false one takes nothing away. `live`: the store showed it with its right size at the last look, and no plan condemns
-- it. `verified`: not a segment's word, but this host put the pack or read its footer. `segment`:
-- one that carries it (of a verified row: all of it) and is listed. `chunks`: how many when the
-- row was made.
CREATE TABLE packs (
    number  INTEGER PRIMARY KEY,
    id      BLOB NOT NULL,
    bytes   INTEGER NOT NULL,
    class   INTEGER NOT NULL,
    header  BLOB NOT NULL,
    verified INTEGER NOT NULL,
    crc     INTEGER,
    live    INTEGER NOT NULL,
    segment INTEGER,
    chunks  INTEGER NOT NULL,
    UNIQUE (id, bytes, class, header, verified)
);
CREATE INDEX packs_by_segment ON packs (segment);
-- Every claimed place of a chunk: the index is many-valued.
CREATE TABLE chunks (
    id       BLOB NOT NULL,
    pack     INTEGER NOT NULL,
    start    INTEGER NOT NULL,
    stored   INTEGER NOT NULL,
    plain    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    codec    INTEGER NOT NULL,
    PRIMARY KEY (id, pack, start, stored, plain, position, codec)
) WITHOUT ROWID;
-- What a file held when it was read, by its path on this host.
CREATE TABLE files (
    path     BLOB PRIMARY KEY,
    size     INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    sha1     BLOB NOT NULL,
    chunks   BLOB NOT NULL,
    attributes BLOB
) WITHOUT ROWID;
-- Sources of which all files that the last snapshot held are in `files`.
CREATE TABLE recalled (
    source BLOB PRIMARY KEY
) WITHOUT ROWID;
-- Snapshot records that were opened and found right: immutable, so never stale.
CREATE TABLE records (
    id      BLOB PRIMARY KEY,
    payload BLOB NOT NULL
) WITHOUT ROWID;
";

/// Memory for pages, in KiB. Part of the memory bound.
const CACHE_KIB: usize = 8 * 1024;

/// Lets the connection have its share of the memory for pages, among so many.
pub(super) fn limit_memory(connection: &Connection, among: usize) -> rusqlite::Result<()> {
    let kib = CACHE_KIB / among.max(1);
    connection.execute_batch(&format!("PRAGMA cache_size = -{kib};"))
}

/// A statement is planned once. Otherwise SQLite looks at each value that is asked for, and plans anew
/// for every one, which costs more than the answer.
pub(super) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    let is_kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    debug_assert!(is_kept, "the option is known");
    Ok(())
}

/// What plans condemn, for this process alone: whoever only reads does not ask.
const TEMPORARY: &str = "
-- `late_since`: from when on references that were made before it came no longer stand, in
-- nanoseconds since boot; none of what was there when the run began.
CREATE TEMP TABLE plans (
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    late_since INTEGER
);
CREATE TEMP TABLE condemned (
    pack BLOB NOT NULL,
    plan INTEGER NOT NULL,
    PRIMARY KEY (pack, plan)
) WITHOUT ROWID;
";

/// Tables that came after the others of this version: made where they are missing, and empty in most
/// indexes, so that no index is thrown away for them.
const LATER_TABLES: &str = "
-- Packs that were read and found damaged: never live, whatever the store lists.
CREATE TABLE IF NOT EXISTS distrusted (
    id BLOB PRIMARY KEY
) WITHOUT ROWID;
";

/// Sets the connection up and makes the tables if there are none.
pub(super) fn prepare(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    // WAL with NORMAL: a lost tail after a power cut is a cache that is a little behind.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA temp_store = FILE; PRAGMA wal_autocheckpoint = 4000;",
    )?;
    limit_memory(&connection, 1)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables == 0 {
        connection.execute_batch(&format!(
            "BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        ))?;
    } else if version != SCHEMA_VERSION {
        return Err(rusqlite::Error::InvalidQuery);
    }
    connection.execute_batch(TEMPORARY)?;
    connection.execute_batch(LATER_TABLES)?;
    Ok(connection)
}

/// Whether the head of the file says something that was never written there: versions of its format
/// beyond 2, or a format of its schema beyond 4 (sqlite.org/fileformat2.html, 1.3). SQLite would open
/// it and refuse every write, or refuse it in words that may mean anything.
pub(super) fn has_strange_head(path: &Path) -> bool {
    let mut head = [0; 48];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    // What is shorter, or cannot be read, SQLite speaks of itself.
    read.is_ok() && (head[18] > 2 || head[19] > 2 || head[44..] > [0, 0, 0, 4][..])
}

/// Whether a new, empty index would help: it is of another schema, or not a sound database.
pub(super) fn is_worth_a_fresh_start(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::InvalidQuery) || is_unsound(error)
}

/// Whether it is not, or not any more, a sound database: among others when a value is of a type or
/// a size that nobody wrote.
pub(super) fn is_unsound(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError,
    };
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt
        ),
        FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        // A column is not called what it was.
        | SqlInputError { .. } => true,
        _ => false,
    }
}
