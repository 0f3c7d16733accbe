//! The ids of a file's chunks in its entry: directly, or through id lists when they are many
//! (format.md §8).

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
    if let Some(Joined(ids)) = &entry.chunks {
        return ids.iter().try_for_each(visit);
    }
    match &entry.lists {
        Some((level, Joined(ids))) if (1..=ID_LIST_LEVEL_MAX).contains(level) => {
            read_lists(chunks, *level, ids, visit)
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
    visit: &mut dyn FnMut(&ChunkId) -> Result<(), E>,
) -> Result<(), E> {
    for id in ids {
        let bytes = chunks.metadata(id)?;
        let list = decode_id_list(&bytes, level).map_err(RepositoryError::from)?;
        if level == 1 {
            list.iter().try_for_each(&mut *visit)?;
        } else {
            read_lists(chunks, level - 1, &list, visit)?;
        }
    }
    Ok(())
}
