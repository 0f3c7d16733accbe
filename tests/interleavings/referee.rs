//! Looks on: whether each deletion was allowed at that moment, and whether every snapshot that is
//! listed still is what was saved. It asks the store without taking a turn, while nobody moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock};

use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{self, Opened, RestoreOptions, VerifyOptions};
use offsite::progress::Silent;
use offsite::repository::{Repository, RepositoryError, StoredPlan, visit_forgets, visit_plans};
use offsite::store::Store;

use crate::hosts::{Pool, pool};

#[derive(Default)]
pub struct Referee {
    /// With the read key, over the store itself.
    repository: OnceLock<Repository>,
    /// The files that were to be in the snapshot of a host that has this label.
    expected: Mutex<BTreeMap<(String, String), BTreeSet<String>>>,
    /// Deletions that plans allowed.
    deleted: Mutex<u64>,
}

impl Referee {
    pub fn appoint(&self, repository: Repository) {
        assert!(self.repository.set(repository).is_ok());
    }

    pub fn repository(&self) -> &Repository {
        self.repository.get().unwrap()
    }

    pub fn expect(&self, host: &str, label: &str, files: BTreeSet<String>) {
        let key = (host.to_owned(), label.to_owned());
        self.expected.lock().unwrap().insert(key, files);
    }

    pub fn deleted(&self) -> u64 {
        *self.deleted.lock().unwrap()
    }

    /// Nothing goes before its time, and nothing without the object that says why.
    pub fn before_delete(&self, store: &dyn Store, object: &str) {
        let now = store.now().unwrap();
        let mut modified = None;
        store
            .list(object, &mut |info| {
                modified = Some(info.modified);
                Ok(())
            })
            .unwrap();
        // Nobody minds who deletes what is gone.
        let Some(modified) = modified else { return };
        let mut plans = Vec::new();
        visit_plans::<RepositoryError>(
            self.repository(),
            now,
            &mut |_| true,
            &mut |name, problem| panic!("{name}: {problem}"),
            &mut |stored| {
                plans.push(stored);
                Ok(())
            },
        )
        .unwrap();
        let may_go = |names: fn(&StoredPlan) -> &Vec<ObjectId>, id: ObjectId| {
            plans.iter().any(|stored| {
                let is_ripe = stored.ripe_at() <= now && now < stored.lapses_at();
                is_ripe && modified < stored.modified && names(stored).contains(&id)
            })
        };
        match name::parse(object) {
            Some((Kind::DataPack | Kind::ListingPack, Some(id))) => {
                assert!(
                    may_go(|stored| &stored.plan.packs.0, id),
                    "{object} was deleted early"
                );
                *self.deleted.lock().unwrap() += 1;
            }
            Some((Kind::Segment, Some(id))) => {
                let early = !may_go(|stored| &stored.plan.segments.0, id);
                assert!(!early, "{object} was deleted early");
            }
            Some((Kind::Snapshot, Some(id))) => {
                let mut is_named = false;
                visit_forgets::<RepositoryError>(
                    self.repository(),
                    &mut |name, problem| panic!("{name}: {problem}"),
                    &mut |stored| {
                        is_named |= stored.forget.snapshots.0.contains(&id);
                        Ok(())
                    },
                )
                .unwrap();
                assert!(is_named, "nothing explains why {object} is gone");
            }
            Some((Kind::Plan, _)) => {}
            _ => panic!("{object} was deleted"),
        }
    }

    /// Every snapshot that is listed has all that it needs. With `data` every byte is looked at.
    pub fn check(&self, data: bool) {
        let index = Index::in_memory().unwrap();
        let repository = self.repository();
        let report = ops::verify(repository, &index, &VerifyOptions { data }, &Silent).unwrap();
        assert!(report.is_sound(), "{:#?}", report.damage);
        assert_eq!(report.snapshots_checked, report.snapshots_total);
        assert!(report.unknown_objects.is_empty());
    }

    /// Every snapshot that is listed restores to what it was made of.
    pub fn restore_all(&self) -> usize {
        let index = Index::in_memory().unwrap();
        let opened = Opened::look(self.repository().clone(), index, &Silent).unwrap();
        let Pool { folder, contents } = pool();
        for one in &opened.snapshots {
            let key = (one.record.host.clone(), one.record.tags[0].clone());
            let target = tempfile::tempdir().unwrap();
            let options = RestoreOptions {
                target: target.path().to_path_buf(),
                files: true,
                ..RestoreOptions::default()
            };
            let (repository, index) = (&opened.repository, &opened.index);
            let report = ops::restore(repository, index, &one.record, &options, &Silent).unwrap();
            let expected = &self.expected.lock().unwrap()[&key];
            assert_eq!(report.files_restored, expected.len() as u64, "{key:?}");
            let restored = folder.path().join(&key.0);
            let restored = target.path().join(restored.strip_prefix("/").unwrap());
            for file in expected {
                let content = std::fs::read(restored.join(file)).unwrap();
                assert!(
                    content == contents[&(key.0.clone(), file.clone())],
                    "{key:?} {file}"
                );
            }
        }
        opened.snapshots.len()
    }
}
