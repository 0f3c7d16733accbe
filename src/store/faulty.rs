//! Wraps a store and makes it fail as real ones do: before the work was done, after it was done
//! (the answer got lost), half-way through a listing, or with bytes that are not what was stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};
use crate::seams::Timestamp;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Fails and does nothing.
    Before(ErrorKind),
    /// Does the work, then fails: the answer is lost.
    After(ErrorKind),
    /// A listing fails after so many objects; other calls fail before they do anything.
    Midway { objects: usize, kind: ErrorKind },
    /// A get yields at most so many bytes, and says nothing of it.
    Truncate { bytes: usize },
    /// A get yields one bit wrong, in this byte (counted round its length).
    FlipBit { byte: usize },
}

/// Says call by call what goes wrong, for tests that follow a story or a seed. It may wait, and it may
/// unwind, as if the process died there.
pub trait Guide: Send + Sync {
    /// Asked before anything is done.
    fn before(&self, operation: &'static str, name: &str) -> Option<Fault>;

    /// Told afterwards whether the store did it, whatever is answered.
    fn after(&self, operation: &'static str, name: &str, is_done: bool);
}

/// Fails on command; otherwise passes everything on.
pub struct Faulty {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
    guide: Option<Arc<dyn Guide>>,
}

#[derive(Default)]
struct Plan {
    calls: u64,
    by_number: HashMap<u64, Fault>,
    by_prefix: Vec<(String, Fault)>,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            plan: Mutex::default(),
            guide: None,
        }
    }

    /// One whose calls, `hold` among them, go as somebody else says.
    pub fn guided(inner: Arc<dyn Store>, guide: Arc<dyn Guide>) -> Self {
        Self {
            guide: Some(guide),
            ..Self::new(inner)
        }
    }

    /// Spoils call number `number` from now on, counted from 1 over all verbs (but `url`).
    pub fn fail_call(&self, number: u64, fault: Fault) {
        let mut plan = self.plan();
        let number = plan.calls.saturating_add(number);
        plan.by_number.insert(number, fault);
    }

    /// Spoils every call whose name or listed prefix starts with `prefix`.
    pub fn fail_names(&self, prefix: &str, fault: Fault) {
        self.plan().by_prefix.push((prefix.to_owned(), fault));
    }

    /// Forgets all faults that were to come.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.by_number.clear();
        plan.by_prefix.clear();
    }

    /// Calls so far, spoilt ones included.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, operation: &'static str, name: &str) -> Option<Fault> {
        if let Some(guide) = &self.guide {
            return guide.before(operation, name);
        }
        let mut plan = self.plan();
        plan.calls += 1;
        let number = plan.calls;
        let by_number = plan.by_number.remove(&number);
        by_number.or_else(|| {
            let is_meant = |(prefix, _): &&(String, Fault)| name.starts_with(prefix.as_str());
            plan.by_prefix
                .iter()
                .find(is_meant)
                .map(|(_, fault)| *fault)
        })
    }

    fn call<T>(
        &self,
        operation: &'static str,
        name: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        match self.next_fault(operation, name) {
            Some(Fault::Before(kind) | Fault::Midway { kind, .. }) => {
                Err(injected(kind, operation, name))
            }
            Some(Fault::After(kind)) => {
                self.done(operation, name, work())?;
                Err(injected(kind, operation, name))
            }
            Some(Fault::Truncate { .. } | Fault::FlipBit { .. }) | None => {
                self.done(operation, name, work())
            }
        }
    }

    fn done<T>(&self, operation: &'static str, name: &str, result: Result<T>) -> Result<T> {
        if let Some(guide) = &self.guide {
            guide.after(operation, name, result.is_ok());
        }
        result
    }
}

fn injected(kind: ErrorKind, operation: &'static str, name: &str) -> StoreError {
    StoreError::new(kind, operation, name).because("injected by a test")
}

