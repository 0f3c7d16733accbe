//! What every case begins with: a library, a repository with some nights of it, a second copy that is
//! behind, and what the host remembers of both. Made once; each case takes a copy.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offsite::crypto::KdfCost;
use offsite::format::housekeeping::Forget;
use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::index::{Index, Trust, Watch};
use offsite::ops::{
    BackupOptions, CheckpointRule, InitOptions, LevelOptions, Opened, OpsError, PruneOptions,
    Replica, SourceChoice, backup, init, level, prune,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, replicate, store_forget};
use offsite::seams::{Clock, Seams, SystemClock, Threads, Timestamp};
use offsite::source::database::DatabaseSource;
use offsite::store::Store;
use offsite::store::memory::Memory;

/// What the host calls the repository, and the other copy of it.
pub const PLACE: &str = "the repository";
pub const SECOND: &str = "the second copy";

const HOUR: Duration = Duration::from_secs(3600);

/// A clock that is set by hand.
pub struct Hands(Mutex<Timestamp>);

impl Hands {
    pub fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(time)))
    }

    pub fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn since_boot(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
    fn sleep(&self, time: Duration) {
        self.pass(time);
    }
}

/// Objects by name, with when they were put.
pub type Objects = BTreeMap<String, (Bytes, Timestamp)>;

/// By path: what stands there, with content, rights and time in one line.
pub type Tree = BTreeMap<String, String>;

pub struct Template {
    folder: tempfile::TempDir,
    pub repository: Repository,
    pub objects: Objects,
    /// The copy that lacks the newest snapshot.
    pub second: Objects,
    /// When the verbs run.
    pub now: Timestamp,
    /// What each snapshot that is kept restores to, the oldest first.
    pub kept: Vec<(ObjectId, Tree)>,
}

impl Template {
    pub fn new() -> Self {
        let folder = in_memory_folder();
        let now = SystemClock.now();
        let clock = Hands::at(now.minus(145 * HOUR));
        let seams = Seams {
            clock: clock.clone(),
            threads: Threads::SINGLE,
            ..Seams::real()
        };
        let store = Arc::new(Memory::new(clock.clone()));
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
        let made = init(store.clone(), &seams, &options).unwrap();
        let mut template = Self {
            repository: with_small_sizes(made.repository),
            objects: Objects::new(),
            second: Objects::new(),
            now,
            kept: Vec::new(),
            folder,
        };
        let mut nights = Vec::new();
        fs::create_dir_all(template.state()).unwrap();
        for night in 0..4 {
            template.live(night);
            let index = template.index(PLACE);
            let id = back_up(&template, &template.repository, &index).unwrap();
            nights.push((id, tree(&template.library())));
            match night {
                1 => {
                    template.forget(&store, &nights[0].0);
                    let trust = Trust::open(&template.state().join("trust.sqlite")).unwrap();
                    let options = PruneOptions::default();
                    let marked = prune(&template.repository, &index, &trust, &options, &Silent);
                    assert!(marked.unwrap().marked.packs > 0);
                    clock.pass(73 * HOUR);
                }
                3 => template.forget(&store, &nights[1].0),
                _ => clock.pass(24 * HOUR),
            }
        }
        template.kept = nights.split_off(2);
        template.make_second(&clock, template.kept[0].0);
        template.objects = all(&store);
        template.live(4);
        template
    }

