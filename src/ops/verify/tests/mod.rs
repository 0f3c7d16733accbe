//! A small real repository, made by backups of a library and a dump, and harm done to copies of it.

mod claims;
mod harm;
mod heal;
mod listings;
mod meanwhile;
mod outside;
mod own;
mod part;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{Damage, VerifyOptions, VerifyReport, verify};
use crate::crypto::KdfCost;
use crate::format::housekeeping::{Finding, Forget, Plan, Proof};
use crate::format::name;
use crate::format::slot::Label;
use crate::format::{Kind, cbor};
use crate::id::{ChunkId, ObjectId};
use crate::index::{ChunkRow, Index};
use crate::ops::{BackupOptions, InitOptions, SourceChoice, backup, init, list_entries};
use crate::progress::Silent;
use crate::repository::{Repository, add_slot, load_catalog, read_ids, seal_record};
use crate::seams::{Seams, SystemClock, Threads, Timestamp};
use crate::source::database::DatabaseSource;
use crate::store::Store;
use crate::store::memory::Memory;

const QUICK: KdfCost = KdfCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// Where a chunk lies, and who needs it: by snapshot and path.
struct Needed {
    pack: String,
    row: ChunkRow,
    by: BTreeSet<(ObjectId, Vec<u8>)>,
}

/// A repository at rest, and what is known of it from outside.
struct Fixture {
    objects: Vec<(String, Bytes)>,
    repository: Repository,
    /// Every content chunk; each lies in one place.
    contents: Vec<Needed>,
    snapshots: Vec<ObjectId>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| Fixture::make((4_096, 16_384, 65_536), 1_100_000))
}

fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn back_up(repository: &Repository, index: &Index, folder: &Path) -> ObjectId {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/v3.0-pg_dump.sql");
    let options = BackupOptions {
        source: SourceChoice {
            paths: vec![folder.to_path_buf()],
            database: Some(DatabaseSource::File(sample)),
            ..SourceChoice::default()
        },
        current: PathBuf::from("/"),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: Default::default(),
    };
    let report = backup(repository, index, &options, &Silent).unwrap();
    assert_eq!(report.problems_total, 0);
    report.snapshot
}

