//! Who goes on: of several actors, each on a thread of its own, one at a time. At every call to the
//! store each waits for its turn, and the seed says whose it is. So the same seed gives the same
//! order of calls.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Numbers that look random and follow from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// Whether something happens that does so often of 10,000 times.
    pub fn happens(&mut self, often: u64) -> bool {
        self.below(10_000) < often
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// How somebody waits for his turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Plain,
    /// Falls asleep more easily.
    Drowsy,
    /// Must not come late.
    Hurried,
}

/// Whoever is in a hurry waits for so many turns at most.
const HURRY_TURNS_MAX: u64 = 100;

/// The order of the actors.
pub struct Turns {
    state: Mutex<State>,
    /// One for each: only the one whose turn it is need wake.
    called: Vec<Condvar>,
}

struct State {
    dice: Dice,
    /// How often of 10,000 times the one that had its turn goes on.
    stays: u64,
    /// How often of 10,000 times one falls asleep that waits for its turn.
    naps: u64,
    actors: Vec<Actor>,
    /// Turns so far, and the one before which none comes to each while others are awake.
    turns: u64,
    asleep_until: Vec<u64>,
    /// The turn at which each began to wait for one that must not come late.
    hurries_since: Vec<Option<u64>>,
    is_drowsy: Vec<bool>,
    current: Option<usize>,
    last: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Actor {
    /// On its way to its next call.
    Working,
    Waiting,
    Gone,
}

/// Gives the turn away for good when the actor's thread ends, whatever ends it.
pub struct Present<'t> {
    turns: &'t Turns,
    me: usize,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        drop(self.turns.settle(self.me, Actor::Gone));
    }
}

impl Turns {
    pub fn new(mut dice: Dice, actors: usize) -> Self {
        let stays = dice.one_of(&[0, 5_000, 8_000, 9_500, 9_900]);
        let naps = dice.one_of(&[20, 50, 150]);
        let state = State {
            dice,
            stays,
            naps,
            actors: vec![Actor::Working; actors],
            turns: 0,
            asleep_until: vec![0; actors],
            hurries_since: vec![None; actors],
            is_drowsy: vec![false; actors],
            current: None,
            last: 0,
        };
        Self {
            state: Mutex::new(state),
            called: (0..actors).map(|_| Condvar::new()).collect(),
        }
    }

    /// The actor is there until the result is dropped; to be called by each before its first turn.
    pub fn enter(&self, me: usize) -> Present<'_> {
        Present { turns: self, me }
    }

    /// Waits for the actor's turn, which lasts until it waits again or is gone.
    pub fn wait(&self, me: usize, manner: Manner) {
        let mut state = self.lock();
        let turns = state.turns;
        state.hurries_since[me] = (manner == Manner::Hurried).then_some(turns);
        state.is_drowsy[me] = manner == Manner::Drowsy;
        drop(state);
        let mut state = self.settle(me, Actor::Waiting);
        while state.current != Some(me) {
            state = self.called[me]
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.actors[me] = Actor::Working;
        state.hurries_since[me] = None;
    }

    /// Somebody waits who must not come late.
    pub fn somebody_hurries(&self) -> bool {
        self.lock().hurries_since.iter().any(Option::is_some)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, me: usize, as_what: Actor) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.actors[me] = as_what;
        if state.current == Some(me) {
            state.current = None;
        }
        let all_wait = !state.actors.contains(&Actor::Working);
        if state.current.is_none()
            && all_wait
            && let Some(next) = state.choose()
        {
            (state.current, state.last) = (Some(next), next);
            self.called[next].notify_one();
        }
        state
    }

    /// For whoever has the turn.
    pub fn dice<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        let mut state = self.lock();
        roll(&mut state.dice)
    }
}

impl State {
    /// One of those that wait and are awake; of those that are asleep only when nobody else is there.
    fn choose(&mut self) -> Option<usize> {
        let waiting: Vec<usize> = (0..self.actors.len())
            .filter(|actor| self.actors[*actor] == Actor::Waiting)
            .collect();
        self.turns += 1;
        let is_late = |actor: &&usize| {
            let since = self.hurries_since[**actor];
            since.is_some_and(|since| self.turns - since > HURRY_TURNS_MAX)
        };
        if let Some(late) = waiting.iter().find(is_late) {
            return Some(*late);
        }
        let is_awake = |actor: &usize| self.asleep_until[*actor] <= self.turns;
        let awake: Vec<usize> = waiting.iter().copied().filter(is_awake).collect();
        if awake.is_empty() {
            let next = waiting
                .into_iter()
                .min_by_key(|actor| self.asleep_until[*actor])?;
            return Some(next);
        }
        let (last, stays) = (self.last, self.stays);
        let naps = self.naps * if self.is_drowsy[last] { 20 } else { 1 };
        if awake.contains(&last) {
            if self.hurries_since[last].is_none() && self.dice.happens(naps) {
                let length = self.dice.one_of(&[100, 250, 900]);
                self.asleep_until[last] = self.turns + 1 + self.dice.below(length);
                return self.choose();
            }
            if self.dice.happens(stays) {
                return Some(last);
            }
        }
        Some(self.dice.one_of(&awake))
    }
}