    pub fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    /// Where this host remembers things, at the time when the verbs run.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn dump(&self) -> PathBuf {
        self.folder.path().join("dump.sql")
    }

    /// A fresh folder on the same file system.
    pub fn fresh_folder(&self) -> tempfile::TempDir {
        tempfile::tempdir_in(self.folder.path()).unwrap()
    }

    fn index(&self, place: &str) -> Index {
        open_index(&self.state(), place).unwrap()
    }

    /// Of each night something is new, something changed, something gone.
    fn live(&self, night: usize) {
        let library = self.library();
        fs::create_dir_all(library.join("2024/summer")).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(library.join(name), bytes).unwrap();
        write(&format!("{night}.jpg"), &noise(night, 150_000));
        write(
            &format!("2024/summer/{night}.jpg"),
            &noise(night + 50, 20_000),
        );
        let text = format!("{night}\n").repeat(3000);
        write("2024/notes.txt", text.as_bytes());
        if night > 0 {
            fs::remove_file(library.join(format!("{}.jpg", night - 1))).unwrap();
        } else {
            write("always.mov", &noise(100, 180_000));
            let hole = [noise(101, 70_000), vec![0; 200_000], noise(102, 5_000)].concat();
            write("2024/hole.raw", &hole);
            write("empty", b"");
            fs::hard_link(library.join("always.mov"), library.join("2024/same.mov")).unwrap();
            symlink("always.mov", library.join("link")).unwrap();
            let mode = fs::Permissions::from_mode(0o640);
            fs::set_permissions(library.join("always.mov"), mode).unwrap();
        }
        let rows: String = (0..500 + 10 * night)
            .map(|row| format!("{row}\n"))
            .collect();
        let dump = format!(
            "--\n-- PostgreSQL database dump\n--\n\nCOPY public.asset (id) FROM stdin;\n{rows}\\.\n\n\
             --\n-- PostgreSQL database dump complete\n--\n\n"
        );
        fs::write(self.dump(), dump).unwrap();
    }

    /// As `offsite forget` does it: the record first.
    fn forget(&self, store: &Memory, id: &ObjectId) {
        let opened = Opened::look(self.repository.clone(), self.index(PLACE), &Silent).unwrap();
        let found = opened.snapshots.iter().find(|one| one.id == *id).unwrap();
        let forget = Forget {
            host: "nas".to_owned(),
            created: self.repository.seams.clock.now(),
            snapshots: vec![*id].into(),
            sessions: vec![found.record.session].into(),
            reason: String::new(),
        };
        store_forget(&self.repository, forget).unwrap();
        assert!(store.lose(&name::of(Kind::Snapshot, id)));
    }

    fn make_second(&mut self, clock: &Arc<Hands>, snapshot: ObjectId) {
        let store = Arc::new(Memory::new(clock.clone()));
        replicate(&self.repository, store.as_ref()).unwrap();
        let repository = Repository {
            store: store.clone(),
            ..self.repository.clone()
        };
        let replica = |name: &str, repository: &Repository| Replica {
            name: name.to_owned(),
            repository: repository.clone(),
            index: self.index(name),
        };
        let (from, to) = (
            replica(PLACE, &self.repository),
            replica(SECOND, &repository),
        );
        let options = LevelOptions {
            these: Some(&[snapshot]),
            ..LevelOptions::default()
        };
        assert!(level(&from, &to, &options, &Silent).unwrap().is_level());
        self.second = all(&store);
    }
}

/// Memory serves as a disk where the system has such a folder.
fn in_memory_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.unwrap()
}

/// Little content makes many chunks and some packs.
fn with_small_sizes(mut repository: Repository) -> Repository {
    repository.parameters.files = (4_096, 16_384, 65_536);
    repository.parameters.pack_bytes = 100 << 10;
    repository
}

pub fn open_index(state: &Path, place: &str) -> Result<Index, offsite::index::IndexError> {
    let watch = Watch::at(&state.join("trust.sqlite"), place);
    Ok(Index::open(&state.join(format!("{place}.sqlite")))?.watched(watch))
}

/// With the writer key, as a host does it by night.
pub fn back_up(
    template: &Template,
    repository: &Repository,
    index: &Index,
) -> Result<ObjectId, OpsError> {
    let options = BackupOptions {
        source: SourceChoice {
            paths: vec![template.library()],
            database: Some(DatabaseSource::File(template.dump())),
            ..SourceChoice::default()
        },
        current: PathBuf::from("/"),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    };
    let repository = Repository {
        reader: None,
        ..repository.clone()
    };
    let made = backup(&repository, index, &options, &Silent)?;
    assert_eq!(made.problems_total, 0, "{:?}", made.problems);
    Ok(made.snapshot)
}

fn all(store: &Memory) -> Objects {
    let mut objects = Objects::new();
    store
        .list("", &mut |info| {
            let bytes = store.peek(&info.name).unwrap();
            objects.insert(info.name, (bytes, info.modified));
            Ok(())
        })
        .unwrap();
    objects
}

fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

/// All that lies beneath a folder; nothing where there is none.
pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let stat = entry.metadata().unwrap();
            let what = if stat.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else if stat.is_symlink() {
                format!("link to {}", fs::read_link(entry.path()).unwrap().display())
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                let hash = blake3::hash(&bytes).to_hex();
                format!("{} bytes {hash}, names: {}", bytes.len(), stat.nlink())
            };
            let (mode, time) = (stat.mode() & 0o7777, (stat.mtime(), stat.mtime_nsec()));
            let line = format!("{what}, {mode:o}, {time:?}");
            tree.insert(path.to_str().unwrap().to_owned(), line);
        }
    }
    tree
}
