//! What the host does each night: a backup to all copies that are there, which brings those level
//! that fell behind; forget; once a week prune. And what a person does by hand: sync, verify --heal.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::tz::TimeZone;
use offsite::index::Presence;
use offsite::ops::{
    BackupOptions, BackupReport, CheckpointRule, Direction, ForgetOptions, ForgetPlace,
    ForgetReport, GroupBy, LevelOptions, OpsError, PackReads, Policy, PruneOptions, PruneReport,
    SyncReport, VerifyOptions, VerifyPart, VerifyReport, backup_to_all, forget, heal, level, prune,
    sync, trust, verify_part,
};
use offsite::progress::Progress;
use offsite::repository::SnapshotFilter;

use super::world::{HOST, World};

pub const DAILY: usize = 7;
pub const WEEKLY: usize = 4;
pub const MONTHLY: usize = 3;

/// A backup, and how the copies stand after those were brought level that can be.
pub struct BackedUp {
    pub report: BackupReport,
    /// By their places.
    pub behind: Vec<usize>,
}

impl World {
    /// `goes`: a copy that is there when it is opened, and then not any more.
    ///
    /// # Errors
    /// As `offsite backup`.
    pub fn back_up(&self, goes: Option<usize>, heard: &dyn Progress) -> Result<BackedUp, OpsError> {
        let (mut open, mut behind) = (Vec::new(), Vec::new());
        for copy in 0..self.copies.len() {
            match self.replica(copy) {
                Ok(replica) => open.push((copy, replica)),
                Err(_) => behind.push(copy),
            }
        }
        if let Some(copy) = goes {
            self.copies[copy].set_away(true);
        }
        let destinations: Vec<_> = open
            .iter()
            .map(|(copy, replica)| replica.destination(self.copies[*copy].near))
            .collect();
        let options = BackupOptions {
            source: self.library.choice(),
            current: "/".into(),
            host: HOST.to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        let report = backup_to_all(&destinations, &options, heard)?;
        let mut is_behind: Vec<bool> = report
            .replicas
            .iter()
            .map(|one| one.behind.is_some())
            .collect();
        for step in &report.levelling {
            let (from, to) = (&open[step.from].1, &open[step.to].1);
            let levelled = level(from, to, &LevelOptions::default(), heard);
            self.write_down(format!("{} from {}: {levelled:?}", to.name, from.name));
            is_behind[step.to] = !levelled.is_ok_and(|report| report.is_level());
        }
        behind.extend(
            open.iter()
                .zip(is_behind)
                .filter_map(|((copy, _), is_behind)| is_behind.then_some(*copy)),
        );
        Ok(BackedUp { report, behind })
    }

    /// # Errors
    /// As `offsite forget`.
    pub fn forget(&self, copy: usize, heard: &dyn Progress) -> Result<ForgetReport, OpsError> {
        let repository = self.open(copy, false)?;
        let (index, trust) = (self.index(copy), self.state.open_trust()?);
        let place = ForgetPlace {
            repository: &repository,
            index: &index,
            trust: &trust,
            key: self.copies[copy].name,
        };
        let number = |number: usize| NonZeroU32::new(number as u32);
        let options = ForgetOptions {
            policy: Policy {
                daily: number(DAILY),
                weekly: number(WEEKLY),
                monthly: number(MONTHLY),
                ..Policy::default()
            },
            group_by: GroupBy::default(),
            filter: SnapshotFilter::default(),
            named: Vec::new(),
            even_protected: false,
            dry_run: false,
            host: HOST.to_owned(),
            zone: TimeZone::UTC,
        };
        forget(&place, &options, heard)
    }

    /// # Errors
    /// As `offsite prune`.
    pub fn prune(
        &self,
        copy: usize,
        with_read_key: bool,
        heard: &dyn Progress,
    ) -> Result<PruneReport, OpsError> {
        let repository = self.open(copy, with_read_key)?;
        let (index, trust) = (self.index(copy), self.state.open_trust()?);
        let seen = trust.seen(self.copies[copy].name)?.into_iter();
        let known = seen.filter(|one| one.presence != Presence::Forgotten);
        let options = PruneOptions {
            host: HOST.to_owned(),
            known_snapshots: known.map(|one| one.id).collect(),
            ..PruneOptions::default()
        };
        prune(&repository, &index, &trust, &options, heard)
    }

    /// # Errors
    /// As `offsite sync`.
    pub fn sync(&self, heard: &dyn Progress) -> Result<SyncReport, OpsError> {
        let replicas = (0..self.copies.len()).map(|copy| self.replica(copy));
        let replicas = replicas.collect::<Result<Vec<_>, _>>()?;
        let options = LevelOptions::default();
        sync(replicas, Direction::default(), &options, heard)
    }

    /// `verify --data --heal`; gives what was healed, and how things stand then.
    ///
    /// # Errors
    /// As `offsite verify`.
    pub fn heal(
        &self,
        copy: usize,
        heard: &dyn Progress,
    ) -> Result<(usize, VerifyReport), OpsError> {
        let place = self.copies[copy].name;
        let mut repository = self.open(copy, true)?;
        let index = self.index(copy);
        let reads = PackReads::new(self.state.open_trust()?, place.to_owned());
        let part = VerifyPart {
            reads: Some(Arc::new(reads)),
            ..VerifyPart::default()
        };
        let options = VerifyOptions { data: true };
        let report = verify_part(&repository, &index, &options, &part, heard)?;
        repository.others = self.others(copy);
        let kept = trust::kept(&self.state.open_trust()?, place)?;
        let kept = |name: &str| kept.bytes_of(name);
        let healed = heal(&repository, &index, report, &part, &kept, heard)?;
        Ok((healed.healed.len(), healed.verify))
    }
}
