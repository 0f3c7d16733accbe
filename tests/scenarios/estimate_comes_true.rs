//! "What would that cost me?" — and then it costs that. Each estimate is held against the requests that
//! the verb really makes right after it, at the store's door.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use offsite::crypto::KdfCost;
use offsite::format::housekeeping::Forget;
use offsite::format::{Kind, name};
use offsite::index::{Index, Trust};
use offsite::ops::{
    BackupOptions, CheckpointRule, InitOptions, Opened, PruneOptions, RestoreOptions, SourceChoice,
    VerifyOptions, VerifyPart, backup, estimate_backup, estimate_prune, estimate_restore,
    estimate_verify, forecast, init, prove_verify, prune, restore, verify_part,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, store_forget};
use offsite::seams::{Clock, Seams, SystemClock, Timestamp};
use offsite::store::Store;
use offsite::store::memory::Memory;
use offsite::store::recording::{Call, Operation, Recording};
use offsite::store::tally::{Tally, Traffic};

use crate::user::PASSPHRASE;

const HOUR: u64 = 3600;

/// The time of this machine, and what was added to it.
#[derive(Default)]
pub struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.ahead())
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot() + self.ahead()
    }
    fn sleep(&self, _time: Duration) {}
}

impl Ahead {
    fn ahead(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    pub fn pass(&self, hours: u64) {
        self.0.fetch_add(hours * HOUR, Ordering::Relaxed);
    }
}

/// A photo: nothing in it is there twice, or gets shorter.
pub fn photo(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

pub struct World {
    pub clock: Arc<Ahead>,
    pub calls: Arc<Recording>,
    pub repository: Repository,
    pub index: Index,
    trust: Trust,
    pub folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with_packs_of(1 << 20)
    }

    pub fn with_packs_of(pack_bytes: u32) -> Self {
        let clock = Arc::new(Ahead::default());
        let seams = Seams {
            clock: clock.clone(),
            ..Seams::real()
        };
        let calls = Arc::new(Recording::new(Arc::new(Memory::new(clock.clone()))));
        let options = InitOptions {
            passphrase: PASSPHRASE,
            cost: KdfCost::LEAST,
            host: "home".to_owned(),
            pack_bytes,
        };
        let repository = init(calls.clone(), &seams, &options).unwrap().repository;
        Self {
            clock,
            calls,
            repository,
            index: Index::in_memory().unwrap(),
            trust: Trust::in_memory().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn options(&self) -> BackupOptions {
        BackupOptions {
            source: SourceChoice {
                paths: vec![self.folder.path().to_owned()],
                ..SourceChoice::default()
            },
            current: self.folder.path().to_owned(),
            host: "home".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        }
    }

    /// The index level with the store, as every verb of the command line begins.
    pub fn look(&self) -> (Vec<offsite::repository::StoredSnapshot>, Traffic) {
        let tally = Arc::new(Tally::new(self.calls.clone()));
        let counted = Repository {
            store: tally.clone(),
            ..self.repository.clone()
        };
        let index = Index::in_memory().unwrap();
        let opened = Opened::look(counted, index, &Silent).unwrap();
        // What it fetched is remembered by the index of this host.
        let looked = Traffic {
            get: 0,
            bytes_down: 0,
            ..tally.take()
        };
        (opened.snapshots, looked)
    }

    /// Backs up; gives what that was to cost, by how much it may be off, and what it did cost.
    fn night(&self) -> (Traffic, u64, Traffic) {
        self.clock.pass(24);
        let options = self.options();
        let (snapshots, looked) = self.look();
        let made = forecast(&self.repository, &self.index, &snapshots, &options, &Silent).unwrap();
        let said = estimate_backup(&self.repository, looked, &made, None, &options).unwrap();
        self.calls.take();
        let report = backup(&self.repository, &self.index, &options, &Silent).unwrap();
        assert_eq!(made.look.bytes_to_read, report.statistics.bytes_read);
        let issued = traffic(&self.calls.take());
        (said.traffic, said.tolerance, issued)
    }

    fn prune(&self, options: &PruneOptions) -> (Traffic, Traffic) {
        let (repository, index, trust) = (&self.repository, &self.index, &self.trust);
        self.calls.take();
        let said = estimate_prune(repository, index, trust, options, &Silent).unwrap();
        let looked = self.calls.take();
        let writes = |call: &&Call| {
            let op = call.operation;
            !matches!(op, Operation::Get | Operation::List | Operation::Head)
        };
        assert_eq!(looked.iter().find(writes), None, "an estimate only reads");
        let report = prune(repository, index, trust, options, &Silent).unwrap();
        let issued = traffic(&self.calls.take());
        assert_eq!(said.report.swept, report.swept);
        (said.traffic, issued)
    }
}

pub fn traffic(calls: &[Call]) -> Traffic {
    let mut sum = Traffic::default();
    for call in calls {
        match call.operation {
            Operation::Put | Operation::PutIfAbsent => {
                sum.put += 1;
                sum.bytes_up += call.bytes;
            }
            Operation::Get => {
                sum.get += 1;
                sum.bytes_down += call.bytes;
            }
            // Less than a page each.
            Operation::List => sum.list += 1,
            Operation::Delete => sum.delete += 1,
            Operation::Head | Operation::Now | Operation::Beyond => sum.head += 1,
        }
    }
    sum
}

fn assert_near(said: u64, issued: u64, percent: u64, what: &str) {
    let off = said.abs_diff(issued);
    assert!(
        off * 100 <= issued * percent,
        "{what}: said {said}, was {issued}"
    );
}

fn assert_backup(world: &World, percent: u64) {
    let (said, tolerance, issued) = world.night();
    assert!(
        said.put.abs_diff(issued.put) <= tolerance,
        "{said:?} {issued:?}"
    );
    assert_near(said.bytes_up, issued.bytes_up, percent, "bytes up");
    let rest = |it: Traffic| (it.get, it.list, it.head, it.delete, it.bytes_down);
    assert_eq!(rest(said), rest(issued));
}

fn photos(world: &World) {
    for number in 0..300 {
        let bytes = 20_000 + (number as usize * 7919) % 90_000;
        world.write(
            &format!("{}/{number}.jpg", number % 7),
            &photo(number, bytes),
        );
    }
    world.write("film.mp4", &photo(9999, 9_000_000));
}

#[test]
fn nights() {
    let world = World::new();
    photos(&world);
    assert_backup(&world, 3);
    // Nothing happened: one record, and a look around.
    let (said, _, issued) = world.night();
    assert_eq!(said, issued);
    for number in 0..60 {
        world.write(
            &format!("new/{number}.jpg"),
            &photo(70_000 + number, 70_000),
        );
    }
    assert_backup(&world, 4);
    // A second film, and a copy of the first that nobody can know of before it is read: as many
    // bytes more, at most.
    world.write("second.mp4", &photo(9998, 5_000_000));
    assert_backup(&world, 4);
    world.write("copy.mp4", &photo(9998, 5_000_000));
    let (said, _, issued) = world.night();
    assert!(said.bytes_up > issued.bytes_up + 4_000_000);
}

#[test]
fn verifies() {
    let world = World::new();
    photos(&world);
    world.night();
    for number in 0..60 {
        world.write(&format!("3/{number}.jpg"), &photo(70_000 + number, 70_000));
    }
    world.night();
    world.night();
    let (snapshots, _) = world.look();
    let part = |percent, budget_bytes, latest: bool| VerifyPart {
        sample_percent: percent,
        budget_bytes,
        snapshots: snapshots
            .last()
            .filter(|_| latest)
            .map(|one| one.id)
            .into_iter()
            .collect(),
        ..VerifyPart::default()
    };
    for (data, part) in [
        (false, part(None, None, false)),
        (true, part(None, None, false)),
        (false, part(None, None, true)),
        (true, part(None, None, true)),
        (true, part(None, Some(5_000_000), false)),
        (true, part(Some(20.0), None, false)),
    ] {
        let (repository, index, options) =
            (&world.repository, &world.index, VerifyOptions { data });
        let said =
            estimate_verify(repository, index, &snapshots, &options, &part, &Silent).unwrap();
        world.calls.take();
        let report = verify_part(repository, index, &options, &part, &Silent).unwrap();
        prove_verify(repository, index, &report, "home", world.clock.now(), None).unwrap();
        let issued = traffic(&world.calls.take());
        assert_eq!(said.packs_read, report.packs_read);
        if part.sample_percent.is_some() {
            // Which are drawn is chance: some packs are twice as large as others.
            assert_near(said.traffic.bytes_down, issued.bytes_down, 50, "bytes down");
            let exact = Traffic {
                bytes_down: issued.bytes_down,
                ..said.traffic
            };
            assert_eq!(exact, issued);
        } else {
            assert_eq!(said.traffic, issued, "{data} {part:?}");
        }
    }
}

#[test]
fn restores() {
    let world = World::new();
    photos(&world);
    world.night();
    for number in 0..60 {
        world.write(&format!("3/{number}.jpg"), &photo(70_000 + number, 70_000));
    }
    world.night();
    let (snapshots, _) = world.look();
    for path in ["", "3", "film.mp4"] {
        let path = match path {
            "" => Vec::new(),
            name => {
                let path = world.folder.path().join(name);
                path.display()
                    .to_string()
                    .trim_start_matches('/')
                    .as_bytes()
                    .to_vec()
            }
        };
        let target = tempfile::tempdir().unwrap();
        let options = RestoreOptions {
            target: target.path().join("new"),
            files: true,
            path,
            ..RestoreOptions::default()
        };
        let record = &snapshots.last().unwrap().record;
        let (repository, index) = (&world.repository, &world.index);
        // Without the key that a restore needs.
        let host = Repository {
            reader: None,
            ..repository.clone()
        };
        let said = estimate_restore(&host, index, record, &options, &Silent).unwrap();
        world.calls.take();
        restore(repository, index, record, &options, &Silent).unwrap();
        let calls = world.calls.take();
        assert_eq!(
            said.traffic,
            traffic(&calls),
            "{}",
            said.report.packs_to_fetch
        );
        let mut packs: Vec<_> = calls
            .iter()
            .filter(|call| call.name.starts_with("packs/"))
            .collect();
        let fetched = packs.len();
        packs.sort_by(|a, b| a.name.cmp(&b.name));
        packs.dedup_by(|a, b| a.name == b.name);
        assert_eq!(packs.len(), fetched, "each pack once");
        // Of what is there nothing is fetched again.
        let said = estimate_restore(&host, index, record, &options, &Silent).unwrap();
        assert_eq!(said.report.packs_to_fetch, 0);
    }
}

/// As `offsite forget` does it.
fn forget_first(world: &World) {
    let (snapshots, _) = world.look();
    let first = &snapshots[0];
    let forget = Forget {
        host: "home".to_owned(),
        created: world.clock.now(),
        snapshots: vec![first.id].into(),
        reason: String::new(),
        sessions: vec![first.record.session].into(),
    };
    store_forget(&world.repository, forget).unwrap();
    world
        .calls
        .delete(&name::of(Kind::Snapshot, &first.id))
        .unwrap();
}

#[test]
fn prunes() {
    let world = World::new();
    photos(&world);
    world.night();
    // Of the packs with photos half is needed still, of those with the film nothing.
    fs::remove_file(world.folder.path().join("film.mp4")).unwrap();
    for number in (0..300).filter(|number| number % 7 < 4) {
        let path = world
            .folder
            .path()
            .join(format!("{}/{number}.jpg", number % 7));
        fs::remove_file(path).unwrap();
    }
    world.night();
    forget_first(&world);
    let options = PruneOptions {
        billed_storage: Duration::from_secs(90 * 24 * HOUR),
        ..PruneOptions::default()
    };
    for step in ["rewrite and mark", "nothing new", "sweep"] {
        let (said, issued) = world.prune(&options);
        let off = said.requests().abs_diff(issued.requests());
        assert!(off <= 4, "{step}: said {said:?}, was {issued:?}");
        assert!(said.delete.abs_diff(issued.delete) <= 1, "{step}");
        assert_near(said.bytes_down, issued.bytes_down, 5, step);
        if issued.bytes_up > 100_000 {
            assert_near(said.bytes_up, issued.bytes_up, 10, step);
        }
        world.clock.pass(40);
    }
}
