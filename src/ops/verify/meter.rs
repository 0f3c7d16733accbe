//! A store that counts the bytes it hands out, however the code above it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::seams::Timestamp;
use crate::store::{ObjectInfo, Result, Store, Window};

/// Passes everything on.
pub struct Meter {
    inner: Arc<dyn Store>,
    bytes: AtomicU64,
}

impl Meter {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            bytes: AtomicU64::new(0),
        }
    }

    /// Bytes that were fetched so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Store for Meter {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put(name, body)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put_if_absent(name, body)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        let fetched = self.inner.get(name, window)?;
        self.bytes
            .fetch_add(fetched.len() as u64, Ordering::Relaxed);
        Ok(fetched)
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

    fn now(&self) -> Result<Timestamp> {
        self.inner.now()
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stored_checksum(name)
    }
}
