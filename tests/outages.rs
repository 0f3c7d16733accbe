//! The store goes away in the middle of a backup: for two minutes, for an hour, for good. Time
//! passes by sleeping only, so that an hour takes a moment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offsite::crypto::KdfCost;
use offsite::index::Index;
use offsite::ops::{
    BackupOptions, BackupReport, CheckpointRule, InitOptions, OpsError, SourceChoice,
    VerifyOptions, backup, init, verify,
};
use offsite::progress::Silent;
use offsite::repository::Repository;
use offsite::seams::{Clock, Seams, SystemClock, Threads, Timestamp};
use offsite::store::memory::Memory;
use offsite::store::retry::{Retry, RetryOptions};
use offsite::store::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};

/// Begins an hour after the files were made; goes on by sleeping.
struct World {
    begin: Timestamp,
    slept: Mutex<Duration>,
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.begin.plus(self.since_boot())
    }
    fn since_boot(&self) -> Duration {
        *self.slept.lock().unwrap()
    }
    fn sleep(&self, time: Duration) {
        *self.slept.lock().unwrap() += time;
        // Others are to get their turn, as in a world where sleeping takes time.
        std::thread::yield_now();
    }
}

/// Fails from a put on until a time, and counts the bytes of every put that arrived.
struct Line {
    inner: Memory,
    world: Arc<World>,
    puts_left: AtomicU64,
    outage: Mutex<Outage>,
    arrived: Mutex<BTreeMap<String, u64>>,
}

#[derive(Clone, Copy)]
struct Outage {
    kind: ErrorKind,
    lasts: Duration,
    since: Option<Duration>,
}

impl Line {
    fn check(&self, operation: &'static str, name: &str) -> Result<()> {
        let outage = *self.outage.lock().unwrap();
        let now = self.world.since_boot();
        match outage.since {
            Some(since) if now < since + outage.lasts => {
                Err(StoreError::new(outage.kind, operation, name))
            }
            _ => Ok(()),
        }
    }

    /// From the `puts`-th put from now on, for so long.
    fn breaks(&self, puts: u64, kind: ErrorKind, lasts: Duration) {
        self.puts_left.store(puts, Ordering::SeqCst);
        *self.outage.lock().unwrap() = Outage {
            kind,
            lasts,
            since: None,
        };
    }

    fn is_mended(&self) {
        self.outage.lock().unwrap().lasts = Duration::ZERO;
    }
}

impl Store for Line {
    fn url(&self) -> String {
        "memory:".to_owned()
    }
    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        if self.puts_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.outage.lock().unwrap().since = Some(self.world.since_boot());
        }
        self.check("store", name)?;
        let bytes = body.len() as u64;
        self.inner.put(name, body)?;
        let mut arrived = self.arrived.lock().unwrap();
        assert_eq!(arrived.insert(name.to_owned(), bytes), None, "{name} twice");
        Ok(())
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.check("fetch", name)?;
        self.inner.get(name, window)
    }
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.check("list", prefix)?;
        self.inner.list(prefix, visit)
    }
    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.check("look at", name)?;
        self.inner.head(name)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }
    fn now(&self) -> Result<Timestamp> {
        self.check("ask the time of", "")?;
        self.inner.now()
    }
}

struct Scene {
    world: Arc<World>,
    line: Arc<Line>,
    repository: Repository,
    index: Index,
    photos: tempfile::TempDir,
}

const FILES: usize = 40;
const FILE_BYTES: usize = 400_000;
const TOTAL: u64 = (FILES * FILE_BYTES) as u64;

/// Sixteen megabytes in some fourteen packs.
fn scene(threads: Threads) -> Scene {
    let world = Arc::new(World {
        begin: SystemClock.now().plus(Duration::from_secs(3600)),
        slept: Mutex::default(),
    });
    let seams = Seams {
        clock: world.clone(),
        threads,
        ..Seams::real()
    };
    let line = Arc::new(Line {
        inner: Memory::new(world.clone()),
        world: world.clone(),
        puts_left: AtomicU64::new(u64::MAX),
        outage: Mutex::new(Outage {
            kind: ErrorKind::Transient,
            lasts: Duration::ZERO,
            since: None,
        }),
        arrived: Mutex::default(),
    });
    let retry = Retry::new(line.clone(), seams.clone(), RetryOptions::default());
    let options = InitOptions {
        passphrase: "a passphrase for outages",
        cost: KdfCost::LEAST,
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let repository = init(Arc::new(retry), &seams, &options).unwrap().repository;
    let photos = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let mut content = vec![0; FILE_BYTES];
        let mut noise = blake3::Hasher::new();
        noise.update(&number.to_le_bytes());
        noise.finalize_xof().fill(&mut content);
        std::fs::write(photos.path().join(format!("{number}.jpg")), content).unwrap();
    }
    Scene {
        world,
        line,
        repository,
        index: Index::in_memory().unwrap(),
        photos,
    }
}

