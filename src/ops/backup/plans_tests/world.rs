//! A folder, a store in memory whose time the test moves, and a place in a run to do things at.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::crypto::{KdfCost, ReadKey, Secret};
use crate::format::cbor::encode;
use crate::format::housekeeping::{Forget, Plan};
use crate::format::slot::Label;
use crate::format::{Kind, name};
use crate::id::{ObjectId, SessionId};
use crate::index::Index;
use crate::ops::backup::tests::options;
use crate::ops::verify::{VerifyOptions, verify};
use crate::ops::{BackupReport, Result, backup};
use crate::progress::{Progress, Silent};
use crate::repository::{Creation, Repository, create, seal_record, store_plan};
use crate::seams::{Clock, Seams, SystemClock, Threads, Timestamp};
use crate::store::memory::Memory;
use crate::store::{ObjectInfo, Result as StoreResult, Store, Window};

pub const HOUR: Duration = Duration::from_secs(60 * 60);

/// Time moves when the test says so; that of the machine and of the store, or of the store alone.
pub struct Hands {
    began: Timestamp,
    now: Mutex<(Duration, Duration)>,
}

impl Hands {
    pub fn advance(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = (now.0 + time, now.1 + time);
    }

    /// As while a virtual machine is put to sleep from outside.
    pub fn advance_unseen(&self, time: Duration) {
        self.now.lock().unwrap().0 += time;
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.began.plus(self.now.lock().unwrap().0)
    }
    fn since_boot(&self) -> Duration {
        self.now.lock().unwrap().1
    }
    fn sleep(&self, time: Duration) {
        self.advance(time);
    }
}

type Hook = Box<dyn FnOnce() + Send>;

