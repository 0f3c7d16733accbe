//! Since when a file has been as it is, and which older snapshot holds the bytes that the database
//! knows. Older listings are gone through newest first, all wanted paths at once, and no part of
//! them that was the same in the snapshot before is read again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

use crate::format::entry::{Key, KeyRef, key_order};
use crate::id::{ChunkId, ObjectId};
use crate::ops::Result;
use crate::repository::{ChunkReader, ListingReader, RepositoryError, StoredSnapshot};

/// Snapshots that are looked into; more than a year of nights.
pub const SNAPSHOTS_MAX: usize = 400;

/// What is to be found out about one place.
#[derive(Debug, Clone)]
pub struct Question {
    pub key: Key,
    /// What the snapshot has there; `None`: nothing.
    pub now: Option<[u8; 20]>,
    /// What the database wants there.
    pub wanted: Option<[u8; 20]>,
}

/// What was found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// The oldest snapshot of an unbroken row with the same there.
    pub since: Option<ObjectId>,
    /// The snapshot right before, if it has something else there.
    pub before: Option<ObjectId>,
    /// Whether that had nothing there.
    pub came: bool,
    /// The newest older snapshot that holds the wanted bytes there.
    pub good: Option<ObjectId>,
}

type State = Option<[u8; 20]>;

/// Answers questions about `snapshot`, in the order in which they are asked. `older`: snapshots of
/// the same host and source before it, newest first. Those that cannot be read are passed over.
///
/// # Errors
/// `Store`, `Index`.
pub fn histories<'s>(
    chunks: &ChunkReader<'_>,
    snapshot: &StoredSnapshot,
    older: impl Iterator<Item = &'s StoredSnapshot>,
    questions: &[Question],
) -> Result<Vec<History>> {
    let mut order: Vec<usize> = (0..questions.len()).collect();
    let key = |place: &usize| questions.get(*place).map(|question| &question.key);
    order.sort_by(|one, two| match (key(one), key(two)) {
        (Some(one), Some(two)) => key_order(one.borrowed(), two.borrowed()),
        _ => one.cmp(two),
    });
    let sorted: Vec<&Question> = order
        .iter()
        .filter_map(|place| questions.get(*place))
        .collect();
    let mut answers = vec![
        History {
            since: Some(snapshot.id),
            ..History::default()
        };
        sorted.len()
    ];
    let mut states: Vec<State> = sorted.iter().map(|question| question.now).collect();
    let mut seen = HashSet::new();
    for one in older.take(SNAPSHOTS_MAX) {
        match states_in(chunks, one, &sorted, &states, &seen) {
            Ok(found) => (states, seen) = found,
            Err(error) if error.is_damage() => continue,
            Err(error) => return Err(error.into()),
        }
        for ((answer, state), question) in answers.iter_mut().zip(&states).zip(&sorted) {
            take_in(answer, *state, question, one.id);
        }
        let is_settled = |(answer, question): (&History, &&Question)| {
            answer.before.is_some() && (answer.good.is_some() || question.wanted.is_none())
        };
        if answers.iter().zip(&sorted).all(is_settled) {
            break;
        }
    }
    let mut histories = vec![History::default(); questions.len()];
    for (place, answer) in order.into_iter().zip(answers) {
        if let Some(history) = histories.get_mut(place) {
            *history = answer;
        }
    }
    Ok(histories)
}

fn take_in(answer: &mut History, state: State, question: &Question, id: ObjectId) {
    if answer.before.is_none() {
        if state == question.now {
            answer.since = Some(id);
        } else {
            answer.before = Some(id);
            answer.came = state.is_none();
        }
    }
    if answer.good.is_none() && state.is_some() && state == question.wanted {
        answer.good = Some(id);
    }
}

/// What a snapshot has at the wanted places, and the chunks that were gone through. `before` and
/// `seen` are those of the snapshot that was looked into last.
fn states_in(
    chunks: &ChunkReader<'_>,
    snapshot: &StoredSnapshot,
    wanted: &[&Question],
    before: &[State],
    seen: &HashSet<ChunkId>,
) -> Result<(Vec<State>, HashSet<ChunkId>), RepositoryError> {
    let top = snapshot.record.listing;
    if seen.contains(&top.1) {
        return Ok((before.to_vec(), seen.clone()));
    }
    let passed = RefCell::new((Vec::<Range<usize>>::new(), HashSet::from([top.1])));
    let filter = |first: KeyRef<'_>, next: Option<KeyRef<'_>>, id: &ChunkId| {
        let range = range_of(wanted, first, next);
        if range.is_empty() {
            return false;
        }
        let mut passed = passed.borrow_mut();
        passed.1.insert(*id);
        let is_known = seen.contains(id);
        if is_known {
            passed.0.push(range);
        }
        !is_known
    };
    let mut states = vec![None; wanted.len()];
    for entry in ListingReader::new(chunks, top).filtered(Box::new(filter)) {
        let entry = entry?;
        let order = |question: &&Question| key_order(question.key.borrowed(), entry.key());
        let begin = wanted.partition_point(|question| order(question).is_lt());
        for (question, state) in wanted.iter().zip(&mut states).skip(begin) {
            if order(question).is_gt() {
                break;
            }
            *state = entry.sha1.map(|sha1| *sha1);
        }
    }
    let (same, visited) = passed.into_inner();
    for range in same {
        for place in range {
            if let (Some(state), Some(known)) = (states.get_mut(place), before.get(place)) {
                *state = *known;
            }
        }
    }
    Ok((states, visited))
}

/// Which of the sorted questions lie from `first` up to `next`.
fn range_of(wanted: &[&Question], first: KeyRef<'_>, next: Option<KeyRef<'_>>) -> Range<usize> {
    let below = |bound: KeyRef<'_>| {
        wanted.partition_point(|question| key_order(question.key.borrowed(), bound).is_lt())
    };
    below(first)..next.map_or(wanted.len(), below)
}
