//! Tables of one run, in a file without a name in the system's folder for temporary files: they cost
//! disk and not memory, and are gone with the process. So nothing in them is journaled or synced.

use rusqlite::Connection;

use super::IndexError;
use super::schema::keep_plans;

/// Such a file with these tables, whose pages take at most so much memory. Nothing is ever committed:
/// all of it happens in one transaction.
pub(super) fn open(tables: &str, cache_kib: u32) -> rusqlite::Result<Connection> {
    let connection = Connection::open("")?;
    keep_plans(&connection)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{cache_kib};
         {tables}
         BEGIN;"
    ))?;
    Ok(connection)
}

pub(super) fn failure(source: rusqlite::Error) -> IndexError {
    IndexError::Sqlite {
        path: "in a temporary file".to_owned(),
        source: source.into(),
    }
}
