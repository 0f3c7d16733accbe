//! The ids of a file's chunks in its entry: directly, or through id lists when they are many
//! (format.md §8).

use sha1::{Digest, Sha1};

use super::{Ahead, ChunkReader, RepositoryError, Result};
use crate::format::FormatError;
use crate::format::cbor::Joined;
use crate::format::entry::{DIRECT_IDS_MAX, Entry};
use crate::format::listing::{ID_LIST_LEVEL_MAX, decode_id_list, encode_id_list, id_list_length};
use crate::id::ChunkId;

/// Chunks of one file that are looked up and planned at once: 8 GB of a film, 130 MB of a dump.
const PLANNED_AT_ONCE: usize = 8 * 1024;
/// Of how many such stretches it is told what they fetch: id lists that repeat each other could go on
/// for years.
const STRETCHES_TOLD: usize = 128;

/// Why no more ids are visited.
enum Stop<E> {
    Enough,
    Failed(E),
}

impl<E: From<RepositoryError>> From<RepositoryError> for Stop<E> {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

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

/// Visits the contents of a file, chunk by chunk, and fetches no more for it than runs of adjacent
/// chunks. That it is what the entry says, size and SHA-1, is known at the end; but never more than
/// the size is handed out, however the ids go on.
///
/// # Errors
/// As [`read_ids`], and what reading a content chunk gives.
pub fn read_content<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut content = Content::of(entry);
    plan_stretches(chunks, entry, &mut |ids, ahead| {
        let read = |id| content.read(chunks, id, visit);
        chunks.with_ahead(&ahead, || ids.iter().try_for_each(read))
    })?;
    content.end()
}

/// Tells what [`read_content`] would fetch.
///
/// # Errors
/// As [`read_ids`].
pub fn plan_content(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    tell: &mut dyn FnMut(&Ahead),
) -> Result<()> {
    let mut stretches = 0;
    let planned = plan_stretches(chunks, entry, &mut |_, ahead| {
        stretches += 1;
        tell(&ahead);
        match stretches < STRETCHES_TOLD {
            true => Ok(()),
            false => Err(Stop::Enough),
        }
    });
    match planned {
        Err(Stop::Failed(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Is shown the next chunk ids of a file, and what is fetched for them.
type Stretch<'v, E> = dyn FnMut(&[ChunkId], Ahead) -> Result<(), E> + 'v;

/// Visits the chunk ids of a file in stretches, for each of which it was planned how to fetch it.
fn plan_stretches<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    visit: &mut Stretch<'_, E>,
) -> Result<(), E> {
    let mut ids = Vec::new();
    let read = read_ids(chunks, entry, &mut |id| {
        ids.push(*id);
        if ids.len() < PLANNED_AT_ONCE {
            return Ok(());
        }
        let some = std::mem::take(&mut ids);
        visit(&some, chunks.plan(&some)?)
    });
    // Up to where an id list is damaged, too.
    visit(&ids, chunks.plan(&ids)?)?;
    read
}

/// As [`read_content`], for a file whose chunks were planned together with others
/// ([`ChunkReader::plan`]).
///
/// # Errors
/// As [`read_content`].
pub fn read_planned<E: From<RepositoryError>>(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut content = Content::of(entry);
    read_ids(chunks, entry, &mut |id| content.read(chunks, id, visit))?;
    content.end()
}

/// What was read of a file, held against its entry.
struct Content<'e> {
    entry: &'e Entry,
    bytes: u64,
    sha1: Sha1,
}

impl<'e> Content<'e> {
    fn of(entry: &'e Entry) -> Self {
        let (bytes, sha1) = (0, Sha1::new());
        Self { entry, bytes, sha1 }
    }

    fn size(&self) -> u64 {
        self.entry.size.unwrap_or(0)
    }

    fn read<E: From<RepositoryError>>(
        &mut self,
        chunks: &ChunkReader<'_>,
        id: &ChunkId,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let chunk = chunks.content(id)?;
        self.bytes += chunk.len() as u64;
        // Of chunks without bytes there could be any number.
        if chunk.is_empty() || self.bytes > self.size() {
            return Err(contradiction("the size of a file").into());
        }
        self.sha1.update(&chunk);
        visit(&chunk)
    }

    fn end<E: From<RepositoryError>>(self) -> Result<(), E> {
        if self.bytes != self.size() {
            return Err(contradiction("the size of a file").into());
        }
        let expected = self.entry.sha1.as_ref();
        if expected.is_some_and(|it| it.as_slice() != self.sha1.finalize().as_slice()) {
            return Err(contradiction("the SHA-1 of a file").into());
        }
        Ok(())
    }
}

fn contradiction(what: &'static str) -> RepositoryError {
    FormatError::Contradiction { what }.into()
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
    let mut ids = Vec::new();
    let read = read_ids(chunks, entry, &mut |id| {
        if ids.len() == ids_max {
            return Err(Stop::Enough);
        }
        ids.push(*id);
        Ok(())
    });
    match read {
        Ok(()) => Ok(Some(ids)),
        Err(Stop::Enough) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The ids of the first chunks of an entry, at most so many and at least one.
///
/// # Errors
/// As [`read_ids`].
pub fn first_ids(chunks: &ChunkReader<'_>, entry: &Entry, most: usize) -> Result<Vec<ChunkId>> {
    let mut first = Vec::new();
    let read = read_ids(chunks, entry, &mut |id| {
        first.push(*id);
        match first.len() < most {
            true => Ok(()),
            false => Err(Stop::Enough),
        }
    });
    match read {
        Err(Stop::Failed(error)) => Err(error),
        _ => Ok(first),
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
