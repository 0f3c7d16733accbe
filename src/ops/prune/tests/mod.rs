//! Prunes of a repository in memory, with a clock that is set by hand.

mod bad_day;
mod hostile;
mod meanwhile;
mod mute;
mod nights;
mod protocol;
mod refusals;
mod rewriting;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{PruneOptions, PruneReport, Sum, prune};
use crate::crypto::KdfCost;
use crate::format::housekeeping::Forget;
use crate::format::{Kind, name};
use crate::id::{ObjectId, SessionId};
use crate::index::{Index, Trust};
use crate::ops::{
    BackupOptions, InitOptions, Opened, OpsError, RestoreOptions, SourceChoice, VerifyOptions,
    backup, init, restore, verify,
};
use crate::progress::Silent;
use crate::repository::{Repository, store_forget};
use crate::seams::{Clock, Seams, SystemClock, Threads, Timestamp};
use crate::store::Store;
use crate::store::faulty::Faulty;
use crate::store::memory::Memory;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// The time of this machine and what was added to it.
#[derive(Default)]
pub struct Ahead(AtomicU64);

impl Ahead {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.ahead())
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot() + self.ahead()
    }
    fn sleep(&self, _time: Duration) {}
}

/// A host, its library, and a store that can fail.
pub struct World {
    pub clock: Arc<Ahead>,
    pub memory: Arc<Memory>,
    pub store: Arc<Faulty>,
    /// With the read key.
    pub repository: Repository,
    pub index: Index,
    pub trust: Trust,
    pub folder: tempfile::TempDir,
    /// What each snapshot that is kept must restore to.
    pub expected: Mutex<BTreeMap<ObjectId, BTreeMap<String, Vec<u8>>>>,
}

pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(Ahead::default());
        let memory = Arc::new(Memory::new(clock.clone()));
        let store = Arc::new(Faulty::new(memory.clone()));
        let seams = Seams {
            clock: clock.clone(),
            threads: Threads::SINGLE,
            ..Seams::real()
        };
        let options = InitOptions {
            passphrase: "correct horse",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let mut repository = init(store.clone(), &seams, &options).unwrap().repository;
        repository.parameters.files = (4_096, 16_384, 65_536);
        Self {
            clock,
            memory,
            store,
            repository,
            index: Index::in_memory().unwrap(),
            trust: Trust::in_memory().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            expected: Mutex::default(),
        }
    }

    pub fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    /// The same repository without the read key.
    pub fn writer(&self) -> Repository {
        Repository {
            reader: None,
            ..self.repository.clone()
        }
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    pub fn try_back_up(&self, index: &Index) -> Result<ObjectId, OpsError> {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.folder.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: PathBuf::from("/"),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: Default::default(),
        };
        let report = backup(&self.writer(), index, &options, &Silent)?;
        let mut expected = self.expected.lock().unwrap();
        expected.insert(report.snapshot, self.files());
        Ok(report.snapshot)
    }

    pub fn back_up(&self) -> ObjectId {
        self.try_back_up(&self.index).unwrap()
    }

    /// As `offsite forget` does it: the record first.
    pub fn forget(&self, snapshots: &[ObjectId]) {
        let opened = self.look();
        let of = |id: &ObjectId| -> SessionId {
            let found = opened.snapshots.iter().find(|one| one.id == *id);
            found.unwrap().record.session
        };
        let sessions: Vec<SessionId> = snapshots.iter().map(of).collect();
        let forget = Forget {
            host: "nas".to_owned(),
            created: self.clock.now(),
            snapshots: snapshots.to_vec().into(),
            reason: String::new(),
            sessions: sessions.into(),
        };
        store_forget(&self.repository, forget).unwrap();
        let mut expected = self.expected.lock().unwrap();
        for id in snapshots {
            assert!(self.memory.lose(&name::of(Kind::Snapshot, id)));
            expected.remove(id);
        }
    }

    pub fn look(&self) -> Opened {
        let index = Index::in_memory().unwrap();
        Opened::look(self.repository.clone(), index, &Silent).unwrap()
    }

    pub fn try_prune(
        &self,
        repository: &Repository,
        options: &PruneOptions,
    ) -> Result<PruneReport, OpsError> {
        prune(repository, &self.index, &self.trust, options, &Silent)
    }

    /// With the read key.
    pub fn prune(&self) -> PruneReport {
        self.try_prune(&self.repository, &PruneOptions::default())
            .unwrap()
    }

    pub fn prune_as_writer(&self) -> PruneReport {
        self.try_prune(&self.writer(), &PruneOptions::default())
            .unwrap()
    }

    pub fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.memory.names().into_iter();
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    pub fn pack_bytes(&self) -> u64 {
        ["packs/", "listings/"]
            .iter()
            .flat_map(|prefix| self.names(prefix))
            .map(|name| self.memory.peek(&name).unwrap().len() as u64)
            .sum()
    }

    /// Every byte of every object, and every chunk that a snapshot needs.
    pub fn verify(&self) {
        let index = Index::in_memory().unwrap();
        let options = VerifyOptions { data: true };
        let report = verify(&self.repository, &index, &options, &Silent).unwrap();
        assert!(report.is_sound(), "{:?}", report.damage);
        let kept = self.expected.lock().unwrap().len() as u64;
        assert_eq!(report.snapshots_checked, kept);
    }

    /// Every snapshot that is kept restores to what it was made of.
    pub fn restore_all(&self) {
        self.verify();
        let opened = self.look();
        for (id, files) in self.expected.lock().unwrap().iter() {
            let found = opened.snapshots.iter().find(|one| one.id == *id);
            let target = tempfile::tempdir().unwrap();
            let options = RestoreOptions {
                target: target.path().to_path_buf(),
                files: true,
                ..RestoreOptions::default()
            };
            let record = &found.unwrap().record;
            let (repository, index) = (&opened.repository, &opened.index);
            let report = restore(repository, index, record, &options, &Silent).unwrap();
            assert_eq!(report.files_restored, files.len() as u64);
            let above = self.folder.path().strip_prefix("/").unwrap();
            for (name, content) in files {
                let restored = fs::read(target.path().join(above).join(name)).unwrap();
                assert!(restored == *content, "{name} of {id}");
            }
        }
    }

    pub fn is_there(&self, kind: Kind, id: &ObjectId) -> bool {
        self.store.head(&name::of(kind, id)).is_ok()
    }
}
