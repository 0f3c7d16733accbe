//! What the threads of a run do when one of them fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::crypto::{KdfCost, ReadKey, Secret};
use crate::format::parameters::Parameters;
use crate::format::slot::Label;
use crate::index::Index;
use crate::ops::pipeline::CheckpointRule;
use crate::ops::{BackupOptions, OpsError, SourceChoice, backup};
use crate::progress::{Progress, Silent};
use crate::repository::{Creation, Repository, create};
use crate::seams::{Seams, Threads, Timestamp};
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::{ErrorKind, Store};

pub struct Setting {
    pub photos: tempfile::TempDir,
    pub store: Arc<Faulty>,
    pub repository: Repository,
}

pub fn setting(files: usize, bytes: usize) -> Setting {
    let seams = Seams {
        threads: Threads::of_this_machine(),
        ..Seams::real()
    };
    let store = Arc::new(Faulty::new(Arc::new(Memory::new(seams.clock.clone()))));
    let key = ReadKey::from_master(Secret::new(&[5; 32]));
    let creation = Creation {
        key: &key,
        passphrase: "x",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        label: Label {
            label: String::new(),
            created: Timestamp::default(),
            host: String::new(),
        },
        pack_bytes: Parameters::PACK_BYTES,
    };
    let shared: Arc<dyn Store> = store.clone();
    let (repository, _) = create(shared, seams, &creation).unwrap();
    let photos = tempfile::tempdir().unwrap();
    for number in 0..files {
        let mut content = vec![0; bytes];
        let seed = (number as u64).to_le_bytes();
        let mut noise = blake3::Hasher::new();
        noise.update(&seed).finalize_xof().fill(&mut content);
        std::fs::write(photos.path().join(format!("{number}.jpg")), content).unwrap();
    }
    Setting {
        photos,
        store,
        repository,
    }
}

impl Setting {
    fn back_up(&self, progress: &dyn Progress) -> Result<(), OpsError> {
        let index = Index::in_memory().unwrap();
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.photos.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: "/".into(),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        backup(&self.repository, &index, &options, progress).map(drop)
    }

    pub fn snapshots(&self) -> usize {
        let mut count = 0;
        self.store
            .list("snapshots/", &mut |_| {
                count += 1;
                Ok(())
            })
            .unwrap();
        count
    }
}

/// Panics in the worker that takes up one file.
struct Trap(&'static [u8]);

impl Progress for Trap {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, path: &[u8]) {
        assert!(!path.ends_with(self.0), "planted");
    }
    fn notice(&self, _text: &str) {}
    fn finish(&self) {}
}

/// Once, joining a worker swallowed its panic, and the snapshot was committed without its file.
#[test]
fn a_thread_that_panics_commits_nothing_and_keeps_nobody_waiting() {
    for file in [b"/0.jpg".as_slice(), b"/9.jpg"] {
        let setting = setting(10, 1000);
        let trap = Trap(file);
        let outcome = catch_unwind(AssertUnwindSafe(|| setting.back_up(&trap)));
        assert!(outcome.is_err(), "the panic is passed on");
        assert_eq!(setting.snapshots(), 0);
    }
}

#[test]
fn a_store_that_fails_is_the_failure_of_the_run() {
    for bytes in [1000, 2_000_000, 40_000_000] {
        let setting = setting(2, bytes);
        setting
            .store
            .fail_names("packs/", Fault::Before(ErrorKind::Full));
        let error = setting.back_up(&Silent).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(setting.snapshots(), 0);
    }
}
