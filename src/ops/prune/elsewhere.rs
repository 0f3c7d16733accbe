//! Whether chunks of a pack lie in another pack as well: read there, now, and their ids computed
//! anew. Only what no plan names counts, whoever made it: of two places each must not be given up
//! for the other.
//!
//! Memory: one pack; one thread at a time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::options::Sum;
use super::view::kind_of;
use crate::buffers::Buffer;
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::format::{Kind, PACK_BYTES_MAX, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::prune::{PruneTables, ShownPack};
use crate::index::{Index, Place};
use crate::ops::Result;
use crate::repository::{ObjectProblem, Repository, body_key, frame_range, open_frame, session_of};
use crate::store::Window;

/// Looks for other places.
pub struct Elsewhere<'p> {
    repository: &'p Repository,
    index: &'p Index,
    tables: &'p PruneTables<'p>,
    /// The pack that was fetched last.
    fetched: Mutex<Option<(Kind, ObjectId, Bytes)>>,
    /// What a closer look would have fetched, and which pack last.
    unread: Mutex<(Sum, Option<ObjectId>)>,
}

impl<'p> Elsewhere<'p> {
    pub fn new(repository: &'p Repository, index: &'p Index, tables: &'p PruneTables<'p>) -> Self {
        Self {
            repository,
            index,
            tables,
            fetched: Mutex::default(),
            unread: Mutex::default(),
        }
    }

    /// What [`Elsewhere::are_read`] would have fetched where [`Elsewhere::pass_over`] was called.
    pub fn unread(&self) -> Sum {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Adds up what reading the chunks elsewhere would fetch.
    ///
    /// # Errors
    /// `Index`.
    pub fn pass_over(&self, pack: &ShownPack, chunks: &[ChunkId]) -> Result<()> {
        let mut wanted = BTreeMap::new();
        for id in chunks {
            let places = self.places(pack, id)?;
            wanted.extend(places.first().map(|it| (it.pack, it.pack_bytes)));
        }
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, bytes) in wanted {
            if unread.1.replace(id) != Some(id) {
                unread.0.add(bytes);
            }
        }
        Ok(())
    }

    /// Whether this host can look: contents need the read key.
    pub fn can_read(&self, pack: &ShownPack) -> bool {
        pack.metadata || self.repository.reader.is_some()
    }

    /// Whether other packs are said to hold all of the chunks.
    ///
    /// # Errors
    /// `Index`.
    pub fn are_claimed(&self, pack: &ShownPack, chunks: &[ChunkId]) -> Result<bool> {
        for id in chunks {
            if self.places(pack, id)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether other packs do hold all of the chunks.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn are_read(&self, pack: &ShownPack, chunks: &[ChunkId]) -> Result<bool> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = Vec::with_capacity(chunks.len());
        for id in chunks {
            let places = self.places(pack, id)?;
            let Some(first) = places.first() else {
                return Ok(false);
            };
            // In the order of packs, so that each is fetched once.
            wanted.push((first.pack, places));
        }
        wanted.sort_by_key(|(pack, _)| *pack);
        for (_, places) in wanted {
            let mut is_there = false;
            for place in &places {
                is_there = is_there || self.is_true(place, kind_of(pack), &mut fetched)?;
            }
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn places(&self, pack: &ShownPack, id: &ChunkId) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        for place in self.index.places(id)? {
            let metadata = place.class == Class::Metadata as u8;
            let shown = self.tables.shown_as(&place.pack, metadata)?;
            let counts = shown.is_some_and(|shown| {
                shown.bytes == place.pack_bytes && !shown.condemned && shown.id != pack.id
            });
            if counts && metadata == pack.metadata {
                places.push(place);
            }
        }
        places.sort_by_key(|place| (!place.verified, place.pack));
        Ok(places)
    }

    fn is_true(
        &self,
        place: &Place,
        kind: Kind,
        fetched: &mut Option<(Kind, ObjectId, Bytes)>,
    ) -> Result<bool> {
        let held = fetched
            .take()
            .filter(|held| (held.0, held.1) == (kind, place.pack));
        let bytes = match held {
            Some((.., bytes)) => bytes,
            None => {
                let window = Window::Whole {
                    bytes_max: PACK_BYTES_MAX,
                };
                match self
                    .repository
                    .store
                    .get(&name::of(kind, &place.pack), window)
                {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        ObjectProblem::of_failed_fetch(error)?;
                        return Ok(false);
                    }
                }
            }
        };
        let opened = self.open(place, kind, &bytes);
        *fetched = Some((kind, place.pack, bytes));
        Ok(opened.is_ok())
    }

    fn open(&self, place: &Place, kind: Kind, pack: &[u8]) -> Result<Buffer, ObjectProblem> {
        let writer = &self.repository.writer;
        let header = Header::decode(&place.header, kind, Some(writer.repository()))?;
        let session = match &self.repository.reader {
            Some(reader) if kind == Kind::DataPack => Some(session_of(reader, &header)?),
            _ => None,
        };
        let key = body_key(writer, &header, session.as_ref())?;
        let range = frame_range(&place.chunk);
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        let frame = pack.get(start..end).ok_or(ObjectProblem::Missing)?;
        open_frame(
            writer,
            kind,
            &key,
            &place.chunk,
            frame,
            &self.repository.buffers,
        )
    }
}
