//! Behind a name that is in trouble: the version whose bytes have the hash that is its name. Where
//! there is but one, it is taken as it is; whoever asked holds it against what it should be.

use bytes::Bytes;

use super::Versioned;
use crate::id::ObjectId;
use crate::store::retention::{Version, deeper};
use crate::store::{ErrorKind, ObjectInfo, Result, StoreError, Window};

/// Larger than any object: versions beyond it are not ours and are not fetched to look.
const OBJECT_BYTES_MAX: u64 = 128 << 20;

impl Versioned {
    /// The version whose hash is its name, and its bytes where they had to be fetched to know. Where
    /// there is but one, or the name is no hash, the oldest, unseen. `None` where none is right.
    pub(super) fn right_version(&self, name: &str) -> Result<Option<(Version, Option<Bytes>)>> {
        let deeper = deeper(self.inner.as_ref())?;
        let mut versions = deeper.versions(name)?;
        let id = id_of(name);
        if versions.len() <= 1 || id.is_none() {
            versions.truncate(1);
            return Ok(versions.pop().map(|version| (version, None)));
        }
        for version in versions {
            if version.bytes > OBJECT_BYTES_MAX {
                continue;
            }
            let window = Window::Whole {
                bytes_max: version.bytes,
            };
            match deeper.get_version(name, &version.id, window) {
                Ok(bytes) if id == Some(ObjectId::of(&bytes)) => {
                    self.note_right(name, &version.id);
                    return Ok(Some((version, Some(bytes))));
                }
                Ok(_) => {}
                Err(error) if is_about_this_version(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What the right version holds; `None` where there is none.
    pub(super) fn get_right(&self, name: &str, window: Window) -> Result<Option<Bytes>> {
        let Some((version, bytes)) = self.right_version(name)? else {
            return Ok(None);
        };
        let failed = |kind| Err(StoreError::new(kind, "fetch", name));
        match (bytes, window) {
            (None, _) => {
                let deeper = deeper(self.inner.as_ref())?;
                deeper.get_version(name, &version.id, window).map(Some)
            }
            (Some(bytes), Window::Whole { bytes_max }) if bytes.len() as u64 > bytes_max => {
                failed(ErrorKind::TooLarge)
            }
            (Some(bytes), Window::Whole { .. }) => Ok(Some(bytes)),
            (
                Some(bytes),
                Window::Range {
                    start,
                    bytes: length,
                },
            ) => {
                let end = start.checked_add(length);
                match end.filter(|end| *end <= bytes.len() as u64) {
                    // Both fit: they are within the length of a buffer.
                    Some(end) => Ok(Some(bytes.slice(start as usize..end as usize))),
                    None => failed(ErrorKind::Incomplete),
                }
            }
        }
    }

    /// Whether somebody may have deleted what is not there. Where no lock was seen so far, that
    /// counts only if it was locked: elsewhere whoever deletes has the right to.
    fn may_be_hidden(&self, name: &str) -> Result<bool> {
        let Some(deeper) = self.inner.retaining() else {
            return Ok(false);
        };
        if deeper.shown().versions == Some(false) || self.memory().cannot_list {
            return Ok(false);
        }
        if self.locked().is_some() {
            return Ok(true);
        }
        match deeper.versions(name)?.first() {
            Some(oldest) => Ok(deeper.retention(name, Some(&oldest.id))?.is_some()),
            None => Ok(false),
        }
    }

    /// What is behind a name of which nothing is shown.
    pub(super) fn behind<T>(
        &self,
        name: &str,
        missing: StoreError,
        look: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<T> {
        let found = match self.may_be_hidden(name) {
            Ok(true) => look(),
            Ok(false) => return Err(missing),
            Err(error) => Err(error),
        };
        self.or_missing(missing, found)
    }

    /// As the store would have it if nobody had touched it since.
    pub(super) fn info_of(&self, name: &str) -> Result<Option<ObjectInfo>> {
        let versions = deeper(self.inner.as_ref())?.versions(name)?;
        let Some(oldest) = versions.first() else {
            return Ok(None);
        };
        let same = versions.iter().filter(|it| it.bytes == oldest.bytes);
        let modified = same.map(|version| version.modified).max();
        Ok(Some(ObjectInfo {
            name: name.to_owned(),
            bytes: oldest.bytes,
            modified: modified.unwrap_or(oldest.modified),
        }))
    }

    /// A failed look behind what is missing leaves it missing.
    fn or_missing<T>(&self, missing: StoreError, found: Result<Option<T>>) -> Result<T> {
        match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(missing),
            Err(error) if error.is_worth_a_retry() => Err(error),
            Err(_) => {
                self.memory().cannot_list = true;
                Err(missing)
            }
        }
    }

    pub(super) fn is_hash(name: &str) -> bool {
        id_of(name).is_some()
    }

    /// Whether a whole object is not what its name says.
    pub(super) fn is_wrong(name: &str, window: Window, bytes: &Bytes) -> bool {
        matches!(window, Window::Whole { .. })
            && id_of(name).is_some_and(|id| id != ObjectId::of(bytes))
    }
}

/// The hash that a name says its bytes have; `None` for a name that is none.
fn id_of(name: &str) -> Option<ObjectId> {
    name.rsplit('/').next()?.parse().ok()
}

fn is_about_this_version(error: &StoreError) -> bool {
    matches!(
        error.kind,
        ErrorKind::NotFound | ErrorKind::TooLarge | ErrorKind::Incomplete
    )
}
