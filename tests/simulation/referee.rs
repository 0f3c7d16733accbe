//! Looks on at one place: whether each deletion was allowed at that moment, by the time that truly
//! passed, and whether every snapshot that is listed still is what was saved. It asks the store without
//! taking a turn, while nobody moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{
    self, Opened, OpsError, RestoreOptions, RestoreReport, VerifyOptions, VerifyReport,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, RepositoryError, StoredPlan, visit_forgets, visit_plans};

use crate::clocks::{DAY, HOUR, Time};
use crate::photos::{Pool, pool, scratch};

/// What the referees of all places know.
#[derive(Default)]
pub struct Ledger {
    /// Of each host and label the files that were to be saved.
    pub expected: Mutex<BTreeMap<(String, String), BTreeSet<String>>>,
    /// Snapshots of each host, in the order in which they were first put anywhere.
    commits: Mutex<Vec<(ObjectId, String)>>,
}

#[derive(Default)]
struct Seen {
    /// Plans that a host of ours put, and when that truly was.
    plans: Vec<(StoredPlan, Duration)>,
    /// When each object was last put, truly.
    put: BTreeMap<String, Duration>,
    /// Snapshots that hosts of ours put here and nobody of ours deleted.
    kept: BTreeSet<ObjectId>,
    /// Packs whose deletion a plan allowed.
    deleted: u64,
}

pub struct Referee {
    time: Arc<Time>,
    ledger: Arc<Ledger>,
    /// With the read key, over the store itself.
    repository: OnceLock<Repository>,
    /// The clock of this place jumps, or somebody else puts things.
    pub is_wild: bool,
    seen: Mutex<Seen>,
}

impl Referee {
    pub fn new(time: Arc<Time>, ledger: Arc<Ledger>, is_wild: bool) -> Self {
        Self {
            time,
            ledger,
            repository: OnceLock::new(),
            is_wild,
            seen: Mutex::default(),
        }
    }

    pub fn appoint(&self, repository: Repository) {
        assert!(self.repository.set(repository).is_ok());
    }

    pub fn repository(&self) -> &Repository {
        self.repository.get().unwrap()
    }

    pub fn deleted(&self) -> u64 {
        self.seen.lock().unwrap().deleted
    }

    /// Snapshots that were put by hosts of ours and that nobody of ours deleted.
    pub fn kept(&self) -> BTreeSet<ObjectId> {
        self.seen.lock().unwrap().kept.clone()
    }

    /// A host of ours put it.
    pub fn after_put(&self, host: &str, object: &str) {
        let passed = self.time.passed();
        let mut seen = self.seen.lock().unwrap();
        seen.put.insert(object.to_owned(), passed);
        match name::parse(object) {
            Some((Kind::Snapshot, Some(id))) => {
                seen.kept.insert(id);
                let mut commits = self.ledger.commits.lock().unwrap();
                // Whoever syncs it later did not make it.
                if !commits.iter().any(|(known, _)| *known == id) {
                    commits.push((id, host.to_owned()));
                }
            }
            Some((Kind::Plan, Some(id))) => {
                let now = self.repository().store.now().unwrap();
                let mut plans = Vec::new();
                let visited = visit_plans::<RepositoryError>(
                    self.repository(),
                    now,
                    &mut |it| *it == id,
                    &mut |_, _| {},
                    &mut |stored| {
                        plans.push(stored);
                        Ok(())
                    },
                );
                visited.unwrap();
                seen.plans.extend(plans.into_iter().map(|it| (it, passed)));
            }
            _ => {}
        }
    }

    /// Nothing goes before its time, and nothing without the object that says why.
    pub fn before_delete(&self, object: &str) {
        let seen = self.seen.lock().unwrap();
        // Nobody minds who deletes what is gone.
        let Some(put) = seen.put.get(object).copied() else {
            return;
        };
        let may_go = |seen: &Seen, names: fn(&StoredPlan) -> &Vec<ObjectId>, id: ObjectId| {
            let passed = self.time.passed();
            seen.plans.iter().any(|(stored, planned)| {
                // The clocks of pruner and store may differ by an hour about what passed.
                let is_ripe = *planned + stored.grace() <= passed + HOUR;
                let lapses = *planned + stored.grace() + 30 * DAY;
                let is_ripe = is_ripe && (self.is_wild || passed < lapses);
                is_ripe && put <= *planned && names(stored).contains(&id)
            })
        };
        match name::parse(object) {
            Some((Kind::DataPack | Kind::ListingPack, Some(id))) => {
                let may_go = may_go(&seen, |stored| &stored.plan.packs.0, id);
                assert!(may_go, "{object} was deleted early");
            }
            Some((Kind::Segment, Some(id))) => {
                let may_go = may_go(&seen, |stored| &stored.plan.segments.0, id);
                assert!(may_go, "{object} was deleted early");
            }
            Some((Kind::Snapshot, Some(id))) => {
                self.check_forgotten(&seen, id);
            }
            Some((Kind::Plan, _)) => {}
            _ => panic!("{object} was deleted"),
        }
    }

