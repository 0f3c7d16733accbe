//! Fetching for a check: what is wrong with an object is an answer, a store out of reach an error.

use bytes::Bytes;

use super::super::Result;
use crate::id::ObjectId;
use crate::repository::{ObjectProblem, Repository, RepositoryError};
use crate::store::{ErrorKind, ObjectInfo, StoreError, Window};

/// A whole object of at most `bytes_max` bytes, held against the hash in its name, if it has one.
/// Before it is called damaged it is fetched once more: the line may have been at fault.
///
/// # Errors
/// `Store`.
pub fn fetch(
    repository: &Repository,
    name: &str,
    id: Option<&ObjectId>,
    bytes_max: u64,
) -> Result<Result<Bytes, ObjectProblem>> {
    for _ in 0..2 {
        match repository.store.get(name, Window::Whole { bytes_max }) {
            Ok(bytes) if id.is_some_and(|id| ObjectId::of(&bytes) != *id) => {}
            Ok(bytes) => return Ok(Ok(bytes)),
            Err(error) => return Ok(Err(ObjectProblem::of_failed_fetch(error)?)),
        }
    }
    Ok(Err(ObjectProblem::WrongName))
}

/// The problem of an object that is larger than it can rightly be.
pub fn oversized() -> ObjectProblem {
    ObjectProblem::TooLarge
}

/// Visits every object; an error of `visit` ends it.
///
/// # Errors
/// `Store`; whatever `visit` returns.
pub fn each_object(
    repository: &Repository,
    visit: &mut dyn FnMut(ObjectInfo) -> Result<()>,
) -> Result<()> {
    let mut failure = None;
    let listed = repository.store.list("", &mut |info| {
        visit(info).map_err(|error| {
            failure = Some(error);
            StoreError::new(ErrorKind::Other, "list", "")
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(listed?),
    }
}

/// Damage is an answer; anything else ends the work.
///
/// # Errors
/// Whatever is not damage.
pub fn damage_apart<T>(result: Result<T, RepositoryError>) -> Result<Result<T, RepositoryError>> {
    match result {
        Err(error) if !error.is_damage() => Err(error.into()),
        other => Ok(other),
    }
}
