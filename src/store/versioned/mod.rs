//! Wraps a store that keeps versions: what is put into a locked place is locked with it, and what
//! somebody deleted or wrote over there is found all the same, since the version that was locked is
//! still there. Its name says which one it is: the hash of its bytes.
//!
//! Whether a place has locks is told by whoever opens it, or by the answers themselves: the first
//! object that is fetched shows its lock. In all other places nothing is asked that was not asked
//! before, but for one question where an object is missing. `right` finds the version that is meant.

mod retaining;
mod right;

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::retention::{ObjectLock, PutTerms, Retaining, VERSIONS_MAX, deeper};
use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};
use crate::progress::Progress;
use crate::seams::{Clock, Timestamp};

/// Names in trouble that are remembered one by one, eight bytes each; beyond, every name is.
const TROUBLED_MAX: usize = 1 << 20;

/// Names of which the right version is remembered.
const RIGHT_MAX: usize = 4096;

/// Rounds of removing `VERSIONS_MAX` versions of one name.
const DELETE_ROUNDS_MAX: usize = 64;

/// Sees through deletions, and locks what is put.
pub struct Versioned {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lock: Option<ObjectLock>,
    unlocked_beneath: Option<&'static str>,
    progress: Option<Arc<dyn Progress>>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Hashes of names of which a plain GET yields another thing, or nothing.
    troubled: HashSet<u64>,
    all_are_troubled: bool,
    /// The version that a name means.
    right: HashMap<String, String>,
    /// The store does not list versions, or not to these credentials.
    cannot_list: bool,
}

impl Versioned {
    /// `lock`: what is put is kept so long. `progress` is told when deletions cannot be seen through.
    pub fn new(
        inner: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        lock: Option<ObjectLock>,
        progress: Option<Arc<dyn Progress>>,
    ) -> Self {
        Self {
            inner,
            clock,
            lock,
            unlocked_beneath: None,
            progress,
            memory: Mutex::default(),
        }
    }

    /// What is put beneath `prefix` gets no lock.
    pub fn leaving(mut self, prefix: Option<&'static str>) -> Self {
        self.unlocked_beneath = prefix;
        self
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Versions of a place where deletions and overwrites are not believed.
    fn locked(&self) -> Option<&dyn Retaining> {
        let deeper = self.inner.retaining()?;
        (self.lock.is_some() || deeper.shown().locks).then_some(deeper)
    }

    fn is_troubled(&self, name: &str) -> bool {
        let memory = self.memory();
        memory.all_are_troubled || memory.troubled.contains(&hash_of(name))
    }

    fn note_trouble(&self, name: &str) {
        let mut memory = self.memory();
        if memory.troubled.len() < TROUBLED_MAX {
            memory.troubled.insert(hash_of(name));
        } else {
            memory.all_are_troubled = true;
        }
    }

    fn note_right(&self, name: &str, version: &str) {
        let mut memory = self.memory();
        if memory.right.len() >= RIGHT_MAX {
            memory.right.clear();
        }
        memory.right.insert(name.to_owned(), version.to_owned());
    }

    /// That a version could not be deleted, or was locked: until when?
    fn explain_refusal(
        &self,
        mut error: StoreError,
        name: &str,
        version: Option<&str>,
    ) -> StoreError {
        if !matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) {
            return error;
        }
        let deeper = self.inner.retaining();
        let retention = deeper.and_then(|it| it.retention(name, version).ok().flatten());
        if let Some(retention) = retention
            && (error.kind == ErrorKind::Retained || retention.until > self.clock.now())
        {
            error.kind = ErrorKind::Retained;
            error.until = Some(retention.until);
            error.detail = format!("until {}", date(retention.until));
        }
        error
    }

    fn terms(&self, name: &str, if_absent: bool) -> Option<PutTerms> {
        let is_left = |prefix: &str| name.starts_with(prefix);
        let lock = self
            .lock
            .filter(|_| !self.unlocked_beneath.is_some_and(is_left));
        lock.map(|lock| PutTerms {
            retention: Some(lock.from(self.clock.now())),
            crc64: None,
            if_absent,
        })
    }
}

