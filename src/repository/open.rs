//! Making and opening a repository.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ObjectProblem, Repository, RepositoryError, Result, add_slot, open_record, seal_record,
    versions,
};
use crate::buffers::Buffers;
use crate::chunker::ChunkSizes;
use crate::crypto::{KdfCost, ReadKey, WriterKey};
use crate::format::header::Header;
use crate::format::name::{self, REPOSITORY};
use crate::format::parameters::Parameters;
use crate::format::slot::Label;
use crate::format::{Kind, cbor};
use crate::id::RepositoryId;
use crate::seams::Seams;
use crate::store::{ErrorKind, Store, StoreError, Window};

/// The `repository` object is at most this long.
const REPOSITORY_BYTES_MAX: u64 = 1024;

/// What a new repository is made of.
pub struct Creation<'a> {
    pub key: &'a ReadKey,
    pub passphrase: &'a str,
    pub cost: KdfCost,
    pub label: Label,
    pub pack_bytes: u32,
}

/// Makes a repository: the key slot first, then `repository`, so that there is never a repository
/// which nobody can open. Also gives the bytes of `repository`, for the recovery kit.
///
/// # Errors
/// `NotEmpty` unless nothing at all lies there; `Store`, `Crypto`.
pub fn create(
    store: Arc<dyn Store>,
    seams: Seams,
    creation: &Creation<'_>,
) -> Result<(Repository, Bytes)> {
    let mut found = None;
    store.list("", &mut |info| {
        found.get_or_insert(info.name);
        Ok(())
    })?;
    if let Some(example) = found {
        return Err(RepositoryError::NotEmpty {
            url: store.url(),
            example,
        });
    }
    let sizes = |ChunkSizes {
                     minimum,
                     average,
                     maximum,
                 }| (minimum, average, maximum);
    let parameters = Parameters {
        created: seams.clock.now(),
        files: sizes(ChunkSizes::FILES),
        dumps: sizes(ChunkSizes::DUMPS),
        pack_bytes: creation.pack_bytes.min(Parameters::PACK_BYTES_MAX),
    };
    let writer = creation.key.writer().clone();
    let random = seams.random.as_ref();
    let object = seal_record(
        &writer,
        random,
        Kind::Repository,
        &cbor::encode(&parameters),
    )
    .map_err(|problem| RepositoryError::object(REPOSITORY, problem))?;
    let Creation {
        key,
        passphrase,
        cost,
        label,
        ..
    } = creation;
    add_slot(store.as_ref(), random, key, passphrase, *cost, label)?;
    put_repository(store.as_ref(), object.bytes.clone())?;
    let reader = Some(creation.key.clone());
    Ok((
        Repository {
            store,
            seams,
            parameters,
            writer,
            reader,
            others: Default::default(),
            buffers: Buffers::default(),
        },
        object.bytes,
    ))
}

