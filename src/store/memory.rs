//! A store in memory, for tests and simulation: times come from the [`Clock`] it is given, and its
//! contents can be looked at and tampered with behind the back of whoever uses it. It can keep
//! versions (`memory_versions`).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::retention::{Retaining, Retention};
use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window, name};
use crate::seams::{Clock, Timestamp};

/// Names handed to `visit` before the lock is taken again.
const PAGE_OBJECTS: usize = 1000;

/// Keeps everything in memory.
pub struct Memory {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) objects: Mutex<BTreeMap<String, Stored>>,
    /// What was written over or deleted, where versions are kept (`memory_versions`).
    pub(super) older: Option<Mutex<Older>>,
    /// Something was put with a lock, or got one.
    pub(super) has_locks: AtomicBool,
    /// What is extended gets the time of the extension.
    pub(super) renews_times: AtomicBool,
}

/// Versions that are not current, by name, oldest first; and the number of the next version.
#[derive(Default)]
pub(super) struct Older {
    pub(super) versions: BTreeMap<String, Vec<Stored>>,
    pub(super) next: u64,
}

#[derive(Clone)]
pub(super) struct Stored {
    pub(super) body: Bytes,
    pub(super) modified: Timestamp,
    pub(super) version: u64,
    pub(super) retention: Option<Retention>,
}

impl Memory {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            objects: Mutex::default(),
            older: None,
            has_locks: AtomicBool::new(false),
            renews_times: AtomicBool::new(false),
        }
    }

    /// One that keeps versions and heeds locks, as a bucket with Object Lock does.
    pub fn with_versions(clock: Arc<dyn Clock>) -> Self {
        Self {
            older: Some(Mutex::default()),
            ..Self::new(clock)
        }
    }

    /// From now on an object whose lock is extended looks as if it were put then, as at SeaweedFS.
    pub fn renew_times(&self) {
        self.renews_times.store(true, Ordering::Relaxed);
    }

    /// All names, in byte order.
    pub fn names(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    /// An object's bytes, without a call that a test would count.
    pub fn peek(&self, name: &str) -> Option<Bytes> {
        self.objects().get(name).map(|stored| stored.body.clone())
    }

    /// Changes an object's bytes and leaves its time alone. Whether there was one of that name.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut objects = self.objects();
        let Some(stored) = objects.get_mut(name) else {
            return false;
        };
        let mut body = stored.body.to_vec();
        change(&mut body);
        stored.body = Bytes::from(body);
        true
    }

    /// Changes an object's time. Whether there was one of that name.
    pub fn set_modified(&self, name: &str, modified: Timestamp) -> bool {
        match self.objects().get_mut(name) {
            Some(stored) => {
                stored.modified = modified;
                true
            }
            None => false,
        }
    }

    /// Takes an object away. Whether there was one of that name.
    pub fn lose(&self, name: &str) -> bool {
        self.objects().remove(name).is_some()
    }

    pub(super) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        // A panic elsewhere cannot leave the map half changed: each change is one insert.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it the current one; what was there before becomes an older version.
    pub(super) fn replace(
        &self,
        objects: &mut BTreeMap<String, Stored>,
        name: &str,
        body: Bytes,
        retention: Option<Retention>,
    ) {
        let mut stored = Stored {
            body,
            modified: self.clock.now(),
            version: 0,
            retention,
        };
        if retention.is_some() {
            self.has_locks.store(true, Ordering::Relaxed);
        }
        let before = objects.remove(name);
        if let Some(older) = &self.older {
            let mut older = older.lock().unwrap_or_else(PoisonError::into_inner);
            older.next += 1;
            stored.version = older.next;
            let versions = older.versions.entry(name.to_owned()).or_default();
            versions.extend(before);
        }
        objects.insert(name.to_owned(), stored);
    }

    fn find(&self, name: &str, operation: &'static str) -> Result<Stored> {
        let missing = || StoreError::new(ErrorKind::NotFound, operation, name);
        self.objects().get(name).cloned().ok_or_else(missing)
    }

    fn page(&self, prefix: &str, after: Option<&str>) -> Vec<ObjectInfo> {
        let start = match after {
            Some(last) => Bound::Excluded(last),
            None => Bound::Included(prefix),
        };
        self.objects()
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(name, _)| name.starts_with(prefix))
            .take(PAGE_OBJECTS)
            .map(|(name, stored)| stored.info(name))
            .collect()
    }
}

impl Stored {
    fn info(&self, name: &str) -> ObjectInfo {
        ObjectInfo {
            name: name.to_owned(),
            bytes: self.body.len() as u64,
            modified: self.modified,
        }
    }
}

impl Store for Memory {
    fn url(&self) -> String {
        "memory:".to_owned()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        name::check(name, "store")?;
        self.replace(&mut self.objects(), name, body, None);
        Ok(())
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        name::check(name, "store")?;
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Err(StoreError::new(ErrorKind::AlreadyExists, "store", name));
        }
        self.replace(&mut objects, name, body, None);
        Ok(())
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        name::check(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        cut(name, &self.find(name, "fetch")?.body, window)
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let mut last: Option<String> = None;
        loop {
            // The lock is not held while visiting: the visitor may use the store.
            let page = self.page(prefix, last.as_deref());
            let Some(end) = page.last() else {
                return Ok(());
            };
            last = Some(end.name.clone());
            for object in page {
                visit(object)?;
            }
        }
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        name::check(name, "look at")?;
        Ok(self.find(name, "look at")?.info(name))
    }

    fn delete(&self, name: &str) -> Result<()> {
        name::check(name, "delete")?;
        let gone = self.objects().remove(name);
        if let (Some(older), Some(gone)) = (&self.older, gone) {
            let mut older = older.lock().unwrap_or_else(PoisonError::into_inner);
            older
                .versions
                .entry(name.to_owned())
                .or_default()
                .push(gone);
        }
        Ok(())
    }

    fn now(&self) -> Result<Timestamp> {
        Ok(self.clock.now())
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.older.as_ref().map(|_| self as &dyn Retaining)
    }
}

/// The part of a body that is asked for.
pub(super) fn cut(name: &str, body: &Bytes, window: Window) -> Result<Bytes> {
    let failed = |kind| Err(StoreError::new(kind, "fetch", name));
    let (start, bytes) = match window {
        Window::Range { start, bytes } => (start, bytes),
        Window::Whole { bytes_max } if body.len() as u64 > bytes_max => {
            return failed(ErrorKind::TooLarge);
        }
        Window::Whole { .. } => return Ok(body.clone()),
    };
    let end = start.checked_add(bytes);
    match end.filter(|end| *end <= body.len() as u64) {
        // Both fit into usize: they are within the length of a buffer.
        Some(end) => Ok(body.slice(start as usize..end as usize)),
        None => failed(ErrorKind::Incomplete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemClock;

    #[test]
    fn tampering_shows_and_leaves_the_time_alone() {
        let memory = Memory::new(Arc::new(SystemClock));
        memory.put("a", Bytes::from_static(b"one")).unwrap();
        let before = memory.head("a").unwrap();
        assert!(memory.tamper("a", |body| body[0] ^= 1));
        assert_eq!(&memory.peek("a").unwrap()[..], b"nne");
        assert_eq!(memory.head("a").unwrap(), before);
        assert!(memory.set_modified("a", Timestamp::from_seconds(7)));
        assert_eq!(memory.head("a").unwrap().modified.seconds(), 7);
        assert!(memory.lose("a") && memory.names().is_empty());
        assert!(!memory.tamper("a", Vec::clear));
    }
}
