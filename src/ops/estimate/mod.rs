//! `estimate`: what a verb would ask of a store, in requests and bytes, before it runs. One file a
//! verb. Nothing is written to a store, and what is read is what the verb itself reads first:
//! names, records and listings.
//!
//! `backup` walks the source and counts what would be sent, which `packing` turns into objects;
//! `restore` and `prune` count the dry runs of those verbs and add what is fetched or written after
//! them; `verify` chooses what is read by the verb's own rule.

mod backup;
mod packing;
mod prune;
mod restore;
mod verify;

pub use backup::{BackupEstimate, Forecast, Shares, estimate_backup, forecast};
pub use prune::{PruneEstimate, estimate_prune};
pub use restore::{RestoreEstimate, estimate_restore};
pub use verify::{VerifyEstimate, estimate_verify};
