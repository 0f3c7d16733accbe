//! `verify`: whether every snapshot could be restored, and whether every object is what it was.
//!
//! Nothing that this host remembers is believed: snapshot records, segments and listings are
//! fetched anew. `catalog` learns where chunks are said to lie; with `data`, `objects` (and `packs`)
//! fetches all there is (or the share of
//! it that `part` chooses) and notes which chunks truly do; `walk` holds the listings against that,
//! and, when something is wrong, `blame` finds what hurts which file. `findings` collects, `report`
//! is what comes out, `vanished` misses what was there before, `meanwhile` does not miss what somebody
//! forgot while all this went on, `run` is the whole in order. `turns`
//! remembers what was read when, `checksums` asks the store for its own instead of reading, `proof`
//! writes down the result. `heal` puts back what another copy has sound, `head` the `repository`
//! object, without which nothing opens, and `own` lets go of what no copy can have again.

mod blame;
mod catalog;
mod checksums;
mod fetch;
mod findings;
mod head;
mod heal;
mod meanwhile;
mod objects;
mod own;
mod packs;
mod part;
mod proof;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod turns;
mod vanished;
mod walk;

pub use head::heal_head;
pub use heal::{HealReport, Healed, heal};
pub use part::{Selection, VerifyPart};
pub use proof::{OwnVerify, own_verify, permille, prove_verify};
pub use report::{Compared, Damage, VerifyOptions, VerifyReport};
pub use run::{verify, verify_part};
pub use turns::{Coverage, PackReads, RECENT_DAYS};
