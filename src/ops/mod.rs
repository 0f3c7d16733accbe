//! Floor 4: what a person can ask for, one file a verb. Nothing here prints or reads the
//! environment; progress goes to a `Progress`, results are values.
//!
//! `backup` drives `pipeline` (contents to packs to the store); `restore` writes through `target`,
//! which never leaves the folder it was given; both hand work to threads through `queue`. `read` is
//! `ls`, `cat` and `database`, `keys` the passphrases, `state` what this host keeps, `look` what
//! most verbs begin with, `trust` what is noticed when the store forgets; `replica` is one copy of a
//! repository among several, `destination` one that a backup goes to; `estimate` says what verbs would
//! cost before they run.

mod audit;
mod backup;
mod child;
mod database;
mod destination;
mod diff;
mod doctor;
mod drill;
mod error;
mod estimate;
mod extend;
mod find;
mod forget;
mod init;
mod keys;
mod look;
mod pipeline;
mod prune;
mod queue;
mod read;
mod rebuild;
mod replica;
mod restore;
mod said;
mod state;
mod stats;
pub mod status;
mod sync;
mod target;
pub mod trust;
mod verify;

pub use audit::{AuditReport, History, ReportedFinding, Verdict, audit};
pub use backup::{
    BackupOptions, BackupReport, DatabaseReport, DryRunReport, Levelling, ReplicaReport,
    SourceChoice, SourceProblem, backup, backup_to_all, dry_run, source_name,
};
pub use database::{
    DumpTarget, IntoReport, NamedDump, database_for_immich, database_for_psql, database_into,
};
pub use destination::Destination;
pub use diff::{Change, Changed, DiffReport, Tally, diff};
pub use doctor::{
    DoctorOptions, DoctorReport, Expectation, Finding, Profile, Verdict as DoctorVerdict, doctor,
};
pub use drill::{
    AssetProblem, DrillError, DrillOptions, DrillReport, RowsDiffer, SAMPLE_MAX, ServerChoice,
    drill,
};
pub use error::{OpsError, Result};
pub use estimate::{
    BackupEstimate, Forecast, PruneEstimate, RestoreEstimate, Shares, VerifyEstimate,
    estimate_backup, estimate_prune, estimate_restore, estimate_verify, forecast,
};
pub use extend::{ExtendReport, extend_locks};
pub use find::{FindOptions, FindReport, FoundPath, Version, find};
pub use forget::{
    Candidate, Drilled, Drills, ForgetError, ForgetOptions, ForgetPlace, ForgetReport, GroupBy,
    JudgedSnapshot, Period, Policy, Reason, Retention, Rule, explain_absence, forget, judge,
    protections,
};
pub use init::{InitOptions, InitReport, init, init_replica};
pub use keys::{add_key, remove_key, share_key};
pub use pipeline::CheckpointRule;
pub use prune::{GRACE, PruneError, PruneOptions, PruneReport, REPACK_ABOVE_PERCENT, Sum, prune};
pub use read::{Opened, cat, database, has_path, list_entries};
pub use rebuild::{RebuildReport, rebuild_index, rebuild_index_from_footers};
pub use replica::Replica;
pub use restore::{Overwrite, RestoreOptions, RestoreReport, restore};
pub use said::Said;
pub use state::{SourceLock, StateFolder, load_writer_key, save_writer_key};
pub use stats::{RepositoryStats, SnapshotStats, repository_stats, snapshot_stats};
pub use sync::{
    Direction, Lacking, LevelOptions, LevelReport, PlaceReport, SyncReport, Waiting, level, sync,
};
pub use verify::{
    Compared, Coverage, Damage, HealReport, Healed, OwnVerify, PackReads, RECENT_DAYS,
    VerifyOptions, VerifyPart, VerifyReport, heal, heal_head, own_verify, permille, prove_verify,
    verify, verify_part,
};
