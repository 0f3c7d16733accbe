//! Fetching the frames of chunks: from what is kept, from runs that were planned, or with what lies
//! around them.

use std::ops::{Deref, Range};
use std::sync::{Mutex, PoisonError, RwLock};

use bytes::Bytes;

use super::blocks::{Ahead, Blocks};
use super::pack_reader::frame_range;
use super::runs::{Planner, Runs, SizedPack, Ticket, WINDOW_BYTES, Wanted};
use super::{Repository, RepositoryError, Result};
use crate::buffers::Buffer;
use crate::format::pack::Class;
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, name};
use crate::id::ObjectId;
use crate::index::Place;
use crate::store::{StoreError, Window};

/// How much is fetched for one chunk, unless it was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// The whole pack: for those who will want its other chunks too.
    Packs,
    /// Windows aligned to 1 MiB: for a few chunks out of many.
    Windows,
}

/// Threads that fetch ahead. Whoever needs something fetches it too, when these come too late.
const FETCHERS: usize = 3;

/// Fetches frames; shared by threads, which wait for each other rather than fetch the same bytes twice.
/// Holds 64 MiB, what is on its way included.
pub(super) struct Frames<'r> {
    repository: &'r Repository,
    fetch: Fetch,
    blocks: Blocks,
    planner: Mutex<Planner>,
    /// Which parts of packs are fetched at once for chunks that were planned.
    runs: RwLock<Runs>,
}

/// The bytes of one frame.
pub(super) enum Frame {
    Whole(Bytes),
    /// From several runs.
    Joined(Buffer),
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

impl<'r> Frames<'r> {
    pub fn new(repository: &'r Repository, fetch: Fetch) -> Self {
        Self {
            repository,
            fetch,
            blocks: Blocks::default(),
            planner: Mutex::default(),
            runs: RwLock::default(),
        }
    }

    /// The frame of a chunk.
    ///
    /// # Errors
    /// `Store`; `Object` for a place that cannot be, and for a pack that ends before it.
    pub fn read(&self, place: &Place, kind: Kind) -> Result<Frame> {
        let wrong = |error| RepositoryError::object(&name::of(kind, &place.pack), error);
        let tickets = self.tickets(place, kind).ok_or_else(|| {
            let what = "the place of a chunk";
            wrong(FormatError::Contradiction { what })
        })?;
        let frame = frame_range(&place.chunk);
        let piece = |ticket: &Ticket| {
            let start = frame.start.max(ticket.range.start);
            self.piece(ticket, &(start..frame.end.min(ticket.range.end)))?
                .ok_or_else(|| wrong(FormatError::TooShort))
        };
        if let [ticket] = tickets.as_slice() {
            return piece(ticket).map(Frame::Whole);
        }
        let mut joined = self.repository.buffers.take(place.chunk.stored as usize);
        for ticket in &tickets {
            joined.extend_from_slice(&piece(ticket)?);
        }
        Ok(Frame::Joined(joined))
    }

    fn piece(&self, ticket: &Ticket, range: &Range<u64>) -> Result<Option<Bytes>> {
        if let Some(bytes) = self.blocks.find_or_claim(ticket, range) {
            return Ok(Some(bytes));
        }
        let fetched = self.fetch(ticket);
        self.blocks.arrived(ticket, fetched.as_ref().ok().cloned());
        // It may have been dropped again already.
        Ok(cut(&fetched?, ticket, range))
    }

    /// What to fetch for a chunk, in the order of its bytes; `None` for a place that cannot be.
    fn tickets(&self, place: &Place, kind: Kind) -> Option<Vec<Ticket>> {
        let unplanned = self.unplanned(place, kind)?;
        let (pack, frame) = (sized(place), frame_range(&place.chunk));
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let (mut tickets, mut at) = (Vec::new(), frame.start);
        while at < frame.end && kind == Kind::DataPack {
            let Some(range) = runs.around(&pack, at) else {
                return Some(vec![unplanned]);
            };
            at = range.end;
            let pack = place.pack;
            tickets.push(Ticket { kind, pack, range });
        }
        match tickets.is_empty() {
            true => Some(vec![unplanned]),
            false => Some(tickets),
        }
    }

    /// What to fetch for a chunk that was not planned; `None` for a place that cannot be.
    pub fn unplanned(&self, place: &Place, kind: Kind) -> Option<Ticket> {
        around(place, kind, self.fetch)
    }

    fn fetch(&self, ticket: &Ticket) -> Result<Bytes, StoreError> {
        let name = name::of(ticket.kind, &ticket.pack);
        let Repository { store, others, .. } = self.repository;
        others.fetch(store.as_ref(), self.repository.id(), &name, window(ticket))
    }

    /// What came for a pack was no good.
    pub fn forget(&self, kind: Kind, pack: &ObjectId) {
        self.blocks.forget(kind, pack);
    }

    /// Better bytes, from elsewhere: from now on these are found.
    pub fn replace(&self, ticket: &Ticket, bytes: Bytes) {
        self.blocks.replace(ticket, bytes);
    }

    /// Plans how the chunks at these places are fetched; what was planned before is forgotten.
    pub fn plan<'p>(&self, places: impl Iterator<Item = &'p Place>) -> Ahead {
        let possible = places.filter(|place| self.unplanned(place, Kind::DataPack).is_some());
        let wanted: Vec<Wanted> = possible
            .map(|place| Wanted {
                pack: sized(place),
                frame: frame_range(&place.chunk),
            })
            .collect();
        let mut planner = self.planner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = planner.plan(&wanted);
        let runs = std::mem::take(&mut plan.runs);
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = runs;
        Ahead::new(plan)
    }

    /// Does the work for which something was planned. Meanwhile threads fetch that before it is asked
    /// for, in its order, as far ahead as there is room. What cannot be had is left to whoever asks
    /// for it.
    pub fn with_ahead<T>(&self, ahead: &Ahead, work: impl FnOnce() -> T) -> T {
        let workers = self.repository.seams.threads.workers;
        let threads = workers.map_or(0, |_| FETCHERS);
        std::thread::scope(|scope| {
            self.blocks.begin(ahead);
            let _end = EndAhead(&self.blocks, ahead);
            // For the last of it nobody need come ahead of the work.
            for _ in 0..threads.min(ahead.fetches().saturating_sub(1)) {
                scope.spawn(|| self.fetch_ahead(ahead));
            }
            work()
        })
    }

    fn fetch_ahead(&self, ahead: &Ahead) {
        while let Some((number, ticket)) = ahead.next() {
            if self.blocks.claim_ahead(ahead, number, ticket) {
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
        self.0.end(self.1);
    }
}

/// What to fetch for a chunk; `None` for a place that cannot be.
pub(super) fn around(place: &Place, kind: Kind, fetch: Fetch) -> Option<Ticket> {
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

pub(super) fn window(ticket: &Ticket) -> Window {
    Window::Range {
        start: ticket.range.start,
        bytes: ticket.range.end - ticket.range.start,
    }
}

/// A part of a pack, from what was fetched of it.
pub(super) fn cut(bytes: &Bytes, ticket: &Ticket, range: &Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(range.start.checked_sub(ticket.range.start)?).ok()?;
    let end = usize::try_from(range.end.checked_sub(ticket.range.start)?).ok()?;
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

fn sized(place: &Place) -> SizedPack {
    (place.pack, place.pack_bytes)
}

pub(super) fn kind_of(place: &Place) -> Kind {
    match place.class == Class::Metadata as u8 {
        true => Kind::ListingPack,
        false => Kind::DataPack,
    }
}