    /// The store did it.
    pub fn after_delete(&self, object: &str) {
        let mut seen = self.seen.lock().unwrap();
        let was_there = seen.put.remove(object).is_some();
        match name::parse(object) {
            Some((Kind::Snapshot, Some(id))) => drop(seen.kept.remove(&id)),
            Some((Kind::DataPack | Kind::ListingPack, _)) => seen.deleted += u64::from(was_there),
            _ => {}
        }
    }

    fn check_forgotten(&self, seen: &Seen, id: ObjectId) {
        let mut is_named = false;
        let visited =
            visit_forgets::<RepositoryError>(self.repository(), &mut |_, _| {}, &mut |stored| {
                is_named |= stored.forget.snapshots.0.contains(&id);
                Ok(())
            });
        visited.unwrap();
        assert!(is_named, "nothing explains why {id} is gone");
        if self.is_wild {
            return;
        }
        let commits = self.ledger.commits.lock().unwrap();
        let host = commits
            .iter()
            .find(|(known, _)| *known == id)
            .unwrap()
            .1
            .as_str();
        let mut newest = commits.iter().rev();
        let newest = newest.find(|(it, of)| of == host && seen.kept.contains(it));
        assert!(
            newest.is_none_or(|(newest, _)| *newest != id),
            "{id} is the newest"
        );
    }

    /// What is said of all that the store holds.
    pub fn verify(&self, data: bool) -> VerifyReport {
        let index = Index::in_memory().unwrap();
        ops::verify(self.repository(), &index, &VerifyOptions { data }, &Silent).unwrap()
    }

    /// Every snapshot of ours that is listed has all that it needs. With `data` every byte is looked at.
    pub fn check(&self, data: bool) {
        let report = self.verify(data);
        let kept = self.kept();
        let hurts = |ids: &[ObjectId]| ids.iter().any(|id| kept.contains(id));
        let found = report
            .damage
            .iter()
            .find(|one| hurts(&one.snapshots) || !self.is_wild);
        assert_eq!(found, None, "{:#?}", report.damage);
        if !self.is_wild {
            assert_eq!(report.snapshots_checked, report.snapshots_total);
            assert_eq!(report.snapshots_total, kept.len() as u64);
            assert!(report.unknown_objects.is_empty());
        }
    }

    pub fn open(&self) -> Opened {
        Opened::look(
            self.repository().clone(),
            Index::in_memory().unwrap(),
            &Silent,
        )
        .unwrap()
    }

    /// Every snapshot of ours that was not forgotten is listed and restores to what it was made of; of
    /// many, these so many are tried.
    pub fn restore_all(&self, tried_max: usize) -> usize {
        let (opened, kept) = (self.open(), self.kept());
        for id in kept.iter().take(tried_max) {
            let (report, expected, right) = self.restore(&opened, id).unwrap();
            assert_eq!(report.problems, [], "{id}");
            assert_eq!(right, expected, "{id} lacks files");
        }
        kept.len()
    }

    /// Restores one; gives the number of files that it is to have, and of those that came back. A file
    /// that is not as it was is worse than none.
    pub fn restore(
        &self,
        opened: &Opened,
        id: &ObjectId,
    ) -> Result<(RestoreReport, usize, usize), OpsError> {
        let found = opened.snapshots.iter().find(|one| one.id == *id);
        let record = &found.unwrap_or_else(|| panic!("{id} is not listed")).record;
        let target = scratch();
        let options = RestoreOptions {
            target: target.path().to_path_buf(),
            files: true,
            ..RestoreOptions::default()
        };
        let (repository, index) = (&opened.repository, &opened.index);
        let report = ops::restore(repository, index, record, &options, &Silent)?;
        let Pool { folder, contents } = pool();
        let key = (record.host.clone(), record.tags[0].clone());
        let expected = &self.ledger.expected.lock().unwrap()[&key];
        let root = folder.join(&key.0);
        let root = target.path().join(root.strip_prefix("/").unwrap());
        let mut right = 0;
        for file in expected {
            if let Ok(content) = std::fs::read(root.join(file)) {
                let was = &contents[&(key.0.clone(), file.clone())];
                assert!(content == *was, "{key:?} {file} came back altered");
                right += 1;
            }
        }
        let there = std::fs::read_dir(&root).map_or(0, |files| files.count());
        assert_eq!(there, right, "{key:?} came back with more than it had");
        Ok((report, expected.len(), right))
    }
}
