//! Hosts with a state folder each, and what they do of a night: the verbs as the command line calls
//! them, over stores that try again.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use offsite::crypto::{ReadKey, WriterKey};
use offsite::index::{Index, Presence};
use offsite::ops::{
    self, BackupOptions, CheckpointRule, Direction, ForgetOptions, ForgetPlace, GroupBy,
    LevelOptions, OpsError, Policy, PruneOptions, PruneReport, Replica, SourceChoice, StateFolder,
    SyncReport, VerifyOptions, VerifyReport,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, SnapshotFilter, load_snapshots, open};
use offsite::seams::{Interrupt, PlainDisk, Random, Seams, Threads};
use offsite::store::Store;
use offsite::store::retention::{LockMode, ObjectLock};
use offsite::store::retry::{Retry, RetryOptions};
use offsite::store::versioned::Versioned;

use crate::clocks::WorldClock;
use crate::photos::{self, pool};

/// What every host calls the copies of the repository.
pub const PLACES: [&str; 2] = ["the shared store", "the other store"];

/// What is put into a locked place stays so long.
pub const LOCK: ObjectLock = ObjectLock {
    mode: LockMode::Compliance,
    days: 90,
};

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
pub fn seams(clock: Arc<WorldClock>, seed: u64) -> Seams {
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
    repository.parameters.files = (4_096, 16_384, 16_384);
    repository.parameters.pack_bytes = 12 << 10;
    repository
}

/// As `offsite` wraps a store of its own: with patience, and where there are locks with an eye for
/// what somebody wrote over.
pub fn wrapped(way: Arc<dyn Store>, seams: &Seams, is_locked: bool) -> Arc<dyn Store> {
    let patience = RetryOptions {
        attempts_max: 5,
        budget: Duration::from_secs(60),
        ..RetryOptions::default()
    };
    let store = Arc::new(Retry::new(way, seams.clone(), patience));
    match is_locked {
        false => store,
        true => {
            let versioned = Versioned::new(store, seams.clock.clone(), Some(LOCK), None);
            Arc::new(versioned.leaving(Some("plans/")))
        }
    }
}

pub struct Host {
    pub name: &'static str,
    pub state: StateFolder,
    pub seams: Seams,
    key: WriterKey,
    pub reader: Option<ReadKey>,
    /// The way to each place.
    stores: Vec<Arc<dyn Store>>,
}

impl Host {
    /// `ways`: to each place, with whether that one has locks.
    pub fn new(
        name: &'static str,
        state: StateFolder,
        seams: Seams,
        (key, reader): (WriterKey, Option<ReadKey>),
        ways: Vec<(Arc<dyn Store>, bool)>,
    ) -> Self {
        // As `key writer` does.
        state.save_writer_key(&key).unwrap();
        let wrap = |(way, is_locked)| wrapped(way, &seams, is_locked);
        Self {
            name,
            stores: ways.into_iter().map(wrap).collect(),
            state,
            key,
            seams,
            reader,
        }
    }

    /// A new disk; somebody brings the writer key.
    pub fn lose_state(&self) {
        std::fs::remove_dir_all(self.state.path()).unwrap();
        self.state.save_writer_key(&self.key).unwrap();
    }

    pub fn open(&self, place: usize) -> Result<Repository, OpsError> {
        let key = self.state.writer_key()?.unwrap();
        let (store, seams) = (self.stores[place].clone(), self.seams.clone());
        let opened = open(store, seams, key, self.reader.clone())?;
        Ok(with_small_sizes(opened))
    }

    pub fn index(&self, place: usize) -> Result<Index, OpsError> {
        self.state.open_index(PLACES[place])
    }

    fn replica(&self, place: usize) -> Result<Replica, OpsError> {
        Ok(Replica {
            name: PLACES[place].to_owned(),
            repository: self.open(place)?,
            index: self.index(place)?,
        })
    }

    /// Saves these of its photos to all places that answer; gives which have the snapshot.
    pub fn back_up(&self, label: &str, files: &BTreeSet<String>) -> Result<Vec<bool>, OpsError> {
        let open: Vec<_> = (0..self.stores.len()).map(|it| self.replica(it)).collect();
        let mut replicas = Vec::new();
        for replica in open {
            match replica {
                Ok(replica) => replicas.push(replica),
                Err(error) if self.stores.len() == 1 => return Err(error),
                Err(_) => {}
            }
        }
        let destinations: Vec<_> = replicas.iter().map(|it| it.destination(false)).collect();
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![pool().folder.join(self.name)],
                exclude: photos::all().filter(|file| !files.contains(file)).collect(),
                ..SourceChoice::default()
            },
            current: "/".into(),
            host: self.name.to_owned(),
            tags: vec![label.to_owned()],
            accept_shrunk: false,
            checkpoint: CheckpointRule {
                every_bytes: 100_000,
                ..CheckpointRule::default()
            },
        };
        let report = ops::backup_to_all(&destinations, &options, &Silent)?;
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let has = |name: &&str| {
            let mut places = report.replicas.iter();
            places.any(|one| one.name == **name && one.has_snapshot)
        };
        Ok(PLACES[..self.stores.len()].iter().map(has).collect())
    }

    /// Keeps the last so many of each host.
    pub fn forget(&self, place: usize, last: u32) -> Result<(), OpsError> {
        let repository = self.open(place)?;
        let (index, trust) = (self.index(place)?, self.state.open_trust()?);
        let forgets = ForgetPlace {
            repository: &repository,
            index: &index,
            trust: &trust,
            key: PLACES[place],
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
        ops::forget(&forgets, &options, &Silent).map(drop)
    }

    pub fn prune(&self, place: usize, grace: Duration) -> Result<PruneReport, OpsError> {
        let repository = self.open(place)?;
        let (index, trust) = (self.index(place)?, self.state.open_trust()?);
        let seen = trust.seen(PLACES[place])?.into_iter();
        let missed = seen.filter(|one| one.presence != Presence::Forgotten);
        let options = PruneOptions {
            host: self.name.to_owned(),
            grace,
            known_snapshots: missed.map(|one| one.id).collect(),
            ..PruneOptions::default()
        };
        ops::prune(&repository, &index, &trust, &options, &Silent)
    }

    pub fn verify(&self, place: usize, data: bool) -> Result<VerifyReport, OpsError> {
        let repository = self.open(place)?;
        let index = self.index(place)?;
        ops::verify(&repository, &index, &VerifyOptions { data }, &Silent)
    }

    pub fn sync(&self) -> Result<SyncReport, OpsError> {
        let replicas = (0..self.stores.len()).map(|place| self.replica(place));
        let replicas = replicas.collect::<Result<Vec<_>, _>>()?;
        let options = LevelOptions::default();
        ops::sync(replicas, Direction::default(), &options, &Silent)
    }

    /// `lock extend`, of all that is listed.
    pub fn extend(&self, place: usize) -> Result<(), OpsError> {
        let repository = self.open(place)?;
        let (index, trust) = (self.index(place)?, self.state.open_trust()?);
        let snapshots = load_snapshots(&repository, &index, &mut |_, _| {})?;
        let (kept, known) = ((&snapshots[..], &[][..]), (&trust, PLACES[place]));
        ops::extend_locks(&repository, &index, kept, known, LOCK, &Silent).map(drop)
    }
}
