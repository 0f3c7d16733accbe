//! The database dump: read, decompressed, and judged.
//!
//! [`DatabaseSource`] says where it comes from; [`Dump`] gives its bytes as they will be stored and
//! knows at the end whether they are a whole dump. Bytes flow through `child` (a command), then
//! `decompress`, then [`gate`], which reads along and lets a [`RowObserver`] see the rows it wants;
//! `quotes`, `copy`, `block` and `history` are parts of the gate. [`shrinkage`] holds a dump against the last good one.

mod block;
mod child;
mod copy;
mod decompress;
pub mod demand;
mod dump;
mod facts;
mod fault;
pub mod gate;
mod history;
mod observer;
mod quotes;
mod recognise;
pub mod shrinkage;
mod tally;

use std::path::PathBuf;

pub use copy::CopyTable;
pub use decompress::Compression;
pub use dump::Dump;
pub use facts::{DumpFacts, DumpKind};
pub use fault::DumpFault;
pub use gate::{Gate, GateError};
pub use observer::{OBSERVED_ROW_BYTES_MAX, RowObserver};

/// Where a dump comes from. Each may be plain, gzip or zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSource {
    File(PathBuf),
    /// Run through `sh -c`. May hold a password: never shown.
    Command(String),
    Stdin,
}
