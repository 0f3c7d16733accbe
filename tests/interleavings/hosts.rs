//! Hosts with a state folder each, and what they do of a night: the verbs as the command line calls
//! them, over a store that tries again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use offsite::crypto::ReadKey;
use offsite::index::Presence;
use offsite::ops::{
    self, BackupOptions, CheckpointRule, ForgetOptions, ForgetPlace, GroupBy, OpsError, Policy,
    PruneOptions, PruneReport, SourceChoice, StateFolder,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, SnapshotFilter, open};
use offsite::seams::{Interrupt, PlainDisk, Random, Seams, Threads};
use offsite::store::Store;
use offsite::store::retry::{Retry, RetryOptions};

use crate::clocks::HostClock;
use crate::turns::Dice;

/// What every host calls the repository.
const PLACE: &str = "the shared store";
/// Photos of a host.
pub const PHOTOS: usize = 16;

/// The photos of all hosts: some are the same. No file is ever changed, so that a run can be
/// repeated call for call; what a library holds of a night is said by what is left out.
pub struct Pool {
    pub folder: tempfile::TempDir,
    /// By host and name.
    pub contents: BTreeMap<(String, String), Vec<u8>>,
}

pub fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = BTreeMap::new();
        for (host, first) in [("anna", 0), ("ben", PHOTOS as u64 / 2)] {
            std::fs::create_dir(folder.path().join(host)).unwrap();
            for number in 0..PHOTOS as u64 {
                let file = format!("{number}.jpg");
                let content = noise(first + number);
                std::fs::write(folder.path().join(host).join(&file), &content).unwrap();
                contents.insert((host.to_owned(), file), content);
            }
        }
        Pool { folder, contents }
    })
}

/// Of different lengths: some are one chunk, some several.
fn noise(number: u64) -> Vec<u8> {
    let mut noise = vec![0; 2_000 + 3_000 * (number as usize % 7)];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

/// The output stream of BLAKE3 from a seed.
pub struct Seeded(Mutex<blake3::OutputReader>);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Self(Mutex::new(hasher.finalize_xof()))
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().fill(bytes);
        Ok(())
    }
}

/// Everything on one thread, by that clock and from that seed.
pub fn seams(clock: Arc<HostClock>, seed: u64) -> Seams {
    Seams {
        clock,
        random: Arc::new(Seeded::new(seed)),
        disk: Arc::new(PlainDisk),
        threads: Threads::SINGLE,
        interrupt: Interrupt::default(),
    }
}

/// Small, so that little content makes many chunks and packs.
pub fn with_small_sizes(mut repository: Repository) -> Repository {
    repository.parameters.files = (4_096, 16_384, 65_536);
    repository.parameters.pack_bytes = 12 << 10;
    repository
}

pub struct Host {
    pub name: &'static str,
    pub state: StateFolder,
    pub seams: Seams,
    /// With retries.
    store: Arc<dyn Store>,
    pub reader: Option<ReadKey>,
}

impl Host {
    pub fn new(
        name: &'static str,
        state: StateFolder,
        seams: Seams,
        way: Arc<dyn Store>,
        reader: Option<ReadKey>,
    ) -> Self {
        let patience = RetryOptions {
            attempts_max: 5,
            budget: Duration::from_secs(60),
            ..RetryOptions::default()
        };
        let store = Arc::new(Retry::new(way, seams.clone(), patience));
        Self {
            name,
            state,
            seams,
            store,
            reader,
        }
    }

    fn open(&self) -> Result<Repository, OpsError> {
        let key = self.state.writer_key()?.unwrap();
        let (store, seams) = (self.store.clone(), self.seams.clone());
        let opened = open(store, seams, key, self.reader.clone())?;
        Ok(with_small_sizes(opened))
    }

    /// Saves these of its photos.
    pub fn back_up(&self, label: &str, files: &BTreeSet<String>) -> Result<(), OpsError> {
        let repository = self.open()?;
        let index = self.state.open_index(PLACE)?;
        let all = (0..PHOTOS).map(|number| format!("{number}.jpg"));
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![pool().folder.path().join(self.name)],
                exclude: all.filter(|file| !files.contains(file)).collect(),
                ..SourceChoice::default()
            },
            current: "/".into(),
            host: self.name.to_owned(),
            tags: vec![label.to_owned()],
            accept_shrunk: false,
            checkpoint: CheckpointRule {
                every_bytes: 200_000,
                ..CheckpointRule::default()
            },
        };
        let report = ops::backup(&repository, &index, &options, &Silent)?;
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        Ok(())
    }

    /// Keeps the last so many of each host.
    pub fn forget(&self, last: u32) -> Result<(), OpsError> {
        let repository = self.open()?;
        let (index, trust) = (self.state.open_index(PLACE)?, self.state.open_trust()?);
        let place = ForgetPlace {
            repository: &repository,
            index: &index,
            trust: &trust,
            key: PLACE,
        };
        let options = ForgetOptions {
            policy: Policy {
                last: NonZeroU32::new(last),
                ..Policy::default()
            },
            group_by: GroupBy::HostAndSource,
            filter: SnapshotFilter::default(),
            named: Vec::new(),
            even_protected: false,
            dry_run: false,
            host: self.name.to_owned(),
            zone: TimeZone::UTC,
        };
        ops::forget(&place, &options, &Silent).map(drop)
    }

    pub fn prune(&self, grace: Duration) -> Result<PruneReport, OpsError> {
        let repository = self.open()?;
        let (index, trust) = (self.state.open_index(PLACE)?, self.state.open_trust()?);
        let seen = trust.seen(PLACE)?.into_iter();
        let missed = seen.filter(|one| one.presence != Presence::Forgotten);
        let options = PruneOptions {
            host: self.name.to_owned(),
            grace,
            known_snapshots: missed.map(|one| one.id).collect(),
            ..PruneOptions::default()
        };
        ops::prune(&repository, &index, &trust, &options, &Silent)
    }
}

/// A part of the photos, at least one.
pub fn some_photos(dice: &mut Dice) -> BTreeSet<String> {
    let always = dice.below(PHOTOS as u64);
    let often = dice.one_of(&[1_000, 2_000, 4_000]);
    let numbers = (0..PHOTOS as u64).filter(|number| *number == always || dice.happens(often));
    numbers
        .collect::<Vec<_>>()
        .iter()
        .map(|number| format!("{number}.jpg"))
        .collect()
}
