//! Reading chunks from wherever they lie: every claimed place is tried, then the footers of packs
//! that no segment names, before a chunk is said to be lost (format.md §9).

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::catalog::{salvage, take_footer};
use super::objects::fetch;
use super::pack_reader::{body_key, frame_range, open_frame, session_of};
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::crypto::{ObjectKey, Secret};
use crate::format::header::{Header, sealed_session};
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{Index, Place};
use crate::store::Window;

/// How much is fetched for one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// The whole pack: for those who will want its other chunks too.
    Packs,
    /// Windows aligned to 1 MiB: for a few chunks out of many.
    Windows,
}

const WINDOW_BYTES: u64 = 1024 * 1024;
/// Fetched bytes that are kept for the next chunk.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads chunks; shared by threads, which wait for each other rather than fetch the same bytes
/// twice. Holds at most [`KEPT_BYTES_MAX`] and what is being fetched.
pub struct ChunkReader<'r> {
    repository: &'r Repository,
    index: &'r Index,
    fetch: Fetch,
    blocks: Mutex<Blocks>,
    arrived: Condvar,
    sessions: Mutex<HashMap<[u8; 80], Arc<Secret>>>,
    asked: Mutex<Asked>,
}

/// Which packs were asked for their footers already.
#[derive(Default)]
struct Asked {
    packs: HashSet<ObjectId>,
    /// All packs of these kinds that no segment names.
    unnamed: HashSet<Kind>,
}

/// What became of trying to read a chunk.
enum Tried {
    Read(Vec<u8>),
    /// The pack that was tried last, and what was wrong there.
    Damaged {
        pack: ObjectId,
        problem: ObjectProblem,
    },
    Nowhere,
}

#[derive(Default)]
struct Blocks {
    /// Most recently used last.
    kept: Vec<Block>,
    fetching: HashSet<(ObjectId, u64)>,
}

struct Block {
    pack: ObjectId,
    range: Range<u64>,
    bytes: Bytes,
}

