//! Time in the world of the actors: one that truly passes, which is that of the store, and what the
//! clocks of the hosts make of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use offsite::seams::{Clock, SystemClock, Timestamp};
use offsite::store::{ObjectInfo, Result, Store, Window};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Passes only when somebody says so.
pub struct Time {
    began: Timestamp,
    passed: Mutex<Duration>,
}

impl Time {
    /// Begins so late that files which were just made are believed to hold still; all at once, so that
    /// a run can be repeated.
    pub fn new() -> Self {
        static BEGAN: OnceLock<Timestamp> = OnceLock::new();
        let began = BEGAN.get_or_init(|| whole_seconds(SystemClock.now().plus(30 * DAY)));
        Self {
            began: *began,
            passed: Mutex::default(),
        }
    }

    pub fn pass(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }

    pub fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.began.plus(self.passed())
    }
}

/// The clock of a host.
pub struct HostClock {
    time: Arc<Time>,
    /// How far it is ahead, in seconds; less than none: behind.
    ahead: Mutex<i64>,
    /// Time of which the machine knows nothing: it was put to sleep from outside.
    unseen: Mutex<Duration>,
}

impl HostClock {
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

    pub fn sleep_unseen(&self, time: Duration) {
        self.time.pass(time);
        *self.unseen.lock().unwrap() += time;
    }
}

impl Clock for HostClock {
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

/// Gives the objects of a store the times of this world. As with S3, a LIST knows them more exactly
/// than a HEAD, which like the store's own time is in whole seconds.
pub struct Dated {
    inner: Box<dyn Store>,
    time: Arc<Time>,
    put: Mutex<BTreeMap<String, Timestamp>>,
}

impl Dated {
    pub fn new(inner: Box<dyn Store>, time: Arc<Time>) -> Self {
        Self {
            inner,
            time,
            put: Mutex::default(),
        }
    }

    fn date(&self, object: &mut ObjectInfo) {
        if let Some(put) = self.put.lock().unwrap().get(&object.name) {
            object.modified = *put;
        }
    }

    fn note(&self, name: &str) {
        let now = self.time.now();
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
        Ok(whole_seconds(self.time.now()))
    }
    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }
}
