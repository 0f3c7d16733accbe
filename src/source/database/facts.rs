//! What a whole dump says about itself.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpKind {
    /// One database, by `pg_dump`.
    PgDump,
    /// A whole server, by `pg_dumpall`.
    PgDumpAll,
}

/// Gathered while the dump streamed by. Holds no row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpFacts {
    pub kind: DumpKind,
    /// The server's version, such as `14.19`.
    pub server_version: Option<String>,
    /// The newest entry of Immich's `version_history`.
    pub immich_version: Option<String>,
    /// Length of the plain dump.
    pub bytes: u64,
    /// Rows of each table, by names such as `public.asset` without quotes; of the first 10,000
    /// tables. A table that stands in several databases of a cluster counts once, with all its rows.
    pub rows: BTreeMap<String, u64>,
    /// Rows of all tables.
    pub rows_total: u64,
    /// Whether the table of Immich's assets is there with its data block, even an empty one.
    pub has_immich_tables: bool,
    /// Whether there are `INSERT` statements: their rows are not counted.
    pub has_inserts: bool,
}
