//! Wraps a store and tries again what may go through next time: with exponentially growing waits
//! of random length (full jitter, so that many writers do not come back in step), for a bounded
//! time, and with fewer calls at once when the store asks for patience (`gate`).
//!
//! A put may be sent again freely: its name is the hash of its bytes.

mod gate;
mod retaining;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::retention::Retaining;
use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};
use crate::progress::Progress;
use crate::seams::{Seams, Timestamp};
use gate::Gate;

/// How often and how long to try.
#[derive(Clone)]
pub struct RetryOptions {
    /// Time from the first failure of a call after which it is not tried again.
    pub budget: Duration,
    /// The same while the store has not answered at all: then the address is more likely wrong than
    /// the line down, and a person is waiting.
    pub budget_unanswered: Duration,
    /// Attempts of one call at most, the first included.
    pub attempts_max: u32,
    /// Attempts that are made even if the budget is spent: on a slow line a single attempt can
    /// take longer than the budget.
    pub attempts_min: u32,
    /// Upper bound of the wait after the first failure; doubles with each.
    pub delay_first: Duration,
    /// Upper bound of any wait.
    pub delay_max: Duration,
    /// Calls under way at once.
    pub calls_max: NonZeroUsize,
    /// What the store is called where there are others, for what is told; else empty.
    pub name: String,
    /// Is told when a call has to be tried again.
    pub progress: Option<Arc<dyn Progress>>,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(10 * 60),
            budget_unanswered: Duration::from_secs(60),
            attempts_max: 60,
            attempts_min: 3,
            delay_first: Duration::from_millis(500),
            delay_max: Duration::from_secs(30),
            calls_max: NonZeroUsize::MIN.saturating_add(15),
            name: String::new(),
            progress: None,
        }
    }
}

/// Tries again what is worth it.
pub struct Retry {
    inner: Arc<dyn Store>,
    seams: Seams,
    options: RetryOptions,
    gate: Gate,
    /// The store has answered at least once.
    answered: AtomicBool,
}

/// An object that is cut short stays short: a second look tells it from a line that broke.
const INCOMPLETE_ATTEMPTS_MAX: u32 = 3;

/// A page of a listing that was cut short is a line that broke: for so long it is asked for again.
const LISTING_PATIENCE: Duration = Duration::from_secs(60);

/// Shows a visitor what a listing has.
type List<'l, T> = dyn Fn(&mut dyn FnMut(T) -> Result<()>) -> Result<()> + 'l;

/// The failures of one call so far.
#[derive(Default)]
struct Failures {
    count: u32,
    incomplete: u32,
    is_listing: bool,
    /// Time since boot of the first.
    since: Option<Duration>,
}

impl Retry {
    pub fn new(inner: Arc<dyn Store>, seams: Seams, options: RetryOptions) -> Self {
        let gate = Gate::new(options.calls_max);
        Self {
            inner,
            seams,
            options,
            gate,
            answered: AtomicBool::new(false),
        }
    }

    /// Calls allowed at once now: fewer than `calls_max` after the store asked for patience.
    pub fn calls_allowed(&self) -> usize {
        self.gate.allowed()
    }

    fn attempt<T>(&self, mut call: impl FnMut() -> Result<T>) -> Result<T> {
        let mut failures = Failures::default();
        loop {
            let result = {
                let _pass = self.gate.enter();
                let result = call();
                self.tell_gate(&result);
                result
            };
            match result {
                Ok(value) => return Ok(value),
                Err(error) => self.wait_or_give_up(&mut failures, error)?,
            }
        }
    }

    fn tell_gate<T>(&self, result: &Result<T>) {
        if !matches!(result, Err(error) if error.kind == ErrorKind::Transient) {
            self.answered.store(true, Ordering::Relaxed);
        }
        match result {
            Ok(_) => self.gate.went_well(),
            Err(error) if error.kind == ErrorKind::Throttled => {
                self.gate.was_throttled(self.seams.clock.since_boot());
            }
            Err(_) => {}
        }
    }

