//! An honest host with a repository in memory, and the tools of those who mean it ill.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use offsite::crypto::KdfCost;
use offsite::format::cbor;
use offsite::format::frame::Codec;
use offsite::format::pack::{Class, FooterEntry};
use offsite::format::segment::{PackRow, Segment};
use offsite::format::snapshot::Snapshot;
use offsite::format::{Kind, name};
use offsite::id::{ChunkId, ObjectId, SessionId};
use offsite::index::Index;
use offsite::ops::{
    self, BackupOptions, CheckpointRule, InitOptions, Opened, OpsError, RestoreOptions,
    RestoreReport, SourceChoice,
};
use offsite::progress::Silent;
use offsite::repository::{
    FinishedPack, PackWriter, Plaintext, Repository, SealedObject, SnapshotFilter, seal_record,
};
use offsite::seams::{Seams, SystemClock, Threads};
use offsite::store::memory::Memory;
use offsite::store::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};

pub const PASSPHRASE: &str = "correct horse";
pub const QUICK: KdfCost = KdfCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

pub struct World {
    pub store: Arc<Memory>,
    pub repository: Repository,
    pub source: tempfile::TempDir,
    /// What the backup host remembers.
    pub index: Index,
}

impl World {
    /// A repository, and a source with a few files.
    pub fn new() -> Self {
        let seams = Seams {
            threads: Threads {
                workers: None,
                transfers: NonZeroUsize::MIN,
            },
            ..Seams::real()
        };
        let store = Arc::new(Memory::new(Arc::new(SystemClock)));
        let options = InitOptions {
            passphrase: PASSPHRASE,
            cost: QUICK,
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let made = ops::init(store.clone(), &seams, &options).unwrap();
        let world = Self {
            store,
            repository: made.repository,
            source: tempfile::tempdir().unwrap(),
            index: Index::in_memory().unwrap(),
        };
        world.write("a.jpg", &noise(1, 700_000));
        world.write("folder/b.jpg", &noise(2, 2_000_000));
        world.write("note.txt", b"to be kept");
        world
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.source.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn backup(&self) -> Result<ObjectId, OpsError> {
        self.backup_into(self.store.clone())
    }

    /// As the backup host does it, with its own memory, over another way to the store.
    pub fn backup_into(&self, store: Arc<dyn Store>) -> Result<ObjectId, OpsError> {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.source.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: self.source.path().to_path_buf(),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        let repository = self.over(store);
        ops::backup(&repository, &self.index, &options, &Silent).map(|report| report.snapshot)
    }

    /// The repository over another way to the store.
    pub fn over(&self, store: Arc<dyn Store>) -> Repository {
        Repository {
            store,
            ..self.repository.clone()
        }
    }

    /// Opens as a machine does that has nothing but the key.
    pub fn open(&self) -> Opened {
        self.open_over(self.store.clone())
    }

    pub fn open_over(&self, store: Arc<dyn Store>) -> Opened {
        Opened::look(self.over(store), Index::in_memory().unwrap(), &Silent).unwrap()
    }

    pub fn record(&self, id: &ObjectId) -> Snapshot {
        let opened = self.open();
        let found = opened.snapshot(&id.to_string(), &SnapshotFilter::default());
        found.unwrap().record.clone()
    }

    /// The snapshot comes back on a fresh machine, every byte of it, and nothing is complained of.
    pub fn assert_restores(&self, id: &ObjectId) {
        self.assert_restores_over(self.store.clone(), id);
    }

    pub fn assert_restores_over(&self, store: Arc<dyn Store>, id: &ObjectId) {
        let opened = self.open_over(store);
        let (report, target) = restore(&opened, &id.to_string()).unwrap();
        assert_eq!(report.problems, []);
        self.assert_same(target.path());
    }

    pub fn assert_same(&self, target: &std::path::Path) {
        // The snapshot holds the source under its path on the host.
        let name = self.source.path().strip_prefix("/").unwrap();
        let restored = [target.join(name), target.join(name.file_name().unwrap())];
        let restored = restored.iter().find(|folder| folder.is_dir()).unwrap();
        let difference = std::process::Command::new("diff")
            .arg("-r")
            .args([self.source.path(), restored])
            .output()
            .unwrap();
        let difference = String::from_utf8_lossy(&difference.stdout).into_owned();
        assert_eq!(difference, "", "what came back differs");
    }

    /// Seals a record as any holder of the writer key can.
    pub fn seal(&self, kind: Kind, payload: &[u8]) -> SealedObject {
        let random = self.repository.seams.random.as_ref();
        seal_record(&self.repository.writer, random, kind, payload).unwrap()
    }

    pub fn put(&self, object: &SealedObject) {
        self.store.put(&object.name, object.bytes.clone()).unwrap();
    }

    /// Puts any bytes under the name that they have by right, with no key at all.
    pub fn put_bytes(&self, kind: Kind, bytes: Vec<u8>) -> String {
        let id = ObjectId::new(*blake3::hash(&bytes).as_bytes());
        let name = name::of(kind, &id);
        self.store.put(&name, Bytes::from(bytes)).unwrap();
        name
    }

    /// Puts a segment that comes before all others in the order of names. Takes the longer, the more
    /// often it was done.
    pub fn put_segment_first(&self, packs: Vec<PackRow>) {
        let payload = segment(packs);
        let first = self.names("index/").into_iter().next();
        loop {
            let object = self.seal(Kind::Segment, &payload);
            if first.as_ref().is_none_or(|first| object.name < *first) {
                return self.put(&object);
            }
        }
    }

    pub fn put_snapshot(&self, record: &Snapshot) -> ObjectId {
        let object = self.seal(Kind::Snapshot, &cbor::encode(record));
        self.put(&object);
        object.id
    }

    /// Stores chunks in a pack of their own and names it in a segment; gives their ids.
    pub fn put_chunks(&self, class: Class, chunks: &[&[u8]]) -> (Vec<ChunkId>, FinishedPack) {
        let writer = PackWriter::new(&self.repository).unwrap();
        let id_of = |chunk: &[u8]| match class {
            Class::Metadata => self.repository.writer.metadata_id(chunk),
            _ => self.repository.writer.content_id(chunk),
        };
        let ids: Vec<_> = chunks.iter().map(|chunk| id_of(chunk)).collect();
        for (content, id) in chunks.iter().zip(&ids) {
            let chunk = Plaintext {
                id: *id,
                plain_bytes: content.len() as u32,
                codec: Codec::Plain,
                content: &mut content.to_vec(),
            };
            assert!(writer.add(class, chunk).unwrap().is_none());
        }
        let pack = writer.finish(class).unwrap().pop().unwrap();
        self.put_pack(&pack);
        (ids, pack)
    }

    /// Stores a pack and names it in a segment.
    pub fn put_pack(&self, pack: &FinishedPack) {
        self.store
            .put(&pack.object.name, pack.bytes().clone())
            .unwrap();
        self.put(&self.seal(Kind::Segment, &segment(vec![pack.row()])));
    }

    pub fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.store.names().into_iter();
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// All rows of all honest segments.
    pub fn rows(&self) -> Vec<PackRow> {
        let segments = self.names("index/").into_iter().map(|name| {
            let bytes = self.store.peek(&name).unwrap();
            let writer = &self.repository.writer;
            let payload = offsite::repository::open_record(writer, Kind::Segment, &bytes).unwrap();
            cbor::decode::<Segment>(&payload).unwrap()
        });
        segments.flat_map(|segment| segment.packs).collect()
    }
}

fn segment(packs: Vec<PackRow>) -> Vec<u8> {
    cbor::encode(&Segment {
        session: SessionId::new([9; 16]),
        continues: Vec::new().into(),
        replaces: Vec::new().into(),
        packs,
    })
}

/// The same claims about another pack, class or size.
pub fn claim(like: &PackRow, id: ObjectId, bytes: u64, class: Class, header: &[u8]) -> PackRow {
    let entries: Vec<FooterEntry> = like.entries().unwrap();
    PackRow::new(id, bytes, class, None, header.to_vec(), &entries)
}

/// Restores a snapshot whole.
pub fn restore(
    opened: &Opened,
    snapshot: &str,
) -> Result<(RestoreReport, tempfile::TempDir), OpsError> {
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        target: target.path().to_path_buf(),
        files: true,
        database: true,
        ..RestoreOptions::default()
    };
    let found = opened.snapshot(snapshot, &SnapshotFilter::default())?;
    let (repository, index) = (&opened.repository, &opened.index);
    let report = ops::restore(repository, index, &found.record, &options, &Silent)?;
    Ok((report, target))
}

/// Bytes that do not compress.
pub fn noise(seed: u8, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[seed]).finalize_xof().fill(&mut noise);
    noise
}

/// A store that has trouble with some objects, or counts what is fetched.
pub struct Troubled {
    pub inner: Arc<Memory>,
    /// What answers a get of these names, and a put of names that begin so.
    pub get: fn(&str) -> Option<ErrorKind>,
    pub put: fn(&str) -> Option<ErrorKind>,
    pub fetched: std::sync::atomic::AtomicU64,
}

impl Troubled {
    pub fn over(world: &World) -> Self {
        Self {
            inner: world.store.clone(),
            get: |_| None,
            put: |_| None,
            fetched: 0.into(),
        }
    }
}

impl Store for Troubled {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        match (self.put)(name) {
            Some(kind) => Err(StoreError::new(kind, "store", name)),
            None => self.inner.put(name, body),
        }
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put_if_absent(name, body)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        if let Some(kind) = (self.get)(name) {
            return Err(StoreError::new(kind, "fetch", name));
        }
        let body = self.inner.get(name, window)?;
        self.fetched
            .fetch_add(body.len() as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(body)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, visit)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.inner.head(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn now(&self) -> Result<offsite::seams::Timestamp> {
        self.inner.now()
    }
}
