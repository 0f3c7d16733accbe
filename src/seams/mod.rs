//! Where the outside world is injected: time, randomness, threads and writes to a file system.
//!
//! Everything above takes a [`Seams`], so that a whole backup can be replayed from a seed with a
//! fake clock, on one thread, with the n-th write to disk failing.

mod interrupt;
mod process_group;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use interrupt::{GroupEnds, Heeding, Interrupt, Interrupted};
pub use process_group::{NO_TERMINAL, end_group, has_ended};

/// A moment: nanoseconds since 1970-01-01T00:00:00Z; reaches from the year 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Clamped to what the type can hold.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub fn plus(self, time: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    pub fn minus(self, time: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The host's idea of the time of day; may jump.
    fn now(&self) -> Timestamp;

    /// Time since the machine started, sleep included; never jumps.
    fn since_boot(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}

/// Gives bytes that nobody can predict.
pub trait Random: Send + Sync {
    /// # Errors
    /// When the operating system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Bytes that are written to a file in one call. Linux takes larger writes into pages so large that
/// finding and filling them costs three times the processor time, from 1 MiB on (ext4, 6.18).
pub const WRITTEN_AT_ONCE: usize = 256 * 1024;

/// What is about to be done to a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskOperation {
    CreateFolder,
    Create,
    Write,
    Sync,
    Rename,
    Remove,
    SetMetadata,
}

/// Asked before each change to a file system and told of it afterwards, so that tests can make the
/// n-th one fail, lose its answer, or stop the world there.
pub trait Disk: Send + Sync {
    /// # Errors
    /// When the change should fail instead of being made.
    fn before(&self, operation: DiskOperation, path: &Path) -> io::Result<()>;

    /// # Errors
    /// When the change was made and is to look as if it had failed.
    fn after(&self, _operation: DiskOperation, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl dyn Disk {
    /// Makes a change, asking before and telling afterwards.
    ///
    /// # Errors
    /// Those of `change`, of [`Disk::before`] and of [`Disk::after`].
    pub fn change<T>(
        &self,
        operation: DiskOperation,
        path: &Path,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.before(operation, path)?;
        let made = change()?;
        self.after(operation, path)?;
        Ok(made)
    }
}

/// How many threads work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Threads that read, compress and seal; `None`: everything on the calling thread, in a fixed
    /// order, so that a run can be replayed.
    pub workers: Option<NonZeroUsize>,
    /// Transfers under way at once, where there are workers.
    pub transfers: NonZeroUsize,
}

impl Threads {
    pub const SINGLE: Self = Self {
        workers: None,
        transfers: NonZeroUsize::MIN,
    };

    /// As many workers as processors (at most 8), four transfers.
    pub fn of_this_machine() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = processors.min(NonZeroUsize::MIN.saturating_add(7));
        Self {
            workers: Some(workers),
            transfers: NonZeroUsize::MIN.saturating_add(3),
        }
    }
}

/// The outside world as one value; cheap to clone.
#[derive(Clone)]
pub struct Seams {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub disk: Arc<dyn Disk>,
    pub threads: Threads,
    pub interrupt: Interrupt,
}

/// How long an interrupt may go unnoticed by those who wait.
const SLEEP_STEP: Duration = Duration::from_millis(200);

impl Seams {
    /// The real world.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            disk: Arc::new(PlainDisk),
            threads: Threads::of_this_machine(),
            interrupt: Interrupt::default(),
        }
    }

    /// Waits, unless an interrupt comes or has come; tells whether the wait was whole.
    pub fn sleep(&self, time: Duration) -> bool {
        let mut rest = time;
        while !rest.is_zero() && !self.interrupt.is_raised() {
            let step = rest.min(SLEEP_STEP);
            self.clock.sleep(step);
            rest -= step;
        }
        rest.is_zero()
    }
}

impl fmt::Debug for Seams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seams")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Timestamp::default().plus(after),
            Err(before) => Timestamp::default().minus(before.duration()),
        }
    }

    fn since_boot(&self) -> Duration {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(CLOCK);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }
}

/// Lets every change through.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainDisk;

impl Disk for PlainDisk {
    fn before(&self, _operation: DiskOperation, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}
