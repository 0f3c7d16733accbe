//! The places, the hosts and the time of one seed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use offsite::crypto::KdfCost;
use offsite::ops::{self, InitOptions, StateFolder};
use offsite::store::Store;
use offsite::store::faulty::Faulty;
use offsite::store::local::Local;
use offsite::store::memory::Memory;

use crate::cast::{Cast, Where};
use crate::clocks::{Dated, Time, WorldClock};
use crate::hosts::{Host, seams, with_small_sizes, wrapped};
use crate::referee::{Ledger, Referee};
use crate::turns::{Dice, Turns};
use crate::way::{Crossing, Way};

/// Two writers, one that forgets and prunes, one that looks on; and a foe.
pub const ACTORS: usize = 5;
pub const FOE: usize = 4;

pub struct Place {
    /// As it is reached by whoever has no turn to wait for.
    pub raw: Arc<dyn Store>,
    /// The store itself, of one in memory.
    pub memory: Option<Arc<Memory>>,
    pub clock: Arc<WorldClock>,
    pub referee: Arc<Referee>,
}

pub struct World {
    pub cast: Cast,
    pub crossing: Arc<Crossing>,
    pub places: Vec<Place>,
    pub ledger: Arc<Ledger>,
    pub anna: Host,
    pub ben: Host,
    pub pruner: Host,
    pub looker: Host,
    /// Of the hosts, in that order.
    clocks: [Arc<WorldClock>; 4],
    pub killed: AtomicU64,
    /// Goes with its contents.
    _folder: tempfile::TempDir,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let cast = Cast::of(&mut dice);
        Self::with(cast, dice)
    }

    pub fn with(cast: Cast, mut dice: Dice) -> Self {
        let folder = crate::photos::scratch();
        let time = Arc::new(Time::default());
        let ledger = Arc::<Ledger>::default();
        let store_clock = Arc::new(WorldClock::new(time.clone(), cast.store_ahead));
        let places: Vec<Place> = (0..cast.places.len())
            .map(|number| {
                let referee = Referee::new(time.clone(), ledger.clone(), cast.is_wild());
                let path = folder.path().join(format!("repository{number}"));
                Place::new(cast.places[number], &path, store_clock.clone(), referee)
            })
            .collect();
        let clocks = cast
            .ahead
            .map(|ahead| Arc::new(WorldClock::new(time.clone(), ahead)));
        let key = found(&cast, &places, &clocks[0], &mut dice);
        let seeds = [(); 4].map(|()| dice.roll());
        let crossing = Arc::new(Crossing {
            turns: Arc::new(Turns::new(dice, ACTORS)),
            time,
            weather: cast.weather,
            is_calm: AtomicBool::new(true),
            calls: Mutex::default(),
        });
        crossing.note(&format!("{cast:?}"));
        let host = |me: usize, name: &'static str, state: &str, reads: bool| {
            let state = StateFolder::new(&folder.path().join(state), key.writer().repository());
            let ways = places.iter().enumerate().map(|(number, place)| {
                let way = Way {
                    crossing: crossing.clone(),
                    referee: place.referee.clone(),
                    me,
                    name,
                    place: number,
                    clock: clocks[me].clone(),
                    store_clock: place.clock.clone(),
                    store_jumps: cast.store_jumps,
                    is_signed: cast.places[number] == Where::Locked,
                    down: AtomicU64::new(0),
                    is_doomed: AtomicBool::new(false),
                };
                let faulty: Arc<dyn Store> =
                    Arc::new(Faulty::guided(place.raw.clone(), Arc::new(way)));
                (faulty, cast.places[number] == Where::Locked)
            });
            let seams = seams(clocks[me].clone(), seeds[me]);
            let keys = (key.writer().clone(), reads.then(|| key.clone()));
            Host::new(name, state, seams, keys, ways.collect())
        };
        let shared = if cast.shares_state { "anna" } else { "pruner" };
        Self {
            anna: host(0, "anna", "anna", false),
            ben: host(1, "ben", "ben", false),
            pruner: host(2, "pruner", shared, cast.reads),
            looker: host(3, "looker", "looker", true),
            cast,
            crossing,
            places,
            ledger,
            clocks,
            killed: AtomicU64::new(0),
            _folder: folder,
        }
    }

    pub fn anna_clock(&self) -> &WorldClock {
        &self.clocks[0]
    }

    pub fn pruner_clock(&self) -> &WorldClock {
        &self.clocks[2]
    }

    /// Who called what, in this order, and what came of it.
    pub fn calls(&self) -> Vec<String> {
        self.crossing.calls.lock().unwrap().clone()
    }

    pub fn deleted(&self) -> u64 {
        self.places
            .iter()
            .map(|place| place.referee.deleted())
            .sum()
    }

    pub fn killed(&self) -> u64 {
        self.killed.load(Ordering::Relaxed)
    }
}

impl Place {
    fn new(place: Where, path: &Path, clock: Arc<WorldClock>, referee: Referee) -> Self {
        let (raw, memory): (Arc<dyn Store>, _) = match place {
            Where::Memory => {
                let memory = Arc::new(Memory::new(clock.clone()));
                (
                    Arc::new(Dated::new(memory.clone(), clock.clone())),
                    Some(memory),
                )
            }
            Where::Locked => {
                let memory = Arc::new(Memory::with_versions(clock.clone()));
                (memory.clone(), Some(memory))
            }
            Where::Folder => {
                let local = Arc::new(Local::create(path, seams(clock.clone(), 0)).unwrap());
                (Arc::new(Dated::new(local, clock.clone())), None)
            }
        };
        Self {
            raw,
            memory,
            clock,
            referee: Arc::new(referee),
        }
    }
}

/// Makes the repository at all places; gives its key.
fn found(
    cast: &Cast,
    places: &[Place],
    clock: &Arc<WorldClock>,
    dice: &mut Dice,
) -> offsite::crypto::ReadKey {
    let options = InitOptions {
        passphrase: "correct horse",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        host: "anna".to_owned(),
        pack_bytes: 1 << 20,
    };
    let seams = seams(clock.clone(), dice.roll());
    let mut first = None;
    for (place, is) in places.iter().zip(&cast.places) {
        let store = wrapped(place.raw.clone(), &seams, *is == Where::Locked);
        let made = match &first {
            None => ops::init(store, &seams, &options).unwrap().repository,
            Some(first) => {
                ops::init_replica(first, store.as_ref()).unwrap();
                let keys = (first.writer.clone(), first.reader.clone());
                offsite::repository::open(store, seams.clone(), keys.0, keys.1).unwrap()
            }
        };
        let made = with_small_sizes(made);
        place.referee.appoint(made.clone());
        first.get_or_insert(made);
    }
    first.unwrap().reader.unwrap()
}
