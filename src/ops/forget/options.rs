//! What a forget is asked to do, and where.

use jiff::tz::TimeZone;

use super::judge::GroupBy;
use super::policy::Policy;
use crate::index::{Index, Trust};
use crate::repository::{Repository, SnapshotFilter};

/// What is to be forgotten.
#[derive(Debug, Clone)]
pub struct ForgetOptions {
    pub policy: Policy,
    pub group_by: GroupBy,
    /// Only snapshots that it allows are judged; the others stay.
    pub filter: SnapshotFilter,
    /// Snapshots that go even where a rule would keep them: ids, `latest~N`.
    pub named: Vec<String>,
    /// Named ones go also where they are protected.
    pub even_protected: bool,
    pub dry_run: bool,
    /// The name of this machine, for the record.
    pub host: String,
    /// The calendar that days and weeks are of.
    pub zone: TimeZone,
}

/// Where it is done, and what this host remembers of the place.
pub struct ForgetPlace<'p> {
    pub repository: &'p Repository,
    pub index: &'p Index,
    pub trust: &'p Trust,
    /// As `Trust` tells places apart.
    pub key: &'p str,
}