/// An answer may be lost and the call be made again: what lies there is ours if it is the same
/// bytes, which carry our random salt.
pub(super) fn put_repository(store: &dyn Store, bytes: Bytes) -> Result<()> {
    match store.put_if_absent(REPOSITORY, bytes.clone()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind == ErrorKind::AlreadyExists => {
            let window = Window::Whole {
                bytes_max: REPOSITORY_BYTES_MAX,
            };
            if store.get(REPOSITORY, window)? == bytes {
                return Ok(());
            }
            Err(RepositoryError::NotEmpty {
                url: store.url(),
                example: REPOSITORY.to_owned(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whose repository lies in the store, as its `repository` object says in the clear.
///
/// # Errors
/// `NoRepository`, `NoPlace`, `HeadLost`, `Store`, `Object`.
pub fn identify(store: &dyn Store) -> Result<RepositoryId> {
    head_owner(&head(store)?)
}

/// The bytes of the `repository` object, whatever they are.
///
/// # Errors
/// `NoRepository`, `NoPlace`, `HeadLost`, `Store`.
pub fn head(store: &dyn Store) -> Result<Bytes> {
    let bytes = fetch(store)?;
    // Nothing can be authenticated yet: of several versions the oldest that was locked counts, for
    // nobody can have put one before the first.
    let oldest = versions::each(store, REPOSITORY, REPOSITORY_BYTES_MAX, true, |bytes| {
        head_owner(bytes).ok().map(|_| bytes.clone())
    })?;
    Ok(oldest.unwrap_or(bytes))
}

/// Whose `repository` object it is, as it says in the clear.
///
/// # Errors
/// `Object`.
pub fn head_owner(head: &[u8]) -> Result<RepositoryId> {
    let header = Header::decode(head, Kind::Repository, None);
    header
        .map(|header| header.repository)
        .map_err(|problem| RepositoryError::object(REPOSITORY, problem))
}

fn fetch(store: &dyn Store) -> Result<Bytes> {
    let window = Window::Whole {
        bytes_max: REPOSITORY_BYTES_MAX,
    };
    store
        .get(REPOSITORY, window)
        .map_err(|error| match error.kind {
            ErrorKind::NoContainer => RepositoryError::NoPlace { url: store.url() },
            ErrorKind::NotFound if has_packs(store) => {
                RepositoryError::HeadLost { url: store.url() }
            }
            ErrorKind::NotFound => RepositoryError::NoRepository { url: store.url() },
            _ => error.into(),
        })
}

/// Whether anything lies where packs do; what cannot be listed is not there.
fn has_packs(store: &dyn Store) -> bool {
    let mut found = false;
    // The first is enough; the error only ends the listing.
    let _ = store.list(name::prefix(Kind::DataPack), &mut |_| {
        found = true;
        Err(StoreError::new(ErrorKind::Other, "list", ""))
    });
    found
}

/// Opens a repository with a key that must be its own.
///
/// # Errors
/// `NoRepository`, `OtherRepository`, `Store`, `Object`.
pub fn open(
    store: Arc<dyn Store>,
    seams: Seams,
    writer: WriterKey,
    reader: Option<ReadKey>,
) -> Result<Repository> {
    let bytes = fetch(store.as_ref())?;
    open_with(store, seams, writer, reader, &bytes)
}

/// As [`open`], with the bytes of the `repository` object, which were fetched already or kept.
///
/// # Errors
/// `OtherRepository`, `Object`.
pub fn open_with(
    store: Arc<dyn Store>,
    seams: Seams,
    writer: WriterKey,
    reader: Option<ReadKey>,
    head: &Bytes,
) -> Result<Repository> {
    let (_, parameters) = authentic(store.as_ref(), &writer, head.clone())?;
    Ok(Repository {
        store,
        seams,
        parameters,
        writer,
        reader,
        others: Default::default(),
        buffers: Buffers::default(),
    })
}

/// The bytes of the `repository` object, for the recovery kit.
///
/// # Errors
/// As [`open`].
pub fn repository_object(repository: &Repository) -> Result<Bytes> {
    let store = repository.store.as_ref();
    let (bytes, _) = authentic(store, &repository.writer, fetch(store)?)?;
    Ok(bytes)
}

/// The `repository` object that authenticates: the one that is there, else a version before it.
fn authentic(store: &dyn Store, writer: &WriterKey, bytes: Bytes) -> Result<(Bytes, Parameters)> {
    let wrong = match parameters_in(&bytes, store, writer) {
        Ok(parameters) => return Ok((bytes, parameters)),
        Err(wrong) => wrong,
    };
    let found = versions::each(store, REPOSITORY, REPOSITORY_BYTES_MAX, false, |bytes| {
        let parameters = parameters_in(bytes, store, writer).ok()?;
        Some((bytes.clone(), parameters))
    });
    found?.ok_or(wrong)
}

/// Whether these bytes are the `repository` object of the one that the key belongs to.
///
/// # Errors
/// What is wrong with them.
pub fn check_repository_bytes(writer: &WriterKey, bytes: &[u8]) -> Result<(), ObjectProblem> {
    Header::decode(bytes, Kind::Repository, Some(writer.repository()))?;
    let payload = open_record(writer, Kind::Repository, bytes)?;
    cbor::decode::<Parameters>(&payload)?;
    Ok(())
}

fn parameters_in(bytes: &[u8], store: &dyn Store, writer: &WriterKey) -> Result<Parameters> {
    let damaged = |problem: ObjectProblem| RepositoryError::object(REPOSITORY, problem);
    let header = Header::decode(bytes, Kind::Repository, None).map_err(|e| damaged(e.into()))?;
    if header.repository != writer.repository() {
        return Err(RepositoryError::OtherRepository { url: store.url() });
    }
    let payload = open_record(writer, Kind::Repository, bytes).map_err(damaged)?;
    let mut parameters: Parameters =
        cbor::decode(&payload).map_err(|error| damaged(error.into()))?;
    // Whoever holds a writer key can have written it; memory is bounded by it.
    parameters.pack_bytes = parameters.pack_bytes.min(Parameters::PACK_BYTES_MAX);
    Ok(parameters)
}
