//! The way from the host to a store, on which things go wrong: the store is away, or the host dies
//! in the middle of its work. Objects in a folder get the times of the simulation here.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use offsite::seams::{Clock, Timestamp};
use offsite::store::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};

use super::clocks::Time;

/// The host. Once it is dead nothing reaches any store.
pub struct Life {
    puts_left: AtomicU64,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            puts_left: AtomicU64::new(u64::MAX),
        }
    }
}

impl Life {
    /// It dies after so many puts, all stores together; the last of them arrives, and nobody hears
    /// of it.
    pub fn ends_after(&self, puts: u64) {
        self.puts_left.store(puts, Ordering::Relaxed);
    }

    /// Whether it did.
    pub fn is_over(&self) -> bool {
        self.puts_left.load(Ordering::Relaxed) == 0
    }

    pub fn begins_again(&self) {
        self.puts_left.store(u64::MAX, Ordering::Relaxed);
    }
}

/// A store as the host reaches it.
pub struct Line {
    pub inner: Arc<dyn Store>,
    /// Of a store in a folder.
    pub folder: Option<PathBuf>,
    pub time: Arc<Time>,
    pub life: Arc<Life>,
    pub is_away: AtomicBool,
    /// Bytes that were ever put.
    pub put_bytes: AtomicU64,
}

impl Line {
    fn call<T>(
        &self,
        operation: &'static str,
        name: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let is_away = self.is_away.load(Ordering::Relaxed);
        match is_away || self.life.is_over() {
            true => Err(StoreError::new(ErrorKind::Transient, operation, name)),
            false => work(),
        }
    }

    fn placed(&self, name: &str, bytes: u64) -> Result<()> {
        if let Some(folder) = &self.folder {
            let now = self.time.now().nanoseconds() as u64;
            let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(now);
            let file = File::open(folder.join(name)).unwrap();
            file.set_modified(now).unwrap();
        }
        self.put_bytes.fetch_add(bytes, Ordering::Relaxed);
        let left = &self.life.puts_left;
        let left = left.fetch_sub(1, Ordering::Relaxed);
        match left {
            1 => Err(StoreError::new(ErrorKind::Transient, "store", name)),
            _ => Ok(()),
        }
    }
}

impl Store for Line {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        let bytes = body.len() as u64;
        self.call("store", name, || {
            self.inner.put(name, body)?;
            self.placed(name, bytes)
        })
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        let bytes = body.len() as u64;
        self.call("store", name, || {
            self.inner.put_if_absent(name, body)?;
            self.placed(name, bytes)
        })
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.call("fetch", name, || self.inner.get(name, window))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.call("list", prefix, || self.inner.list(prefix, visit))
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.call("look at", name, || self.inner.head(name))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call("delete", name, || self.inner.delete(name))
    }

    fn now(&self) -> Result<Timestamp> {
        self.call("ask the time of", "", || Ok(self.time.now()))
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.call("hold", "", || self.inner.hold(exclusive))
    }
}
