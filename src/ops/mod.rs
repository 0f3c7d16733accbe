//! Floor 4: what a person can ask for, one file a verb. Nothing here prints or reads the
//! environment; progress goes to a `Progress`, results are values.
//!
//! `backup` drives `pipeline` (contents to packs to the store); `restore` writes through `target`,
//! which never leaves the folder it was given; both hand work to threads through `queue`. `read` is
//! `ls`, `cat` and `database`, `state` what this host keeps, `look` what most verbs begin with.

mod backup;
mod child;
mod database;
mod drill;
mod error;
mod init;
mod interrupt;
mod look;
mod pipeline;
mod queue;
mod read;
mod rebuild;
mod restore;
mod said;
mod state;
mod target;
mod verify;

pub use backup::{
    BackupOptions, BackupReport, DatabaseReport, SourceChoice, SourceProblem, backup, source_name,
};
pub use database::{
    DumpTarget, IntoReport, NamedDump, database_for_immich, database_for_psql, database_into,
};
pub use drill::{
    AssetProblem, DrillError, DrillOptions, DrillReport, RowsDiffer, SAMPLE_MAX, ServerChoice,
    drill,
};
pub use error::{OpsError, Result};
pub use init::{InitOptions, InitReport, init};
pub use interrupt::Interrupt;
pub use pipeline::CheckpointRule;
pub use read::{Opened, cat, database, list_entries};
pub use rebuild::{RebuildReport, rebuild_index};
pub use restore::{RestoreOptions, RestoreReport, restore};
pub use said::Said;
pub use state::{SourceLock, StateFolder};
pub use verify::{Damage, VerifyOptions, VerifyReport, verify};