impl Fixture {
    /// Two backups of a library that changed a little in between, cut and packed small so that
    /// there is much of everything. The largest file has `bytes` bytes.
    fn make(sizes: (u32, u32, u32), bytes: usize) -> Self {
        let store = Arc::new(Memory::new(Arc::new(SystemClock)));
        let seams = Seams {
            threads: Threads::SINGLE,
            ..Seams::real()
        };
        let options = InitOptions {
            passphrase: "correct horse",
            cost: QUICK,
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let made = init(store.clone(), &seams, &options).unwrap();
        let mut repository = made.repository;
        repository.parameters.files = sizes;
        repository.parameters.pack_bytes = 256 * 1024;
        let folder = tempfile::tempdir().unwrap();
        for (number, bytes) in [bytes, 80_000, 20_000, 9_000, 50_000]
            .into_iter()
            .enumerate()
        {
            let name = format!("library/2026/{number}.jpg");
            write(folder.path(), &name, &noise(number as u32, bytes));
        }
        write(folder.path(), "library/empty.xmp", b"");
        let index = Index::in_memory().unwrap();
        let first = back_up(&repository, &index, folder.path());
        write(folder.path(), "library/2026/9.jpg", &noise(9, 70_000));
        std::fs::remove_file(folder.path().join("library/2026/1.jpg")).unwrap();
        let second = back_up(&repository, &index, folder.path());
        keep_house(&repository);
        Self {
            contents: contents_of(&repository, &[first, second]),
            objects: objects_of(&store),
            repository,
            snapshots: vec![first, second],
        }
    }

    /// A copy that may be harmed.
    fn copy(&self) -> Arc<Memory> {
        let store = Memory::new(Arc::new(SystemClock));
        for (name, bytes) in &self.objects {
            store.put(name, bytes.clone()).unwrap();
        }
        Arc::new(store)
    }

    /// The repository in another store.
    fn at(&self, store: Arc<dyn Store>) -> Repository {
        Repository {
            store,
            ..self.repository.clone()
        }
    }

    /// Names under a prefix, in order.
    fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.objects.iter().map(|(name, _)| name.clone());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// What must be reported to hang on the chunks of a pack that `lost` says are lost.
    fn hurt(&self, pack: &str, lost: impl Fn(&ChunkRow) -> bool) -> Hurt {
        let needed = self.contents.iter();
        let by = needed
            .filter(|one| one.pack == pack && lost(&one.row))
            .flat_map(|one| one.by.clone());
        let (snapshots, files): (BTreeSet<_>, BTreeSet<_>) = by.unzip();
        Hurt { snapshots, files }
    }
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Hurt {
    snapshots: BTreeSet<ObjectId>,
    files: BTreeSet<Vec<u8>>,
}

impl Hurt {
    fn of(damage: &Damage) -> Self {
        assert_eq!(damage.files_total, damage.files.len() as u64);
        Self {
            snapshots: damage.snapshots.iter().copied().collect(),
            files: damage.files.iter().cloned().collect(),
        }
    }
}

/// Two of every kind of small object.
fn keep_house(repository: &Repository) {
    let store = repository.store.as_ref();
    let created = Timestamp::from_seconds(1);
    let label = Label {
        label: "second".to_owned(),
        created,
        host: "nas".to_owned(),
    };
    let random = repository.seams.random.as_ref();
    let key = repository.reader.as_ref().unwrap();
    add_slot(store, random, key, "another", QUICK, &label).unwrap();
    let none = || Vec::new().into();
    let plan = cbor::encode(&Plan {
        host: "nas".to_owned(),
        created,
        grace_seconds: 1,
        packs: none(),
        segments: none(),
        snapshots: none(),
        forgets: none(),
    });
    let forget = cbor::encode(&Forget {
        host: "nas".to_owned(),
        created,
        snapshots: none(),
        reason: "old".to_owned(),
        sessions: Vec::new().into(),
    });
    let finding = Finding {
        kind: "verify".to_owned(),
        host: "nas".to_owned(),
        began: created,
        ended: created,
        snapshot: None,
        ok: true,
        figures: Default::default(),
        summary: String::new(),
    };
    let proof = cbor::encode(&Proof {
        finding: cbor::encode(&finding),
        signature: None,
    });
    for (kind, payload) in [
        (Kind::Plan, plan),
        (Kind::Forget, forget),
        (Kind::Proof, proof),
    ] {
        for _ in 0..2 {
            put_record(repository, kind, &payload);
        }
    }
}

fn put_record(repository: &Repository, kind: Kind, payload: &[u8]) -> String {
    let random = repository.seams.random.as_ref();
    let object = seal_record(&repository.writer, random, kind, payload).unwrap();
    let store = repository.store.as_ref();
    store.put(&object.name, object.bytes.clone()).unwrap();
    object.name
}

fn objects_of(store: &Memory) -> Vec<(String, Bytes)> {
    let names = store.names().into_iter();
    names
        .map(|name| (name.clone(), store.peek(&name).unwrap()))
        .collect()
}

fn contents_of(repository: &Repository, snapshots: &[ObjectId]) -> Vec<Needed> {
    use crate::repository::{ChunkReader, Fetch, RepositoryError, load_snapshots};
    let index = Index::in_memory().unwrap();
    load_catalog(repository, &index).unwrap();
    let chunks = ChunkReader::new(repository, &index, Fetch::Packs);
    let mut needed: BTreeMap<ChunkId, BTreeSet<_>> = BTreeMap::new();
    for snapshot in load_snapshots(repository, &index, &mut |_, _| panic!("damaged")).unwrap() {
        assert!(snapshots.contains(&snapshot.id));
        list_entries(repository, &index, &snapshot.record, b"", &mut |entry| {
            let by = (snapshot.id, entry.path.clone());
            read_ids::<RepositoryError>(&chunks, entry, &mut |id| {
                needed.entry(*id).or_default().insert(by.clone());
                Ok(())
            })?;
            Ok(())
        })
        .unwrap();
    }
    let needed = needed.into_iter().map(|(id, by)| {
        let places = index.places(&id).unwrap();
        assert_eq!(places.len(), 1, "deduplication keeps one place");
        Needed {
            pack: name::of(Kind::DataPack, &places[0].pack),
            row: places[0].chunk,
            by,
        }
    });
    needed.collect()
}

/// Verifies with an index that knows nothing.
fn check(repository: &Repository, data: bool) -> VerifyReport {
    let index = Index::in_memory().unwrap();
    verify(repository, &index, &VerifyOptions { data }, &Silent).unwrap()
}

/// The names of what is damaged.
fn damaged(report: &VerifyReport) -> Vec<&str> {
    report
        .damage
        .iter()
        .map(|one| one.object.as_str())
        .collect()
}
