//! What must be true when a verb failed, and when it has run again.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{Opened, VerifyOptions, rebuild_index, verify};
use offsite::progress::Silent;
use offsite::repository::explained;
use offsite::store::Store;

use crate::template::{PLACE, SECOND, Tree, open_index, tree};
use crate::world::{OLDER, Verb, World};

impl World<'_> {
    /// What must be true at once, whatever failed: everything that is listed is whole, what is gone is
    /// explained, and nothing half has a final name.
    pub fn assert_nothing_lost(&self) {
        let kept = self.template.kept.iter().map(|(id, _)| *id);
        let kept: BTreeSet<ObjectId> = kept.collect();
        let listed = self.listed_and_whole();
        match self.verb {
            Verb::Forget => {
                let gone: BTreeSet<ObjectId> = kept.difference(&listed).copied().collect();
                let repository = self.repository(self.plain.clone());
                let explained = explained(&repository, &gone, &mut |_, _| {}).unwrap();
                assert!(listed.contains(&self.newest().0) && explained == gone);
            }
            Verb::Sync | Verb::SyncFrom => assert!(listed.is_subset(&kept)),
            Verb::Backup => assert!(listed.is_superset(&kept)),
            _ => assert_eq!(listed, kept),
        }
        self.assert_no_half_object();
        if self.verb == Verb::Restore {
            self.assert_no_half_file();
        }
    }

    /// The copy that the verb changes, without faults.
    fn changed(&self) -> Arc<dyn Store> {
        match self.verb {
            Verb::SyncFrom => self.other.clone(),
            _ => self.plain.clone(),
        }
    }

    /// From the store alone: gives the snapshots, of which each byte was checked.
    fn listed_and_whole(&self) -> BTreeSet<ObjectId> {
        let repository = self.repository(self.changed());
        let index = Index::in_memory().unwrap();
        let options = VerifyOptions { data: true };
        let report = verify(&repository, &index, &options, &Silent).unwrap();
        assert!(report.is_sound() && report.decrypted, "{:?}", report.damage);
        let opened = Opened::look(repository, Index::in_memory().unwrap(), &Silent).unwrap();
        assert_eq!(report.snapshots_checked, opened.snapshots.len() as u64);
        opened.snapshots.iter().map(|one| one.id).collect()
    }

    fn assert_no_half_object(&self) {
        let root = self.folder.path().join("repository");
        for path in tree(&root).keys() {
            let file = root.join(path);
            if path.starts_with("tmp") || path == "repository" || file.is_dir() {
                continue;
            }
            let hash = blake3::hash(&fs::read(&file).unwrap()).to_hex();
            assert!(path.ends_with(hash.as_str()), "{path} holds something else");
        }
    }

    fn assert_no_half_file(&self) {
        let expected = &self.newest().1;
        let older = [OLDER, b"a file", b""].map(|it| blake3::hash(it).to_hex());
        let content = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
        for (path, line) in tree(&self.restored()) {
            let is_temporary = path.contains(".offsite-");
            let is_right = expected.get(&path).map(|it| content(it)) == Some(content(&line));
            let is_older = older.iter().any(|hash| line.contains(hash.as_str()));
            assert!(is_temporary || is_right || is_older, "{path}: {line}");
        }
    }

    /// After the run that nothing disturbed: as if nothing had happened.
    pub fn assert_done(&self, restores: bool) {
        let listed = self.listed_and_whole();
        let mut kept = self.template.kept.clone();
        match self.verb {
            Verb::Backup => {
                let is_new = |id: &&ObjectId| !kept.iter().any(|(old, _)| old == *id);
                let new: Vec<ObjectId> = listed.iter().filter(is_new).copied().collect();
                // The second where the answer to the commit was lost.
                assert!(matches!(new.len(), 1 | 2), "{new:?}");
                let now = tree(&self.template.library());
                kept.extend(new.into_iter().map(|id| (id, now.clone())));
            }
            Verb::Forget => drop(kept.remove(0)),
            _ => {}
        }
        assert_eq!(listed, kept.iter().map(|(id, _)| *id).collect());
        if self.verb == Verb::Restore {
            assert_eq!(tree(&self.restored()), self.newest().1);
            let litter = tree(&self.target()).into_keys();
            let litter: Vec<_> = litter.filter(|path| path.contains(".offsite-")).collect();
            assert_eq!(litter, [""; 0]);
        }
        match self.verb {
            Verb::Prune => self.assert_room_comes_back(),
            Verb::Sync | Verb::SyncFrom => {
                // What travels are the same objects, each once.
                for prefix in ["packs/", "listings/", "snapshots/"] {
                    let mut both = [self.plain.as_ref(), self.other.as_ref() as &dyn Store];
                    both.sort_by_key(|store| names(*store, prefix).len());
                    let [copy, original] = both.map(|store| names(store, prefix));
                    assert!(copy.iter().all(|object| original.contains(object)));
                }
            }
            _ => {}
        }
        if restores {
            self.assert_restore(&kept);
        }
    }

    /// Each snapshot, on a host that knows what this one knows, and whose index says nothing that is
    /// not so.
    fn assert_restore(&self, kept: &[(ObjectId, Tree)]) {
        let place = match self.verb {
            Verb::Sync | Verb::SyncFrom => SECOND,
            _ => PLACE,
        };
        let index = open_index(&self.state(), place).unwrap();
        let opened = Opened::look(self.repository(self.changed()), index, &Silent).unwrap();
        let fresh = Index::in_memory().unwrap();
        rebuild_index(&opened.repository, &fresh, &Silent).unwrap();
        for pack in opened.index.packs_after(None, 1000).unwrap() {
            let chunks = |index: &Index, number| {
                let mut chunks = index.chunks_of(number).unwrap();
                chunks.sort_by_key(|chunk| chunk.position);
                chunks
            };
            if pack.live {
                let known = fresh.pack(&pack.id).unwrap();
                let known = known.expect("a pack that is live can be read");
                assert_eq!(pack.bytes, known.bytes);
                assert_eq!(
                    chunks(&opened.index, pack.number),
                    chunks(&fresh, known.number)
                );
            }
        }
        for (id, expected) in kept {
            let target = self.template.fresh_folder();
            assert!(self.restore(&opened, id, target.path()).unwrap());
            let library = self.template.library();
            let restored = target.path().join(library.strip_prefix("/").unwrap());
            assert_eq!(tree(&restored), *expected);
        }
    }

    /// Who says that a snapshot is there has said of each of its packs what is in it: nobody has to
    /// ask the packs themselves.
    pub fn assert_published(&self) {
        if matches!(self.verb, Verb::Backup | Verb::Sync | Verb::SyncFrom) {
            let repository = self.repository(self.changed());
            let fresh = Index::in_memory().unwrap();
            let report = rebuild_index(&repository, &fresh, &Silent).unwrap();
            assert_eq!(report.packs_from_footers, 0, "{report:?}");
        }
    }

    /// The prunes of the next weeks leave what a prune leaves that was never disturbed.
    fn assert_room_comes_back(&self) {
        for _ in 0..3 {
            if let Some(clock) = &self.clock {
                clock.pass(Duration::from_secs(31 * 24 * 3600));
            }
            assert!(self.run().unwrap());
        }
        let packs = ["packs/", "listings/"].map(|prefix| names(self.plain.as_ref(), prefix));
        let bytes: u64 = packs.iter().flatten().map(|(_, bytes)| bytes).sum();
        assert!(bytes < PRUNED_BYTES_MAX, "{bytes}");
    }
}

/// What two snapshots of the library need, with all frames and what is not worth rewriting.
const PRUNED_BYTES_MAX: u64 = 1_500_000;

/// Names of objects, with their sizes.
fn names(store: &dyn Store, prefix: &str) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    let listed = store.list(prefix, &mut |info| {
        names.push((info.name, info.bytes));
        Ok(())
    });
    listed.unwrap();
    names
}
