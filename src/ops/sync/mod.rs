//! `sync`: copies of one repository are brought level, snapshot by snapshot and never by the
//! difference of two lists: what one copy has forgotten, or is about to delete, must not come back
//! or be relied on because another still has it.
//!
//! `run` goes through the pairs of copies, `level` through the snapshots that one lacks. For each,
//! `reach` finds the packs that must come, `carry` brings them, and segments of the target's own
//! making and the snapshot follow. `target` knows what the copy that receives has, and what its
//! prune plans threaten, `false_plans` which of those nobody carries out. `report` is what comes out.
//!
//! Memory: 64 MiB of listings while a snapshot is walked; then, in their place, packs under way of
//! 64 MiB together (or one of any size); some 50 bytes for each metadata chunk of the listings.

mod carry;
mod false_plans;
mod level;
mod reach;
mod report;
mod run;
mod target;
#[cfg(test)]
mod tests;

pub use level::{LevelOptions, level};
pub use report::{Lacking, LevelReport, PlaceReport, SyncReport, Waiting};
pub(super) use run::of_a_copy;
pub use run::{Direction, sync};
