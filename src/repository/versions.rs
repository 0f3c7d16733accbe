//! Behind an object that is not what it should be, where the store keeps versions: of objects that
//! are named by their hash the store finds the right version itself (`store::versioned`); which
//! `repository` is the right one, only a key can tell.

use bytes::Bytes;

use super::Result;
use crate::store::{ErrorKind, Store, StoreError, Window};

/// Hands the versions of an object to `judge`, the oldest first, until it takes one. `None` where
/// there is but one version, or none that it takes. `locked_only`: only those with a lock.
///
/// # Errors
/// `Store` when the store is out of reach; where it does not show versions, there are none.
pub fn each<T>(
    store: &dyn Store,
    name: &str,
    bytes_max: u64,
    locked_only: bool,
    mut judge: impl FnMut(&Bytes) -> Option<T>,
) -> Result<Option<T>> {
    let Some(retaining) = store.retaining() else {
        return Ok(None);
    };
    if retaining.shown().versions != Some(true) {
        return Ok(None);
    }
    let Some(versions) = shown(retaining.versions(name))? else {
        return Ok(None);
    };
    if versions.len() < 2 {
        return Ok(None);
    }
    for version in versions {
        if locked_only {
            match shown(retaining.retention(name, Some(&version.id)))? {
                Some(Some(_)) => {}
                _ => continue,
            }
        }
        let window = Window::Whole { bytes_max };
        let bytes = shown(retaining.get_version(name, &version.id, window))?;
        if let Some(found) = bytes.as_ref().and_then(&mut judge) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What the store does not show is not there.
fn shown<T>(result: Result<T, StoreError>) -> Result<Option<T>> {
    match result {
        Ok(shown) => Ok(Some(shown)),
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn is_out_of_reach(error: &StoreError) -> bool {
    error.is_worth_a_retry() && error.kind != ErrorKind::Incomplete
}
