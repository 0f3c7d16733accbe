//! The `repository` object, put back where it is missing or damaged. It is the one object whose name
//! is no hash: what is put must authenticate with the key that this host has kept.

use bytes::Bytes;

use super::super::Result;
use crate::crypto::WriterKey;
use crate::format::name::REPOSITORY;
use crate::repository::{ObjectProblem, check_repository_bytes};
use crate::store::{Store, Window};

/// Longest `repository` object in bytes.
const REPOSITORY_BYTES_MAX: u64 = 1024;

/// Puts the first of the candidates that is what it should be in the place of a `repository` object
/// that is not; tells whether one was put. The most trusted candidate comes first: a copy that this
/// host kept, then those of other places.
///
/// # Errors
/// `Store`.
pub fn heal_head(
    store: &dyn Store,
    writer: &WriterKey,
    candidates: impl IntoIterator<Item = Bytes>,
) -> Result<bool> {
    let window = Window::Whole {
        bytes_max: REPOSITORY_BYTES_MAX,
    };
    let here = match store.get(REPOSITORY, window) {
        Ok(bytes) => check_repository_bytes(writer, &bytes),
        Err(error) => Err(ObjectProblem::of_failed_fetch(error)?),
    };
    // What is of a later version may be right.
    if here.is_ok() || here.is_err_and(|problem| problem.is_unsupported()) {
        return Ok(false);
    }
    let sound = candidates
        .into_iter()
        .find(|bytes| check_repository_bytes(writer, bytes).is_ok());
    let Some(bytes) = sound else { return Ok(false) };
    store.put(REPOSITORY, bytes.clone())?;
    let again = store.get(REPOSITORY, window)?;
    Ok(again == bytes)
}

/// The `repository` object as a store has it, if it gives it out.
pub(super) fn candidate(store: &dyn Store) -> Option<Bytes> {
    let window = Window::Whole {
        bytes_max: REPOSITORY_BYTES_MAX,
    };
    store.get(REPOSITORY, window).ok()
}
