//! Versions and locks of the wrapped store; a lock goes to the version that is meant.

use bytes::Bytes;

use super::Versioned;
use crate::store::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use crate::store::{ErrorKind, Result, Window};

/// `None` means the right version, not the current one.
impl Retaining for Versioned {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        deeper(self.inner.as_ref())?.put_on_terms(name, body, terms)
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        let deeper = deeper(self.inner.as_ref())?;
        let version = self.meant(name, version)?;
        let denied = match deeper.retain(name, version.as_deref(), retention) {
            Err(error) if error.kind == ErrorKind::Denied => error,
            result => return result,
        };
        // It is refused as well where the lock is longer, or cannot be lifted, already.
        match deeper.retention(name, version.as_deref())? {
            Some(kept) if kept.until >= retention.until => Ok(()),
            _ => Err(denied),
        }
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        let version = self.meant(name, version)?;
        deeper(self.inner.as_ref())?.retention(name, version.as_deref())
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        deeper(self.inner.as_ref())?.versions(name)
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        deeper(self.inner.as_ref())?.get_version(name, version, window)
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        deeper(self.inner.as_ref())?.delete_version(name, version)
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        deeper(self.inner.as_ref())?.list_all(prefix, visit)
    }

    fn shown(&self) -> Shown {
        let shown = self.inner.retaining().map(Retaining::shown);
        let mut shown = shown.unwrap_or_default();
        shown.locks |= self.lock.is_some();
        shown
    }
}

impl Versioned {
    fn meant(&self, name: &str, version: Option<&str>) -> Result<Option<String>> {
        if version.is_some() || !self.is_troubled(name) {
            return Ok(version.map(str::to_owned));
        }
        if let Some(version) = self.memory().right.get(name) {
            return Ok(Some(version.clone()));
        }
        Ok(self.right_version(name)?.map(|(version, _)| version.id))
    }
}
