//! Fetched bytes of packs, kept for the next chunk: shared by threads, which wait for each other
//! rather than fetch the same bytes twice; bounded, with what is on its way counted.
//!
//! Some are fetched ahead of their use ([`Ahead`]). Those are kept until they were used once, and
//! no more are fetched than a share of the bound.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::runs::{Plan, Ticket};
use crate::format::Kind;
use crate::id::ObjectId;

/// Fetched bytes that are kept, and those on their way; one block always fits.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of those, bytes that nobody has asked for yet.
const AHEAD_BYTES_MAX: usize = KEPT_BYTES_MAX / 2;

/// What will be fetched of packs, in the order of its first use.
pub struct Ahead {
    tickets: Vec<Ticket>,
    new_packs: u64,
    next: AtomicUsize,
    ended: AtomicBool,
}

impl Ahead {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            tickets: plan.tickets,
            new_packs: plan.new_packs,
            next: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// How many packs are fetched from of which nothing was planned before.
    pub fn new_packs(&self) -> u64 {
        self.new_packs
    }

    /// How often something is fetched.
    pub fn fetches(&self) -> usize {
        self.tickets.len()
    }

    /// Bytes that are fetched in all.
    pub fn bytes(&self) -> u64 {
        let tickets = self.tickets.iter();
        tickets.map(|it| it.range.end - it.range.start).sum()
    }

    pub(super) fn next(&self) -> Option<&Ticket> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.tickets.get(next)
    }
}

#[derive(Default)]
pub(super) struct Blocks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Most recently used last.
    kept: Vec<Block>,
    fetching: HashSet<Ticket>,
    /// Bytes on their way, and those of them that are fetched ahead.
    coming: usize,
    coming_ahead: usize,
    /// While something is fetched ahead: what came already, however it was.
    came: Option<HashSet<Ticket>>,
}

struct Block {
    ticket: Ticket,
    bytes: Bytes,
    /// Whether somebody has asked for it.
    used: bool,
}

impl Blocks {
    /// The bytes of a frame; `None`: whoever asked must fetch the ticket, and tell.
    pub fn find_or_claim(&self, ticket: &Ticket, frame: &Range<u64>) -> Option<Bytes> {
        let mut state = self.lock();
        loop {
            if let Some((bytes, was_used)) = state.find(ticket, frame) {
                drop(state);
                if !was_used {
                    // Somebody may wait to fetch the next one ahead.
                    self.changed.notify_all();
                }
                return Some(bytes);
            }
            if state.fetching.insert(ticket.clone()) {
                state.coming += ticket.bytes();
                state.make_room();
                return None;
            }
            state = self.wait(state);
        }
    }

    /// What was claimed is here, or could not be had.
    pub fn arrived(&self, ticket: &Ticket, bytes: Option<Bytes>) {
        let mut state = self.lock();
        state.coming -= ticket.bytes();
        state.arrive(ticket, bytes, true);
        drop(state);
        self.changed.notify_all();
    }

    /// Better bytes for a ticket, from elsewhere: from now on these are found.
    pub fn replace(&self, ticket: &Ticket, bytes: Bytes) {
        self.forget(ticket.kind, &ticket.pack);
        let mut state = self.lock();
        state.kept.push(Block {
            ticket: ticket.clone(),
            bytes,
            used: true,
        });
        state.make_room();
    }

    pub fn forget(&self, kind: Kind, pack: &ObjectId) {
        self.lock()
            .kept
            .retain(|block| (block.ticket.kind, block.ticket.pack) != (kind, *pack));
    }

    /// From now on it is remembered what came.
    pub fn begin_ahead(&self) {
        self.lock().came = Some(HashSet::new());
    }

