//! Versions and locks, tried again like everything else: a lock that is set twice is one lock, and a
//! version that is gone is gone.

use bytes::Bytes;

use super::Retry;
use crate::store::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use crate::store::{ErrorKind, Result, Window};

impl Retry {
    fn deeper(&self) -> Result<&dyn Retaining> {
        deeper(self.inner.as_ref())
    }
}

impl Retaining for Retry {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        let deeper = self.deeper()?;
        let mut attempts = 0;
        let result = self.attempt(|| {
            attempts += 1;
            deeper.put_on_terms(name, body.clone(), terms)
        });
        match result {
            // As with `put_if_absent`: the answer was lost, the work done.
            Err(error)
                if error.kind == ErrorKind::AlreadyExists
                    && attempts > 1
                    && self.is_ours(name, &body) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        let deeper = self.deeper()?;
        self.attempt(|| deeper.retain(name, version, retention))
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        let deeper = self.deeper()?;
        self.attempt(|| deeper.retention(name, version))
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        let deeper = self.deeper()?;
        self.attempt(|| deeper.versions(name))
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        let deeper = self.deeper()?;
        self.attempt(|| deeper.get_version(name, version, window))
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        let deeper = self.deeper()?;
        self.attempt(|| deeper.delete_version(name, version))
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        let deeper = self.deeper()?;
        let list = |visit: &mut dyn FnMut(Seen) -> Result<()>| deeper.list_all(prefix, visit);
        self.listing(&list, &|seen| &seen.info.name, visit)
    }

    fn shown(&self) -> Shown {
        self.inner
            .retaining()
            .map(Retaining::shown)
            .unwrap_or_default()
    }
}
