//! Repositories on a real server, what is in them, and the verbs that are run over a bad line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use offsite::crypto::KdfCost;
use offsite::format::housekeeping::Forget;
use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::index::{Index, Trust};
use offsite::ops::{
    BackupOptions, CheckpointRule, InitOptions, Opened, OpsError, PruneOptions, RestoreOptions,
    SourceChoice, VerifyOptions, backup, init, prune, restore, verify,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, store_forget};
use offsite::seams::{Clock, Seams, SystemClock, Timestamp};
use offsite::store::Store;
use offsite::store::open::{OpenOptions, open};
use offsite::store::s3::StaticCredentials;

use super::harness::seaweedfs::SeaweedFs;

const BUCKET: &str = "wire";
type Files = BTreeMap<String, Vec<u8>>;

/// What is run over a bad line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Backup,
    Restore,
    Verify,
    Prune,
}

impl Verb {
    pub const ALL: [Self; 4] = [Self::Backup, Self::Restore, Self::Verify, Self::Prune];
}

/// Goes as time does, and at each sleep by as much as was asked for, which takes no time.
struct Impatient {
    begun: Instant,
    start: Timestamp,
    slept: Mutex<Duration>,
}

impl Impatient {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            start: SystemClock.now(),
            slept: Mutex::default(),
        }
    }

    fn slept(&self) -> Duration {
        *self.slept.lock().expect("no panic there")
    }
}

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        self.start.plus(self.since_boot())
    }
    fn since_boot(&self) -> Duration {
        self.begun.elapsed() + self.slept()
    }
    fn sleep(&self, time: Duration) {
        *self.slept.lock().expect("no panic there") += time;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A repository and what it holds.
pub struct Place {
    prefix: String,
    repository: Repository,
    pictures: Vec<(ObjectId, Files)>,
}

pub struct Scene {
    library: tempfile::TempDir,
    /// For those who only read.
    shared: Place,
}

impl Scene {
    pub fn new() -> Self {
        SeaweedFs::shared().create_bucket(BUCKET);
        let library = tempfile::tempdir().expect("a folder");
        for number in 0..6 {
            let name = format!("{number}.jpg");
            std::fs::write(library.path().join(&name), noise(&name, 300_000)).expect("a photo");
        }
        let mut shared = repository("shared");
        for _ in 0..2 {
            back_up(&mut shared, library.path());
        }
        Self { library, shared }
    }

    pub fn endpoint(&self) -> String {
        SeaweedFs::shared().endpoint()
    }

    /// One of its own for whoever changes something.
    pub fn place(&self, verb: Verb, number: u64) -> Place {
        let mut place = match verb {
            Verb::Restore | Verb::Verify => {
                return Place {
                    prefix: self.shared.prefix.clone(),
                    repository: self.shared.repository.clone(),
                    pictures: self.shared.pictures.clone(),
                };
            }
            Verb::Backup | Verb::Prune => repository(&format!("{verb:?}-{number}")),
        };
        if verb == Verb::Prune {
            let litter = tempfile::tempdir().expect("a folder");
            std::fs::write(litter.path().join("litter"), noise("litter", 400_000)).expect("a file");
            back_up(&mut place, litter.path());
            back_up(&mut place, self.library.path());
            let (id, _) = place.pictures.remove(0);
            forget(&place.repository, &id);
        }
        place
    }

    /// What it says at its end, and how long it waited.
    pub fn run(&self, place: &Place, verb: Verb, endpoint: &str) -> (Result<(), String>, Duration) {
        let clock = Arc::new(Impatient::new());
        let repository = over(place, endpoint, clock.clone());
        let ended = self.attempt(&repository, place, verb);
        (ended.map_err(|error| chain(&error)), clock.slept())
    }

    fn attempt(&self, repository: &Repository, place: &Place, verb: Verb) -> Result<(), OpsError> {
        let index = || Index::in_memory().expect("an index");
        match verb {
            Verb::Backup => {
                backup(repository, &index(), &options(self.library.path()), &Silent)?;
            }
            Verb::Verify => {
                let options = VerifyOptions { data: true };
                let report = verify(repository, &index(), &options, &Silent)?;
                if !report.is_sound() {
                    return Err(OpsError::Stopped);
                }
            }
            Verb::Restore => {
                let opened = Opened::look(repository.clone(), index(), &Silent)?;
                for (id, expected) in &place.pictures {
                    let Some(came) = restored(&opened, id)? else {
                        return Err(OpsError::Stopped);
                    };
                    for (name, bytes) in &came {
                        assert!(
                            expected.get(name) == Some(bytes),
                            "{name} came back otherwise"
                        );
                    }
                    if came.len() < expected.len() {
                        return Err(OpsError::Stopped);
                    }
                }
            }
            Verb::Prune => {
                let options = PruneOptions::default();
                let trust = Trust::in_memory().expect("a memory");
                prune(repository, &index(), &trust, &options, &Silent)?;
            }
        }
        Ok(())
    }

    /// Over a good line: what was said to be saved is, nothing was lost, and the run goes through.
    pub fn check(&self, place: &Place, verb: Verb, is_done: bool) -> Result<(), String> {
        let repository = over(place, &self.endpoint(), Arc::new(Impatient::new()));
        let look = || {
            let index = Index::in_memory().expect("an index");
            Opened::look(repository.clone(), index, &Silent).map_err(|error| chain(&error))
        };
        if matches!(verb, Verb::Backup | Verb::Prune) {
            if !is_done {
                let again = self.attempt(&repository, place, verb);
                again.map_err(|error| format!("does not go on: {}", chain(&error)))?;
            }
            let opened = look()?;
            let options = VerifyOptions { data: true };
            let report = verify(&repository, &opened.index, &options, &Silent);
            let report = report.map_err(|error| chain(&error))?;
            if !report.is_sound() {
                return Err(format!("is not whole: {:?}", report.damage));
            }
            let expected = files(self.library.path());
            let all = opened.snapshots.iter();
            for one in all {
                let came = restored(&opened, &one.id).map_err(|error| chain(&error))?;
                if came.as_ref() != Some(&expected) {
                    return Err(format!("snapshot {} does not come back", one.id));
                }
            }
            let least = place.pictures.len().max(1);
            if opened.snapshots.len() < least {
                return Err(format!("{} snapshots are left", opened.snapshots.len()));
            }
        }
        Ok(())
    }
}

fn repository(prefix: &str) -> Place {
    let server = SeaweedFs::shared();
    let clock = Arc::new(Impatient::new());
    let seams = Seams {
        clock,
        ..Seams::real()
    };
    let options = InitOptions {
        passphrase: "correct horse",
        cost: KdfCost::LEAST,
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let made = init(store(prefix, &server.endpoint(), &seams), &seams, &options);
    Place {
        prefix: prefix.to_owned(),
        repository: made.expect("a repository").repository,
        pictures: Vec::new(),
    }
}

fn store(prefix: &str, endpoint: &str, seams: &Seams) -> Arc<dyn Store> {
    let server = SeaweedFs::shared();
    let options = OpenOptions {
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: server.access_key().to_owned(),
            secret_access_key: server.secret_key().to_owned(),
            session_token: None,
        }),
        ..OpenOptions::default()
    };
    let url = format!("s3://{BUCKET}/{prefix}").parse().expect("a URL");
    open(&url, &options, seams).expect("a store")
}

