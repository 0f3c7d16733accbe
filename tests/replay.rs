//! A run replays from a seed: with a fixed clock, seeded randomness and one thread, two runs store
//! the same bytes under the same names. Simulations stand on this.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite::crypto::KdfCost;
use offsite::index::Index;
use offsite::ops::{BackupOptions, CheckpointRule, InitOptions, SourceChoice, backup, init};
use offsite::progress::Silent;
use offsite::seams::{Clock, Interrupt, PlainDisk, Random, Seams, Threads, Timestamp};
use offsite::source::database::DatabaseSource;
use offsite::store::memory::Memory;

/// Goes on by a second with every look.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let seconds = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_seconds(2_000_000_000).plus(Duration::from_secs(seconds))
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep(&self, _time: Duration) {}
}

/// The output stream of BLAKE3 from a seed.
struct Seeded(Mutex<blake3::OutputReader>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().fill(bytes);
        Ok(())
    }
}

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\nCOPY public.asset (id) FROM stdin;\n1\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

/// Two backups of the folder into a new repository; gives all that is stored.
fn run(source: &Path, seed: &[u8; 32]) -> BTreeMap<String, Vec<u8>> {
    let clock = Arc::new(Ticking::default());
    let random = Seeded(Mutex::new(blake3::Hasher::new_keyed(seed).finalize_xof()));
    let seams = Seams {
        clock: clock.clone(),
        random: Arc::new(random),
        disk: Arc::new(PlainDisk),
        threads: Threads::SINGLE,
        interrupt: Interrupt::default(),
    };
    let memory = Arc::new(Memory::new(clock));
    let options = InitOptions {
        passphrase: "a passphrase for the replay",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let repository = init(memory.clone(), &seams, &options).unwrap().repository;
    let index = Index::in_memory().unwrap();
    let choice = SourceChoice {
        paths: vec![source.join("photos")],
        database: Some(DatabaseSource::File(source.join("dump.sql"))),
        ..SourceChoice::default()
    };
    let options = BackupOptions {
        source: choice,
        current: source.to_path_buf(),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    };
    backup(&repository, &index, &options, &Silent).unwrap();
    backup(&repository, &index, &options, &Silent).unwrap();
    let stored = |name: String| {
        let bytes = memory.peek(&name).unwrap().to_vec();
        (name, bytes)
    };
    memory.names().into_iter().map(stored).collect()
}

#[test]
fn the_same_seed_stores_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    for number in 0..30_u8 {
        let mut bytes = vec![0; 100_000];
        blake3::Hasher::new_keyed(&[number; 32])
            .finalize_xof()
            .fill(&mut bytes);
        std::fs::write(photos.join(format!("{number}.jpg")), bytes).unwrap();
    }
    std::fs::write(folder.path().join("dump.sql"), DUMP).unwrap();
    let first = run(folder.path(), &[1; 32]);
    assert!(
        first
            .keys()
            .filter(|name| name.starts_with("packs/"))
            .count()
            > 2
    );
    assert_eq!(
        first
            .keys()
            .filter(|name| name.starts_with("snapshots/"))
            .count(),
        2
    );
    assert!(first == run(folder.path(), &[1; 32]), "a replay differs");
    let other = run(folder.path(), &[2; 32]);
    assert!(
        first
            .keys()
            .all(|name| name == "repository" || !other.contains_key(name))
    );
}