impl<'r> ChunkReader<'r> {
    pub fn new(repository: &'r Repository, index: &'r Index, fetch: Fetch) -> Self {
        Self {
            repository,
            index,
            fetch,
            blocks: Mutex::default(),
            arrived: Condvar::new(),
            sessions: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// A chunk of a file or a dump.
    ///
    /// # Errors
    /// `ReadKeyNeeded`, `ChunkMissing`, `ChunkDamaged`, `Store`, `Index`.
    pub fn content(&self, id: &ChunkId) -> Result<Vec<u8>> {
        self.repository.read_key("to read contents")?;
        self.read(id, Kind::DataPack)
    }

    /// A metadata chunk.
    ///
    /// # Errors
    /// `ChunkMissing`, `ChunkDamaged`, `Store`, `Index`.
    pub fn metadata(&self, id: &ChunkId) -> Result<Vec<u8>> {
        self.read(id, Kind::ListingPack)
    }

    fn read(&self, id: &ChunkId, kind: Kind) -> Result<Vec<u8>> {
        let first = match self.try_places(id, kind)? {
            Tried::Read(plain) => return Ok(plain),
            other => other,
        };
        self.ask_the_packs(id, kind)?;
        let tried = match (first, self.try_places(id, kind)?) {
            (_, Tried::Read(plain)) => return Ok(plain),
            (Tried::Nowhere, second) => second,
            (first, _) => first,
        };
        Err(match tried {
            Tried::Damaged { pack, problem } => RepositoryError::ChunkDamaged {
                id: *id,
                pack,
                problem,
            },
            Tried::Nowhere | Tried::Read(_) => RepositoryError::ChunkMissing { id: *id },
        })
    }

    /// Before a chunk is given up: what do the packs say themselves that are claimed to hold it,
    /// and those that no segment names?
    fn ask_the_packs(&self, id: &ChunkId, kind: Kind) -> Result<()> {
        let mut asked = lock(&self.asked);
        for place in self.index.places(id)? {
            if kind_of(&place) == kind && asked.packs.insert(place.pack) {
                take_footer(
                    self.repository,
                    self.index,
                    kind,
                    &place.pack,
                    place.pack_bytes,
                )?;
            }
        }
        if !asked.unnamed.contains(&kind) {
            salvage(self.repository, self.index, kind)?;
            asked.unnamed.insert(kind);
        }
        Ok(())
    }

    /// Tries the claimed places, one after another; an error only when the store or the index is
    /// out of reach.
    fn try_places(&self, id: &ChunkId, kind: Kind) -> Result<Tried> {
        let mut tried = Tried::Nowhere;
        for place in self.index.places(id)? {
            if kind_of(&place) != kind {
                continue;
            }
            match self.read_place(&place, kind) {
                Ok(plain) => return Ok(Tried::Read(plain)),
                Err(RepositoryError::Object { problem, .. }) => {
                    let pack = place.pack;
                    tried = Tried::Damaged { pack, problem };
                }
                Err(error) => return Err(error),
            }
        }
        Ok(tried)
    }

    fn read_place(&self, place: &Place, kind: Kind) -> Result<Vec<u8>> {
        let name = name::of(kind, &place.pack);
        let frame = self.frame(place, &name)?;
        let writer = &self.repository.writer;
        let opened = self
            .key_of(place, kind)
            .and_then(|key| open_frame(writer, kind, &key, &place.chunk, &frame));
        opened.map_err(|problem| RepositoryError::object(&name, problem))
    }

    fn key_of(&self, place: &Place, kind: Kind) -> Result<ObjectKey, ObjectProblem> {
        let writer = &self.repository.writer;
        let header = Header::decode(&place.header, kind, Some(writer.repository()))?;
        let session = match &self.repository.reader {
            Some(reader) if kind == Kind::DataPack => {
                let sealed = sealed_session(header.extension()).ok_or(FormatError::TooShort)?;
                let known = lock(&self.sessions).get(&sealed).cloned();
                Some(match known {
                    Some(session) => session,
                    None => {
                        let session = Arc::new(session_of(reader, &header)?);
                        lock(&self.sessions).insert(sealed, Arc::clone(&session));
                        session
                    }
                })
            }
            _ => None,
        };
        body_key(writer, &header, session.as_deref())
    }

    /// The bytes of a chunk's frame.
    fn frame(&self, place: &Place, name: &str) -> Result<Bytes> {
        let frame = frame_range(&place.chunk);
        if frame.end > place.pack_bytes || place.pack_bytes > PACK_BYTES_MAX {
            let what = "the place of a chunk";
            return Err(RepositoryError::object(
                name,
                FormatError::Contradiction { what },
            ));
        }
        let wanted = match self.fetch {
            Fetch::Packs => 0..place.pack_bytes,
            Fetch::Windows => {
                let start = frame.start - frame.start % WINDOW_BYTES;
                start
                    ..frame
                        .end
                        .next_multiple_of(WINDOW_BYTES)
                        .min(place.pack_bytes)
            }
        };
        let ticket = (place.pack, wanted.start);
        let mut blocks = lock(&self.blocks);
        loop {
            if let Some(bytes) = blocks.find(&place.pack, &frame) {
                return Ok(bytes);
            }
            if blocks.fetching.insert(ticket) {
                break;
            }
            blocks = self
                .arrived
                .wait(blocks)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(blocks);
        let window = Window::Range {
            start: wanted.start,
            bytes: wanted.end - wanted.start,
        };
        let fetched = fetch(self.repository.store.as_ref(), name, window);
        let mut blocks = lock(&self.blocks);
        blocks.fetching.remove(&ticket);
        self.arrived.notify_all();
        let bytes = fetched?;
        blocks.keep(Block {
            pack: place.pack,
            range: wanted,
            bytes,
        });
        let found = blocks.find(&place.pack, &frame);
        found.ok_or_else(|| RepositoryError::object(name, FormatError::TooShort))
    }
}

impl Blocks {
    fn find(&mut self, pack: &ObjectId, frame: &Range<u64>) -> Option<Bytes> {
        let place = self.kept.iter().rposition(|block| {
            block.pack == *pack && block.range.start <= frame.start && frame.end <= block.range.end
        })?;
        let block = self.kept.remove(place);
        let start = usize::try_from(frame.start - block.range.start).ok()?;
        let end = usize::try_from(frame.end - block.range.start).ok()?;
        let found = (end <= block.bytes.len()).then(|| block.bytes.slice(start..end));
        self.kept.push(block);
        found
    }

    fn keep(&mut self, block: Block) {
        self.kept.push(block);
        let mut total: usize = self.kept.iter().map(|block| block.bytes.len()).sum();
        while total > KEPT_BYTES_MAX && self.kept.len() > 1 {
            total -= self.kept.remove(0).bytes.len();
        }
    }
}

fn kind_of(place: &Place) -> Kind {
    if place.class == crate::format::pack::Class::Metadata as u8 {
        Kind::ListingPack
    } else {
        Kind::DataPack
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
