//! Versions and locks in memory: what a bucket with Object Lock does, on the clock of the test.
//! A deletion leaves everything where it is and shows nothing; only `delete_version` removes, once
//! the date is past.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use bytes::Bytes;

use super::memory::{Memory, Older, Stored, cut};
use super::retention::{
    Gathered, LockMode, PutTerms, Retaining, Retention, Seen, Shown, VERSIONS_MAX, Version,
};
use super::{ErrorKind, Result, StoreError, Window, name};

impl Memory {
    fn older(&self, operation: &'static str, name: &str) -> Result<MutexGuard<'_, Older>> {
        let none = || StoreError::new(ErrorKind::Invalid, operation, name);
        let older = self.older.as_ref().ok_or_else(none)?;
        Ok(older.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on a version; `None` is the current one.
    fn on_version<T>(
        &self,
        operation: &'static str,
        name: &str,
        version: Option<&str>,
        work: impl FnOnce(&mut Stored) -> Result<T>,
    ) -> Result<T> {
        name::check(name, operation)?;
        // In this order everywhere: objects, then what is older.
        let mut objects = self.objects();
        let mut older = self.older(operation, name)?;
        let current = objects.get_mut(name).into_iter();
        let stored = match version {
            None => current.last(),
            Some(id) => {
                let before = older.versions.get_mut(name).into_iter().flatten();
                current
                    .chain(before)
                    .find(|stored| stored.version.to_string() == id)
            }
        };
        work(stored.ok_or_else(|| StoreError::new(ErrorKind::NotFound, operation, name))?)
    }
}

impl Retaining for Memory {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        name::check(name, "store")?;
        drop(self.older("store", name)?);
        let mut objects = self.objects();
        if terms.if_absent && objects.contains_key(name) {
            return Err(StoreError::new(ErrorKind::AlreadyExists, "store", name));
        }
        self.replace(&mut objects, name, body, terms.retention);
        Ok(())
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        let operation = "extend the lock of";
        self.on_version(operation, name, version, |stored| {
            let is_weaker = |before: &Retention| {
                before.until > retention.until
                    || before.mode == LockMode::Compliance && retention.mode != before.mode
            };
            if stored.retention.as_ref().is_some_and(is_weaker) {
                return Err(StoreError::new(ErrorKind::Denied, operation, name));
            }
            stored.retention = Some(retention);
            if self.renews_times.load(Ordering::Relaxed) {
                stored.modified = self.clock.now();
            }
            self.has_locks.store(true, Ordering::Relaxed);
            Ok(())
        })
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        self.on_version("look at", name, version, |stored| Ok(stored.retention))
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        name::check(name, "look at")?;
        let objects = self.objects();
        let older = self.older("look at", name)?;
        let before = older.versions.get(name).into_iter().flatten();
        let all = before.chain(objects.get(name)).take(VERSIONS_MAX);
        let version = |stored: &Stored| Version {
            id: stored.version.to_string(),
            bytes: stored.body.len() as u64,
            modified: stored.modified,
        };
        Ok(all.map(version).collect())
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        let body = self.on_version("fetch", name, Some(version), |it| Ok(it.body.clone()))?;
        cut(name, &body, window)
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        let now = self.clock.now();
        let locked = self.on_version("delete", name, Some(version), |stored| {
            Ok(stored.retention.filter(|retention| retention.until > now))
        });
        match locked {
            Ok(None) => {}
            // Like the servers that were seen: it does not say why.
            Ok(Some(_)) => return Err(StoreError::new(ErrorKind::Denied, "delete", name)),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut objects = self.objects();
        let mut older = self.older("delete", name)?;
        let is_meant = |stored: &Stored| stored.version.to_string() == version;
        let before = older.versions.entry(name.to_owned()).or_default();
        before.retain(|stored| !is_meant(stored));
        if objects.get(name).is_some_and(is_meant) {
            objects.remove(name);
            // What was written over comes to light again.
            if let Some(stored) = before.pop() {
                objects.insert(name.to_owned(), stored);
            }
        }
        Ok(())
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        {
            let objects = self.objects();
            let older = self.older("list", prefix)?;
            let mut add = |name: &String, stored: &Stored, is_latest| {
                if name.starts_with(prefix) {
                    let entry = gathered.entry(name.clone());
                    let bytes = stored.body.len() as u64;
                    let one = entry.or_insert_with(|| Gathered::new(name));
                    one.add(bytes, stored.modified, is_latest);
                }
            };
            // Newest first, as a bucket lists them.
            objects
                .iter()
                .for_each(|(name, stored)| add(name, stored, true));
            for (name, versions) in &older.versions {
                versions
                    .iter()
                    .rev()
                    .for_each(|stored| add(name, stored, false));
            }
        }
        let seen = gathered.into_values().filter_map(Gathered::seen);
        seen.into_iter().try_for_each(visit)
    }

    fn shown(&self) -> Shown {
        Shown {
            versions: Some(self.older.is_some()),
            locks: self.has_locks.load(Ordering::Relaxed),
        }
    }
}
