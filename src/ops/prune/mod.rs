//! `prune`: storage is given back, in two phases and without a lock (design, "Prune").
//!
//! `view` reads what is there, `reach` what snapshots need of it; `sessions` knows which runs are
//! over, `calendar` when a plan is due. `judge` says what is to become of one pack, by its own word
//! (and `elsewhere` whether its chunks lie in another too). `sweep` deletes, `rewrite` empties packs
//! that are mostly dead, `mark` condemns, `consolidate` keeps the segments few; `run` is the order.
//!
//! Memory: snapshots and forget records, 32 bytes for each condemned pack and some 100 for each
//! segment, one pack (and three when packs are rewritten). Chunk ids, packs and what segments say
//! are in temporary tables (`index/prune`).

mod calendar;
mod consolidate;
mod elsewhere;
mod error;
mod hold;
mod judge;
mod mark;
mod options;
mod parallel;
mod reach;
mod rewrite;
mod run;
mod sessions;
mod stop;
mod sweep;
#[cfg(test)]
mod tests;
mod view;

pub use error::PruneError;
pub use options::{GRACE, PruneOptions, PruneReport, REPACK_ABOVE_PERCENT, Sum};
pub use run::prune;
