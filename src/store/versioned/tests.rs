//! Whoever may write into the bucket hides nothing in it.

use super::*;
use crate::id::ObjectId;
use crate::seams::SystemClock;
use crate::store::contract::verify_store;
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};
use crate::store::retention::{LockMode, Retention, Version};
use std::time::Duration;

/// Time passes when the test says so.
struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn since_boot(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
    fn sleep(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WHOLE: Window = Window::Whole { bytes_max: 1000 };

struct Scene {
    clock: Arc<Still>,
    bucket: Arc<Memory>,
    calls: Arc<Recording>,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(Still(Mutex::new(Timestamp::from_seconds(1_000_000))));
        let bucket = Arc::new(Memory::with_versions(clock.clone()));
        let calls = Arc::new(Recording::new(bucket.clone()));
        Self {
            clock,
            bucket,
            calls,
        }
    }

    fn store(&self, lock: Option<ObjectLock>) -> Versioned {
        Versioned::new(self.calls.clone(), self.clock.clone(), lock, None)
    }
}

fn lock() -> ObjectLock {
    ObjectLock::new(LockMode::Compliance, 30).unwrap()
}

fn body(text: &str) -> (String, Bytes) {
    let body = Bytes::from(text.as_bytes().to_vec());
    (format!("packs/{}", ObjectId::of(&body)), body)
}

fn names(store: &dyn Store) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    let listed = store.list("", &mut |info| {
        names.push((info.name, info.bytes));
        Ok(())
    });
    listed.unwrap();
    names
}

#[test]
fn a_bucket_that_keeps_versions_and_locks_nothing_keeps_the_contract() {
    let bucket = Arc::new(Memory::with_versions(Arc::new(SystemClock)));
    verify_store(&Versioned::new(bucket, Arc::new(SystemClock), None, None));
}

#[test]
fn what_was_deleted_or_written_over_is_found_by_a_reader_who_was_told_nothing() {
    let scene = Scene::new();
    let writer = scene.store(Some(lock()));
    let (one, first) = body("a pack of photos");
    let (two, second) = body("another");
    writer
        .put("repository", Bytes::from_static(b"head"))
        .unwrap();
    writer.put(&one, first.clone()).unwrap();
    writer.put(&two, second.clone()).unwrap();
    scene.clock.sleep(DAY);
    // The attacker has the credential of the writer.
    for _ in 0..40 {
        scene
            .bucket
            .put(&one, Bytes::from_static(b"ransom"))
            .unwrap();
    }
    scene.bucket.delete(&two).unwrap();
    scene.bucket.delete("repository").unwrap();

    let reader = scene.store(None);
    assert_eq!(reader.get("repository", WHOLE).unwrap(), &b"head"[..]);
    let mut expected = vec![("repository".to_owned(), 4)];
    expected.extend([(one.clone(), 16), (two.clone(), 7)]);
    expected.sort();
    assert_eq!(names(&reader), expected);
    assert_eq!(reader.get(&one, WHOLE).unwrap(), first);
    assert_eq!(reader.get(&two, WHOLE).unwrap(), second);
    let range = Window::Range { start: 2, bytes: 4 };
    assert_eq!(reader.get(&one, range).unwrap(), &b"pack"[..]);
    assert_eq!(reader.head(&one).unwrap().bytes, 16);
    assert_eq!(reader.head(&two).unwrap().bytes, 7);

    // Without a listing first, a whole object still shows that it is not what its name says.
    let other = scene.store(None);
    other.get("repository", WHOLE).unwrap();
    assert_eq!(other.get(&one, WHOLE).unwrap(), first);
}

