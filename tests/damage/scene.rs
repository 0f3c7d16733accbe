//! An honest repository in memory, with at least one object of each kind, and what its snapshots
//! must restore to.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use offsite::crypto::KdfCost;
use offsite::format::housekeeping::Forget;
use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::index::{Index, Trust, Watch};
use offsite::ops::{
    BackupOptions, CheckpointRule, Damage, InitOptions, Opened, OpsError, PruneOptions,
    RestoreOptions, SourceChoice, VerifyOptions, add_key, backup, init, prove_verify, prune,
    restore, verify,
};
use offsite::progress::{Progress, Silent};
use offsite::repository::{
    Repository, RepositoryError, SnapshotFilter, head, open_with, store_forget,
};
use offsite::seams::{Clock, Seams, Threads, Timestamp};
use offsite::store::Store;
use offsite::store::memory::Memory;

const PLACE: &str = "memory";
const COST: KdfCost = KdfCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

pub type Files = BTreeMap<String, Vec<u8>>;

/// A clock that is set by hand.
#[derive(Default)]
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn since_boot(&self) -> std::time::Duration {
        self.now().since(Timestamp::default())
    }
    fn sleep(&self, time: std::time::Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }
}

pub struct Scene {
    pub objects: BTreeMap<String, Bytes>,
    /// Objects of a repository of somebody else.
    pub foreign: BTreeMap<String, Bytes>,
    /// Packs that no snapshot needs any more.
    pub condemned: BTreeSet<String>,
    /// What each snapshot restores to.
    pub pictures: BTreeMap<ObjectId, Files>,
    repository: Repository,
    clock: Arc<Hands>,
    source: PathBuf,
    folder: tempfile::TempDir,
}

/// The store of one thread, and what its host remembers.
pub struct Copy {
    pub store: Arc<Memory>,
    trust: PathBuf,
    folder: tempfile::TempDir,
}

/// What came of a look and a `verify --data`.
pub enum Outcome {
    Sound(Opened),
    Damaged(Opened, Vec<Damage>),
    /// Nothing was found, but the look said something.
    Noticed(Opened, String),
    Refused(String),
}

