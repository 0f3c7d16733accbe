//! Forget records: they explain why snapshots are no longer there (format.md §6). They hide nothing
//! and decide nothing; whoever misses a snapshot reads them before he calls it lost.

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result, seal_record};
use crate::format::housekeeping::Forget;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;

/// So many snapshots are taken in from all records together: 2,700 years of one a day, 64 MiB with
/// their sessions. Bounds what a flood of false records can cost.
const NAMED_MAX: usize = 1_000_000;

/// A forget record as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredForget {
    pub id: ObjectId,
    pub forget: Forget,
    /// When the store says that it was put.
    pub modified: Timestamp,
}

/// Stores a forget record; once this returns, the absence of what it names is explained.
///
/// # Errors
/// `Store`; `Object` for one that names too much.
pub fn store_forget(repository: &Repository, forget: Forget) -> Result<StoredForget> {
    let (writer, random) = (&repository.writer, repository.seams.random.as_ref());
    let sealed = seal_record(writer, random, Kind::Forget, &cbor::encode(&forget))
        .map_err(|problem| RepositoryError::object("the forget record", problem))?;
    repository.store.put(&sealed.name, sealed.bytes)?;
    // Its time is the store's, which says so when it is asked; it is stored either way.
    let modified = match repository.store.head(&sealed.name) {
        Ok(info) => info.modified,
        Err(_) => forget.created,
    };
    Ok(StoredForget {
        id: sealed.id,
        forget,
        modified,
    })
}

/// All forget records, the oldest by the store's clock first, so that a flood of later ones pushes
/// none out. Those that are damaged, of an unknown version, or more than can be held are given to
/// `damaged`: then not every absence can be explained.
///
/// # Errors
/// `Store`.
pub fn load_forgets(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredForget>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Forget, &mut |id, info| {
        listed.push((info.modified, id));
    })?;
    listed.sort_unstable();
    let mut named = 0_usize;
    let mut forgets = Vec::new();
    for (modified, id) in listed {
        let loaded = match named < NAMED_MAX {
            true => load(repository, &id),
            false => {
                let name = name::of(Kind::Forget, &id);
                Err(RepositoryError::object(&name, ObjectProblem::TooLarge))
            }
        };
        match loaded {
            Ok(forget) => {
                // One that names nothing costs room as well.
                named += forget.snapshots.0.len().max(1) + forget.sessions.0.len();
                forgets.push(StoredForget {
                    id,
                    forget,
                    modified,
                });
            }
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    Ok(forgets)
}

fn load(repository: &Repository, id: &ObjectId) -> Result<Forget> {
    let payload = fetch_record(repository, Kind::Forget, id)?;
    let name = name::of(Kind::Forget, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}
