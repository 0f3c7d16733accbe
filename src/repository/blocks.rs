//! Fetched bytes of packs, kept for the next chunk: shared by threads, which wait for each other
//! rather than fetch the same bytes twice; bounded, with what is on its way counted.
//!
//! What was planned ([`Ahead`]) is kept until it was used as often as planned; of anything else, and
//! after that, what was used longest ago goes first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::runs::{Plan, Step, Ticket};
use crate::format::Kind;
use crate::id::ObjectId;

/// Fetched bytes that are kept, and those on their way; one block always fits.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of those, bytes that are planned for: the rest is for who needs something before its turn has come.
const PLANNED_BYTES_MAX: usize = 48 * 1024 * 1024;

/// What will be fetched of packs, in the order of its first use.
pub struct Ahead {
    steps: Vec<Step>,
    new_packs: u64,
    next: AtomicUsize,
    ended: AtomicBool,
}

impl Ahead {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            steps: plan.steps,
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
        self.fetched().count()
    }

    /// Bytes that are fetched in all.
    pub fn bytes(&self) -> u64 {
        let ranges = self.fetched().map(|step| &step.ticket.range);
        ranges.map(|range| range.end - range.start).sum()
    }

    fn fetched(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.carried)
    }

    /// The next one, with its number.
    pub(super) fn next(&self) -> Option<(usize, &Ticket)> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Some((next, &self.steps.get(next)?.ticket))
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
    /// Bytes on their way.
    coming: usize,
    /// What was planned and did not come yet, for each ticket in order.
    planned: HashMap<Ticket, VecDeque<Planned>>,
}

/// The number of a step, and the uses of what it brings that are still to come.
#[derive(Debug, Clone, Copy, Default)]
struct Planned {
    step: usize,
    uses: u32,
}

struct Block {
    ticket: Ticket,
    bytes: Bytes,
    planned: Planned,
}

impl Blocks {
    /// A part of what the ticket stands for; `None`: whoever asked must fetch it, and tell.
    pub fn find_or_claim(&self, ticket: &Ticket, part: &Range<u64>) -> Option<Bytes> {
        let mut state = self.lock();
        loop {
            if let Some((bytes, was_last)) = state.find(ticket, part) {
                drop(state);
                if was_last {
                    // Somebody may wait for room.
                    self.changed.notify_all();
                }
                return Some(bytes);
            }
            if state.fetching.insert(ticket.clone()) {
                state.coming += ticket.bytes();
                state.make_room(0);
                return None;
            }
            state = self.wait(state);
        }
    }

    /// What was claimed is here, and used at once, or could not be had.
    pub fn arrived(&self, ticket: &Ticket, bytes: Option<Bytes>) {
        self.arrive(ticket, bytes, true);
    }

    /// As [`Blocks::arrived`], for what was claimed with [`Blocks::claim_ahead`].
    pub fn arrived_ahead(&self, ticket: &Ticket, bytes: Option<Bytes>) {
        self.arrive(ticket, bytes, false);
    }