    /// Nothing more is fetched ahead, and what nobody wanted may go.
    pub fn end_ahead(&self, ahead: &Ahead) {
        let mut state = self.lock();
        ahead.ended.store(true, Ordering::Relaxed);
        state.came = None;
        state.kept.iter_mut().for_each(|block| block.used = true);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until there is room for what nobody has asked for yet. `false`: it need not be
    /// fetched.
    pub fn claim_ahead(&self, ahead: &Ahead, ticket: &Ticket) -> bool {
        let bytes = ticket.bytes();
        let mut state = self.lock();
        loop {
            let came = state.came.as_ref();
            let is_late = came.is_none_or(|came| came.contains(ticket));
            if ahead.ended.load(Ordering::Relaxed)
                || bytes > AHEAD_BYTES_MAX
                || is_late
                || state.fetching.contains(ticket)
            {
                return false;
            }
            if state.unused() + state.coming_ahead + bytes <= AHEAD_BYTES_MAX {
                break;
            }
            state = self.wait(state);
        }
        state.fetching.insert(ticket.clone());
        state.coming += bytes;
        state.coming_ahead += bytes;
        state.make_room();
        true
    }

    /// As [`Blocks::arrived`], for what was claimed with [`Blocks::claim_ahead`].
    pub fn arrived_ahead(&self, ticket: &Ticket, bytes: Option<Bytes>) {
        let mut state = self.lock();
        state.coming -= ticket.bytes();
        state.coming_ahead -= ticket.bytes();
        state.arrive(ticket, bytes, false);
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'b>(&'b self, state: MutexGuard<'b, State>) -> MutexGuard<'b, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The bytes of a frame, and whether somebody has asked for its block before.
    fn find(&mut self, wanted: &Ticket, frame: &Range<u64>) -> Option<(Bytes, bool)> {
        let place = self.kept.iter().rposition(|block| {
            let ticket = &block.ticket;
            (ticket.kind, ticket.pack) == (wanted.kind, wanted.pack)
                && ticket.range.start <= frame.start
                && frame.end <= ticket.range.end
        })?;
        let mut block = self.kept.remove(place);
        let was_used = std::mem::replace(&mut block.used, true);
        let start = usize::try_from(frame.start - block.ticket.range.start).ok()?;
        let end = usize::try_from(frame.end - block.ticket.range.start).ok()?;
        let found = (end <= block.bytes.len()).then(|| block.bytes.slice(start..end));
        self.kept.push(block);
        Some((found?, was_used))
    }

    fn arrive(&mut self, ticket: &Ticket, bytes: Option<Bytes>, used: bool) {
        self.fetching.remove(ticket);
        let Some(bytes) = bytes else { return };
        if let Some(came) = &mut self.came {
            came.insert(ticket.clone());
        }
        self.kept.push(Block {
            ticket: ticket.clone(),
            bytes,
            used,
        });
        self.make_room();
    }

    /// Drops what was used longest ago; what nobody has used yet only if nothing else is left. The
    /// newest stays.
    fn make_room(&mut self) {
        let mut total: usize = self.kept.iter().map(|block| block.bytes.len()).sum();
        while total.saturating_add(self.coming) > KEPT_BYTES_MAX && self.kept.len() > 1 {
            let older = self.kept.len() - 1;
            let mut candidates = self.kept.iter().take(older);
            let place = candidates.position(|block| block.used).unwrap_or(0);
            total -= self.kept.remove(place).bytes.len();
        }
    }

    fn unused(&self) -> usize {
        let unused = self.kept.iter().filter(|block| !block.used);
        unused.map(|block| block.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: usize = AHEAD_BYTES_MAX / 2;

    fn ticket(number: u8) -> Ticket {
        Ticket {
            kind: Kind::DataPack,
            pack: ObjectId::new([number; 32]),
            range: 0..PACK as u64,
        }
    }

    fn body() -> Option<Bytes> {
        Some(Bytes::from(vec![0; PACK]))
    }

    #[test]
    fn what_was_fetched_ahead_stays_until_it_was_used_and_no_more_is_fetched() {
        let blocks = Blocks::default();
        let ahead = Ahead::new(Plan::default());
        blocks.begin_ahead();
        for number in [1, 2] {
            assert!(blocks.claim_ahead(&ahead, &ticket(number)));
            blocks.arrived_ahead(&ticket(number), body());
        }
        // Others come and go meanwhile.
        for number in 10..20 {
            assert!(blocks.find_or_claim(&ticket(number), &(0..10)).is_none());
            blocks.arrived(&ticket(number), body());
        }
        assert!(!blocks.claim_ahead(&ahead, &ticket(12)), "it came already");
        std::thread::scope(|scope| {
            let third = scope.spawn(|| blocks.claim_ahead(&ahead, &ticket(3)));
            assert!(blocks.find_or_claim(&ticket(1), &(0..10)).is_some());
            assert!(third.join().unwrap(), "there is room once one was used");
            let fourth = scope.spawn(|| blocks.claim_ahead(&ahead, &ticket(4)));
            blocks.end_ahead(&ahead);
            assert!(!fourth.join().unwrap(), "the end wakes who waits");
        });
        assert!(blocks.find_or_claim(&ticket(2), &(0..10)).is_some());
        let state = blocks.lock();
        assert!(state.kept.len() * PACK + state.coming <= KEPT_BYTES_MAX);
    }
}
