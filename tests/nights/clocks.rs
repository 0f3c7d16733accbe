//! Time and chance of the simulation: one true time that only the test moves, the clock of the
//! stores, the clock of the host, which may be wrong, and randomness from a seed.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offsite::seams::{Clock, PlainDisk, Random, Seams, Threads, Timestamp};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// May 2033: whatever the kernel says of the source, it lies long ago.
const BEGIN: Timestamp = Timestamp::from_seconds(2_000_000_000);

/// What time it really is. Each look takes a millisecond, so that nothing happens at once.
#[derive(Default)]
pub struct Time(AtomicU64);

impl Time {
    pub fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    fn since_begin(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// As the stores see it, who are always right.
impl Clock for Time {
    fn now(&self) -> Timestamp {
        BEGIN.plus(self.since_begin())
    }
    fn since_boot(&self) -> Duration {
        self.since_begin()
    }
    fn sleep(&self, time: Duration) {
        self.pass(time);
    }
}

/// As the host sees it: its time of day can be wrong, the time since boot never is.
pub struct HostClock {
    pub time: Arc<Time>,
    pub wrong_by_seconds: AtomicI64,
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let wrong_by = self.wrong_by_seconds.load(Ordering::Relaxed);
        let by = Duration::from_secs(wrong_by.unsigned_abs());
        match wrong_by < 0 {
            true => self.time.now().minus(by),
            false => self.time.now().plus(by),
        }
    }
    fn since_boot(&self) -> Duration {
        self.time.since_boot()
    }
    fn sleep(&self, time: Duration) {
        self.time.pass(time);
    }
}

/// SplitMix64: the same nights from the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }

    /// Bytes that do not compress.
    pub fn noise(&mut self, bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.next().to_le_bytes());
        hasher.finalize_xof().fill(&mut noise);
        noise
    }
}

/// The randomness of keys, salts and names.
struct Seeded(Mutex<blake3::OutputReader>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().fill(bytes);
        Ok(())
    }
}

/// A world on one thread that a seed replays.
pub fn seams(seed: u64, clock: Arc<HostClock>) -> Seams {
    let random = blake3::Hasher::new_derive_key("nights")
        .update(&seed.to_le_bytes())
        .finalize_xof();
    Seams {
        clock,
        random: Arc::new(Seeded(Mutex::new(random))),
        disk: Arc::new(PlainDisk),
        threads: Threads::SINGLE,
        ..Seams::real()
    }
}