/// What a restore brought.
pub struct Came {
    pub files: Files,
    pub problems: Vec<(Vec<u8>, String)>,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let (clock, store, repository) = honest(1);
        let source = folder.path().join("library");
        std::fs::create_dir(&source).unwrap();
        let index = Index::open(&folder.path().join("index.sqlite")).unwrap();
        let mut pictures = BTreeMap::new();
        for night in 0..3 {
            live(&source, night);
            let made = back_up(&repository, &index, &source).unwrap();
            pictures.insert(made, files(&source));
            clock.sleep(std::time::Duration::from_secs(24 * 60 * 60));
        }
        add_key(&repository, "another passphrase", COST, "second", "nas").unwrap();
        let condemned = forget_first(&repository, &index, &store, &mut pictures);
        let verified = verify(
            &repository,
            &Index::in_memory().unwrap(),
            &VerifyOptions { data: true },
            &Silent,
        );
        let now = clock.now();
        let verified = verified.unwrap();
        prove_verify(&repository, &index, &verified, "nas", now, None).unwrap();
        let (_, others, foreign) = honest(2);
        drop(index);
        let index = Index::open(&folder.path().join("foreign.sqlite")).unwrap();
        back_up(&foreign, &index, &source).unwrap();
        drop(index);
        let scene = Self {
            objects: all(&store),
            foreign: all(&others),
            condemned,
            pictures,
            repository,
            clock,
            source,
            folder,
        };
        // What the host remembers.
        let trust = scene.folder.path().join("trust.sqlite");
        let index = Index::in_memory().unwrap();
        let index = index.watched(Watch::at(&trust, PLACE));
        Opened::look(scene.repository.clone(), index, &Silent).unwrap();
        scene
    }

    pub fn copy(&self) -> Copy {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let copy = Copy {
            store: Arc::new(Memory::new(self.clock.clone())),
            trust: folder.path().join("trust.sqlite"),
            folder,
        };
        self.mend(&copy);
        copy
    }

    /// As if nothing had happened.
    pub fn mend(&self, copy: &Copy) {
        for name in copy.store.names() {
            if !self.objects.contains_key(&name) {
                copy.store.lose(&name);
            }
        }
        for (name, bytes) in &self.objects {
            if copy.store.peek(name).as_ref() != Some(bytes) {
                copy.store.put(name, bytes.clone()).unwrap();
            }
        }
    }

    /// As the host does it, which remembers what it saw.
    pub fn verify(&self, copy: &Copy) -> Outcome {
        std::fs::copy(self.folder.path().join("trust.sqlite"), &copy.trust).unwrap();
        let heard = Heard::default();
        let opened = self.open(copy, &heard);
        let opened = match opened {
            Ok(opened) => opened,
            Err(said) => return Outcome::Refused(said),
        };
        let options = VerifyOptions { data: true };
        match verify(&opened.repository, &opened.index, &options, &heard) {
            Err(error) => Outcome::Refused(error.to_string()),
            Ok(report) if !report.is_sound() => Outcome::Damaged(opened, report.damage),
            Ok(_) => match heard.0.into_inner().unwrap() {
                said if said.is_empty() => Outcome::Sound(opened),
                said => Outcome::Noticed(opened, said.join("\n")),
            },
        }
    }

    fn open(&self, copy: &Copy, heard: &Heard) -> Result<Opened, String> {
        let store: Arc<dyn Store> = copy.store.clone();
        let said = |error: &dyn std::error::Error| error.to_string();
        let head = head(store.as_ref()).map_err(|error| said(&error))?;
        let Repository {
            seams,
            writer,
            reader,
            ..
        } = self.repository.clone();
        let repository = open_with(store, seams, writer, reader, &head);
        let repository = repository.map_err(|error| said(&error))?;
        let index = Index::in_memory().unwrap();
        let index = index.watched(Watch::at(&copy.trust, PLACE));
        Opened::look(repository, index, heard).map_err(|error| said(&error))
    }

    /// On a fresh machine; `None` where the snapshot is not listed, or its restore is refused.
    pub fn restore(&self, opened: &Opened, id: &ObjectId) -> Option<Came> {
        let index = Index::in_memory().unwrap();
        let again = Opened::look(opened.repository.clone(), index, &Silent).ok()?;
        self.restore_with(&again, id).ok()
    }

    /// Gives what came, and what was said about the rest.
    pub fn restore_with(&self, opened: &Opened, id: &ObjectId) -> Result<Came, OpsError> {
        let found = opened.snapshot(&id.to_string(), &SnapshotFilter::default())?;
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        let options = RestoreOptions {
            target: target.path().to_path_buf(),
            files: true,
            ..RestoreOptions::default()
        };
        let (repository, index) = (&opened.repository, &opened.index);
        let report = restore(repository, index, &found.record, &options, &Silent);
        let place = target.path().join(self.source.strip_prefix("/").unwrap());
        let mut files = if place.is_dir() {
            files(&place)
        } else {
            Files::new()
        };
        files.retain(|path, _| !path.split('/').any(|it| it.starts_with(".offsite-")));
        let problems = match report {
            Ok(report) => report.problems,
            Err(error @ OpsError::Repository(RepositoryError::Index(_))) => return Err(error),
            Err(error) => vec![(Vec::new(), format!("{error:?}"))],
        };
        Ok(Came { files, problems })
    }

    /// The repository as it lies in a copy.
    pub fn over(&self, copy: &Copy) -> Repository {
        Repository {
            store: copy.store.clone(),
            ..self.repository.clone()
        }
    }

    pub fn source(&self) -> &Path {
        &self.source
    }

    /// What the host knows of the store.
    pub fn index_path(&self) -> PathBuf {
        self.folder.path().join("index.sqlite")
    }

    pub fn foreign_index_path(&self) -> PathBuf {
        self.folder.path().join("foreign.sqlite")
    }

    /// The path of a file in snapshots.
    pub fn archived(&self, path: &str) -> Vec<u8> {
        let path = self.source.join(path);
        let path = path.strip_prefix("/").unwrap();
        path.to_str().unwrap().as_bytes().to_vec()
    }
}

