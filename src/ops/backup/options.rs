//! What a backup is asked to do, and what it says it did.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::sequence::SourceProblem;
use crate::format::snapshot::{Database, Statistics};
use crate::id::ObjectId;
use crate::ops::audit::Verdict;
use crate::ops::pipeline::CheckpointRule;
use crate::seams::Timestamp;
use crate::source::Limits;
use crate::source::database::{DatabaseSource, DumpRules};
use crate::source::immich::mounts::Mount;

/// What is to be backed up.
#[derive(Debug, Clone, Default)]
pub struct SourceChoice {
    /// An Immich upload location.
    pub immich: Option<PathBuf>,
    /// Plain files and folders.
    pub paths: Vec<PathBuf>,
    /// The folder whose `.env` and compose files are taken along.
    pub config: Option<PathBuf>,
    pub database: Option<DatabaseSource>,
    pub database_rules: DumpRules,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// Where else to stop.
    pub limits: Limits,
    /// Folders of Immich's container and of this host.
    pub mounts: Vec<Mount>,
    /// Originals that changed or are gone on a large scale are no alarm.
    pub accept_changes: bool,
}

#[derive(Debug, Clone)]
pub struct BackupOptions {
    pub source: SourceChoice,
    /// Where relative paths start.
    pub current: PathBuf,
    pub host: String,
    pub tags: Vec<String>,
    /// A dump that lost more than half of itself is taken all the same.
    pub accept_shrunk: bool,
    pub checkpoint: CheckpointRule,
}

/// What a backup did.
#[derive(Debug)]
pub struct BackupReport {
    pub snapshot: ObjectId,
    pub time: Timestamp,
    pub statistics: Statistics,
    pub objects_uploaded: u64,
    pub bytes_uploaded: u64,
    pub database: Option<DatabaseReport>,
    /// How many rows and files got each verdict; nothing without an audit.
    pub audit: BTreeMap<String, u64>,
    /// A few originals that are missing or altered, by verdict and path.
    pub gravest: Vec<(Verdict, Vec<u8>)>,
    /// Why the snapshot must not be taken for a replacement of older ones.
    pub suspect: Option<String>,
    pub problems: Vec<SourceProblem>,
    /// More than are in `problems` on a very bad day.
    pub problems_total: u64,
    pub duration: Duration,
    /// Of each replica that was named, in that order.
    pub replicas: Vec<ReplicaReport>,
    /// Which replica can be brought level from which, in the order in which that is best done. Those
    /// that failed in this run are not tried again.
    pub levelling: Vec<Levelling>,
}

/// What became of one replica in a backup.
#[derive(Debug, Clone)]
pub struct ReplicaReport {
    pub name: String,
    pub url: String,
    /// It has the snapshot.
    pub has_snapshot: bool,
    /// Why it is not level with the others; `None`: it is.
    pub behind: Option<String>,
    pub bytes_uploaded: u64,
    pub objects_uploaded: u64,
}

/// One replica holds what another lacks; by their places in the order they were named in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levelling {
    pub from: usize,
    pub to: usize,
}

#[derive(Debug, Clone)]
pub struct DatabaseReport {
    /// `pg_dump` or `pg_dumpall`.
    pub kind: String,
    pub bytes: u64,
    pub rows: u64,
    /// Where it came from: a path, an address without its password, `command` or `standard input`.
    pub source: String,
}

impl DatabaseReport {
    pub(super) fn new(database: Database, source: Option<String>) -> Self {
        Self {
            kind: database.kind,
            bytes: database.bytes,
            rows: database.rows.total(),
            source: source.unwrap_or_default(),
        }
    }
}

/// Tells the source of a backup from others of the same host, for the lock.
pub fn source_name(options: &BackupOptions) -> Vec<u8> {
    let SourceChoice { immich, paths, .. } = &options.source;
    format!("{:?} {immich:?} {paths:?}", options.current).into_bytes()
}
