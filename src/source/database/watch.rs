//! Watches over a dump that comes through a pipe: one from which nothing comes any more must end in
//! an error and not hold up every backup to come.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::seams::{Clock, Interrupt};

/// How long a dump may be silent where nobody said how long it may take. `pg_dump` is silent while
/// it waits for a lock that a migration holds; longer than this is no migration.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);
/// So often the clock is looked at while nothing comes.
const STEP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
const STEP_MAX: Duration = Duration::from_millis(100);

/// Why a dump was no longer waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Nothing came for so long.
    Silent(Duration),
    /// It had so much time in all.
    Late(Duration),
    /// Somebody wants the backup to end.
    Interrupted,
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "nothing came for {}", in_words(*time)),
            Self::Late(time) => write!(f, "it was not done after {}", in_words(*time)),
            Self::Interrupted => f.write_str("the backup was interrupted"),
        }
    }
}

impl std::error::Error for Overdue {}

fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0 => return format!("{} ms", time.as_millis()),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// How long a dump is waited for, from now on.
#[derive(Clone)]
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    began: Duration,
    limit: Overdue,
    interrupt: Interrupt,
}

impl Watch {
    /// With `total`, the dump has so much time in all, silent or not; without, it must not be silent
    /// for more than half an hour.
    pub(super) fn start(clock: Arc<dyn Clock>, total: Option<Duration>) -> Self {
        Self {
            began: clock.since_boot(),
            limit: total.map_or(Overdue::Silent(SILENCE_MAX), Overdue::Late),
            clock,
            interrupt: Interrupt::default(),
        }
    }

    /// Ends with an interrupt, too.
    pub(super) fn heeding(self, interrupt: &Interrupt) -> Self {
        let interrupt = interrupt.clone();
        Self { interrupt, ..self }
    }

    /// Begins anew, with at most `total` from now.
    pub(super) fn for_at_most(&self, total: Duration) -> Self {
        let total = match self.limit {
            Overdue::Silent(_) => total,
            Overdue::Late(limit) => limit.min(total),
            Overdue::Interrupted => Duration::ZERO,
        };
        Self::start(self.clock.clone(), Some(total)).heeding(&self.interrupt)
    }

    /// Waits until `is_over`, looking ever less often.
    pub(super) fn wait(&self, mut is_over: impl FnMut() -> bool) -> Result<(), Overdue> {
        let quiet_since = self.clock.since_boot();
        let mut step = Duration::from_millis(1);
        while !is_over() {
            self.check(quiet_since)?;
            self.clock.sleep(step);
            step = (step * 2).min(STEP_MAX);
        }
        Ok(())
    }

    fn check(&self, quiet_since: Duration) -> Result<(), Overdue> {
        if self.interrupt.is_raised() {
            return Err(Overdue::Interrupted);
        }
        let (since, time) = match self.limit {
            Overdue::Silent(time) => (quiet_since, time),
            Overdue::Late(time) => (self.began, time),
            Overdue::Interrupted => return Err(self.limit),
        };
        if self.clock.since_boot().saturating_sub(since) > time {
            return Err(self.limit);
        }
        Ok(())
    }
}

/// A pipe that is watched over: reading from it fails with [`Overdue`] within.
pub(super) struct Watched<R> {
    inner: R,
    watch: Watch,
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R, watch: Watch) -> Self {
        Self { inner, watch }
    }
}

impl<R: Read + AsFd> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let quiet_since = self.watch.clock.since_boot();
        loop {
            self.watch.check(quiet_since).map_err(io::Error::other)?;
            let ready = poll(&mut [PollFd::new(&self.inner, PollFlags::IN)], Some(&STEP));
            match ready {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => match self.inner.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                },
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
