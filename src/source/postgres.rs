//! Knows the data folder of a Postgres server when it sees one.

use std::path::Path;

/// Whether this is the data folder of a Postgres server: `PG_VERSION` beside `global/pg_control`
/// (PostgreSQL manual, "Database File Layout").
pub(super) fn is_data_folder(folder: &Path) -> bool {
    folder.join("PG_VERSION").is_file() && folder.join("global/pg_control").exists()
}
