//! `drill`: a rehearsed restore. The dump of a snapshot goes into a throw-away Postgres, its rows are
//! counted, some originals are restored and held against those rows, and what was found is kept as a
//! dated, signed proof.
//!
//! `server` is what all three kinds of Postgres have in common: `local` (started for this, from
//! programs of this machine), `docker`, `existing` (a database made and dropped there). `load` feeds
//! the dump, `compare` counts and asks, `assets` picks and checks originals, which
//! `places` finds, `run` puts it together.

mod assets;
mod compare;
mod docker;
mod error;
mod existing;
mod load;
mod local;
mod packages;
mod places;
mod run;
mod server;

use std::path::PathBuf;
use std::time::Duration;

pub use error::DrillError;
pub use run::drill;

use crate::id::ObjectId;
use crate::seams::Interrupt;
use crate::source::immich::mounts::Mount;

/// Most originals that one drill checks.
pub const SAMPLE_MAX: u32 = 10_000;

/// Which Postgres is tried.
#[derive(Debug, Clone)]
pub enum ServerChoice {
    /// One that is started from programs of this machine, in a temporary folder, reachable through
    /// a socket there only.
    Local {
        /// The folder of `initdb`, `postgres` and `psql`; `None`: they are looked for.
        programs: Option<PathBuf>,
        /// Who runs it where this program runs as root, as which Postgres refuses to run.
        user: String,
    },
    /// A container of this image, without a network.
    Docker { image: String },
    /// A server that runs already; without a password in the address.
    Existing { url: String },
}

#[derive(Debug, Clone)]
pub struct DrillOptions {
    pub server: ServerChoice,
    /// How many originals are checked, up to [`SAMPLE_MAX`].
    pub sample: u32,
    /// Folders of Immich's container and of the host that was backed up; they go before those that
    /// the snapshot recorded.
    pub mounts: Vec<Mount>,
    /// Load the dump without extensions of embeddings that the server lacks.
    pub skip_missing_extensions: bool,
    /// Whose proof it is.
    pub host: String,
    pub interrupt: Interrupt,
}

/// A table whose rows did not all come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsDiffer {
    /// With the database where there are several.
    pub table: String,
    pub expected: u64,
    /// `None`: the table is not there.
    pub found: Option<u64>,
}

/// An original that is not what its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetProblem {
    /// As the database has it.
    pub path: Vec<u8>,
    pub problem: String,
}

/// What a drill found.
#[derive(Debug, Clone, Default)]
pub struct DrillReport {
    pub ok: bool,
    /// Such as "PostgreSQL 15.9, started for this".
    pub server: String,
    /// `pg_dump` or `pg_dumpall`.
    pub kind: String,
    pub tables: u64,
    /// Rows that were found in those tables.
    pub rows: u64,
    pub rows_differ: Vec<RowsDiffer>,
    pub extensions: Vec<String>,
    /// The server lacks them: embeddings were loaded as text.
    pub extensions_left_out: Vec<String>,
    /// The first errors of psql, a line each; and how many there were.
    pub load_errors: Vec<String>,
    pub load_errors_total: u64,
    /// Name of a user, and how many assets are theirs; the hundred with the most.
    pub users: Vec<(String, u64)>,
    /// When the newest asset was taken, RFC 3339.
    pub newest_asset: Option<String>,
    /// Rows that say there must be an original, by content.
    pub assets: u64,
    pub assets_checked: u64,
    pub asset_problems: Vec<AssetProblem>,
    /// What else was not as it should be.
    pub problems: Vec<String>,
    pub duration: Duration,
    /// The proof that was stored.
    pub proof: Option<ObjectId>,
}