impl Store for Faulty {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.call("store", name, || self.inner.put(name, body))
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.call("store", name, || self.inner.put_if_absent(name, body))
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        match self.next_fault("fetch", name) {
            Some(Fault::Before(kind) | Fault::Midway { kind, .. }) => {
                Err(injected(kind, "fetch", name))
            }
            Some(Fault::After(kind)) => {
                self.inner.get(name, window)?;
                Err(injected(kind, "fetch", name))
            }
            Some(Fault::Truncate { bytes }) => {
                let mut body = self.inner.get(name, window)?;
                body.truncate(bytes);
                Ok(body)
            }
            Some(Fault::FlipBit { byte }) => {
                let mut body = self.inner.get(name, window)?.to_vec();
                let position = byte.checked_rem(body.len());
                if let Some(byte) = position.and_then(|position| body.get_mut(position)) {
                    *byte ^= 1;
                }
                Ok(Bytes::from(body))
            }
            None => self.done("fetch", name, self.inner.get(name, window)),
        }
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        match self.next_fault("list", prefix) {
            Some(Fault::Before(kind)) => Err(injected(kind, "list", prefix)),
            Some(Fault::After(kind)) => {
                self.inner.list(prefix, visit)?;
                Err(injected(kind, "list", prefix))
            }
            Some(Fault::Midway { objects, kind }) => {
                let mut left = objects;
                self.inner.list(prefix, &mut |object| {
                    left = left
                        .checked_sub(1)
                        .ok_or_else(|| injected(kind, "list", prefix))?;
                    visit(object)
                })?;
                Err(injected(kind, "list", prefix))
            }
            Some(Fault::Truncate { .. } | Fault::FlipBit { .. }) | None => {
                self.done("list", prefix, self.inner.list(prefix, visit))
            }
        }
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.call("look at", name, || self.inner.head(name))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call("delete", name, || self.inner.delete(name))
    }

    fn now(&self) -> Result<Timestamp> {
        self.call("ask the time of", "", || self.inner.now())
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        match &self.guide {
            Some(_) => self.call("hold", "", || self.inner.hold(exclusive)),
            None => self.inner.hold(exclusive),
        }
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        self.call("look at", name, || self.inner.stored_checksum(name))
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining().map(|_| self as &dyn Retaining)
    }
}

impl Faulty {
    fn deeper(&self) -> Result<&dyn Retaining> {
        deeper(self.inner.as_ref())
    }
}

impl Retaining for Faulty {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        self.call("store", name, || {
            self.deeper()?.put_on_terms(name, body, terms)
        })
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        self.call("extend the lock of", name, || {
            self.deeper()?.retain(name, version, retention)
        })
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        self.call("look at", name, || self.deeper()?.retention(name, version))
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        self.call("look at", name, || self.deeper()?.versions(name))
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        self.call("fetch", name, || {
            self.deeper()?.get_version(name, version, window)
        })
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        self.call("delete", name, || {
            self.deeper()?.delete_version(name, version)
        })
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        self.call("list", prefix, || self.deeper()?.list_all(prefix, visit))
    }

    fn shown(&self) -> Shown {
        self.inner
            .retaining()
            .map(Retaining::shown)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemClock;
    use crate::store::memory::Memory;

    fn faulty() -> (Arc<Memory>, Faulty) {
        let memory = Arc::new(Memory::new(Arc::new(SystemClock)));
        (memory.clone(), Faulty::new(memory))
    }

    #[test]
    fn a_lost_answer_means_that_it_was_done() {
        let (memory, store) = faulty();
        store.fail_call(1, Fault::Before(ErrorKind::Transient));
        store.fail_call(2, Fault::After(ErrorKind::Transient));
        assert!(store.put("a", Bytes::from_static(b"1")).is_err());
        assert!(memory.names().is_empty());
        assert!(store.put("a", Bytes::from_static(b"1")).is_err());
        assert_eq!(memory.names(), ["a"]);
        assert!(store.put("b", Bytes::new()).is_ok());
        assert_eq!(store.calls(), 3);
    }

    #[test]
    fn bytes_are_cut_and_flipped_for_names_with_the_prefix_only() {
        let (_, store) = faulty();
        store.put("packs/1", Bytes::from_static(b"abc")).unwrap();
        store.put("index/1", Bytes::from_static(b"abc")).unwrap();
        store.fail_names("packs/", Fault::Truncate { bytes: 1 });
        store.fail_names("index/", Fault::FlipBit { byte: 4 });
        let whole = Window::Whole { bytes_max: 9 };
        assert_eq!(&store.get("packs/1", whole).unwrap()[..], b"a");
        assert_eq!(&store.get("index/1", whole).unwrap()[..], b"acc");
        store.heal();
        assert_eq!(&store.get("packs/1", whole).unwrap()[..], b"abc");
    }
}
