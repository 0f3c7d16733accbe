//! Reading chunks from wherever they lie: every claimed place is tried, then the footers of packs
//! that no segment names, before a chunk is said to be lost (format.md §9).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use bytes::Bytes;

use super::blocks::{Ahead, Blocks};
use super::body_keys::BodyKeys;
use super::catalog::{load, problem_of, salvage, salvage_named, take_footer};
use super::foreseen::Foreseen;
use super::pack_reader::{frame_range, open_frame};
use super::runs::{Planner, Runs, SizedPack, Ticket, WINDOW_BYTES, Wanted};
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::buffers::Buffer;
use crate::crypto::ObjectKey;
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{Index, Place, Turn};
use crate::store::{StoreError, Window};

/// How much is fetched for one chunk, unless it was planned ([`ChunkReader::plan`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// The whole pack: for those who will want its other chunks too.
    Packs,
    /// Windows aligned to 1 MiB: for a few chunks out of many.
    Windows,
}

/// Threads that fetch ahead. Whoever needs something fetches it too, when these come too late.
const FETCHERS: usize = 2;

/// Reads chunks; shared by threads, which wait for each other rather than fetch the same bytes
/// twice. Holds 64 MiB of packs, those on their way included.
pub struct ChunkReader<'r> {
    repository: &'r Repository,
    index: &'r Index,
    fetch: Fetch,
    blocks: Blocks,
    keys: BodyKeys,
    /// Where chunks lie that will soon be wanted.
    foreseen: Foreseen,
    planner: Mutex<Planner>,
    /// Which parts of packs are fetched at once for chunks that were planned.
    runs: RwLock<Runs>,
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
            fetch,
            blocks: Blocks::default(),
            keys: BodyKeys::default(),
            foreseen: Foreseen::default(),
            planner: Mutex::default(),
            runs: RwLock::default(),
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
        if let Some(anew) = self.anew.get()
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
        if self.index.is_kept()
            && self.anew.get().is_none()
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
            let (Ok(key), Some(ticket)) = (self.key_of(&place, kind), self.ticket(&place, kind))
            else {
                continue;
            };
            let (name, window) = (name::of(kind, &place.pack), window(&ticket));
            let repository = self.repository;
            let writer = &repository.writer;
            let found = others.find(repository.id(), &name, window, &mut |bytes| {
                let frame = cut(&bytes, &ticket, &place).ok_or(FormatError::TooShort)?;
                let plain = open_frame(writer, kind, &key, &place.chunk, &frame, &self.repository.buffers)?;
                Ok((plain, bytes))
            });
            if let Some((plain, bytes)) = found {
                self.blocks.replace(&ticket, bytes);
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    /// The chunk from a place that only another copy knows.
    fn anywhere_else(&self, id: &ChunkId, kind: Kind) -> Option<Buffer> {
        let wanted = |place: &Place| {
            let ticket = ticket(place, kind, Fetch::Windows).filter(|_| kind_of(place) == kind)?;
            Some((name::of(kind, &place.pack), window(&ticket)))
        };
        let open = |place: &Place, bytes: &Bytes| {
            let key = self.key_of(place, kind).ok()?;
            let frame = cut(bytes, &ticket(place, kind, Fetch::Windows)?, place)?;
            let writer = &self.repository.writer;
            open_frame(writer, kind, &key, &place.chunk, &frame, &self.repository.buffers).ok()
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
        let read = match self.frame(place, kind) {
            Ok(frame) => self.key_of(place, kind).and_then(|key| {
                let writer = &self.repository.writer;
                open_frame(writer, kind, &key, &place.chunk, &frame, &self.repository.buffers)
            }),
            Err(RepositoryError::Store(error)) => Err(problem_of(self.repository, error)?),
            Err(RepositoryError::Object { problem, .. }) => Err(problem),
            Err(error) => return Err(error),
        };
        if read.is_err() {
            *lock(&self.failures)
                .entry((place.pack, place.verified))
                .or_default() += 1;
            // What came over the line may have been at fault, not what is stored.
            self.blocks.forget(kind, &place.pack);
        }
        Ok(read)
    }

    fn key_of(&self, place: &Place, kind: Kind) -> Result<Arc<ObjectKey>, ObjectProblem> {
        self.keys.of(self.repository, kind, &place.header)
    }

    /// The bytes of a chunk's frame.
    fn frame(&self, place: &Place, kind: Kind) -> Result<Bytes> {
        let wrong = |error| RepositoryError::object(&name::of(kind, &place.pack), error);
        let ticket = self.ticket(place, kind).ok_or_else(|| {
            let what = "the place of a chunk";
            wrong(FormatError::Contradiction { what })
        })?;
        if let Some(bytes) = self
            .blocks
            .find_or_claim(&ticket, &frame_range(&place.chunk))
        {
            return Ok(bytes);
        }
        let fetched = self.fetch(&ticket);
        self.blocks.arrived(&ticket, fetched.as_ref().ok().cloned());
        // It may have been dropped again already.
        let frame = cut(&fetched?, &ticket, place);
        frame.ok_or_else(|| wrong(FormatError::TooShort))
    }

    /// What to fetch for a chunk; `None` for a place that cannot be.
    fn ticket(&self, place: &Place, kind: Kind) -> Option<Ticket> {
        let unplanned = ticket(place, kind, self.fetch)?;
        if kind != Kind::DataPack {
            return Some(unplanned);
        }
        let (pack, frame) = (sized(place), frame_range(&place.chunk));
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        Some(match runs.around(&pack, &frame) {
            Some(range) => Ticket { range, ..unplanned },
            None => unplanned,
        })
    }

    fn fetch(&self, ticket: &Ticket) -> Result<Bytes, StoreError> {
        let name = name::of(ticket.kind, &ticket.pack);
        let Repository { store, others, .. } = self.repository;
        others.fetch(store.as_ref(), self.repository.id(), &name, window(ticket))
    }

    /// Plans how these chunks of contents, which will soon be wanted in about this order, are fetched:
    /// in few requests, and each byte once. What was planned before is forgotten. Memory grows with
    /// their number: some ten thousand at once are enough.
    ///
    /// # Errors
    /// `Index`.
    pub fn plan(&self, ids: &[ChunkId]) -> Result<Ahead> {
        self.foreseen.fill(self.index, ids.iter().copied())?;
        let mut wanted = Vec::with_capacity(ids.len());
        for id in ids {
            let place = match self.foreseen(id, Kind::DataPack) {
                Some(place) => Some(place),
                None => {
                    let places = self.places(id, Kind::DataPack)?;
                    places.into_iter().next().map(Arc::new)
                }
            };
            let place = place.filter(|it| ticket(it, Kind::DataPack, self.fetch).is_some());
            wanted.extend(place.map(|place| Wanted {
                pack: sized(&place),
                frame: frame_range(&place.chunk),
            }));
        }
        let mut plan = lock(&self.planner).plan(&wanted);
        let runs = std::mem::take(&mut plan.runs);
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = runs;
        Ok(Ahead::new(plan))
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
        let threads = self
            .repository
            .seams
            .threads
            .workers
            .map_or(0, |_| FETCHERS);
        std::thread::scope(|scope| {
            self.blocks.begin_ahead();
            let _end = EndAhead(&self.blocks, ahead);
            // For the last of it nobody need come ahead of the work.
            for _ in 0..threads.min(ahead.fetches().saturating_sub(1)) {
                scope.spawn(|| self.fetch_ahead(ahead));
            }
            work()
        })
    }

    fn fetch_ahead(&self, ahead: &Ahead) {
        while let Some(ticket) = ahead.next() {
            if self.blocks.claim_ahead(ahead, ticket) {
                let fetched = self.fetch(ticket).ok();
                self.blocks.arrived_ahead(ticket, fetched);
            }
        }
    }
}

/// Ends the fetching ahead, also when a thread panics: the others would wait for ever.
struct EndAhead<'a>(&'a Blocks, &'a Ahead);

impl Drop for EndAhead<'_> {
    fn drop(&mut self) {
        self.0.end_ahead(self.1);
    }
}

