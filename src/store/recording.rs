//! Wraps a store and writes down every call, so that tests say which requests an operation may
//! make: a backup that deletes, or lists a prefix twice, is then a failed test.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use super::{ObjectInfo, Result, Store, Window};
use crate::seams::Timestamp;

/// Which of the verbs was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Put,
    PutIfAbsent,
    Get,
    List,
    Head,
    Delete,
    Now,
    /// A lock was set or asked for, a checksum asked for, or versions of one name.
    Beyond,
}

/// One call, whether it succeeded or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub operation: Operation,
    /// The object's name, or the prefix of a listing.
    pub name: String,
    /// Bytes sent with a put or received by a get; else 0.
    pub bytes: u64,
}

/// Passes everything on and remembers it, in the order in which the calls ended.
pub struct Recording {
    inner: Arc<dyn Store>,
    calls: Mutex<Vec<Call>>,
}

impl Recording {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
        }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.log().clone()
    }

    /// The calls since the last time, which are forgotten.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.log())
    }

    /// How many calls of one verb there were on names that start with `prefix`.
    pub fn count(&self, operation: Operation, prefix: &str) -> usize {
        let is_meant = |call: &&Call| call.operation == operation && call.name.starts_with(prefix);
        self.log().iter().filter(is_meant).count()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, operation: Operation, name: &str, bytes: u64) {
        let name = name.to_owned();
        self.log().push(Call {
            operation,
            name,
            bytes,
        });
    }
}

impl Store for Recording {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        let bytes = body.len() as u64;
        let result = self.inner.put(name, body);
        self.note(Operation::Put, name, bytes);
        result
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        let bytes = body.len() as u64;
        let result = self.inner.put_if_absent(name, body);
        self.note(Operation::PutIfAbsent, name, bytes);
        result
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        let result = self.inner.get(name, window);
        let bytes = result.as_ref().map_or(0, |body| body.len() as u64);
        self.note(Operation::Get, name, bytes);
        result
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let result = self.inner.list(prefix, visit);
        self.note(Operation::List, prefix, 0);
        result
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let result = self.inner.head(name);
        self.note(Operation::Head, name, 0);
        result
    }

    fn delete(&self, name: &str) -> Result<()> {
        let result = self.inner.delete(name);
        self.note(Operation::Delete, name, 0);
        result
    }

    fn now(&self) -> Result<Timestamp> {
        let result = self.inner.now();
        self.note(Operation::Now, "", 0);
        result
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        let result = self.inner.stored_checksum(name);
        self.note(Operation::Beyond, name, 0);
        result
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining().map(|_| self as &dyn Retaining)
    }
}

impl Recording {
    fn deeper(&self) -> Result<&dyn Retaining> {
        deeper(self.inner.as_ref())
    }
}

impl Retaining for Recording {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        let bytes = body.len() as u64;
        let result = self.deeper()?.put_on_terms(name, body, terms);
        self.note(Operation::Put, name, bytes);
        result
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        let result = self.deeper()?.retain(name, version, retention);
        self.note(Operation::Beyond, name, 0);
        result
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        let result = self.deeper()?.retention(name, version);
        self.note(Operation::Beyond, name, 0);
        result
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        let result = self.deeper()?.versions(name);
        self.note(Operation::Beyond, name, 0);
        result
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        let result = self.deeper()?.get_version(name, version, window);
        let bytes = result.as_ref().map_or(0, |body| body.len() as u64);
        self.note(Operation::Get, name, bytes);
        result
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        let result = self.deeper()?.delete_version(name, version);
        self.note(Operation::Delete, name, 0);
        result
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        let result = self.deeper()?.list_all(prefix, visit);
        self.note(Operation::List, prefix, 0);
        result
    }

    fn shown(&self) -> Shown {
        self.inner
            .retaining()
            .map(Retaining::shown)
            .unwrap_or_default()
    }
}
