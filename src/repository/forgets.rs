//! Forget records: they explain why snapshots are no longer there (format.md §6). They hide nothing
//! and decide nothing; whoever misses a snapshot reads them before he calls it lost.

use std::collections::BTreeSet;

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result, seal_record};
use crate::format::housekeeping::Forget;
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::seams::Timestamp;

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

/// Visits the forget records, one in memory at a time, however many somebody put there: a flood of false
/// ones costs a GET each and pushes none out. Those that are damaged or of an unknown version are given
/// to `damaged`: then not every absence can be explained.
///
/// # Errors
/// `Store`; whatever `visit` returns.
pub fn visit_forgets<E: From<RepositoryError>>(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
    visit: &mut dyn FnMut(StoredForget) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Forget, &mut |id, info| {
        listed.push((info.modified, id));
    })?;
    for (modified, id) in listed {
        match load(repository, &id) {
            Ok(forget) => visit(StoredForget {
                id,
                forget,
                modified,
            })?,
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    Ok(())
}

/// Those of `ids` whose absence a forget record of the place explains. Asks nothing where there are
/// none.
///
/// # Errors
/// `Store`.
pub fn explained(
    repository: &Repository,
    ids: &BTreeSet<ObjectId>,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<BTreeSet<ObjectId>> {
    let mut explained = BTreeSet::new();
    if ids.is_empty() {
        return Ok(explained);
    }
    visit_forgets(repository, damaged, &mut |stored| -> Result<()> {
        let named = stored.forget.snapshots.0.into_iter();
        explained.extend(named.filter(|id| ids.contains(id)));
        Ok(())
    })?;
    Ok(explained)
}

fn load(repository: &Repository, id: &ObjectId) -> Result<Forget> {
    let payload = fetch_record(repository, Kind::Forget, id)?;
    let name = name::of(Kind::Forget, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}

/// All forget records.
#[cfg(test)]
pub fn load_forgets(repository: &Repository) -> Vec<StoredForget> {
    let mut forgets = Vec::new();
    let mut take = |one| -> Result<()> {
        forgets.push(one);
        Ok(())
    };
    visit_forgets(repository, &mut |name, _| panic!("{name}"), &mut take).unwrap();
    forgets
}
