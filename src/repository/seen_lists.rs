//! The chunks of many files when their order does not matter: each id list is gone into once
//! (format.md §8).

use std::collections::HashMap;

use super::{ChunkReader, RepositoryError};
use crate::format::FormatError;
use crate::format::Kind;
use crate::format::cbor::Joined;
use crate::format::entry::Entry;
use crate::format::listing::{ID_LIST_LEVEL_MAX, decode_id_list};
use crate::id::ChunkId;

/// So many are remembered, in some 50 MB; beyond that they are gone into again. An honest list stands
/// for hundreds of chunks.
const LISTS_KEPT_MAX: usize = 500_000;

/// Is asked of a chunk in a pack of that kind: an id list in one of listings, or a content chunk.
type Ask<'a, E> = dyn FnMut(Kind, &ChunkId) -> Result<bool, E> + 'a;

/// The id lists that were gone into, by level, and the answer for each. A forged file of some MB can
/// name 2^60 chunks, by lists that repeat one another.
#[derive(Default)]
pub struct SeenLists(HashMap<(u8, ChunkId), bool>);

impl SeenLists {
    /// Asks of each id list and content chunk of a file, but for those beneath lists of which it was
    /// asked before; gives whether the answer is yes for all.
    ///
    /// # Errors
    /// Those of [`ChunkReader::metadata`] for id lists, `Format` for a list that is none, and whatever
    /// `ask` returns.
    pub fn all<E: From<RepositoryError>>(
        &mut self,
        chunks: &ChunkReader<'_>,
        entry: &Entry,
        ask: &mut Ask<'_, E>,
    ) -> Result<bool, E> {
        if let Some(Joined(ids)) = &entry.chunks {
            return all(ids, &mut |id| ask(Kind::DataPack, id));
        }
        match &entry.lists {
            Some((level, Joined(ids))) if (1..=ID_LIST_LEVEL_MAX).contains(level) => {
                all(ids, &mut |id| self.list(chunks, *level, id, ask))
            }
            Some(_) => {
                let what = "the level of an id list";
                Err(RepositoryError::from(FormatError::Contradiction { what }).into())
            }
            None => Ok(true),
        }
    }

    fn list<E: From<RepositoryError>>(
        &mut self,
        chunks: &ChunkReader<'_>,
        level: u8,
        id: &ChunkId,
        ask: &mut Ask<'_, E>,
    ) -> Result<bool, E> {
        if let Some(answer) = self.0.get(&(level, *id)) {
            return Ok(*answer);
        }
        let is_there = ask(Kind::ListingPack, id)?;
        let bytes = chunks.metadata(id)?;
        let ids = decode_id_list(&bytes, level).map_err(RepositoryError::from)?;
        let answer = is_there
            & all(&ids, &mut |id| match level {
                1 => ask(Kind::DataPack, id),
                _ => self.list(chunks, level - 1, id, ask),
            })?;
        if self.0.len() >= LISTS_KEPT_MAX {
            self.0.clear();
        }
        self.0.insert((level, *id), answer);
        Ok(answer)
    }
}

/// Whether the answer is yes for all; each is asked, also after a no.
fn all<E>(ids: &[ChunkId], ask: &mut dyn FnMut(&ChunkId) -> Result<bool, E>) -> Result<bool, E> {
    let mut answer = true;
    for id in ids {
        answer &= ask(id)?;
    }
    Ok(answer)
}
