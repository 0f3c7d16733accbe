//! Reading chunks from wherever they lie: every claimed place is tried, then the footers of packs
//! that no segment names, before a chunk is said to be lost (format.md §9).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::blocks::Ahead;
use super::body_keys::BodyKeys;
use super::catalog::{load, problem_of, salvage, salvage_named, take_footer};
use super::foreseen::Foreseen;
use super::frames::{Fetch, Frames, around, cut, kind_of, window};
use super::pack_reader::{frame_range, open_frame};
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::buffers::Buffer;
use crate::crypto::ObjectKey;
use crate::format::{FormatError, Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{Index, Place, Turn};

/// Reads chunks; shared by threads.
pub struct ChunkReader<'r> {
    repository: &'r Repository,
    index: &'r Index,
    frames: Frames<'r>,
    keys: BodyKeys,
    /// Where chunks lie that will soon be wanted.
    foreseen: Foreseen,
    asked: Mutex<Asked>,
    /// Made when the index of this host led to nothing: it may be the index that is damaged.
    anew: OnceLock<Index>,
    /// How often claims about a pack, its own or another's, led to nothing.
    failures: Mutex<HashMap<(ObjectId, bool), u32>>,
}

/// Which packs were asked for their footers already.
#[derive(Default)]
struct Asked {
    /// Whether the footer could be read.
    packs: HashMap<ObjectId, bool>,
    steps: HashSet<(Ask, Kind)>,
}

/// Whom to ask when a chunk is not where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ask {
    /// The packs that are claimed to hold it.
    Claimed,
    /// All that no segment names.
    Unnamed,
    /// All that were not asked before.
    All,
}

impl<'r> ChunkReader<'r> {
    pub fn new(repository: &'r Repository, index: &'r Index, fetch: Fetch) -> Self {
        Self {
            repository,
            index,
            frames: Frames::new(repository, fetch),
            keys: BodyKeys::default(),
            foreseen: Foreseen::default(),
            asked: Mutex::default(),
            anew: OnceLock::new(),
            failures: Mutex::default(),
        }
    }

    /// A chunk of a file or a dump.
    ///
    /// # Errors
    /// `ReadKeyNeeded`, `ChunkMissing`, `ChunkDamaged`, `Store`, `Index`.
    pub fn content(&self, id: &ChunkId) -> Result<Buffer> {
        self.repository.read_key("to read contents")?;
        self.read(id, Kind::DataPack)
    }

    /// A metadata chunk.
    ///
    /// # Errors
    /// `ChunkMissing`, `ChunkDamaged`, `Store`, `Index`.
    pub fn metadata(&self, id: &ChunkId) -> Result<Buffer> {
        self.read(id, Kind::ListingPack)
    }

    /// The likeliest place first. If that is no good, somebody is wrong, or lies: then the packs are
    /// asked what they hold, in steps that cost ever more, and after each all places are tried that
    /// were not. So a false claim costs a look at a footer, not a whole pack.
    fn read(&self, id: &ChunkId, kind: Kind) -> Result<Buffer> {
        let known_anew = self.anew.get();
        if let Some(anew) = known_anew
            && let Some(plain) = self.read_anew(anew, id, kind)?
        {
            return Ok(plain);
        }
        let mut trouble = None;
        let likeliest = match self.foreseen(id, kind) {
            Some(place) => Some(place),
            None => self.places(id, kind)?.into_iter().next().map(Arc::new),
        };
        if let Some(place) = likeliest {
            match self.read_place(&place, kind)? {
                Ok(plain) => return Ok(plain),
                Err(problem) => trouble = Some((place.pack, problem)),
            }
        }
        let mut tried = Vec::new();
        for step in [Ask::Claimed, Ask::Unnamed, Ask::All] {
            self.ask(step, id, kind)?;
            // The same pack in another copy costs less than a look at all packs.
            if step == Ask::Unnamed
                && let Some(plain) = self.same_pack_elsewhere(id, kind)?
            {
                return Ok(plain);
            }
            for place in self.places(id, kind)? {
                if tried.contains(&place) {
                    continue;
                }
                match self.read_place(&place, kind)? {
                    Ok(plain) => return Ok(plain),
                    Err(problem) => trouble = Some((place.pack, problem)),
                }
                tried.push(place);
            }
        }
        if let Some(plain) = self.anywhere_else(id, kind) {
            return Ok(plain);
        }
        // Another thread may have come to this end meanwhile.
        if self.index.is_kept()
            && known_anew.is_none()
            && let Some(plain) = self.read_anew(self.made_anew()?, id, kind)?
        {
            // Nothing that it says is to be believed any more.
            self.index.discard();
            return Ok(plain);
        }
        Err(match trouble {
            Some((pack, problem)) => RepositoryError::ChunkDamaged {
                id: *id,
                pack,
                problem,
            },
            None => RepositoryError::ChunkMissing { id: *id },
        })
    }

