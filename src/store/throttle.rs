//! Wraps a store and keeps transfers within a rate, for `--upload-limit` and `--download-limit`.
//!
//! Each transfer books its bytes on a line of that rate, one after the other, and waits for its
//! turn. An object goes out in one piece at full speed and the next one waits: the limit holds over
//! seconds, not within one object.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::retention::{PutTerms, Retaining, Retention, Seen, Shown, Version, deeper};
use super::{ObjectInfo, Result, Store, Window};
use crate::seams::{Clock, Timestamp};

/// Most bytes a second; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub upload: Option<NonZeroU64>,
    pub download: Option<NonZeroU64>,
}

impl Limits {
    pub fn is_any(&self) -> bool {
        self.upload.is_some() || self.download.is_some()
    }
}

/// Passes everything on, not faster than allowed.
pub struct Throttle {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    upload: Option<Line>,
    download: Option<Line>,
}

/// A line of a fixed rate, shared by all threads.
struct Line {
    bytes_per_second: NonZeroU64,
    /// When it is free again, as time since boot.
    free_at: Mutex<Duration>,
}

impl Line {
    fn new(bytes_per_second: NonZeroU64) -> Self {
        Self {
            bytes_per_second,
            free_at: Mutex::default(),
        }
    }

    /// Books the line and returns when these bytes may start.
    fn book(&self, now: Duration, bytes: u64) -> Duration {
        let nanoseconds =
            u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = now.max(*free_at);
        *free_at = start.saturating_add(takes);
        start
    }
}

impl Throttle {
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            inner,
            clock,
            upload: limits.upload.map(Line::new),
            download: limits.download.map(Line::new),
        }
    }

    fn wait(&self, line: Option<&Line>, bytes: u64) {
        let Some(line) = line else {
            return;
        };
        let now = self.clock.since_boot();
        let wait = line.book(now, bytes).saturating_sub(now);
        if !wait.is_zero() {
            self.clock.sleep(wait);
        }
    }

    fn fetch(&self, window: Window, get: impl FnOnce() -> Result<Bytes>) -> Result<Bytes> {
        if let Window::Range { bytes, .. } = window {
            self.wait(self.download.as_ref(), bytes);
            return get();
        }
        // How much a whole object is shows when it is there: it waits for those before it, and
        // those after it wait for it.
        self.wait(self.download.as_ref(), 0);
        let body = get()?;
        if let Some(line) = &self.download {
            line.book(self.clock.since_boot(), body.len() as u64);
        }
        Ok(body)
    }
}

impl Store for Throttle {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.wait(self.upload.as_ref(), body.len() as u64);
        self.inner.put(name, body)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.wait(self.upload.as_ref(), body.len() as u64);
        self.inner.put_if_absent(name, body)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.fetch(window, || self.inner.get(name, window))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, visit)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.inner.head(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn now(&self) -> Result<Timestamp> {
        self.inner.now()
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stored_checksum(name)
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining().map(|_| self as &dyn Retaining)
    }
}

impl Throttle {
    fn deeper(&self) -> Result<&dyn Retaining> {
        deeper(self.inner.as_ref())
    }
}

impl Retaining for Throttle {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        self.wait(self.upload.as_ref(), body.len() as u64);
        self.deeper()?.put_on_terms(name, body, terms)
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        self.deeper()?.retain(name, version, retention)
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        self.deeper()?.retention(name, version)
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        self.deeper()?.versions(name)
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        self.fetch(window, || self.deeper()?.get_version(name, version, window))
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        self.deeper()?.delete_version(name, version)
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        self.deeper()?.list_all(prefix, visit)
    }

    fn shown(&self) -> Shown {
        self.inner
            .retaining()
            .map(Retaining::shown)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    /// Time passes only by sleeping.
    #[derive(Default)]
    struct Still(Mutex<Duration>);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::default().plus(self.since_boot())
        }
        fn since_boot(&self) -> Duration {
            *self.0.lock().unwrap()
        }
        fn sleep(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    #[test]
    fn transfers_take_as_long_as_the_rate_says() {
        let clock = Arc::new(Still::default());
        let memory = Arc::new(Memory::new(clock.clone()));
        let limits = Limits {
            upload: NonZeroU64::new(1000),
            download: NonZeroU64::new(500),
        };
        let store = Throttle::new(memory, clock.clone(), limits);
        for _ in 0..11 {
            store.put("a", Bytes::from(vec![0; 1000])).unwrap();
        }
        assert_eq!(
            clock.since_boot(),
            Duration::from_secs(10),
            "the first need not wait"
        );
        let whole = Window::Whole { bytes_max: 1000 };
        let half = Window::Range {
            start: 0,
            bytes: 500,
        };
        for window in [whole, half, whole, half] {
            store.get("a", window).unwrap();
        }
        assert_eq!(clock.since_boot(), Duration::from_secs(10 + 2 + 1 + 2));
        store.head("a").unwrap();
        store.delete("a").unwrap();
        assert_eq!(
            clock.since_boot(),
            Duration::from_secs(15),
            "small calls are free"
        );
    }
}
