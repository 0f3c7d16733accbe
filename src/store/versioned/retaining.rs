//! Versions and locks of the wrapped store; a lock goes to the version that is meant.

use bytes::Bytes;

use super::Versioned;
use crate::store::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use crate::store::{ErrorKind, Result, StoreError, Window};

/// `None` means the right version, not the current one.
impl Retaining for Versioned {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        deeper(self.inner.as_ref())?.put_on_terms(name, body, terms)
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        let deeper = deeper(self.inner.as_ref())?;
        let version = self.meant(name, version)?;
        let refused = match deeper.retain(name, version.as_deref(), retention) {
            Err(error) if is_refusal(&error) => error,
            result => return result,
        };
        // It is refused as well where the lock is longer already, or of the other mode: compliance
        // never becomes governance, and elsewhere than at Amazon's not the other way round either. A
        // lock that goes on in the mode it has is better than one that runs out.
        match deeper.retention(name, version.as_deref())? {
            Some(kept) if kept.until >= retention.until => Ok(()),
            Some(Retention { mode, .. }) if mode != retention.mode => {
                let until = retention.until;
                deeper.retain(name, version.as_deref(), Retention { mode, until })
            }
            _ => Err(refused),
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

/// Servers do not agree on how to say it.
fn is_refusal(error: &StoreError) -> bool {
    use ErrorKind::{Denied, Invalid, Other, Retained};
    matches!(error.kind, Denied | Retained | Invalid | Other)
}

impl Versioned {
    /// Of a name that is no hash (`repository`) nobody knows whether it is in trouble, so that its
    /// versions are always asked for: it is one name.
    fn meant(&self, name: &str, version: Option<&str>) -> Result<Option<String>> {
        let may_be_troubled = self.is_troubled(name) || !Self::is_hash(name);
        if version.is_some() || !may_be_troubled || self.memory().cannot_list {
            return Ok(version.map(str::to_owned));
        }
        if let Some(version) = self.memory().right.get(name) {
            return Ok(Some(version.clone()));
        }
        match self.right_version(name) {
            Ok(found) => Ok(found.map(|(version, _)| version.id)),
            Err(error) if error.is_worth_a_retry() || self.is_troubled(name) => Err(error),
            // Nothing was seen to be wrong, and this store lists no versions.
            Err(_) => Ok(None),
        }
    }
}
