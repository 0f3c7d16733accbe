//! One actor's way to the store that all share. At each call it waits for its turn; time passes, now
//! and then much of it; and what can befall a call befalls it: it fails, its answer is lost, the line
//! is down for a while, or the process dies before or after what it asked for was done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offsite::seams::Timestamp;
use offsite::store::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};

use crate::clocks::{HOUR, HostClock, MINUTE, Time};
use crate::referee::Referee;
use crate::turns::{Dice, Manner, Turns};

/// What ends the thread of an actor that is killed.
pub struct Killed;

/// How often of 10,000 calls something happens.
#[derive(Clone, Copy, Default)]
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

enum Fate {
    Goes,
    Fails,
    AnswerLost,
    DiesBefore,
    DiesAfter,
}

/// What all ways share.
pub struct Crossing {
    pub shared: Arc<dyn Store>,
    pub turns: Arc<Turns>,
    pub time: Arc<Time>,
    pub referee: Arc<Referee>,
    pub weather: Weather,
    /// From then on nobody waits for a turn and nothing goes wrong.
    pub is_calm: AtomicBool,
    /// Who called what, and what became of it.
    pub calls: Mutex<Vec<String>>,
}

pub struct Way {
    pub crossing: Arc<Crossing>,
    pub me: usize,
    pub name: &'static str,
    pub clock: Arc<HostClock>,
    /// So many calls more fail.
    pub down: AtomicU64,
}

impl Way {
    fn fate(&self, verb: &str, name: &str) -> Fate {
        let crossing = &self.crossing;
        let weather = crossing.weather;
        let commits = crossing.turns.somebody_hurries() || is_commit(verb, name);
        crossing.turns.dice(|dice| {
            self.let_time_pass(dice, weather, verb, commits);
            if dice.happens(weather.line_breaks) {
                self.down.store(1 + dice.below(12), Ordering::Relaxed);
            }
            let is_down = self.down.load(Ordering::Relaxed) > 0;
            if is_down {
                self.down.fetch_sub(1, Ordering::Relaxed);
            }
            match () {
                () if dice.happens(weather.dies) => match dice.below(2) {
                    0 => Fate::DiesBefore,
                    _ => Fate::DiesAfter,
                },
                () if is_down || dice.happens(weather.fails) => Fate::Fails,
                () if dice.happens(weather.answer_lost) => Fate::AnswerLost,
                () => Fate::Goes,
            }
        })
    }

    fn let_time_pass(&self, dice: &mut Dice, weather: Weather, verb: &str, commits: bool) {
        let time = &self.crossing.time;
        time.pass(Duration::from_millis(dice.below(2_500)));
        if dice.happens(weather.clock_jumps) {
            let hours = i64::try_from(dice.below(7)).unwrap() - 3;
            self.clock.jump(hours * 1_300);
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
        let can_be_unseen = matches!(verb, "now" | "put" | "hold" | "get");
        match dice.below(4) {
            0 => time.pass(MINUTE * u32::try_from(dice.below(40)).unwrap()),
            1 if can_be_unseen => self.clock.sleep_unseen(long),
            _ => time.pass(long),
        }
    }

    fn call<T>(
        &self,
        verb: &'static str,
        name: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if std::thread::panicking() {
            // A process that is no more asks for nothing.
            return Err(StoreError::new(ErrorKind::Other, verb, name));
        }
        let fate = if self.crossing.is_calm.load(Ordering::Relaxed) {
            self.crossing.time.pass(Duration::from_secs(1));
            Fate::Goes
        } else {
            // What was referred to is at risk from the last pack to the commit.
            let manner = match (verb, name) {
                _ if is_commit(verb, name) => Manner::Hurried,
                ("put", _) => Manner::Drowsy,
                _ => Manner::Plain,
            };
            self.crossing.turns.wait(self.me, manner);
            self.fate(verb, name)
        };
        let failed = |why: &str| {
            Err(StoreError::new(ErrorKind::Transient, verb, name).because(why.to_owned()))
        };
        let done = match fate {
            Fate::DiesBefore => {
                self.log(verb, name, "dies before");
                std::panic::resume_unwind(Box::new(Killed))
            }
            Fate::Fails => failed("the line is down"),
            _ => work(),
        };
        let done = match fate {
            Fate::DiesAfter => {
                self.log(verb, name, "dies after");
                std::panic::resume_unwind(Box::new(Killed))
            }
            Fate::AnswerLost if done.is_ok() => {
                self.log(verb, name, "answer lost");
                return failed("the answer was lost");
            }
            _ => done,
        };
        self.log(verb, name, if done.is_ok() { "" } else { "failed" });
        done
    }

    fn log(&self, verb: &str, name: &str, what: &str) {
        let hours = self.crossing.time.passed().as_secs_f64() / 3600.0;
        let call = format!("{hours:.2} h: {} {verb} {name} {what}", self.name);
        self.crossing.calls.lock().unwrap().push(call);
    }

    fn shared(&self) -> &dyn Store {
        self.crossing.shared.as_ref()
    }
}

fn is_commit(verb: &str, name: &str) -> bool {
    verb == "put" && name.starts_with("snapshots/")
}

impl Store for Way {
    fn url(&self) -> String {
        self.shared().url()
    }
    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.call("put", name, || self.shared().put(name, body))
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        let work = || self.shared().put_if_absent(name, body);
        self.call("put if absent", name, work)
    }
    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.call("get", name, || self.shared().get(name, window))
    }
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        // What is visited may call the store again, so that the list is of one moment.
        let mut listed = Vec::new();
        let shown = self.call("list", prefix, || {
            self.shared().list(prefix, &mut |object| {
                listed.push(object);
                Ok(())
            })
        });
        let few = match &shown {
            Ok(()) => listed.len(),
            // Half of it came.
            Err(_) => listed.len() / 2,
        };
        listed.into_iter().take(few).try_for_each(visit)?;
        shown
    }
    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.call("head", name, || self.shared().head(name))
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.call("delete", name, || {
            self.crossing.referee.before_delete(self.shared(), name);
            self.shared().delete(name)
        })
    }
    fn now(&self) -> Result<Timestamp> {
        self.call("now", "", || self.shared().now())
    }
    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.call("hold", "", || self.shared().hold(exclusive))
    }
}
