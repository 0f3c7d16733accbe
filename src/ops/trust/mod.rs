//! What this host remembers of each copy of a repository, held against what the store shows now:
//! a store that lost or hid snapshots, or an address at which something else stands, is noticed.
//!
//! `rollback` compares the LIST of snapshots, `copies` keeps `repository` and the key slots,
//! `standing` is about the address. The memory itself is `index::Trust`; an index that was opened
//! from the state folder knows it (`Index::watch`), so that every look compares.

mod copies;
#[cfg(test)]
mod copies_tests;
mod rollback;
#[cfg(test)]
pub mod rollback_tests;
mod standing;
#[cfg(test)]
mod standing_tests;
mod vanished;

pub use copies::{Kept, KeptSlot, kept};
pub use rollback::{KnownBefore, check, demand_whole, known_before, note_committed, unexplained};
pub use standing::{Standing, identify, noted, remember};
pub use vanished::{NotedIn, Vanished, VanishedList};

pub(super) use copies::compare as compare_copies;
pub(super) use rollback::{after_look, before_look};
pub(super) use vanished::in_utc;