    /// What segments and footers say of the repository now.
    fn made_anew(&self) -> Result<&Index> {
        if let Some(anew) = self.anew.get() {
            return Ok(anew);
        }
        let anew = Index::temporary()?;
        load(self.repository, &anew)?;
        Ok(self.anew.get_or_init(|| anew))
    }

    /// The chunk from where an index says that was made anew.
    fn read_anew(&self, anew: &Index, id: &ChunkId, kind: Kind) -> Result<Option<Buffer>> {
        for place in anew.places(id)? {
            if kind_of(&place) == kind
                && let Ok(plain) = self.read_place(&place, kind)?
            {
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    /// The chunk from one of its packs as another copy holds it; the bytes are kept for its
    /// neighbours.
    fn same_pack_elsewhere(&self, id: &ChunkId, kind: Kind) -> Result<Option<Buffer>> {
        let others = &self.repository.others;
        if others.is_empty() {
            return Ok(None);
        }
        for place in self.places(id, kind)? {
            let (Ok(key), Some(ticket)) = (
                self.key_of(&place, kind),
                self.frames.unplanned(&place, kind),
            ) else {
                continue;
            };
            let (name, window) = (name::of(kind, &place.pack), window(&ticket));
            let repository = self.repository;
            let found = others.find(repository.id(), &name, window, &mut |bytes| {
                let frame = cut(&bytes, &ticket, &frame_range(&place.chunk))
                    .ok_or(FormatError::TooShort)?;
                let plain = self.open(&place, kind, &key, &frame)?;
                Ok((plain, bytes))
            });
            if let Some((plain, bytes)) = found {
                self.frames.replace(&ticket, bytes);
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    /// The chunk from a place that only another copy knows.
    fn anywhere_else(&self, id: &ChunkId, kind: Kind) -> Option<Buffer> {
        let wanted = |place: &Place| {
            let ticket = around(place, kind, Fetch::Windows).filter(|_| kind_of(place) == kind)?;
            Some((name::of(kind, &place.pack), window(&ticket)))
        };
        let open = |place: &Place, bytes: &Bytes| {
            let key = self.key_of(place, kind).ok()?;
            let ticket = around(place, kind, Fetch::Windows)?;
            let frame = cut(bytes, &ticket, &frame_range(&place.chunk))?;
            self.open(place, kind, &key, &frame).ok()
        };
        let others = &self.repository.others;
        others.chunk(self.repository, id, &wanted, &open)
    }

    /// What do packs say themselves? Each is asked once.
    fn ask(&self, step: Ask, id: &ChunkId, kind: Kind) -> Result<()> {
        let mut asked = lock(&self.asked);
        let (repository, index) = (self.repository, self.index);
        if step == Ask::Claimed {
            for place in index.places(id)? {
                if kind_of(&place) == kind && !asked.packs.contains_key(&place.pack) {
                    let (pack, bytes) = (place.pack, place.pack_bytes);
                    let told = take_footer(repository, index, kind, &pack, bytes)?;
                    asked.packs.insert(pack, told);
                }
            }
        } else if !asked.steps.contains(&(step, kind)) {
            match step {
                Ask::Unnamed => salvage(repository, index, kind)?,
                _ => salvage_named(repository, index, kind)?,
            };
            asked.steps.insert((step, kind));
        }
        Ok(())
    }

    /// The places of a chunk, the likeliest first: what led to nothing before comes last, and claims
    /// about a pack that has spoken for itself are left out.
    fn places(&self, id: &ChunkId, kind: Kind) -> Result<Vec<Place>> {
        let mut places = self.index.places(id)?;
        if places.len() > 1 {
            let asked = lock(&self.asked);
            places.retain(|place| place.verified || asked.packs.get(&place.pack) != Some(&true));
        }
        places.retain(|place| kind_of(place) == kind);
        if places.len() > 1 {
            let failures = lock(&self.failures);
            places.sort_by_key(|place| failures.get(&(place.pack, place.verified)).copied());
        }
        Ok(places)
    }

    /// The chunk, or what is wrong with this place; `Err` only when the store or the index is out
    /// of reach.
    fn read_place(&self, place: &Place, kind: Kind) -> Result<Result<Buffer, ObjectProblem>> {
        let read = match self.frames.read(place, kind) {
            Ok(frame) => self
                .key_of(place, kind)
                .and_then(|key| self.open(place, kind, &key, &frame)),
            Err(RepositoryError::Store(error)) => Err(problem_of(self.repository, error)?),
            Err(RepositoryError::Object { problem, .. }) => Err(problem),
            Err(error) => return Err(error),
        };
        if read.is_err() {
            *lock(&self.failures)
                .entry((place.pack, place.verified))
                .or_default() += 1;
            // What came over the line may have been at fault, not what is stored.
            self.frames.forget(kind, &place.pack);
        }
        Ok(read)
    }

    fn open(
        &self,
        place: &Place,
        kind: Kind,
        key: &ObjectKey,
        frame: &[u8],
    ) -> Result<Buffer, ObjectProblem> {
        let Repository {
            writer, buffers, ..
        } = self.repository;
        open_frame(writer, kind, key, &place.chunk, frame, buffers)
    }

    fn key_of(&self, place: &Place, kind: Kind) -> Result<Arc<ObjectKey>, ObjectProblem> {
        self.keys.of(self.repository, kind, &place.header)
    }

    /// Plans how these chunks of contents, which will soon be wanted in about this order, are fetched:
    /// in few requests, and each byte once. What was planned before is forgotten. Memory grows with
    /// their number: some ten thousand at once are enough.
    ///
    /// # Errors
    /// `Index`.
    pub fn plan(&self, ids: &[ChunkId]) -> Result<Ahead> {
        self.foreseen.fill(self.index, ids.iter().copied())?;
        let mut places = Vec::with_capacity(ids.len());
        for id in ids {
            places.extend(match self.foreseen(id, Kind::DataPack) {
                Some(place) => Some(place),
                None => {
                    let places = self.places(id, Kind::DataPack)?;
                    places.into_iter().next().map(Arc::new)
                }
            });
        }
        Ok(self.frames.plan(places.iter().map(Arc::as_ref)))
    }

    /// When files come, in a restore that goes by packs, that begin with these chunks.
    ///
    /// # Errors
    /// `Index`.
    pub fn turns(&self, first: &[Vec<ChunkId>]) -> Result<Vec<Turn>> {
        Ok(self.index.turns(first)?)
    }

    fn foreseen(&self, id: &ChunkId, kind: Kind) -> Option<Arc<Place>> {
        let place = self.foreseen.find(id);
        place.filter(|place| kind_of(place) == kind)
    }

    /// Does the work for which something was planned. Meanwhile threads fetch that before it is asked
    /// for, in its order, as far ahead as there is room. What cannot be had is left to whoever asks
    /// for it.
    pub fn with_ahead<T>(&self, ahead: &Ahead, work: impl FnOnce() -> T) -> T {
        self.frames.with_ahead(ahead, work)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
