//! What must hold: whatever is kept restores, from each copy alone, to what the library was that
//! night; copies are level by the rule of the design; the index can be made anew; nobody was
//! alarmed without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use offsite::id::ObjectId;
use offsite::ops::{Damage, Opened, RestoreOptions, VerifyOptions, restore, trust, verify};
use offsite::progress::Silent;

use super::same_index::assert_grown_is_rebuilt;
use super::world::World;

impl World {
    /// From this copy alone, with nothing but the words.
    #[track_caller]
    pub fn assert_restores(&self, opened: &Opened, copy: usize, id: &ObjectId) {
        let found = opened.snapshots.iter().find(|one| one.id == *id).unwrap();
        let target = tempfile::tempdir_in(self.place("")).unwrap();
        let options = RestoreOptions {
            target: target.path().to_path_buf(),
            files: true,
            database: true,
            ..RestoreOptions::default()
        };
        let (repository, index) = (&opened.repository, &opened.index);
        let report = restore(repository, index, &found.record, &options, &Silent).unwrap();
        let name = self.copies[copy].name;
        assert_eq!(report.problems, [], "{id} at {name}");
        let mut found = files_beneath(target.path());
        // Without these Immich does not start, and nobody backs them up.
        for folder in ["backups", "encoded-video", "thumbs"] {
            assert!(found.remove(&format!("{folder}/.immich")).is_some());
        }
        if found != *self.pictures[id] {
            let picture = &self.pictures[id];
            let names: BTreeSet<_> = found.keys().chain(picture.keys()).collect();
            let differ = |it: &&&String| found.get(**it) != picture.get(**it);
            let differ: Vec<_> = names.iter().filter(differ).collect();
            panic!("{id} at {name} differs in {differ:?}");
        }
        self.restored.fetch_add(1, Ordering::Relaxed);
    }

    /// All that a copy has, every byte of it. A damaged pack may lie about that no snapshot needs any
    /// more: prune keeps what it cannot read.
    #[track_caller]
    pub fn assert_whole(&self, copy: usize) {
        let opened = self.stranger(copy);
        let options = VerifyOptions { data: true };
        let report = verify(&opened.repository, &opened.index, &options, &Silent).unwrap();
        let hurts = |damage: &&Damage| !damage.snapshots.is_empty();
        assert_eq!(report.damage.iter().find(hurts), None);
        assert!(report.decrypted);
        let listed = self.snapshots(copy);
        assert_eq!(opened.snapshots.len(), listed.len());
        for id in &listed {
            self.assert_restores(&opened, copy, id);
        }
    }

    /// A snapshot that one has and another has not was forgotten at either of the two: so `forget`
    /// and a late arrival may make them differ, and nothing else.
    #[track_caller]
    pub fn assert_level(&self) {
        for one in 0..self.copies.len() {
            for other in 0..self.copies.len() {
                let mut lacking = &self.snapshots(one) - &self.snapshots(other);
                lacking = &lacking - &self.forgotten(one);
                lacking = &lacking - &self.forgotten(other);
                let names = [one, other].map(|it| self.copies[it].name);
                assert!(lacking.is_empty(), "{names:?}: {lacking:?}");
            }
        }
    }

    /// What the host knows of where chunks lie is what it would know if it read everything anew.
    #[track_caller]
    pub fn assert_index_is_right(&self, copy: usize) {
        assert_grown_is_rebuilt(&self.open(copy, false).unwrap(), &self.index(copy));
    }

    /// Nothing is missed at any copy.
    #[track_caller]
    pub fn assert_no_alarm(&self) {
        for copy in 0..self.copies.len() {
            let missed = trust::unexplained(&self.index(copy)).unwrap();
            assert_eq!(missed, [], "{}", self.copies[copy].name);
        }
    }
}

/// What lies beneath a folder, by path.
fn files_beneath(root: &Path) -> BTreeMap<String, Arc<[u8]>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for inner in fs::read_dir(folder).unwrap() {
            let path = inner.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, Arc::from(fs::read(&path).unwrap()));
        }
    }
    files
}
