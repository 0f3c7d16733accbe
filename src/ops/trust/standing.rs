//! What stands at an address: the repository that was there before, or another one. Asked before
//! anybody types a passphrase.
//!
//! Which repository stood at an address is noted in a small file of the state directory, beside the
//! folders of the repositories, since nobody knows yet which of them is meant.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::kept;
use super::vanished::NotedIn;
use crate::crypto::WriterKey;
use crate::format::name::REPOSITORY;
use crate::id::RepositoryId;
use crate::ops::{OpsError, Result, StateFolder};
use crate::repository::{Repository, RepositoryError, check_repository_bytes, head, head_owner};
use crate::store::Store;

const NOTE_PREFIX: &str = "offsite-place-1: ";

/// Which repository stands at an address.
#[derive(Debug, Clone)]
pub struct Standing {
    pub id: RepositoryId,
    /// The bytes of `repository`: the store's, or this host's copy of them.
    pub head: Bytes,
    /// Why the copy is used, if it is.
    pub trouble: Option<String>,
}

/// Looks which repository stands at `place`, the address of the store. `states` is the state
/// directory.
///
/// # Errors
/// `OtherStands`, `HeadReplaced`; `NoRepository`, `NoPlace`, `HeadLost`, `Object` where this host has
/// no copy of `repository`; `Store`.
pub fn identify(store: &dyn Store, states: &Path, place: &str) -> Result<Standing> {
    let noted = NotedIn(file_of(states, place));
    let was = read_note(&noted.0)?;
    let found = head(store).and_then(|head| Ok((head_owner(&head)?, head)));
    let Some(was) = was else {
        let (id, head) = found?;
        let trouble = None;
        return Ok(Standing { id, head, trouble });
    };
    let state = StateFolder::new(states, was);
    let copy = || copy_of(&state, place);
    let (id, head) = match found {
        Ok(found) => found,
        Err(error) if is_about_the_head(&error) => {
            let head = copy().ok_or(error)?;
            return Ok(from_copy(store, was, head));
        }
        Err(error) => return Err(error.into()),
    };
    let url = store.url();
    if id != was {
        let is = id;
        return Err(OpsError::OtherStands {
            url,
            was,
            is,
            noted,
        });
    }
    match copy() {
        Some(copy) if copy != head => match state.writer_key()? {
            Some(writer) if !is_sound(&head, &writer) => Ok(from_copy(store, was, copy)),
            _ => Err(OpsError::HeadReplaced { url, noted }),
        },
        _ => Ok(Standing {
            id,
            head,
            trouble: None,
        }),
    }
}

/// Notes what was opened at the address, and keeps the bytes of its `repository`.
///
/// # Errors
/// `File`, `Index`.
pub fn remember(repository: &Repository, states: &Path, place: &str, head: &Bytes) -> Result<()> {
    let (file, id) = (file_of(states, place), repository.id());
    if read_note(&file)? != Some(id) {
        write_note(&file, id, place)?;
    }
    let state = StateFolder::new(states, id);
    let trust = state.open_trust()?;
    if kept(&trust, place)?.repository.as_ref() != Some(head) {
        trust.keep_copy(place, REPOSITORY, head)?;
    }
    Ok(())
}

/// Which repository stood at `place` when this host last opened it.
pub fn noted(states: &Path, place: &str) -> Option<RepositoryId> {
    read_note(&file_of(states, place)).ok()?
}

/// The copy of `repository`, if there is one that can be used. What is wrong with the memory itself
/// is told by whoever looks.
fn copy_of(state: &StateFolder, place: &str) -> Option<Bytes> {
    let trust = state.open_trust().ok()?;
    kept(&trust, place).ok()?.repository
}

fn is_sound(head: &[u8], writer: &WriterKey) -> bool {
    check_repository_bytes(writer, head).is_ok()
}

fn from_copy(store: &dyn Store, id: RepositoryId, head: Bytes) -> Standing {
    let trouble = format!(
        "the file named repository at {} is missing or damaged, and this host's copy of it \
         is used; offsite verify --heal puts it back",
        store.url()
    );
    Standing {
        id,
        head,
        trouble: Some(trouble),
    }
}

/// Whether only `repository` is missing or damaged, as opposed to the whole place.
fn is_about_the_head(error: &RepositoryError) -> bool {
    match error {
        RepositoryError::HeadLost { .. } => true,
        RepositoryError::Object { problem, .. } => !problem.is_unsupported(),
        _ => false,
    }
}

fn file_of(states: &Path, place: &str) -> PathBuf {
    let hash = blake3::hash(place.as_bytes()).to_hex();
    let name = hash.get(..16).unwrap_or_default();
    states.join("places").join(name)
}

fn read_note(path: &Path) -> Result<Option<RepositoryId>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpsError::file("could not read", path, error)),
    };
    let first = text.lines().next().unwrap_or_default();
    let id = first.strip_prefix(NOTE_PREFIX);
    match id.and_then(|id| id.parse().ok()) {
        Some(id) => Ok(Some(id)),
        None => {
            let source = io::Error::other("it is no note of offsite, or it is damaged");
            Err(OpsError::file("could not use", path, source))
        }
    }
}

/// The second line is for people.
fn write_note(path: &Path, id: RepositoryId, place: &str) -> Result<()> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let mut file = fs::File::create(&new)?;
        writeln!(file, "{NOTE_PREFIX}{id}\n{place}")?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| OpsError::file("could not write", path, error))
}
