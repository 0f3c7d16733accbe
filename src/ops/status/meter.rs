//! A store that counts the requests that it takes, and takes note of what a LIST shows of the objects
//! that each copy has for itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;
use crate::store::{ObjectInfo, Result, Store, Window};

/// Names that one answer to a LIST holds, at S3.
const PAGE_OBJECTS: u64 = 1_000;

/// Passes everything on.
pub struct Meter {
    inner: Arc<dyn Store>,
    requests: AtomicU64,
    own: Mutex<Option<ObjectId>>,
}

impl Meter {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            requests: AtomicU64::new(0),
            own: Mutex::default(),
        }
    }

    /// A hash of the names and times of all index segments, which each copy makes for itself: no two
    /// places have the same. `None` where there are none.
    pub fn own(&self) -> Option<ObjectId> {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As a store that answers in pages counts them; what was tried again counts once.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self, requests: u64) -> &dyn Store {
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.inner.as_ref()
    }
}

impl Store for Meter {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.count(1).put(name, body)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.count(1).put_if_absent(name, body)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.count(1).get(name, window)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let mut objects: u64 = 0;
        let mut shown = blake3::Hasher::new();
        let listed = self.inner.list(prefix, &mut |info| {
            objects += 1;
            shown.update(info.name.as_bytes());
            // By another protocol the same time may come without its fraction.
            shown.update(&info.modified.seconds().to_le_bytes());
            visit(info)
        });
        if prefix == name::prefix(Kind::Segment) && listed.is_ok() && objects > 0 {
            let own = ObjectId::new(*shown.finalize().as_bytes());
            *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
        }
        self.count(objects.div_ceil(PAGE_OBJECTS).max(1));
        listed
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.count(1).head(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.count(1).delete(name)
    }

    fn now(&self) -> Result<Timestamp> {
        self.count(1).now()
    }
}
