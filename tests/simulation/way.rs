//! One actor's way to a place that all share. At each call it waits for its turn; time passes, now
//! and then much of it; clocks jump; and what can befall a call befalls it: it fails, its answer is lost,
//! the line is down for a while, or the process dies before or after what it asked for was done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite::store::ErrorKind;
use offsite::store::faulty::{Fault, Guide};

use crate::clocks::{HOUR, MINUTE, Time, WorldClock};
use crate::referee::Referee;
use crate::turns::{Dice, Manner, Turns};

/// What ends the thread of an actor that is killed.
pub struct Killed;

/// How often of 10,000 calls something happens.
#[derive(Clone, Copy, Default, Debug)]
pub struct Weather {
    pub dies: u64,
    pub answer_lost: u64,
    pub fails: u64,
    pub line_breaks: u64,
    pub time_jumps: u64,
    pub clock_jumps: u64,
}

impl Weather {
    pub fn of(dice: &mut Dice) -> Self {
        Self {
            dies: dice.one_of(&[0, 20, 60, 150]),
            answer_lost: dice.one_of(&[0, 50, 300]),
            fails: dice.one_of(&[0, 50, 300]),
            line_breaks: dice.one_of(&[0, 0, 30]),
            time_jumps: dice.one_of(&[0, 30, 100, 300]),
            clock_jumps: dice.one_of(&[0, 0, 50]),
        }
    }
}

/// What all ways share.
pub struct Crossing {
    pub turns: Arc<Turns>,
    pub time: Arc<Time>,
    pub weather: Weather,
    /// From then on nobody waits for a turn and nothing goes wrong.
    pub is_calm: AtomicBool,
    /// Who called what, and what became of it.
    pub calls: Mutex<Vec<String>>,
}

impl Crossing {
    pub fn note(&self, what: &str) {
        let hours = self.time.passed().as_secs_f64() / 3600.0;
        self.calls
            .lock()
            .unwrap()
            .push(format!("{hours:.2} h: {what}"));
    }
}

pub struct Way {
    pub crossing: Arc<Crossing>,
    pub referee: Arc<Referee>,
    pub me: usize,
    pub name: &'static str,
    /// Which of the places.
    pub place: usize,
    pub clock: Arc<WorldClock>,
    pub store_clock: Arc<WorldClock>,
    /// It jumps, and no other.
    pub store_jumps: bool,
    /// Requests are signed with their time, and one that is off by more than 15 minutes is refused.
    pub is_signed: bool,
    /// So many calls more fail.
    pub down: AtomicU64,
    /// It will be killed when the call under way is done.
    pub is_doomed: AtomicBool,
}

impl Way {
    fn fate(&self, operation: &str, name: &str) -> Option<Fault> {
        let crossing = &self.crossing;
        let weather = crossing.weather;
        let commits = crossing.turns.somebody_hurries() || is_commit(operation, name);
        crossing.turns.dice(|dice| {
            self.let_time_pass(dice, weather, operation, commits);
            if dice.happens(weather.line_breaks) {
                self.down.store(1 + dice.below(12), Ordering::Relaxed);
            }
            let is_down = self.down.load(Ordering::Relaxed) > 0;
            if is_down {
                self.down.fetch_sub(1, Ordering::Relaxed);
            }
            match () {
                () if dice.happens(weather.dies) => {
                    if dice.below(2) == 0 {
                        self.log(operation, name, "dies before");
                        std::panic::resume_unwind(Box::new(Killed));
                    }
                    self.is_doomed.store(true, Ordering::Relaxed);
                    None
                }
                () if is_down || dice.happens(weather.fails) => {
                    self.log(operation, name, "fails");
                    Some(match operation {
                        "list" => Fault::Midway {
                            objects: dice.below(6) as usize,
                            kind: ErrorKind::Transient,
                        },
                        _ => Fault::Before(ErrorKind::Transient),
                    })
                }
                () if dice.happens(weather.answer_lost) => {
                    self.log(operation, name, "answer lost");
                    Some(Fault::After(ErrorKind::Transient))
                }
                () => None,
            }
        })
    }

    fn let_time_pass(&self, dice: &mut Dice, weather: Weather, operation: &str, commits: bool) {
        let time = &self.crossing.time;
        time.pass(Duration::from_millis(dice.below(2_500)));
        if dice.happens(weather.clock_jumps) {
            let seconds = dice.one_of(&[3_600, 31_622_400, 1_300, 259_200, 9_000]);
            let seconds = if dice.below(2) == 0 {
                -seconds
            } else {
                seconds
            };
            // Never those of both at once: nobody could tell.
            let clock = if self.store_jumps {
                &self.store_clock
            } else {
                &self.clock
            };
            clock.jump(seconds);
            self.crossing
                .note(&format!("{}'s clock jumps {seconds} s", self.name));
        }
        if !dice.happens(weather.time_jumps) {
            return;
        }
        if commits {
            // A commit that arrives hours after the look that allowed it is looked at once more, and
            // mended by the same run or the next (rule 13); not so if the host dies just then. No
            // protocol without locks can do better, and the rest would drown in it.
            return;
        }
        let long = dice.one_of(&[1, 5, 15, 25, 40, 75, 100]) * HOUR;
        // Nobody can know of it who does not ask the store for its time (rule 13).
        let can_be_unseen = matches!(operation, "ask the time of" | "store" | "hold" | "fetch");
        match dice.below(4) {
            0 => time.pass(MINUTE * u32::try_from(dice.below(40)).unwrap()),
            1 if can_be_unseen => self.clock.sleep_unseen(long),
            _ => time.pass(long),
        }
    }

    fn log(&self, operation: &str, name: &str, what: &str) {
        let (who, place) = (self.name, self.place);
        self.crossing
            .note(&format!("{who} at {place}: {operation} {name} {what}"));
    }
}

pub fn is_commit(operation: &str, name: &str) -> bool {
    operation == "store" && name.starts_with("snapshots/")
}

impl Guide for Way {
    fn before(&self, operation: &'static str, name: &str) -> Option<Fault> {
        if std::thread::panicking() {
            // A process that is no more asks for nothing.
            return Some(Fault::Before(ErrorKind::Other));
        }
        let fault = if self.crossing.is_calm.load(Ordering::Relaxed) {
            self.crossing.time.pass(Duration::from_secs(1));
            None
        } else {
            // What was referred to is at risk from the last pack to the commit.
            let manner = match operation {
                _ if is_commit(operation, name) => Manner::Hurried,
                "store" => Manner::Drowsy,
                _ => Manner::Plain,
            };
            self.crossing.turns.wait(self.me, manner);
            self.fate(operation, name)
        };
        if self.is_signed && self.clock.differs_from(&self.store_clock) > 15 * MINUTE {
            return Some(Fault::Before(ErrorKind::ClockSkew));
        }
        if operation == "delete" && !matches!(fault, Some(Fault::Before(_))) {
            self.referee.before_delete(name);
        }
        fault
    }

    fn after(&self, operation: &'static str, name: &str, is_done: bool) {
        match operation {
            "store" if is_done => self.referee.after_put(self.name, name),
            "delete" if is_done => self.referee.after_delete(name),
            _ => {}
        }
        if self.is_doomed.swap(false, Ordering::Relaxed) {
            self.log(operation, name, "dies after");
            std::panic::resume_unwind(Box::new(Killed));
        }
        self.log(operation, name, if is_done { "" } else { "failed" });
    }
}
