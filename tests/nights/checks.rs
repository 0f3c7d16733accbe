//! What must hold: whatever is kept restores, from each copy alone, to what the library was that
//! night; copies are level by the rule of the design; the index can be made anew; nobody was
//! alarmed without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use offsite::format::Kind;
use offsite::id::ObjectId;
use offsite::index::{ChunkRow, Index};
use offsite::ops::{
    Damage, Opened, RestoreOptions, VerifyOptions, rebuild_index, restore, trust, verify,
};
use offsite::progress::Silent;
use offsite::repository::{load_catalog, read_contents};

use super::storage::list_packs;
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
        let repository = self.open(copy, false).unwrap();
        let grown = self.index(copy);
        load_catalog(&repository, &grown).unwrap();
        let made = Index::in_memory().unwrap();
        let report = rebuild_index(&repository, &made, &Silent).unwrap();
        assert_eq!((report.packs_unreadable, report.damaged_segments), (0, 0));
        let (mut known, mut chunks) = (BTreeSet::new(), BTreeSet::new());
        for pack in list_packs(&self.copies[copy]) {
            let (store, writer) = (repository.store.as_ref(), &repository.writer);
            let contents = read_contents(store, writer, pack.kind, &pack.id, pack.bytes).unwrap();
            chunks.extend(contents.entries.iter().map(|entry| entry.id));
            known.insert((pack.id, pack.kind == Kind::ListingPack));
        }
        for chunk in &chunks {
            let places = [&grown, &made].map(|index| places(index, chunk));
            assert!(places[0] == places[1], "{chunk}: {places:?}");
            assert!(!places[0].is_empty(), "{chunk} is nowhere");
        }
        let live = [&grown, &made].map(live_packs);
        assert_eq!(live[0], live[1]);
        assert_eq!(live[0], known);
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

type At = (ObjectId, u64, u32, u32, u32, u8);

fn places(index: &Index, chunk: &offsite::id::ChunkId) -> BTreeSet<At> {
    let places = index.places(chunk).unwrap().into_iter();
    places
        .filter(|place| place.live)
        .map(|place| {
            let ChunkRow {
                start,
                stored,
                plain,
                position,
                codec,
                ..
            } = place.chunk;
            (place.pack, start, stored, plain, position, codec)
        })
        .collect()
}

fn live_packs(index: &Index) -> BTreeSet<(ObjectId, bool)> {
    let packs = index.packs_after(None, u32::MAX).unwrap().into_iter();
    packs
        .filter(|pack| pack.live)
        .map(|pack| (pack.id, pack.class == 2))
        .collect()
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