    /// Waits until the next attempt may start, or returns the error as the last word.
    fn wait_or_give_up(&self, failures: &mut Failures, error: StoreError) -> Result<()> {
        if !error.is_worth_a_retry() {
            return Err(error);
        }
        let now = self.seams.clock.since_boot();
        let elapsed = now.saturating_sub(*failures.since.get_or_insert(now));
        failures.count += 1;
        if error.kind == ErrorKind::Incomplete {
            failures.incomplete += 1;
        }
        let stays_short = failures.incomplete >= INCOMPLETE_ATTEMPTS_MAX
            && (!failures.is_listing || elapsed >= LISTING_PATIENCE);
        let is_over = failures.count >= self.options.attempts_max
            || stays_short
            || elapsed >= self.budget() && failures.count >= self.options.attempts_min;
        if is_over {
            return Err(given_up(error, failures.count, elapsed));
        }
        let delay = self.delay(failures.count);
        if let Some(progress) = &self.options.progress {
            let whose = match self.options.name.as_str() {
                "" => String::new(),
                name => format!("{name}: "),
            };
            progress.notice(&format!(
                "note: {whose}{error}; trying again in {:.1} s",
                delay.as_secs_f64()
            ));
        }
        if self.seams.sleep(delay) {
            Ok(())
        } else {
            Err(error)
        }
    }

    fn budget(&self) -> Duration {
        let RetryOptions {
            budget,
            budget_unanswered,
            ..
        } = self.options;
        if self.answered.load(Ordering::Relaxed) {
            budget
        } else {
            budget.min(budget_unanswered)
        }
    }

    /// Anything from nothing to the bound, which doubles with each failure.
    fn delay(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        let bound = self
            .options
            .delay_first
            .saturating_mul(factor)
            .min(self.options.delay_max);
        let mut random = [0; 4];
        match self.seams.random.fill(&mut random) {
            Ok(()) => bound.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX)),
            Err(_) => bound,
        }
    }

    /// Starts again from the beginning and passes over what was visited; names come in order.
    fn listing<T>(
        &self,
        list: &List<'_, T>,
        name_of: &dyn Fn(&T) -> &String,
        visit: &mut dyn FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let anew = || Failures {
            is_listing: true,
            ..Failures::default()
        };
        let mut failures = anew();
        let mut last: Option<String> = None;
        loop {
            let mut is_visitors_error = false;
            let mut has_advanced = false;
            let result = list(&mut |object| {
                if last.as_ref().is_some_and(|last| *name_of(&object) <= *last) {
                    return Ok(());
                }
                has_advanced = true;
                last = Some(name_of(&object).clone());
                visit(object).inspect_err(|_| is_visitors_error = true)
            });
            if is_visitors_error {
                return result;
            }
            self.tell_gate(&result);
            if has_advanced {
                failures = anew();
            }
            match result {
                Ok(()) => return Ok(()),
                Err(error) => self.wait_or_give_up(&mut failures, error)?,
            }
        }
    }

    /// Whether the object that is there is the one that was to be put.
    fn is_ours(&self, name: &str, body: &Bytes) -> bool {
        let bytes_max = body.len() as u64;
        let found = self.attempt(|| self.inner.get(name, Window::Whole { bytes_max }));
        found.is_ok_and(|found| found == *body)
    }
}

fn given_up(mut error: StoreError, attempts: u32, elapsed: Duration) -> StoreError {
    if attempts > 1 {
        let separator = if error.detail.is_empty() { "" } else { "; " };
        let seconds = elapsed.as_secs();
        error.detail += &format!("{separator}tried {attempts} times in {seconds} s");
    }
    error
}

impl Store for Retry {
    fn url(&self) -> String {
        self.inner.url()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.attempt(|| self.inner.put(name, body.clone()))
    }

    /// Where an attempt failed, it may have been done: if the object that then exists holds the
    /// very bytes, it is ours.
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        let mut attempts = 0;
        let result = self.attempt(|| {
            attempts += 1;
            self.inner.put_if_absent(name, body.clone())
        });
        match result {
            Err(error)
                if error.kind == ErrorKind::AlreadyExists
                    && attempts > 1
                    && self.is_ours(name, &body) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        self.attempt(|| self.inner.get(name, window))
    }

    /// It does not pass the gate, for the visitor may make calls of its own.
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let list = |visit: &mut dyn FnMut(ObjectInfo) -> Result<()>| self.inner.list(prefix, visit);
        self.listing(&list, &|object| &object.name, visit)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        self.attempt(|| self.inner.head(name))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.attempt(|| self.inner.delete(name))
    }

    fn now(&self) -> Result<Timestamp> {
        self.attempt(|| self.inner.now())
    }

    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        self.inner.hold(exclusive)
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        self.attempt(|| self.inner.stored_checksum(name))
    }

    fn send_checksums(&self, on: bool) {
        self.inner.send_checksums(on);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        self.inner.retaining().map(|_| self as &dyn Retaining)
    }
}

#[cfg(test)]
mod tests;
