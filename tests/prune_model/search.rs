//! Tries every order in which those at work can take their steps, the shortest first.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::rules::{Cast, Rules};
use super::world::World;
use super::{forger, pruner, writer};

/// Beyond it, something is wrong with the model.
const STATES_MAX: usize = 6_000_000;

/// Takes a step: a world that can come next, and what was done.
pub type Next<'n> = dyn FnMut(&'static str, World) + 'n;

/// What was found.
pub struct Found {
    pub states: usize,
    /// What went wrong, and the shortest way there.
    pub wrong: Option<(&'static str, Vec<String>)>,
    /// Whether some way frees space.
    pub frees: bool,
    /// Whether on some way a snapshot that came after a plan saves a pack.
    pub rescues: bool,
}

/// Seen states are told apart by 128 bits of a hash of them.
#[derive(Default)]
struct Wide(u128);

impl Hasher for Wide {
    fn finish(&self) -> u64 {
        (self.0 ^ self.0 >> 64) as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, byte: u8) {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(PRIME);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= u128::from(word);
    }
}

fn fingerprint(world: &World) -> u128 {
    use std::hash::Hash;
    // FNV-1a, 128 bits (draft-eastlake-fnv).
    let mut hasher = Wide(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    world.hash(&mut hasher);
    hasher.0
}

/// All that is reachable, or up to the first thing that must not be.
pub fn search(rules: &Rules, cast: &Cast) -> Found {
    let mut seen: HashSet<u128, BuildHasherDefault<Fold>> = HashSet::default();
    let mut worlds = vec![(World::first(cast), 0_u32, "")];
    seen.insert(fingerprint(&worlds[0].0));
    let mut found = Found {
        states: 0,
        wrong: None,
        frees: false,
        rescues: false,
    };
    let mut at = 0;
    while at < worlds.len() && found.wrong.is_none() {
        let world = worlds[at].0;
        step(rules, cast, &world, &mut |what, next| {
            let next = next.canonical(cast);
            if !seen.insert(fingerprint(&next)) || found.wrong.is_some() {
                return;
            }
            worlds.push((next, at as u32, what));
            found.frees |= what == pruner::FREES;
            found.rescues |= what == pruner::RESCUE;
            if let Some(wrong) = next.wrong(cast) {
                found.wrong = Some((wrong, way_to(&worlds)));
            }
        });
        at += 1;
        assert!(worlds.len() < STATES_MAX, "the model has grown too large");
    }
    found.states = worlds.len();
    found
}

fn step(rules: &Rules, cast: &Cast, world: &World, next: &mut Next<'_>) {
    if world.now < cast.ticks {
        next(
            "a tick",
            World {
                now: world.now + 1,
                ..*world
            },
        );
    }
    (0..2).for_each(|w| writer::step(rules, cast, world, w, next));
    (0..cast.pruners).for_each(|p| pruner::step(rules, cast, world, p, next));
    forger::step(cast, world, next);
}

fn way_to(worlds: &[(World, u32, &'static str)]) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = worlds.len() - 1;
    while at != 0 {
        let (world, before, what) = &worlds[at];
        way.push(format!("{}: {what}", world.now));
        at = *before as usize;
    }
    way.reverse();
    way
}

/// The fingerprint is a hash already.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, word: u128) {
        self.0 = (word ^ word >> 64) as u64;
    }
}
