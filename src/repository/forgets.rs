//! Forget records: why snapshots are no longer there (format.md §6).

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::format::housekeeping::Forget;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;

/// A forget record as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredForget {
    pub id: ObjectId,
    pub forget: Forget,
    /// By the store's clock.
    pub modified: Timestamp,
}

/// All forget records. Those that are damaged or of an unknown version are given to `damaged`.
///
/// # Errors
/// `Store`.
pub fn load_forgets(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredForget>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Forget, &mut |id, info| {
        listed.push((id, info.modified));
    })?;
    let mut forgets = Vec::with_capacity(listed.len());
    for (id, modified) in listed {
        let name = name::of(Kind::Forget, &id);
        let loaded = fetch_record(repository, Kind::Forget, &id).and_then(|payload| {
            cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
        });
        match loaded {
            Ok(forget) => forgets.push(StoredForget {
                id,
                forget,
                modified,
            }),
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    Ok(forgets)
}
