//! A further copy of a repository: the same `repository` object and the same key slots, byte for
//! byte, so that the same passphrases and words open it and packs can be copied as they are.

use bytes::Bytes;

use super::objects::fetch;
use super::open::{put_repository, repository_object};
use super::slots::oldest_first;
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::format::header::Header;
use crate::format::slot::SLOT_BYTES_MAX;
use crate::format::{Kind, name};
use crate::id::{ObjectId, RepositoryId};
use crate::store::{Store, Window};

/// Makes `to` a copy of `from` that holds no snapshot yet. `repository` comes last, so that there is
/// never a repository which nobody can open; an attempt that was interrupted can be made again.
/// Gives the names of slots that are no good and were left out.
///
/// # Errors
/// `NotEmpty` where anything but slots of `from` lies; `Store`; `Object` for a `repository` that is
/// damaged.
pub fn replicate(from: &Repository, to: &dyn Store) -> Result<Vec<String>> {
    let slots = oldest_first(from.store.as_ref())?;
    let mut found = None;
    to.list("", &mut |info| {
        if !slots.contains(&info.name) {
            found.get_or_insert(info.name);
        }
        Ok(())
    })?;
    if let Some(example) = found {
        let url = to.url();
        return Err(RepositoryError::NotEmpty { url, example });
    }
    let object = repository_object(from)?;
    let mut left_out = Vec::new();
    for slot in slots {
        match copy_slot(from.store.as_ref(), to, from.id(), &slot) {
            Ok(()) => {}
            Err(RepositoryError::Object { name, .. }) => left_out.push(name),
            Err(error) => return Err(error),
        }
    }
    put_repository(to, object)?;
    Ok(left_out)
}

/// Copies one key slot.
///
/// # Errors
/// `Object` for one that is missing or no slot of the repository; `Store`.
pub fn copy_slot(
    from: &dyn Store,
    to: &dyn Store,
    repository: RepositoryId,
    name: &str,
) -> Result<()> {
    let window = Window::Whole {
        bytes_max: SLOT_BYTES_MAX,
    };
    let bytes = fetch(from, name, window)?;
    check_slot_bytes(repository, name, &bytes)
        .map_err(|problem| RepositoryError::object(name, problem))?;
    Ok(to.put(name, bytes)?)
}

/// Whether these are the bytes of the slot of that name. Whether a passphrase opens it, only the
/// passphrase can tell.
///
/// # Errors
/// `WrongName`, `Format`.
pub fn check_slot_bytes(
    repository: RepositoryId,
    slot: &str,
    bytes: &Bytes,
) -> Result<(), ObjectProblem> {
    if name::of(Kind::KeySlot, &ObjectId::of(bytes)) != slot {
        return Err(ObjectProblem::WrongName);
    }
    Header::decode(bytes, Kind::KeySlot, Some(repository))?;
    Ok(())
}
