//! `forget`: lets go of old snapshots by rules, and of those that a person names. The objects they
//! alone need go later, by `prune`.
//!
//! `policy` has the rules and the calendar, `candidate` what of a snapshot matters to them, `judge`
//! applies them so that no forger pushes good snapshots out, `note` remembers what was begun, `run` is
//! the whole in order, `unusable` is about what nobody can read, `report` what comes out; `retention`
//! foresees for `sync` what would go.

mod absence;
mod candidate;
#[cfg(test)]
mod clocks_tests;
mod error;
#[cfg(test)]
mod flood_tests;
mod judge;
#[cfg(test)]
mod judge_tests;
mod note;
mod options;
mod policy;
mod report;
mod retention;
mod run;
#[cfg(test)]
mod run_tests;
mod unusable;

pub use absence::explain_absence;
pub use candidate::{Candidate, Drilled, Drills};
pub use error::ForgetError;
pub use judge::{GroupBy, Reason, judge, protections};
pub use options::{ForgetOptions, ForgetPlace};
pub use policy::{Period, Policy, Rule};
pub use report::{ForgetReport, JudgedSnapshot};
pub use retention::Retention;
pub use run::forget;