impl Store for Versioned {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        match self.terms(name, false) {
            Some(terms) => deeper(self.inner.as_ref())?.put_on_terms(name, body, &terms),
            None => self.inner.put(name, body),
        }
    }

    /// Of what was deleted behind our back there is one: a new one would only hide it.
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        let Some(terms) = self.terms(name, true) else {
            return self.inner.put_if_absent(name, body);
        };
        match self.head(name) {
            Ok(_) => Err(StoreError::new(ErrorKind::AlreadyExists, "store", name)),
            Err(error) if error.kind == ErrorKind::NotFound => {
                deeper(self.inner.as_ref())?.put_on_terms(name, body, &terms)
            }
            Err(error) => Err(error),
        }
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        if let Some(deeper) = self.locked() {
            let known = self.memory().right.get(name).cloned();
            if let Some(version) = known {
                return deeper.get_version(name, &version, window);
            }
            if self.is_troubled(name)
                && let Some(bytes) = self.get_right(name, window)?
            {
                return Ok(bytes);
            }
        }
        match self.inner.get(name, window) {
            Err(missing) if missing.kind == ErrorKind::NotFound => {
                self.behind(name, missing, || self.get_right(name, window))
            }
            Ok(bytes) if Self::is_wrong(name, window, &bytes) && self.locked().is_some() => {
                // If there is no better one, whoever asked will see what is wrong with it.
                Ok(self.get_right(name, window)?.unwrap_or(bytes))
            }
            result => result,
        }
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let Some(deeper) = self.locked().filter(|_| !self.memory().cannot_list) else {
            return self.inner.list(prefix, visit);
        };
        let mut has_begun = false;
        let listed = deeper.list_all(prefix, &mut |seen| {
            has_begun = true;
            if seen.is_troubled {
                self.note_trouble(&seen.info.name);
            }
            visit(seen.info)
        });
        match listed {
            Err(error) if !has_begun && !error.is_worth_a_retry() => {
                self.memory().cannot_list = true;
                if let Some(progress) = &self.progress {
                    progress.notice(&format!(
                        "note: what somebody deleted stays hidden, for the store does not list \
                         versions to these credentials ({error})"
                    ));
                }
                self.inner.list(prefix, visit)
            }
            listed => listed,
        }
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        if self.locked().is_some()
            && self.is_troubled(name)
            && let Some(info) = self.info_of(name)?
        {
            return Ok(info);
        }
        match self.inner.head(name) {
            Err(missing) if missing.kind == ErrorKind::NotFound => {
                self.behind(name, missing, || self.info_of(name))
            }
            result => result,
        }
    }

    /// In a locked place all versions, for good, or none where the oldest is locked: a mark of
    /// deletion would free nothing and only hide it.
    fn delete(&self, name: &str) -> Result<()> {
        let Some(deeper) = self.locked() else {
            let deleted = self.inner.delete(name);
            return deleted.map_err(|error| match error.kind {
                ErrorKind::Retained => self.explain_refusal(error, name, None),
                _ => error,
            });
        };
        for _ in 0..DELETE_ROUNDS_MAX {
            let versions = deeper.versions(name)?;
            if versions.is_empty() {
                break;
            }
            for version in &versions {
                let deleted = deeper.delete_version(name, &version.id);
                deleted.map_err(|error| self.explain_refusal(error, name, Some(&version.id)))?;
            }
            if versions.len() < VERSIONS_MAX {
                break;
            }
        }
        self.memory().right.remove(name);
        Ok(())
    }

    fn now(&self) -> Result<Timestamp> {
        self.inner.now()
    }

    /// Of what was written over, the store's checksum is not that of the right version.
    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        if self.is_troubled(name) {
            return Ok(None);
        }
        self.inner.stored_checksum(name)
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining().map(|_| self as &dyn Retaining)
    }
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Such as `2026-11-22 04:14 UTC`: whole minutes, rounded up.
fn date(until: Timestamp) -> String {
    let seconds = until.seconds().saturating_add(59);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "a time that no calendar has".to_owned(),
        |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
mod tests;
