//! The database dump: read, decompressed, and judged.
//!
//! [`DatabaseSource`] says where it comes from; [`Dump`] gives its bytes as they will be stored and
//! knows at the end whether they are a whole dump. Bytes flow through `child` (a command), then
//! `decompress`, then [`gate`], which reads along and lets a [`RowObserver`] see the rows it wants;
//! `quotes`, `copy`, `block` and `history` are parts of the gate. [`shrinkage`] holds a dump against
//! the last good one.
//!
//! `server` runs `pg_dump` itself, which `programs` finds; `newest` chooses among files; `watch`
//! ends the waiting for a dump that does not come. [`Replay`] is the way back: what psql is given of
//! a stored dump, and (`contents`) what must be in the database afterwards.

mod address;
mod block;
mod child;
mod contents;
mod copy;
mod decompress;
pub mod demand;
mod dump;
mod facts;
mod fault;
pub mod gate;
mod history;
mod newest;
mod observer;
mod origin;
mod programs;
mod quotes;
mod recognise;
mod replay;
mod server;
pub mod shrinkage;
mod tally;
mod watch;

use std::path::PathBuf;

pub use address::{AddressFault, DatabaseServer};
pub use contents::{DumpContents, DumpTable, DumpedDatabase};
pub use copy::CopyTable;
pub use decompress::Compression;
pub use dump::Dump;
pub use facts::{DumpFacts, DumpKind};
pub use fault::DumpFault;
pub use gate::{Gate, GateError};
pub use observer::{OBSERVED_ROW_BYTES_MAX, RowObserver};
pub use origin::{DumpRules, Origin};
pub use replay::{Changes, Replay};
pub use watch::Overdue;

/// Where a dump comes from. Each may be plain, gzip or zstd.
#[derive(Debug, Clone)]
pub enum DatabaseSource {
    /// A file; of a folder, or of a path with wildcards that is no file, the newest dump.
    File(PathBuf),
    /// Dumped by `pg_dump`, which is run with the environment of this process.
    Server(DatabaseServer),
    /// Run through `sh -c`. May hold a password: never shown.
    Command(String),
    Stdin,
}