impl Copy {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Hears what is said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn item(&self, _: &[u8]) {}
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

fn honest(seed: i64) -> (Arc<Hands>, Arc<Memory>, Repository) {
    let clock = Arc::new(Hands::default());
    *clock.0.lock().unwrap() = Timestamp::from_seconds(1_800_000_000 + seed);
    let seams = Seams {
        clock: clock.clone(),
        threads: Threads {
            workers: None,
            transfers: NonZeroUsize::MIN,
        },
        ..Seams::real()
    };
    let store = Arc::new(Memory::new(clock.clone()));
    let options = InitOptions {
        passphrase: "correct horse",
        cost: COST,
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let made = init(store.clone(), &seams, &options).unwrap();
    (clock, store, made.repository)
}

/// Something new, something changed, something gone.
fn live(source: &Path, night: u8) {
    let write = |name: String, bytes: &[u8]| std::fs::write(source.join(name), bytes).unwrap();
    write(format!("{night}.jpg"), &noise(night, 60_000));
    write("same.jpg".to_owned(), &noise(100, 90_000));
    write(
        "changes.txt".to_owned(),
        format!("{night}\n").repeat(4000).as_bytes(),
    );
    let _ = std::fs::remove_file(source.join("0.jpg"))
        .err()
        .filter(|_| night > 1);
}

fn noise(seed: u8, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[seed]).finalize_xof().fill(&mut noise);
    noise
}

pub fn back_up(
    repository: &Repository,
    index: &Index,
    source: &Path,
) -> Result<ObjectId, OpsError> {
    let options = BackupOptions {
        source: SourceChoice {
            paths: vec![source.to_path_buf()],
            ..SourceChoice::default()
        },
        current: PathBuf::from("/"),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    };
    let made = backup(repository, index, &options, &Silent)?;
    assert_eq!(made.problems_total, 0);
    Ok(made.snapshot)
}

/// Lets go of the oldest snapshot, as `forget` does, and has what only it needed condemned.
fn forget_first(
    repository: &Repository,
    index: &Index,
    store: &Memory,
    pictures: &mut BTreeMap<ObjectId, Files>,
) -> BTreeSet<String> {
    let opened = Opened::look(repository.clone(), Index::in_memory().unwrap(), &Silent).unwrap();
    let first = opened.snapshots.first().unwrap();
    let forget = Forget {
        host: "nas".to_owned(),
        created: repository.seams.clock.now(),
        snapshots: vec![first.id].into(),
        sessions: vec![first.record.session].into(),
        reason: String::new(),
    };
    store_forget(repository, forget).unwrap();
    store.delete(&name::of(Kind::Snapshot, &first.id)).unwrap();
    pictures.remove(&first.id);
    let options = PruneOptions {
        repack_above: 100.0,
        ..PruneOptions::default()
    };
    let trust = Trust::in_memory().unwrap();
    let pruned = prune(repository, index, &trust, &options, &Silent).unwrap();
    assert!(pruned.marked.packs > 0);
    let plans = store
        .names()
        .into_iter()
        .filter(|it| it.starts_with("plans/"));
    let mut condemned = BTreeSet::new();
    for plan in plans {
        let bytes = store.peek(&plan).unwrap();
        let payload = offsite::repository::open_record(&repository.writer, Kind::Plan, &bytes);
        let plan: offsite::format::housekeeping::Plan =
            offsite::format::cbor::decode(&payload.unwrap()).unwrap();
        for id in &plan.packs.0 {
            condemned.insert(name::of(Kind::DataPack, id));
            condemned.insert(name::of(Kind::ListingPack, id));
        }
    }
    condemned
}

fn all(store: &Memory) -> BTreeMap<String, Bytes> {
    let names = store.names().into_iter();
    names
        .map(|name| {
            let bytes = store.peek(&name).unwrap();
            (name, bytes)
        })
        .collect()
}

pub fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        files.insert(name, std::fs::read(entry.path()).unwrap());
    }
    files
}
