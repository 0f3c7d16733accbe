//! The database dump: read, decompressed, and judged.
//!
//! [`DatabaseSource`] says where it comes from; [`Dump`] gives its bytes as they will be stored and
//! knows at the end whether they are a whole dump. Bytes flow through `child` (a command), then
//! `decompress`, then [`gate`], which reads along; `quotes`, `copy` and `history` are parts of the
//! gate. [`shrinkage`] holds a dump against the last good one. [`Replay`] is the way back: what psql is
//! given of a stored dump, and (`contents`) what must be in the database afterwards.

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
mod quotes;
mod recognise;
mod replay;
pub mod shrinkage;
mod tally;

use std::path::PathBuf;

pub use contents::{DumpContents, DumpTable, DumpedDatabase};
pub use decompress::Compression;
pub use dump::Dump;
pub use facts::{DumpFacts, DumpKind};
pub use fault::DumpFault;
pub use gate::Gate;
pub use replay::{Changes, Replay};

/// Where a dump comes from. Each may be plain, gzip or zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSource {
    File(PathBuf),
    /// Run through `sh -c`. May hold a password: never shown.
    Command(String),
    Stdin,
}