/// Does something, once, before a call is passed on.
pub struct Hooked {
    inner: Arc<Memory>,
    hooks: Mutex<Vec<(&'static str, usize, Hook)>>,
    /// Verbs and names, in their order.
    pub calls: Mutex<Vec<String>>,
}

impl Hooked {
    pub fn new(inner: Arc<Memory>) -> Self {
        Self {
            inner,
            hooks: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Before the `count`-th call from now of that verb on names that begin so, such as
    /// `list plans/`.
    pub fn before(&self, call: &'static str, count: usize, hook: impl FnOnce() + Send + 'static) {
        self.hooks
            .lock()
            .unwrap()
            .push((call, count, Box::new(hook)));
    }

    fn tell(&self, verb: &str, name: &str) {
        let call = format!("{verb} {name}");
        self.calls.lock().unwrap().push(call.clone());
        let mut hooks = self.hooks.lock().unwrap();
        let mut due = Vec::new();
        let mut at = 0;
        while at < hooks.len() {
            let (start, count, _) = &mut hooks[at];
            *count -= usize::from(call.starts_with(*start));
            match *count {
                0 => due.push(hooks.remove(at).2),
                _ => at += 1,
            }
        }
        drop(hooks);
        due.into_iter().for_each(|hook| hook());
    }
}

impl Store for Hooked {
    fn url(&self) -> String {
        self.inner.url()
    }
    fn put(&self, name: &str, body: Bytes) -> StoreResult<()> {
        self.tell("put", name);
        self.inner.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> StoreResult<()> {
        self.inner.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: Window) -> StoreResult<Bytes> {
        self.inner.get(name, window)
    }
    fn list(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(ObjectInfo) -> StoreResult<()>,
    ) -> StoreResult<()> {
        self.tell("list", prefix);
        self.inner.list(prefix, visit)
    }
    fn head(&self, name: &str) -> StoreResult<ObjectInfo> {
        self.inner.head(name)
    }
    fn delete(&self, name: &str) -> StoreResult<()> {
        self.inner.delete(name)
    }
    fn now(&self) -> StoreResult<Timestamp> {
        self.tell("now", "");
        self.inner.now()
    }
    fn hold(&self, exclusive: bool) -> StoreResult<Option<Box<dyn Send>>> {
        self.tell("hold", "");
        self.inner.hold(exclusive)
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<String>>);

impl Told {
    pub fn has(&self, part: &str) -> bool {
        self.0
            .lock()
            .unwrap()
            .iter()
            .any(|text| text.contains(part))
    }
}

impl Progress for Told {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

#[derive(Clone)]
pub struct World {
    pub hands: Arc<Hands>,
    pub memory: Arc<Memory>,
    pub store: Arc<Hooked>,
    pub repository: Repository,
    pub index: Arc<Index>,
    pub photos: Arc<tempfile::TempDir>,
    pub told: Arc<Told>,
}

/// Three photos, each of a chunk or two.
pub fn world() -> World {
    let hands = Arc::new(Hands {
        // So that files which were just made are believed to hold still.
        began: SystemClock.now().plus(HOUR),
        now: Mutex::new((Duration::ZERO, 100 * HOUR)),
    });
    let memory = Arc::new(Memory::new(hands.clone()));
    let store = Arc::new(Hooked::new(memory.clone()));
    let seams = Seams {
        clock: hands.clone(),
        threads: Threads::SINGLE,
        ..Seams::real()
    };
    let key = ReadKey::from_master(Secret::new(&[5; 32]));
    let creation = Creation {
        key: &key,
        passphrase: "x",
        cost: KdfCost::LEAST,
        label: Label {
            label: String::new(),
            created: Timestamp::default(),
            host: String::new(),
        },
        pack_bytes: 1 << 20,
    };
    let (repository, _) = create(store.clone(), seams, &creation).unwrap();
    let world = World {
        hands,
        memory,
        store,
        repository,
        index: Arc::new(Index::in_memory().unwrap()),
        photos: Arc::new(tempfile::tempdir().unwrap()),
        told: Arc::default(),
    };
    (0..3).for_each(|number| world.write(number));
    world
}

impl World {
    pub fn write(&self, number: u8) {
        let mut content = vec![0; 900_000];
        let mut noise = blake3::Hasher::new();
        noise.update(&[number]).finalize_xof().fill(&mut content);
        std::fs::write(self.photos.path().join(format!("{number}.jpg")), content).unwrap();
    }

    pub fn try_back_up(&self) -> Result<BackupReport> {
        let options = options(vec![self.photos.path().to_path_buf()]);
        backup(&self.repository, &self.index, &options, self.told.as_ref())
    }

    /// The bytes of contents that the run had to send.
    #[track_caller]
    pub fn back_up(&self) -> u64 {
        self.try_back_up().unwrap().statistics.bytes_added
    }

    pub fn ids(&self, kind: Kind) -> Vec<ObjectId> {
        let of_kind = |found: &String| match name::parse(found) {
            Some((found, Some(id))) if found == kind => Some(id),
            _ => None,
        };
        self.memory.names().iter().filter_map(of_kind).collect()
    }

    /// As whoever forgets snapshots and explains it.
    pub fn forget_all(&self) {
        for id in self.ids(Kind::Snapshot) {
            self.memory.lose(&name::of(Kind::Snapshot, &id));
        }
    }

    /// A plan that condemns all packs of contents there are.
    pub fn condemn_all(&self, knew: Vec<ObjectId>) -> Vec<ObjectId> {
        let packs = self.ids(Kind::DataPack);
        let plan = Plan {
            host: "nas".to_owned(),
            created: self.hands.now(),
            grace_seconds: 0,
            packs: packs.clone().into(),
            segments: Vec::new().into(),
            snapshots: knew.into(),
            forgets: Vec::new().into(),
        };
        store_plan(&self.repository, plan).unwrap();
        packs
    }

    pub fn lose(&self, packs: &[ObjectId]) {
        for id in packs {
            assert!(self.memory.lose(&name::of(Kind::DataPack, id)));
        }
    }

    /// Somebody says that these sessions are over.
    pub fn close(&self, sessions: Vec<SessionId>) {
        let forget = Forget {
            host: "nas".to_owned(),
            created: self.hands.now(),
            snapshots: Vec::new().into(),
            reason: String::new(),
            sessions: sessions.into(),
        };
        let (writer, random) = (
            &self.repository.writer,
            self.repository.seams.random.as_ref(),
        );
        let sealed = seal_record(writer, random, Kind::Forget, &encode(&forget)).unwrap();
        self.memory.put(&sealed.name, sealed.bytes).unwrap();
    }

    /// Everything that snapshots need is there.
    #[track_caller]
    pub fn assert_whole(&self) {
        let report = verify(
            &self.repository,
            &self.index,
            &VerifyOptions { data: true },
            &Silent,
        )
        .unwrap();
        assert!(report.is_sound(), "{:?}", report.damage);
        assert!(report.snapshots_checked > 0);
    }
}
