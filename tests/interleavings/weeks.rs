//! A few weeks of the three, from a seed; then calm, and what must be true.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite::crypto::{KdfCost, ReadKey};
use offsite::ops::{self, InitOptions, OpsError, StateFolder};
use offsite::repository::RepositoryError;
use offsite::store::Store;
use offsite::store::local::Local;
use offsite::store::memory::Memory;

use crate::clocks::{DAY, Dated, HOUR, HostClock, Time};
use crate::hosts::{Host, seams, some_photos, with_small_sizes};
use crate::referee::Referee;
use crate::turns::{Dice, Manner, Turns};
use crate::way::{Crossing, Killed, Way, Weather};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Memory,
    Folder,
}

/// How it ended for somebody.
enum Ending {
    Done,
    /// What a bad line or a prune does to a run; the next one is to succeed.
    Failed,
    Killed,
}

pub struct Weeks {
    crossing: Arc<Crossing>,
    anna: Host,
    ben: Host,
    pruner: Host,
    grace: Duration,
    killed: AtomicU64,
    /// Goes with its contents.
    _folder: tempfile::TempDir,
}

const ACTORS: usize = 3;

impl Weeks {
    pub fn new(seed: u64, place: Where) -> Self {
        let mut dice = Dice::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(Time::new());
        let clocks: Vec<_> = (0..ACTORS)
            .map(|_| {
                let ahead = dice.one_of(&[0, 40, -600, 7_300, -9_000]);
                Arc::new(HostClock::new(time.clone(), ahead))
            })
            .collect();
        let inner: Box<dyn Store> = match place {
            Where::Memory => Box::new(Memory::new(clocks[0].clone())),
            Where::Folder => {
                let local = folder.path().join("repository");
                Box::new(Local::create(&local, seams(clocks[0].clone(), dice.roll())).unwrap())
            }
        };
        let shared: Arc<dyn Store> = Arc::new(Dated::new(inner, time.clone()));
        let made = init(&shared, &clocks[0], dice.roll());
        let read_key = made.reader.clone();
        let key = made.writer.clone();
        let referee = Arc::new(Referee::default());
        referee.appoint(made);
        let weather = Weather::of(&mut dice);
        let grace = dice.one_of(&[24, 24, 24, 48, 72]) * HOUR;
        // Sometimes the one that prunes is a backup host as well.
        let shares_state = dice.below(3) == 0;
        let reads = dice.below(2) == 0;
        let seeds: Vec<u64> = (0..ACTORS).map(|_| dice.roll()).collect();
        let turns = Arc::new(Turns::new(dice, ACTORS));
        let crossing = Arc::new(Crossing {
            shared,
            turns,
            time,
            referee,
            weather,
            is_calm: AtomicBool::new(true),
            calls: Mutex::default(),
        });
        let host = |me: usize, name: &'static str, state: &str, reader: Option<ReadKey>| {
            let state = StateFolder::new(&folder.path().join(state), key.repository());
            // As `key writer` does.
            state.save_writer_key(&key).unwrap();
            let clock = clocks[me].clone();
            let seams = seams(clock.clone(), seeds[me]);
            let way = Way {
                crossing: crossing.clone(),
                me,
                name,
                clock,
                down: AtomicU64::new(0),
            };
            Host::new(name, state, seams, Arc::new(way), reader)
        };
        let states = if shares_state { "anna" } else { "pruner" };
        Self {
            anna: host(0, "anna", "anna", None),
            ben: host(1, "ben", "ben", None),
            pruner: host(2, "pruner", states, read_key.filter(|_| reads)),
            crossing,
            grace,
            killed: AtomicU64::new(0),
            _folder: folder,
        }
    }

    pub fn play(&self) {
        // Each has a snapshot to begin with.
        for host in [&self.anna, &self.ben] {
            self.saves(host, "first");
        }
        self.crossing.is_calm.store(false, Ordering::Relaxed);
        let actors: [Box<dyn FnOnce() + Send + '_>; ACTORS] = [
            Box::new(|| self.writes(&self.anna, 6)),
            Box::new(|| self.writes(&self.ben, 6)),
            Box::new(|| self.prunes(12)),
        ];
        std::thread::scope(|scope| {
            let threads: Vec<_> = actors
                .into_iter()
                .enumerate()
                .map(|(me, acts)| {
                    let turns = &self.crossing.turns;
                    scope.spawn(move || {
                        let _present = turns.enter(me);
                        turns.wait(me, Manner::Plain);
                        acts();
                    })
                })
                .collect();
            for thread in threads {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
            }
        });
        self.calm_down();
    }

    fn writes(&self, host: &Host, nights: u32) {
        for night in 0..nights {
            self.rests();
            let ending = self.saves(host, &night.to_string());
            if matches!(ending, Ending::Done) {
                self.crossing.referee.check(false);
            }
        }
    }

    fn saves(&self, host: &Host, label: &str) -> Ending {
        let files = self.crossing.turns.dice(some_photos);
        let referee = &self.crossing.referee;
        referee.expect(host.name, label, files.clone());
        self.runs(&|| host.back_up(label, &files))
    }

    fn prunes(&self, rounds: u32) {
        let turns = &self.crossing.turns;
        for _ in 0..rounds {
            self.rests();
            let (forgets, last) =
                turns.dice(|dice| (dice.below(4) > 0, dice.one_of(&[1, 1, 1, 2])));
            if forgets {
                self.runs(&|| self.pruner.forget(last));
            }
            let before = self.deleted();
            self.runs(&|| self.pruner.prune(self.grace).map(drop));
            if self.deleted() > before {
                self.crossing.referee.check(false);
            }
        }
    }

    /// Between two runs of somebody time passes for all.
    fn rests(&self) {
        let turns = &self.crossing.turns;
        let hours = turns.dice(|dice| dice.one_of(&[0, 2, 8, 12, 24, 30]));
        if !turns.somebody_hurries() {
            self.crossing.time.pass(hours * HOUR);
        }
    }

    fn runs(&self, run: &dyn Fn() -> Result<(), OpsError>) -> Ending {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => Ending::Done,
            Ok(Err(error)) => {
                let is_expected = matches!(
                    error,
                    OpsError::Repository(RepositoryError::Store(_)) | OpsError::Overtaken
                );
                self.note(&format!("a run failed: {error}"));
                assert!(is_expected, "this takes a human: {error:?}");
                Ending::Failed
            }
            Err(panic) if panic.is::<Killed>() => {
                self.killed.fetch_add(1, Ordering::Relaxed);
                Ending::Killed
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    fn calm_down(&self) {
        let Crossing { referee, time, .. } = self.crossing.as_ref();
        self.crossing.is_calm.store(true, Ordering::Relaxed);
        self.note("it is calm now");
        referee.check(true);
        referee.restore_all();
        for label in ["calm", "and again"] {
            for host in [&self.anna, &self.ben] {
                let files = self.crossing.turns.dice(some_photos);
                referee.expect(host.name, label, files.clone());
                host.back_up(label, &files).unwrap();
                time.pass(DAY);
            }
            self.pruner.forget(1).unwrap();
            self.pruner.prune(self.grace).unwrap();
            referee.check(false);
            time.pass(3 * DAY + HOUR);
            self.pruner.prune(self.grace).unwrap();
            referee.check(false);
        }
        // A month later what was given up goes as well.
        for days in [31, 4, 4] {
            time.pass(days * DAY);
            let report = self.pruner.prune(self.grace).unwrap();
            let is_over = (report.marked.packs, report.waiting.packs) == (0, 0);
            assert!(days == 31 || is_over, "{report:?}");
        }
        referee.check(true);
        assert!(referee.restore_all() > 1);
    }

    fn note(&self, what: &str) {
        self.crossing.calls.lock().unwrap().push(what.to_owned());
    }

    /// Who called what, in this order.
    pub fn calls(&self) -> Vec<String> {
        self.crossing.calls.lock().unwrap().clone()
    }

    /// The end of it, for whoever looks for what went wrong.
    pub fn tell(&self) {
        let calls = self.calls();
        let from = match std::env::var_os("OFFSITE_INTERLEAVING") {
            Some(_) => 0,
            None => calls.len().saturating_sub(60),
        };
        calls[from..].iter().for_each(|call| eprintln!("{call}"));
    }

    pub fn deleted(&self) -> u64 {
        self.crossing.referee.deleted()
    }

    pub fn killed(&self) -> u64 {
        self.killed.load(Ordering::Relaxed)
    }
}

fn init(
    shared: &Arc<dyn Store>,
    clock: &Arc<HostClock>,
    seed: u64,
) -> offsite::repository::Repository {
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
    let made = ops::init(shared.clone(), &seams(clock.clone(), seed), &options).unwrap();
    with_small_sizes(made.repository)
}