/// The same repository by another way.
fn over(place: &Place, endpoint: &str, clock: Arc<Impatient>) -> Repository {
    let seams = Seams {
        clock,
        ..Seams::real()
    };
    Repository {
        store: store(&place.prefix, endpoint, &seams),
        seams,
        ..place.repository.clone()
    }
}

fn options(source: &Path) -> BackupOptions {
    BackupOptions {
        source: SourceChoice {
            paths: vec![source.to_path_buf()],
            ..SourceChoice::default()
        },
        current: PathBuf::from("/"),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    }
}

fn back_up(place: &mut Place, source: &Path) {
    let index = Index::in_memory().expect("an index");
    let made = backup(&place.repository, &index, &options(source), &Silent).expect("a backup");
    place.pictures.push((made.snapshot, files(source)));
}

fn forget(repository: &Repository, id: &ObjectId) {
    let index = Index::in_memory().expect("an index");
    let opened = Opened::look(repository.clone(), index, &Silent).expect("a look");
    let found = opened.snapshots.iter().find(|one| one.id == *id);
    let forget = Forget {
        host: "nas".to_owned(),
        created: repository.seams.clock.now(),
        snapshots: vec![*id].into(),
        sessions: vec![found.expect("listed").record.session].into(),
        reason: String::new(),
    };
    store_forget(repository, forget).expect("a record");
    let name = name::of(Kind::Snapshot, id);
    repository.store.delete(&name).expect("it goes");
}

/// What a snapshot restores to; `None` where it is not listed.
fn restored(opened: &Opened, id: &ObjectId) -> Result<Option<Files>, OpsError> {
    let Some(found) = opened.snapshots.iter().find(|one| one.id == *id) else {
        return Ok(None);
    };
    let target = tempfile::tempdir().expect("a folder");
    let options = RestoreOptions {
        target: target.path().to_path_buf(),
        files: true,
        ..RestoreOptions::default()
    };
    let (repository, index) = (&opened.repository, &opened.index);
    restore(repository, index, &found.record, &options, &Silent)?;
    Ok(Some(files(target.path())))
}

/// The files beneath a folder, by their last names.
fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            let name = entry.file_name().into_string().expect("a name");
            files.insert(name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    files.retain(|name, _| !name.starts_with(".offsite-"));
    files
}

fn noise(seed: &str, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(seed.as_bytes())
        .finalize_xof()
        .fill(&mut noise);
    noise
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said += &format!(": {error}");
        cause = error.source();
    }
    said
}
