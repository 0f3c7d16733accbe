//! `verify`: whether every snapshot could be restored, and whether every object is what it was.
//!
//! Nothing that this host remembers is believed: snapshot records, segments and listings are
//! fetched anew. `catalog` learns where chunks are said to lie; with `data`, `objects` (and `packs`)
//! fetches all there is (or the share of
//! it that `part` chooses) and notes which chunks truly do; `walk` holds the listings against that,
//! and, when something is wrong, `blame` finds what hurts which file. `findings` collects, `report`
//! is what comes out, `vanished` misses what was there before, `meter` counts bytes, `run` is the whole in order.

mod blame;
mod catalog;
mod fetch;
mod findings;
mod meter;
mod objects;
mod packs;
mod part;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod vanished;
mod walk;

pub use part::VerifyPart;
pub use report::{Damage, VerifyOptions, VerifyReport};
pub use run::{verify, verify_part};
