//! Floor 4: what a person can ask for, one file a verb. Nothing here prints or reads the
//! environment; progress goes to a `Progress`, results are values.
//!
//! `backup` drives `pipeline` (contents to packs to the store) and `sequence` (entries, in order,
//! to the listing). `restore` writes through `target`, which never leaves the folder it was given.

mod backup;
mod claims;
mod error;
mod files;
mod init;
mod pipeline;
mod queue;
mod read;
mod rebuild;
mod restore;
mod roots;
mod sequence;
mod snapshot_record;
mod state;
mod target;
mod uploads;
mod verify;
mod worker;

pub use backup::{BackupOptions, BackupReport, DatabaseReport, SourceChoice, backup};
pub use error::{OpsError, Result};
pub use init::{InitOptions, InitReport, init};
pub use read::{Opened, cat, database, list_entries};
pub use rebuild::{RebuildReport, rebuild_index};
pub use restore::{RestoreOptions, RestoreReport, restore};
pub use sequence::SourceProblem;
pub use state::{SourceLock, StateFolder};
pub use verify::{Damage, VerifyOptions, VerifyReport, verify};
