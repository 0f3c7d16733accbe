//! Time in the world of the actors: one that truly passes, and what the clocks of the hosts and of the
//! stores make of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offsite::seams::{Clock, Timestamp};
use offsite::store::{ObjectInfo, Result, Store, Window};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The 18th of May 2033: all files were made long ago.
const BEGAN: Timestamp = Timestamp::from_seconds(2_000_000_000);
/// How far a clock is ahead that begins at 1970, as one does without a battery; or on the day after
/// the seconds no longer fit in 31 bits; or in 2106, when they no longer fit in 32.
pub const AT_1970: i64 = -2_000_000_000;
pub const AT_2038: i64 = 147_500_000;
pub const AT_2106: i64 = 2_295_000_000;

/// Passes only when somebody says so.
#[derive(Default)]
pub struct Time {
    passed: Mutex<Duration>,
}

impl Time {
    pub fn pass(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }

    pub fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        BEGAN.plus(self.passed())
    }
}

/// The clock of a host, or of a store.
pub struct WorldClock {
    time: Arc<Time>,
    /// How far it is ahead, in seconds; less than none: behind.
    ahead: Mutex<i64>,
    /// Time of which the machine knows nothing: it was put to sleep from outside.
    unseen: Mutex<Duration>,
}

impl WorldClock {
    pub fn new(time: Arc<Time>, ahead: i64) -> Self {
        Self {
            time,
            ahead: Mutex::new(ahead),
            unseen: Mutex::default(),
        }
    }

    pub fn jump(&self, seconds: i64) {
        *self.ahead.lock().unwrap() += seconds;
    }

    /// Of what another one shows, in either direction.
    pub fn differs_from(&self, other: &Self) -> Duration {
        let (one, other) = (self.now(), other.now());
        one.since(other).max(other.since(one))
    }

    pub fn sleep_unseen(&self, time: Duration) {
        self.time.pass(time);
        *self.unseen.lock().unwrap() += time;
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().unwrap();
        let seconds = Duration::from_secs(ahead.unsigned_abs());
        let true_time = self.time.now();
        match ahead < 0 {
            true => true_time.minus(seconds),
            false => true_time.plus(seconds),
        }
    }

    fn since_boot(&self) -> Duration {
        // It has run for a while.
        1_000 * HOUR + self.time.passed() - *self.unseen.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        self.time.pass(time);
    }
}

/// Gives the objects of a store the times of its clock in this world. As with S3, a LIST knows them more exactly
/// than a HEAD, which like the store's own time is in whole seconds.
pub struct Dated {
    inner: Arc<dyn Store>,
    clock: Arc<WorldClock>,
    put: Mutex<BTreeMap<String, Timestamp>>,
}

impl Dated {
    pub fn new(inner: Arc<dyn Store>, clock: Arc<WorldClock>) -> Self {
        Self {
            inner,
            clock,
            put: Mutex::default(),
        }
    }

    fn date(&self, object: &mut ObjectInfo) {
        if let Some(put) = self.put.lock().unwrap().get(&object.name) {
            object.modified = *put;
        }
    }

    fn note(&self, name: &str) {
        let now = self.clock.now();
        self.put.lock().unwrap().insert(name.to_owned(), now);
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.seconds())
}

impl Store for Dated {
    fn url(&self) -> String {
        self.inner.url()
    }
    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put(name, body)?;
        self.note(name);
        Ok(())
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.inner.put_if_absent(name, body)?;
        self.note(name);
        Ok(())
    }
    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.inner.get(name, window)
    }
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, &mut |mut object| {
            self.date(&mut object);
            visit(object)
        })
    }
    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let mut object = self.inner.head(name)?;
        self.date(&mut object);
        object.modified = whole_seconds(object.modified);
        Ok(object)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }
    fn now(&self) -> Result<Timestamp> {
        Ok(whole_seconds(self.clock.now()))
    }
    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }
}