    fn arrive(&self, ticket: &Ticket, bytes: Option<Bytes>, is_used: bool) {
        let mut state = self.lock();
        state.coming -= ticket.bytes();
        state.fetching.remove(ticket);
        if let Some(bytes) = bytes {
            let mut block = Block {
                ticket: ticket.clone(),
                bytes,
                planned: state.take_planned(ticket),
            };
            if is_used {
                state.count_use(&mut block);
            }
            state.keep(block);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Better bytes for a ticket, from elsewhere: from now on these are found.
    pub fn replace(&self, ticket: &Ticket, bytes: Bytes) {
        self.forget(ticket.kind, &ticket.pack);
        let mut state = self.lock();
        state.keep(Block {
            ticket: ticket.clone(),
            bytes,
            planned: Planned::default(),
        });
    }

    pub fn forget(&self, kind: Kind, pack: &ObjectId) {
        self.lock()
            .kept
            .retain(|block| (block.ticket.kind, block.ticket.pack) != (kind, *pack));
    }

    /// From now on what comes is kept as long as was planned, and so is what is there already.
    pub fn begin(&self, ahead: &Ahead) {
        let mut state = self.lock();
        state.planned.clear();
        for (step, Step { ticket, uses, .. }) in ahead.steps.iter().enumerate() {
            let planned = Planned { step, uses: *uses };
            let of_ticket = state.planned.entry(ticket.clone()).or_default();
            of_ticket.push_back(planned);
        }
        let State { kept, planned, .. } = &mut *state;
        for block in kept {
            let next = planned.get_mut(&block.ticket).and_then(VecDeque::pop_front);
            block.planned = next.unwrap_or_default();
        }
    }

    /// Nothing more is fetched ahead, and what nobody wanted may go.
    pub fn end(&self, ahead: &Ahead) {
        let mut state = self.lock();
        ahead.ended.store(true, Ordering::Relaxed);
        state.planned.clear();
        let blocks = state.kept.iter_mut();
        blocks.for_each(|block| block.planned = Planned::default());
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until there is room for what nobody has asked for yet. `false`: it need not be fetched,
    /// because it is there, or on its way, or was used as often as this step is for.
    pub fn claim_ahead(&self, ahead: &Ahead, step: usize, ticket: &Ticket) -> bool {
        let bytes = ticket.bytes();
        let mut state = self.lock();
        loop {
            let planned = state.planned.get(ticket).and_then(VecDeque::front);
            if ahead.ended.load(Ordering::Relaxed)
                || planned.is_none_or(|planned| planned.step != step)
                || state.fetching.contains(ticket)
                || state.kept.iter().any(|block| block.ticket == *ticket)
            {
                return false;
            }
            if state.bytes_to_use() + state.coming + bytes <= PLANNED_BYTES_MAX {
                break;
            }
            state = self.wait(state);
        }
        state.fetching.insert(ticket.clone());
        state.coming += bytes;
        state.make_room(0);
        true
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
    /// A part of a block, and whether that was the last use of the block that was planned.
    fn find(&mut self, wanted: &Ticket, part: &Range<u64>) -> Option<(Bytes, bool)> {
        let place = self.kept.iter().rposition(|block| {
            let ticket = &block.ticket;
            (ticket.kind, ticket.pack) == (wanted.kind, wanted.pack)
                && ticket.range.start <= part.start
                && part.end <= ticket.range.end
        })?;
        let mut block = self.kept.remove(place);
        let was_last = self.count_use(&mut block);
        let start = usize::try_from(part.start - block.ticket.range.start).ok()?;
        let end = usize::try_from(part.end - block.ticket.range.start).ok()?;
        let found = (end <= block.bytes.len()).then(|| block.bytes.slice(start..end));
        self.kept.push(block);
        Some((found?, was_last))
    }

    /// Whether it was the last one of a step; another step may be for the same bytes.
    fn count_use(&mut self, block: &mut Block) -> bool {
        let was_last = block.planned.uses == 1;
        block.planned.uses = block.planned.uses.saturating_sub(1);
        if was_last {
            block.planned = self.take_planned(&block.ticket);
        }
        was_last
    }

    fn take_planned(&mut self, ticket: &Ticket) -> Planned {
        let of_ticket = self.planned.get_mut(ticket);
        of_ticket.and_then(VecDeque::pop_front).unwrap_or_default()
    }

    /// Keeps a block, at least until another comes.
    fn keep(&mut self, block: Block) {
        self.kept.push(block);
        self.make_room(1);
    }

    /// Drops what nobody is known to want, that of longest ago first, and of the rest what was planned
    /// for last. So many of the newest stay.
    fn make_room(&mut self, newest: usize) {
        let mut total: usize = self.kept.iter().map(|block| block.bytes.len()).sum();
        while total.saturating_add(self.coming) > KEPT_BYTES_MAX {
            let older = self.kept.len().saturating_sub(newest);
            let older = self.kept.iter().take(older).enumerate();
            let least = older.max_by_key(|(place, block)| {
                let wanted = (block.planned.uses > 0).then_some(block.planned.step);
                (wanted.is_none(), wanted, std::cmp::Reverse(*place))
            });
            let Some((place, _)) = least else { return };
            let block = self.kept.remove(place);
            total -= block.bytes.len();
            if block.planned.uses > 0 {
                let of_ticket = self.planned.entry(block.ticket).or_default();
                of_ticket.push_front(block.planned);
            }
        }
    }

    fn bytes_to_use(&self) -> usize {
        let to_use = self.kept.iter().filter(|block| block.planned.uses > 0);
        to_use.map(|block| block.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: usize = PLANNED_BYTES_MAX / 4;

    fn ticket(number: u8) -> Ticket {
        Ticket {
            kind: Kind::DataPack,
            pack: ObjectId::new([number; 32]),
            range: 0..PART as u64,
        }
    }

    fn body() -> Option<Bytes> {
        Some(Bytes::from(vec![0; PART]))
    }

    fn ahead(uses: &[(u8, u32)]) -> Ahead {
        let step = |(number, uses): &(u8, u32)| Step {
            ticket: ticket(*number),
            uses: *uses,
            carried: false,
        };
        Ahead::new(Plan {
            steps: uses.iter().map(step).collect(),
            ..Plan::default()
        })
    }

    fn claims(blocks: &Blocks, ahead: &Ahead) -> bool {
        let (step, ticket) = ahead.next().unwrap();
        let claimed = blocks.claim_ahead(ahead, step, ticket);
        if claimed {
            blocks.arrived_ahead(ticket, body());
        }
        claimed
    }

    fn is_there(blocks: &Blocks, number: u8) -> bool {
        let state = blocks.lock();
        state.kept.iter().any(|it| it.ticket == ticket(number))
    }

    #[test]
    fn what_was_planned_stays_until_its_last_use_and_no_more_is_fetched_than_there_is_room() {
        let blocks = Blocks::default();
        let ahead = ahead(&[(1, 2), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]);
        blocks.begin(&ahead);
        for _ in 1..=4 {
            assert!(claims(&blocks, &ahead));
        }
        std::thread::scope(|scope| {
            let fifth = scope.spawn(|| claims(&blocks, &ahead));
            assert!(blocks.find_or_claim(&ticket(1), &(0..10)).is_some());
            assert!(blocks.find_or_claim(&ticket(2), &(0..10)).is_some());
            assert!(fifth.join().unwrap(), "the second was used up");
            assert!(is_there(&blocks, 1));
            let sixth = scope.spawn(|| claims(&blocks, &ahead));
            blocks.end(&ahead);
            assert!(!sixth.join().unwrap(), "the end wakes who waits");
        });
    }

    /// Whoever needs something gets it, whatever others have planned.
    #[test]
    fn what_was_planned_last_makes_room_for_what_is_needed_now() {
        let blocks = Blocks::default();
        let ahead = ahead(&[(1, 2), (2, 1), (3, 1), (4, 1), (4, 7)]);
        blocks.begin(&ahead);
        for _ in 1..=4 {
            assert!(claims(&blocks, &ahead));
        }
        assert!(!claims(&blocks, &ahead), "it is there");
        for number in [8, 9] {
            assert!(blocks.find_or_claim(&ticket(number), &(0..10)).is_none());
        }
        assert!(is_there(&blocks, 1) && is_there(&blocks, 3) && !is_there(&blocks, 4));
        for number in [8, 9] {
            blocks.arrived(&ticket(number), body());
        }
        // It came back for one use, and stays for seven more.
        assert!(blocks.find_or_claim(&ticket(4), &(0..10)).is_none());
        blocks.arrived(&ticket(4), body());
        assert_eq!(blocks.lock().bytes_to_use(), 4 * PART);
        let state = blocks.lock();
        assert!(state.kept.len() * PART + state.coming <= KEPT_BYTES_MAX);
    }

    #[test]
    fn what_came_before_it_was_its_turn_is_not_fetched_again() {
        let blocks = Blocks::default();
        let ahead = ahead(&[(1, 1), (2, 1)]);
        blocks.begin(&ahead);
        assert!(blocks.find_or_claim(&ticket(1), &(0..10)).is_none());
        blocks.arrived(&ticket(1), body());
        blocks.forget(Kind::DataPack, &ticket(1).pack);
        assert!(!claims(&blocks, &ahead), "it was used as often as planned");
        assert!(claims(&blocks, &ahead));
    }
}
