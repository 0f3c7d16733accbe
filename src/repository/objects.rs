//! Objects by their kind: what a LIST shows, and a record fetched whole and held against its name.

use bytes::Bytes;

use super::{ObjectProblem, Repository, RepositoryError, Result, open_record};
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::store::{ObjectInfo, Store, Window};

/// Visits the objects of a kind in the order of their ids. Names of no known form are passed over.
///
/// # Errors
/// `Store`.
pub fn list_objects(
    store: &dyn Store,
    kind: Kind,
    visit: &mut dyn FnMut(ObjectId, ObjectInfo),
) -> Result<()> {
    store.list(name::prefix(kind), &mut |info| {
        if let Some((found, Some(id))) = name::parse(&info.name)
            && found == kind
        {
            visit(id, info);
        }
        Ok(())
    })?;
    Ok(())
}

/// Fetches a record, holds its bytes against its name, and opens it: once more where they are wrong,
/// since the line may have been at fault; a snapshot that is no good here from another copy that has
/// it.
///
/// # Errors
/// `Object`, also for one that is missing; `Store` when nothing can be said about the object.
pub fn fetch_record(repository: &Repository, kind: Kind, id: &ObjectId) -> Result<Vec<u8>> {
    let name = name::of(kind, id);
    let window = Window::Whole {
        bytes_max: kind.record_bytes_max(),
    };
    let open = |bytes: Bytes| {
        if ObjectId::of(&bytes) != *id {
            return Err(ObjectProblem::WrongName);
        }
        open_record(&repository.writer, kind, &bytes)
    };
    let here = || {
        let bytes = fetch(repository.store.as_ref(), &name, window)?;
        open(bytes).map_err(|problem| RepositoryError::object(&name, problem))
    };
    let is_altered = |error: &RepositoryError| {
        let wrong = ObjectProblem::WrongName;
        matches!(error, RepositoryError::Object { problem, .. } if *problem == wrong)
    };
    let found = match here() {
        Err(error) if is_altered(&error) => here(),
        found => found,
    };
    found.or_else(|error| {
        // Of records only snapshots are the same in all copies.
        let others = (kind == Kind::Snapshot).then_some(&repository.others);
        let found =
            others.and_then(|them| them.find(repository.id(), &name, window, &mut { open }));
        found.ok_or(error)
    })
}

/// Fetches an object or a part of it.
///
/// # Errors
/// As [`fetch_record`].
pub(super) fn fetch(store: &dyn Store, name: &str, window: Window) -> Result<Bytes> {
    store
        .get(name, window)
        .map_err(|error| match ObjectProblem::of_failed_fetch(error) {
            Ok(problem) => RepositoryError::object(name, problem),
            Err(error) => error.into(),
        })
}
