//! The ids of a file's chunks in its entry: directly, or through id lists when they are many
//! (format.md §8).

use sha1::{Digest, Sha1};

use super::{ChunkReader, RepositoryError, Result};
use crate::format::FormatError;
use crate::format::cbor::Joined;
use crate::format::entry::{DIRECT_IDS_MAX, Entry};
use crate::format::listing::{ID_LIST_LEVEL_MAX, decode_id_list, encode_id_list, id_list_length};
use crate::id::ChunkId;

/// Puts the ids into the entry; what does not fit goes into id lists, which `store` keeps.
///
/// # Errors
/// Whatever `store` returns.
pub fn store_ids<E>(
    entry: &mut Entry,
    ids: Vec<ChunkId>,
    store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>,
) -> Result<(), E> {
    let (mut level, mut ids) = (0, ids);
    while ids.len() > DIRECT_IDS_MAX {
        level += 1;
        let mut lists = Vec::new();
        let mut rest = ids.as_slice();
        while !rest.is_empty() {
            let (list, after) = rest.split_at(id_list_length(rest));
            lists.push(store(&encode_id_list(level, list))?);
            rest = after;
        }
        ids = lists;
    }
    if level == 0 {
        entry.chunks = Some(Joined(ids));
    } else {
        entry.lists = Some((level, Joined(ids)));
    }
    Ok(())
}

/// Visits the contents of a file, chunk by chunk. That it is what the entry says, size and SHA-1, is
/// known at the end; but never more than the size is handed out, however the ids go on.
///
/// # Errors
/// As [`read_ids`], and what reading a content chunk gives.
pub fn read_content<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let wrong = |what| E::from(RepositoryError::from(FormatError::Contradiction { what }));
    let size = entry.size.unwrap_or(0);
    let mut bytes = 0;
    let mut sha1 = Sha1::new();
    read_ids(chunks, entry, &mut |id| {
        let chunk = chunks.content(id)?;
        bytes += chunk.len() as u64;
        // Of chunks without bytes there could be any number.
        if chunk.is_empty() || bytes > size {
            return Err(wrong("the size of a file"));
        }
        sha1.update(&chunk);
        visit(&chunk)
    })?;
    if bytes != size {
        return Err(wrong("the size of a file"));
    }
    let expected = entry.sha1.as_ref();
    if expected.is_some_and(|expected| expected.as_slice() != sha1.finalize().as_slice()) {
        return Err(wrong("the SHA-1 of a file"));
    }
    Ok(())
}

/// The chunk ids of an entry, unless there are more than `ids_max`: a few id lists that repeat each
/// other can say more than any memory holds.
///
/// # Errors
/// As [`read_ids`].
pub fn few_ids(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    ids_max: usize,
) -> Result<Option<Vec<ChunkId>>> {
    enum Stop {
        TooMany,
        Failed(RepositoryError),
    }
    impl From<RepositoryError> for Stop {
        fn from(error: RepositoryError) -> Self {
            Self::Failed(error)
        }
    }
    let mut ids = Vec::new();
    let read = read_ids(chunks, entry, &mut |id| {
        if ids.len() == ids_max {
            return Err(Stop::TooMany);
        }
        ids.push(*id);
        Ok(())
    });
    match read {
        Ok(()) => Ok(Some(ids)),
        Err(Stop::TooMany) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Visits the chunk ids of an entry in order; holds one id list of each level.
///
/// # Errors
/// `Listing` for lists that are not what they should be; what reading a metadata chunk gives;
/// whatever `visit` returns.
pub fn read_ids<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    visit: &mut dyn FnMut(&ChunkId) -> Result<(), E>,
) -> Result<(), E> {
    visit_ids(chunks, entry, &mut |_| Ok(true), visit)
}

/// As [`read_ids`]; `enter` is told each id list first, and says whether to go into it.
///
/// # Errors
/// As [`read_ids`], and whatever `enter` returns.
pub fn visit_ids<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    enter: &mut dyn FnMut(&ChunkId) -> Result<bool, E>,
    visit: &mut dyn FnMut(&ChunkId) -> Result<(), E>,
) -> Result<(), E> {
    if let Some(Joined(ids)) = &entry.chunks {
        return ids.iter().try_for_each(visit);
    }
    match &entry.lists {
        Some((level, Joined(ids))) if (1..=ID_LIST_LEVEL_MAX).contains(level) => {
            read_lists(chunks, *level, ids, enter, visit)
        }
        Some(_) => {
            let error = FormatError::Contradiction {
                what: "the level of an id list",
            };
            Err(RepositoryError::from(error).into())
        }
        None => Ok(()),
    }
}

fn read_lists<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    level: u8,
    ids: &[ChunkId],
    enter: &mut dyn FnMut(&ChunkId) -> Result<bool, E>,
    visit: &mut dyn FnMut(&ChunkId) -> Result<(), E>,
) -> Result<(), E> {
    for id in ids {
        if !enter(id)? {
            continue;
        }
        let bytes = chunks.metadata(id)?;
        let list = decode_id_list(&bytes, level).map_err(RepositoryError::from)?;
        if level == 1 {
            list.iter().try_for_each(&mut *visit)?;
        } else {
            read_lists(chunks, level - 1, &list, enter, visit)?;
        }
    }
    Ok(())
}
