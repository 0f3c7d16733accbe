//! Collects the facts of a dump while the gate goes through it.

use std::collections::BTreeMap;

use super::copy::CopyTable;
use super::history::{History, HistoryColumns};
use super::{DumpFacts, DumpKind};

/// So many tables are counted one by one; a bound on memory, far above any real database.
const TABLES_MAX: usize = 10_000;
/// Schema and name have up to 63 bytes each; longer ones are no tables of Postgres.
const TABLE_NAME_BYTES_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: BTreeMap<String, u64>,
    rows_total: u64,
    server_version: Option<String>,
    has_inserts: bool,
    has_immich_tables: bool,
    database: Database,
    immich_version: Option<String>,
}

/// What is known of the database of a cluster that is being read.
#[derive(Debug, Default)]
struct Database {
    has_assets: bool,
    history: History,
}

impl Tally {
    pub(super) fn comment(&mut self, line: &[u8]) {
        const DUMPED_FROM: &[u8] = b"-- Dumped from database version ";
        let Some(version) = line.strip_prefix(DUMPED_FROM) else {
            return;
        };
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.';
        let version: Vec<u8> = version.iter().take(32).take_while(plain).copied().collect();
        if self.server_version.is_none() && !version.is_empty() {
            self.server_version = String::from_utf8(version).ok();
        }
    }

    pub(super) fn statement(&mut self, line: &[u8]) {
        self.has_inserts |= line.starts_with(b"INSERT INTO ");
        if line.starts_with(b"\\connect ") {
            self.end_database();
        }
    }

    /// A data block begins; tells which columns of its rows the tally wants to see.
    pub(super) fn table(&mut self, copy: &CopyTable) -> Option<HistoryColumns> {
        if self.rows.len() < TABLES_MAX && copy.name.len() <= TABLE_NAME_BYTES_MAX {
            self.rows.entry(copy.name.clone()).or_default();
        }
        // Other applications have assets too, but not with this column.
        if matches!(copy.table.as_str(), "asset" | "assets")
            && copy.column("originalPath").is_some()
        {
            self.database.has_assets = true;
            self.has_immich_tables = true;
        }
        HistoryColumns::of(copy)
    }

    pub(super) fn history_row(&mut self, columns: HistoryColumns, row: &[u8]) {
        self.database.history.row(columns, row);
    }

    pub(super) fn table_ends(&mut self, name: &str, rows: u64) {
        self.rows_total += rows;
        if let Some(count) = self.rows.get_mut(name) {
            *count += rows;
        }
    }

    /// Of several databases with a version history, the one with Immich's assets counts.
    fn end_database(&mut self) {
        let Database {
            has_assets,
            history,
        } = std::mem::take(&mut self.database);
        let version = history.version();
        if version.is_some() && (has_assets || self.immich_version.is_none()) {
            self.immich_version = version;
        }
    }

    pub(super) fn facts(mut self, kind: DumpKind, bytes: u64) -> DumpFacts {
        self.end_database();
        DumpFacts {
            kind,
            server_version: self.server_version,
            immich_version: self.immich_version,
            bytes,
            rows: self.rows,
            rows_total: self.rows_total,
            has_immich_tables: self.has_immich_tables,
            has_inserts: self.has_inserts,
        }
    }
}
