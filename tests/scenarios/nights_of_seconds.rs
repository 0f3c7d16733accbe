//! Nights that take seconds: a clock on which a day goes by at each second (or few) of this machine,
//! and a store that tells the times of a real server by it. So locks of days, which only a real
//! server enforces, are over within a test.
//!
//! Within a night time runs as it does; in between it jumps to the next. Locks end with a night.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offsite::seams::{Clock, SystemClock, Timestamp};
use offsite::store::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version};
use offsite::store::s3::S3;
use offsite::store::{ObjectInfo, Result, Store, Window};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// When the first night is, as people count.
const FIRST: i64 = 1_800_000_000;

/// The clock.
pub struct Nights {
    /// When the first night began by the clock of this machine, and how long each takes, in seconds.
    base: i64,
    seconds: i64,
    /// The nights that began, in order.
    begun: Mutex<Vec<i64>>,
}

impl Nights {
    /// The first night has begun when this returns.
    pub fn of(seconds: i64) -> Arc<Self> {
        let nights = Arc::new(Self {
            base: SystemClock.now().seconds() + 1,
            seconds,
            begun: Mutex::new(vec![0]),
        });
        nights.wait_until(nights.base);
        nights
    }

    /// Waits for the next night; if the last took longer than a night does, some were missed.
    pub fn next(&self) -> i64 {
        let now = SystemClock.now().seconds();
        let next = (now - self.base).div_euclid(self.seconds) + 1;
        self.wait_until(self.base + next * self.seconds);
        self.begun.lock().unwrap().push(next);
        next
    }

    fn wait_until(&self, seconds: i64) {
        let then = Timestamp::from_seconds(seconds);
        while SystemClock.now() < then {
            SystemClock.sleep(then.since(SystemClock.now()));
        }
    }

    /// What the server says, as the calendar has it. Nights that were missed have no time of their
    /// own: they belong to the one that took so long.
    fn shown(&self, real: Timestamp) -> Timestamp {
        let by_now = (real.seconds() - self.base).div_euclid(self.seconds);
        let begun = self.begun.lock().unwrap();
        let night = begun.iter().rfind(|night| **night <= by_now);
        let night = night.copied().unwrap_or(by_now);
        let begun = Timestamp::from_seconds(self.base + night * self.seconds);
        Timestamp::from_seconds(FIRST + night * DAY_SECONDS).plus(real.since(begun))
    }

    /// When a lock ends on the server: with the night, never before.
    fn real_end(&self, until: Timestamp) -> Timestamp {
        let nights = (until.seconds() - FIRST).div_euclid(DAY_SECONDS) + 1;
        Timestamp::from_seconds(self.base + nights * self.seconds)
    }

    fn shown_end(&self, until: Timestamp) -> Timestamp {
        let nights = (until.seconds() - self.base).div_euclid(self.seconds);
        Timestamp::from_seconds(FIRST + nights * DAY_SECONDS)
    }
}

impl Clock for Nights {
    fn now(&self) -> Timestamp {
        self.shown(SystemClock.now())
    }
    fn since_boot(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
    fn sleep(&self, time: Duration) {
        SystemClock.sleep(time.min(Duration::from_secs(1)));
    }
}

/// The bucket, on that calendar.
pub struct OnCalendar {
    pub bucket: S3,
    pub nights: Arc<Nights>,
}

impl OnCalendar {
    fn info(&self, info: ObjectInfo) -> ObjectInfo {
        ObjectInfo {
            modified: self.nights.shown(info.modified),
            ..info
        }
    }

    fn to_server(&self, retention: Retention) -> Retention {
        Retention {
            until: self.nights.real_end(retention.until),
            ..retention
        }
    }
}

impl Store for OnCalendar {
    fn url(&self) -> String {
        self.bucket.url()
    }
    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.bucket.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.bucket.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.bucket.get(name, window)
    }
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.bucket.list(prefix, &mut |info| visit(self.info(info)))
    }
    fn head(&self, name: &str) -> Result<ObjectInfo> {
        Ok(self.info(self.bucket.head(name)?))
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.bucket.delete(name)
    }
    fn now(&self) -> Result<Timestamp> {
        Ok(self.nights.shown(self.bucket.now()?))
    }
    fn retaining(&self) -> Option<&dyn Retaining> {
        Some(self)
    }
}

impl Retaining for OnCalendar {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        let terms = PutTerms {
            retention: terms.retention.map(|retention| self.to_server(retention)),
            ..*terms
        };
        self.bucket.put_on_terms(name, body, &terms)
    }
    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        self.bucket.retain(name, version, self.to_server(retention))
    }
    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        let told = self.bucket.retention(name, version)?;
        Ok(told.map(|retention| Retention {
            until: self.nights.shown_end(retention.until),
            ..retention
        }))
    }
    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        let mut versions = self.bucket.versions(name)?;
        for version in &mut versions {
            version.modified = self.nights.shown(version.modified);
        }
        Ok(versions)
    }
    fn marks(&self, name: &str) -> Result<Vec<String>> {
        self.bucket.marks(name)
    }
    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        self.bucket.get_version(name, version, window)
    }
    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        self.bucket.delete_version(name, version)
    }
    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        self.bucket.list_all(prefix, &mut |seen| {
            visit(Seen {
                info: self.info(seen.info),
                ..seen
            })
        })
    }
    fn shown(&self) -> Shown {
        self.bucket.shown()
    }
}
