//! Wraps a store and counts what is asked of it, as a provider counts for the bill: requests by
//! kind, a LIST by its pages, and the bytes that went each way.
//!
//! It counts calls. Tries that are repeated further down are not seen here.

use std::ops::{Add, AddAssign};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{ObjectInfo, Result, Retaining, Store, Window};
use crate::seams::Timestamp;

/// A page of a LIST shows at most so many objects.
const PAGE_OBJECTS: u64 = 1000;

/// Requests and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub put: u64,
    pub get: u64,
    /// Pages.
    pub list: u64,
    /// With those that ask for the time or for a checksum.
    pub head: u64,
    pub delete: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
}

impl Traffic {
    /// Of a LIST that shows so many objects.
    pub fn pages(objects: u64) -> u64 {
        objects.div_ceil(PAGE_OBJECTS).max(1)
    }

    pub fn requests(&self) -> u64 {
        self.put + self.get + self.list + self.head + self.delete
    }
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        let sum = |of: fn(&Self) -> u64| of(&self).saturating_add(of(&more));
        Self {
            put: sum(|it| it.put),
            get: sum(|it| it.get),
            list: sum(|it| it.list),
            head: sum(|it| it.head),
            delete: sum(|it| it.delete),
            bytes_up: sum(|it| it.bytes_up),
            bytes_down: sum(|it| it.bytes_down),
        }
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

/// Passes everything on.
pub struct Tally {
    inner: Arc<dyn Store>,
    traffic: Mutex<Traffic>,
}

impl Tally {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            traffic: Mutex::default(),
        }
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut *self.traffic.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes that were fetched since then.
    pub fn bytes_down(&self) -> u64 {
        let traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.bytes_down
    }

    fn add(&self, more: Traffic) {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    fn sent(&self, body: &Bytes) {
        self.add(Traffic {
            put: 1,
            bytes_up: body.len() as u64,
            ..Traffic::default()
        });
    }

    fn looked(&self) {
        self.add(Traffic {
            head: 1,
            ..Traffic::default()
        });
    }
}

impl Store for Tally {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.sent(&body);
        self.inner.put(name, body)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.sent(&body);
        self.inner.put_if_absent(name, body)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        let fetched = self.inner.get(name, window);
        self.add(Traffic {
            get: 1,
            bytes_down: fetched.as_ref().map_or(0, |bytes| bytes.len() as u64),
            ..Traffic::default()
        });
        fetched
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let mut objects = 0;
        let listed = self.inner.list(prefix, &mut |info| {
            objects += 1;
            visit(info)
        });
        self.add(Traffic {
            list: Traffic::pages(objects),
            ..Traffic::default()
        });
        listed
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.looked();
        self.inner.head(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.add(Traffic {
            delete: 1,
            ..Traffic::default()
        });
        self.inner.delete(name)
    }

    fn now(&self) -> Result<Timestamp> {
        self.looked();
        self.inner.now()
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        self.looked();
        self.inner.stored_checksum(name)
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    /// What goes this way is not counted.
    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining()
    }
}
