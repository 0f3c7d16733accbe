//! Tables of one prune: what snapshots reach, what the store shows, what segments say, and what
//! that makes of each pack. All are temporary, in a file: ten million chunks are no more memory than
//! ten.
//!
//! `reached` and `shown` are filled in while the store is looked at, `named` by the segments; `uses`
//! is computed from them.

mod named;
mod reached;
mod schema;
mod shown;
mod uses;

pub use shown::ShownPack;
pub use uses::{PackUse, Uses};

use super::{Index, Result};

/// The tables, as long as they are needed; one at a time of an index.
pub struct PruneTables<'i> {
    index: &'i Index,
}

impl<'i> PruneTables<'i> {
    /// Empty tables.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn new(index: &'i Index) -> Result<Self> {
        index.with(|connection| {
            connection.execute_batch(schema::DROP)?;
            connection.execute_batch(schema::CREATE)
        })?;
        Ok(Self { index })
    }
}

impl Drop for PruneTables<'_> {
    fn drop(&mut self) {
        // They go with the connection at the latest.
        let _ = self
            .index
            .with(|connection| connection.execute_batch(schema::DROP));
    }
}
