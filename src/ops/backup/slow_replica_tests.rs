//! A copy that takes its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::replicas_tests::{Looked, World};
use crate::ops::backup::Levelling;
use crate::progress::Progress;
use crate::seams::{Clock, Threads, Timestamp};
use crate::store::memory::Memory;
use crate::store::{ObjectInfo, Result as StoreResult, Store, Window};

/// Takes a pack only once somebody says that it is no longer waited for, or hours have passed.
struct Slow {
    inner: Arc<Memory>,
    clock: Arc<Looked>,
    given_up: Arc<AtomicBool>,
}

impl Store for Slow {
    fn url(&self) -> String {
        self.inner.url()
    }
    fn put(&self, name: &str, body: Bytes) -> StoreResult<()> {
        let begin = self.clock.0.load(Ordering::Relaxed);
        while name.starts_with("packs/")
            && !self.given_up.load(Ordering::Relaxed)
            && self.clock.0.load(Ordering::Relaxed) < begin + 600
        {
            self.clock.since_boot();
            std::thread::sleep(Duration::from_millis(1));
        }
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
        self.inner.list(prefix, visit)
    }
    fn head(&self, name: &str) -> StoreResult<ObjectInfo> {
        self.inner.head(name)
    }
    fn delete(&self, name: &str) -> StoreResult<()> {
        self.inner.delete(name)
    }
    fn now(&self) -> StoreResult<Timestamp> {
        self.inner.now()
    }
}

/// Notes what was said, and tells the slow store when it was given up.
#[derive(Default)]
struct Listener {
    given_up: Arc<AtomicBool>,
    said: Mutex<Vec<String>>,
}

impl Progress for Listener {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, text: &str) {
        if text.contains("slower than the others") {
            self.given_up.store(true, Ordering::Relaxed);
        }
        self.said.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

#[test]
fn a_slow_one_is_left_behind_only_where_a_near_one_can_level_it() {
    for (first_is_near, megabytes) in [(true, 1), (true, 20), (false, 1), (false, 20)] {
        let mut world = World::with(2, Threads::of_this_machine());
        let listener = Listener::default();
        world.copies[0].near = first_is_near;
        world.copies[1].near = false;
        world.copies[1].repository.store = Arc::new(Slow {
            inner: world.copies[1].memory.clone(),
            clock: world.clock.clone(),
            given_up: listener.given_up.clone(),
        });
        world.write("large", megabytes * 1_000_000);
        let report = world.back_up_telling(&listener).unwrap();
        let case = format!("{first_is_near}, {megabytes} MB: {:?}", listener.said);
        assert!(report.replicas[0].behind.is_none(), "{case}");
        world.assert_sound(0);
        let slow = &report.replicas[1];
        assert_eq!(slow.has_snapshot, !first_is_near, "{case}");
        assert_eq!(slow.behind.is_some(), first_is_near, "{case}");
        assert_eq!(
            world.copies[1].has(report.snapshot),
            !first_is_near,
            "{case}"
        );
        world.assert_sound(1);
        if first_is_near {
            assert_eq!(report.levelling, [Levelling { from: 0, to: 1 }], "{case}");
            world.level(report.levelling[0]);
        }
        world.write("more", 10_000);
        world.assert_level(&world.back_up_telling(&listener).unwrap());
    }
}
