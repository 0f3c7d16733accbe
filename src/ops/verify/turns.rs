//! Whose turn it is to be read: the packs that were read longest ago, so that a budget of a few
//! gigabytes a night comes round to the whole store. What was read is remembered for each place.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::id::ObjectId;
use crate::index::{IndexError, PackRead, Trust};
use crate::seams::Timestamp;

/// The time over which the share that was read is told.
pub const RECENT_DAYS: u64 = 30;
const RECENT: Duration = Duration::from_secs(RECENT_DAYS * 24 * 3600);
/// A reading so far ahead of the clock was noted while the clock was wrong, and says nothing.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 3600);

/// When the packs of a place were last read, as this host remembers it.
pub struct PackReads {
    trust: Trust,
    place: String,
}

impl fmt::Debug for PackReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackReads")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// How much of a place was read, whole nights together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes of packs that were read within the last [`RECENT_DAYS`] and were right.
    pub recent_bytes: u64,
    pub total_bytes: u64,
    /// Packs that this host never read.
    pub never_read: u64,
    /// The oldest of all last readings; `None` if there is none.
    pub oldest: Option<Timestamp>,
}

impl PackReads {
    pub fn new(trust: Trust, place: String) -> Self {
        Self { trust, place }
    }

    /// Notes that a pack was read.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note(&self, pack: &ObjectId, read: PackRead) -> Result<(), IndexError> {
        self.trust.note_pack_read(&self.place, pack, read)
    }

    /// Notes which packs of contents there are, in place of those noted before.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn begin_list(&self) -> Result<(), IndexError> {
        self.trust.begin_list()
    }

    /// # Errors
    /// `Sqlite`.
    pub fn list(&self, packs: &[(ObjectId, u64)]) -> Result<(), IndexError> {
        self.trust.list_packs(packs)
    }

    /// Visits the listed packs that were not right when they were last read.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn each_damaged(
        &self,
        now: Timestamp,
        visit: &mut dyn FnMut(ObjectId),
    ) -> Result<(), IndexError> {
        let until = now.plus(CLOCK_SLACK);
        let mut each = |pack, _| {
            visit(pack);
            true
        };
        self.trust
            .each_listed(&self.place, until, Some(false), &mut each)
    }

    /// Which of the listed packs are to be read for at most `budget` bytes, at least one: those that were read
    /// longest ago, and as far as half of it goes those that were found damaged.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn choose(&self, budget: u64, now: Timestamp) -> Result<HashSet<ObjectId>, IndexError> {
        let until = now.plus(CLOCK_SLACK);
        let each = |sound, visit: &mut dyn FnMut(ObjectId, u64) -> bool| {
            self.trust.each_listed(&self.place, until, sound, visit)
        };
        let (mut chosen, mut left) = (HashSet::new(), budget);
        // The one that was read longest ago comes first of all, damaged or not: so each has its turn,
        // however small the budget is.
        each(None, &mut |pack, bytes| {
            left = left.saturating_sub(bytes);
            chosen.insert(pack);
            false
        })?;
        let mut reserve = budget / 2;
        each(Some(false), &mut |pack, bytes| {
            if bytes <= reserve.min(left) && !chosen.contains(&pack) {
                reserve -= bytes;
                left -= bytes;
                chosen.insert(pack);
            }
            true
        })?;
        each(None, &mut |pack, bytes| {
            if chosen.contains(&pack) {
                return true;
            }
            if bytes > left && !chosen.is_empty() {
                return false;
            }
            left = left.saturating_sub(bytes);
            chosen.insert(pack);
            true
        })?;
        Ok(chosen)
    }

    /// How much of the listed packs, which are all there are, was read; others are forgotten.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn coverage(&self, now: Timestamp) -> Result<Coverage, IndexError> {
        let (since, until) = (now.minus(RECENT), now.plus(CLOCK_SLACK));
        let sums = self.trust.sum_listed(&self.place, since, until)?;
        Ok(Coverage {
            recent_bytes: sums.sound_bytes,
            total_bytes: sums.bytes,
            never_read: sums.never_read,
            oldest: sums.oldest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packs(number: u8) -> Vec<(ObjectId, u64)> {
        (0..number)
            .map(|number| (ObjectId::of(&[number]), 100))
            .collect()
    }

    fn choose(
        reads: &PackReads,
        packs: &[(ObjectId, u64)],
        budget: u64,
        now: Timestamp,
    ) -> HashSet<ObjectId> {
        reads.begin_list().unwrap();
        reads.list(packs).unwrap();
        reads.choose(budget, now).unwrap()
    }

    fn covered(reads: &PackReads, packs: &[(ObjectId, u64)], now: Timestamp) -> Coverage {
        reads.begin_list().unwrap();
        reads.list(packs).unwrap();
        reads.coverage(now).unwrap()
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_seconds(number * 24 * 3600)
    }

    #[test]
    fn a_little_every_night_comes_round_to_everything() {
        let reads = PackReads::new(Trust::in_memory().unwrap(), "here".to_owned());
        let all = packs(50);
        let mut seen = HashSet::new();
        for night in 0..10 {
            let chosen = choose(&reads, &all, 540, day(night));
            assert_eq!(chosen.len(), 5);
            for id in &chosen {
                assert!(seen.insert(*id), "none twice before all were read");
                let read = PackRead {
                    at: day(night),
                    was_sound: true,
                };
                reads.note(id, read).unwrap();
            }
        }
        let coverage = covered(&reads, &all, day(32));
        assert_eq!(coverage.never_read, 0);
        assert_eq!(coverage.oldest, Some(day(0)));
        assert_eq!((coverage.recent_bytes, coverage.total_bytes), (4000, 5000));
        // New packs come first; those that went are forgotten.
        let chosen = choose(&reads, &packs(52), 200, day(11));
        assert_eq!(chosen, packs(52)[50..].iter().map(|it| it.0).collect());
        covered(&reads, &all[..10], day(11));
        assert_eq!(covered(&reads, &all, day(11)).never_read, 40);
        assert_eq!(choose(&reads, &all, 1, day(12)).len(), 1, "at least one");
    }

    #[test]
    fn damaged_ones_are_looked_at_again_and_do_not_eat_up_the_night() {
        let reads = PackReads::new(Trust::in_memory().unwrap(), "here".to_owned());
        let all = packs(20);
        for (number, pack) in all.iter().enumerate() {
            let was_sound = number >= 8;
            let at = day(if was_sound { 1 } else { 2 });
            reads.note(&pack.0, PackRead { at, was_sound }).unwrap();
        }
        let chosen = choose(&reads, &all, 600, day(3));
        let damaged = all[..8].iter().filter(|pack| chosen.contains(&pack.0));
        assert_eq!((chosen.len(), damaged.count()), (6, 3));
        assert_eq!(covered(&reads, &all, day(3)).recent_bytes, 1200);
        // What was read on a day to come was read by a clock that was wrong.
        for pack in &all {
            let read = PackRead {
                at: day(9_000),
                was_sound: true,
            };
            reads.note(&pack.0, read).unwrap();
        }
        assert_eq!(covered(&reads, &all, day(4)).never_read, 20);
    }
}