impl Scene {
    fn back_up(&self) -> Result<BackupReport, OpsError> {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.photos.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: Path::new("/").to_path_buf(),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        backup(&self.repository, &self.index, &options, &Silent)
    }

    fn snapshots(&self) -> usize {
        let names = self.line.inner.names();
        let them = names.iter().filter(|name| name.starts_with("snapshots/"));
        them.count()
    }

    /// Bytes of packs that arrived so far.
    fn arrived(&self) -> u64 {
        let arrived = self.line.arrived.lock().unwrap();
        let packs = arrived
            .iter()
            .filter(|(name, _)| name.starts_with("packs/"));
        packs.map(|(_, bytes)| bytes).sum()
    }

    /// The next run goes on: what arrived is not sent again, and all of it restores.
    fn goes_on(&self, before: u64) {
        self.line.is_mended();
        let report = self.back_up().unwrap();
        assert_eq!(report.statistics.files as usize, FILES);
        assert_eq!(self.snapshots(), 1);
        let sent = self.arrived() - before;
        // Headers, footers and padding beside what was missing.
        let missing = TOTAL.saturating_sub(before);
        assert!(
            sent <= missing + TOTAL / 10,
            "{sent} sent, {before} were there"
        );
        let options = VerifyOptions { data: true };
        let verified = verify(&self.repository, &self.index, &options, &Silent).unwrap();
        assert!(
            verified.is_sound() && verified.decrypted,
            "{:?}",
            verified.damage
        );
    }
}

fn both() -> [Threads; 2] {
    [Threads::SINGLE, Threads::of_this_machine()]
}

/// Minutes of the budget of one call, and what a last wait may add.
const BUDGET: Duration = Duration::from_secs(600 + 30);

#[test]
fn two_minutes_are_sat_out_and_nothing_is_sent_twice() {
    for threads in both() {
        let scene = scene(threads);
        let lasts = Duration::from_secs(120);
        scene.line.breaks(5, ErrorKind::Transient, lasts);
        let report = scene.back_up().unwrap();
        assert_eq!(report.problems_total, 0);
        assert!(scene.world.since_boot() >= lasts, "it was sat out");
        assert_eq!(scene.snapshots(), 1);
        assert!(scene.arrived() < TOTAL + TOTAL / 10);
    }
}

#[test]
fn an_hour_ends_in_one_sentence_and_the_next_run_goes_on() {
    for threads in both() {
        let scene = scene(threads);
        scene
            .line
            .breaks(8, ErrorKind::Transient, Duration::from_secs(3600));
        let error = scene.back_up().unwrap_err().to_string();
        assert!(
            error.starts_with("could not store packs/")
                && error.contains("the store could not be reached or failed (tried "),
            "{error}"
        );
        if threads == Threads::SINGLE {
            // With threads, several sleep at once, which here adds up.
            let spent = scene.world.since_boot();
            assert!(spent <= BUDGET, "{spent:?}");
        }
        assert_eq!(scene.snapshots(), 0);
        let before = scene.arrived();
        assert!(before > TOTAL / 4, "{before}");
        scene.goes_on(before);
    }
}

/// A token that expired is not asked for again and again; nor is a full store or a wrong clock.
#[test]
fn what_waiting_cannot_mend_ends_at_once_and_the_next_run_goes_on() {
    for threads in both() {
        for (kind, words) in [
            (
                ErrorKind::Credentials,
                "there are no credentials that the store accepts",
            ),
            (ErrorKind::Denied, "the store denies access"),
            (ErrorKind::Full, "there is no space left"),
            (
                ErrorKind::ClockSkew,
                "the clocks of this machine and of the store differ too much",
            ),
        ] {
            let scene = scene(threads);
            scene.line.breaks(8, kind, Duration::MAX / 2);
            let error = scene.back_up().unwrap_err().to_string();
            assert!(error.ends_with(words), "{error}");
            assert_eq!(scene.world.since_boot(), Duration::ZERO, "nobody waited");
            assert_eq!(scene.snapshots(), 0);
            scene.goes_on(scene.arrived());
        }
    }
}