/// What to fetch for a chunk; `None` for a place that cannot be.
fn ticket(place: &Place, kind: Kind, fetch: Fetch) -> Option<Ticket> {
    let frame = frame_range(&place.chunk);
    if frame.end > place.pack_bytes || place.pack_bytes > PACK_BYTES_MAX {
        return None;
    }
    let range = match fetch {
        Fetch::Packs => 0..place.pack_bytes,
        Fetch::Windows => {
            let start = frame.start - frame.start % WINDOW_BYTES;
            let end = frame.end.next_multiple_of(WINDOW_BYTES);
            start..end.min(place.pack_bytes)
        }
    };
    let pack = place.pack;
    Some(Ticket { kind, pack, range })
}

fn window(ticket: &Ticket) -> Window {
    Window::Range {
        start: ticket.range.start,
        bytes: ticket.range.end - ticket.range.start,
    }
}

/// The frame of a chunk, from what was fetched for it.
fn cut(bytes: &Bytes, ticket: &Ticket, place: &Place) -> Option<Bytes> {
    let frame = frame_range(&place.chunk);
    let start = usize::try_from(frame.start.checked_sub(ticket.range.start)?).ok()?;
    let end = usize::try_from(frame.end.checked_sub(ticket.range.start)?).ok()?;
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

fn sized(place: &Place) -> SizedPack {
    (place.pack, place.pack_bytes)
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