#[test]
fn nothing_more_is_asked_of_a_bucket_without_locks() {
    let scene = Scene::new();
    let store = scene.store(None);
    let (name, bytes) = body("x");
    store.put(&name, bytes).unwrap();
    store.get(&name, WHOLE).unwrap();
    store.head(&name).unwrap();
    names(&store);
    store.delete(&name).unwrap();
    let asked: Vec<_> = scene
        .calls
        .take()
        .iter()
        .map(|call| call.operation)
        .collect();
    use Operation::{Delete, Get, Head, List, Put};
    assert_eq!(asked, [Put, Get, Head, List, Delete]);
    // And what was deleted there is gone, though the bucket has it yet.
    assert_eq!(
        store.get(&name, WHOLE).unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert!(names(&store).is_empty());
}

#[test]
fn a_locked_object_says_from_when_on_it_can_go_and_then_goes_for_good() {
    let scene = Scene::new();
    let store = scene.store(Some(lock()));
    let (name, bytes) = body("x");
    store.put(&name, bytes.clone()).unwrap();
    let until = Timestamp::from_seconds(1_000_000).plus(30 * DAY);
    let refused = store.delete(&name).unwrap_err();
    assert_eq!(
        (refused.kind, refused.until),
        (ErrorKind::Retained, Some(until))
    );
    assert!(
        refused.to_string().contains("until 1970-02-11"),
        "{refused}"
    );
    assert_eq!(
        store.get(&name, WHOLE).unwrap(),
        bytes,
        "it is not even hidden"
    );

    scene.clock.sleep(20 * DAY);
    let later = lock().from(scene.clock.now());
    let retaining = store.retaining().unwrap();
    retaining.retain(&name, None, later).unwrap();
    // An earlier date changes nothing and is no failure.
    let earlier = Retention {
        until: until.minus(DAY),
        ..later
    };
    retaining.retain(&name, None, earlier).unwrap();
    assert_eq!(retaining.retention(&name, None).unwrap(), Some(later));

    scene.clock.sleep(31 * DAY);
    store.delete(&name).unwrap();
    assert_eq!(
        store.get(&name, WHOLE).unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert!(scene.bucket.versions(&name).unwrap().is_empty());
}

#[test]
fn an_extension_goes_to_the_version_that_is_right() {
    let scene = Scene::new();
    let store = scene.store(Some(lock()));
    let (name, bytes) = body("a pack");
    store.put(&name, bytes).unwrap();
    scene
        .bucket
        .put(&name, Bytes::from_static(b"not it"))
        .unwrap();
    names(&store);
    scene.clock.sleep(DAY);
    let longer = lock().from(scene.clock.now());
    store
        .retaining()
        .unwrap()
        .retain(&name, None, longer)
        .unwrap();
    let versions = scene.bucket.versions(&name).unwrap();
    let kept = |version: &Version| scene.bucket.retention(&name, Some(&version.id)).unwrap();
    assert_eq!(kept(&versions[0]), Some(longer));
    assert_eq!(kept(&versions[1]), None);
}

/// `repository` is in no listing that a run makes, so that nobody knew that it was written over, and
/// its lock was extended on the ransom note.
#[test]
fn of_what_has_a_name_of_its_own_the_oldest_version_is_extended() {
    let scene = Scene::new();
    let store = scene.store(Some(lock()));
    let head = || Bytes::from_static(b"head");
    store.put("repository", head()).unwrap();
    scene
        .bucket
        .put("repository", Bytes::from_static(b"pay"))
        .unwrap();
    scene.clock.sleep(DAY);
    let longer = lock().from(scene.clock.now());
    let retaining = store.retaining().unwrap();
    retaining.retain("repository", None, longer).unwrap();
    assert_eq!(
        retaining.retention("repository", None).unwrap(),
        Some(longer)
    );
    let versions = scene.bucket.versions("repository").unwrap();
    let kept = |at: usize| {
        let version = versions[at].id.as_str();
        scene.bucket.retention("repository", Some(version)).unwrap()
    };
    assert_eq!((kept(0), kept(1)), (Some(longer), None));
}

/// Whoever wrote governance into the configuration where compliance was before had every extension
/// refused, and the locks ran out.
#[test]
fn a_lock_goes_on_in_its_own_mode_where_the_store_takes_no_other() {
    let scene = Scene::new();
    let store = scene.store(Some(lock()));
    let (name, bytes) = body("a pack");
    store.put(&name, bytes).unwrap();
    scene.clock.sleep(20 * DAY);
    let governance = ObjectLock::new(LockMode::Governance, 30).unwrap();
    let wanted = governance.from(scene.clock.now());
    let retaining = store.retaining().unwrap();
    retaining.retain(&name, None, wanted).unwrap();
    let kept = retaining.retention(&name, None).unwrap().unwrap();
    assert_eq!(
        (kept.mode, kept.until),
        (LockMode::Compliance, wanted.until)
    );
    let sooner = Retention {
        until: wanted.until.minus(DAY),
        ..wanted
    };
    retaining.retain(&name, None, sooner).unwrap();
    assert_eq!(retaining.retention(&name, None).unwrap(), Some(kept));
}

/// A plan that could not be deleted was carried out again by each prune, for a month.
#[test]
fn what_is_to_go_soon_is_put_without_a_lock() {
    let scene = Scene::new();
    let store = scene.store(Some(lock())).leaving(Some("plans/"));
    let plan = format!("plans/{}", ObjectId::of(b"plan"));
    store.put(&plan, Bytes::from_static(b"plan")).unwrap();
    let (pack, bytes) = body("a pack");
    store.put(&pack, bytes).unwrap();
    let retention = |name: &str| scene.bucket.retention(name, None).unwrap();
    assert!(retention(&plan).is_none() && retention(&pack).is_some());
    store.delete(&plan).unwrap();
    assert!(scene.bucket.versions(&plan).unwrap().is_empty());
    assert!(store.delete(&pack).is_err());
}

/// A listing of versions that was refused once made every deletion a mark: prune said that space was
/// free, and all of it was only hidden.
#[test]
fn nothing_locked_is_hidden_where_versions_were_not_listed() {
    let scene = Scene::new();
    let faulty = Arc::new(Faulty::new(scene.bucket.clone()));
    let store = Versioned::new(faulty.clone(), scene.clock.clone(), Some(lock()), None);
    let (name, bytes) = body("x");
    store.put(&name, bytes.clone()).unwrap();
    faulty.fail_call(1, Fault::Before(ErrorKind::Denied));
    assert_eq!(names(&store).len(), 1, "listed without versions");
    let refused = store.delete(&name).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Retained);
    assert_eq!(scene.bucket.get(&name, WHOLE).unwrap(), bytes);
}
