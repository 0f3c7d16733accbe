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

/// A pack of contents, as LIST shows it.
#[derive(Debug, Clone, Copy)]
pub struct ListedPack {
    pub id: ObjectId,
    pub bytes: u64,
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

    /// The packs that were not right when they were last read.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn damaged(&self) -> Result<HashSet<ObjectId>, IndexError> {
        let reads = self.trust.pack_reads(&self.place)?.into_iter();
        let damaged = reads.filter(|(_, read)| !read.was_sound);
        Ok(damaged.map(|(id, _)| id).collect())
    }

    /// Which of `packs` are to be read for at most `budget` bytes, at least one: those that were read
    /// longest ago, and as far as half of it goes those that were found damaged.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn choose(
        &self,
        mut packs: Vec<ListedPack>,
        budget: u64,
        now: Timestamp,
    ) -> Result<HashSet<ObjectId>, IndexError> {
        let reads = self.trust.pack_reads(&self.place)?;
        let last = |pack: &ListedPack| reads.get(&pack.id).copied().filter(|it| is_past(it, now));
        packs.sort_by_cached_key(|pack| (last(pack).map(|it| it.at), pack.id));
        let was_damaged = |pack: &ListedPack| last(pack).is_some_and(|it| !it.was_sound);
        let (mut chosen, mut left) = (HashSet::new(), budget);
        // The one that was read longest ago comes first of all, damaged or not: so each has its turn,
        // however small the budget is.
        if let Some(first) = packs.first() {
            left = left.saturating_sub(first.bytes);
            chosen.insert(first.id);
        }
        let mut reserve = budget / 2;
        for pack in packs.iter().filter(|pack| was_damaged(pack)) {
            if !chosen.contains(&pack.id) && pack.bytes <= reserve.min(left) {
                reserve -= pack.bytes;
                left -= pack.bytes;
                chosen.insert(pack.id);
            }
        }
        for pack in &packs {
            if chosen.contains(&pack.id) {
                continue;
            }
            if pack.bytes > left && !chosen.is_empty() {
                break;
            }
            left = left.saturating_sub(pack.bytes);
            chosen.insert(pack.id);
        }
        Ok(chosen)
    }

    /// How much of `packs`, which are all there are, was read; others are forgotten.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn coverage(&self, packs: &[ListedPack], now: Timestamp) -> Result<Coverage, IndexError> {
        let mut reads = self.trust.pack_reads(&self.place)?;
        let mut coverage = Coverage::default();
        let recently = now.minus(RECENT);
        for pack in packs {
            coverage.total_bytes = coverage.total_bytes.saturating_add(pack.bytes);
            let Some(read) = reads.remove(&pack.id).filter(|it| is_past(it, now)) else {
                coverage.never_read += 1;
                continue;
            };
            if read.was_sound && read.at >= recently {
                coverage.recent_bytes = coverage.recent_bytes.saturating_add(pack.bytes);
            }
            coverage.oldest = Some(
                coverage
                    .oldest
                    .map_or(read.at, |oldest| oldest.min(read.at)),
            );
        }
        let gone: Vec<ObjectId> = reads.into_keys().collect();
        if !gone.is_empty() {
            self.trust.forget_pack_reads(&self.place, &gone)?;
        }
        Ok(coverage)
    }
}

fn is_past(read: &PackRead, now: Timestamp) -> bool {
    read.at <= now.plus(CLOCK_SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packs(number: u8) -> Vec<ListedPack> {
        let one = |number: u8| ListedPack {
            id: ObjectId::of(&[number]),
            bytes: 100,
        };
        (0..number).map(one).collect()
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
            let chosen = reads.choose(all.clone(), 540, day(night)).unwrap();
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
        let coverage = reads.coverage(&all, day(32)).unwrap();
        assert_eq!(coverage.never_read, 0);
        assert_eq!(coverage.oldest, Some(day(0)));
        assert_eq!((coverage.recent_bytes, coverage.total_bytes), (4000, 5000));
        // New packs come first; those that went are forgotten.
        let chosen = reads.choose(packs(52), 200, day(11)).unwrap();
        assert_eq!(chosen, packs(52)[50..].iter().map(|it| it.id).collect());
        reads.coverage(&all[..10], day(11)).unwrap();
        assert_eq!(reads.coverage(&all, day(11)).unwrap().never_read, 40);
        assert_eq!(
            reads.choose(all, 1, day(12)).unwrap().len(),
            1,
            "at least one"
        );
    }

    #[test]
    fn damaged_ones_are_looked_at_again_and_do_not_eat_up_the_night() {
        let reads = PackReads::new(Trust::in_memory().unwrap(), "here".to_owned());
        let all = packs(20);
        for (number, pack) in all.iter().enumerate() {
            let was_sound = number >= 8;
            let at = day(if was_sound { 1 } else { 2 });
            reads.note(&pack.id, PackRead { at, was_sound }).unwrap();
        }
        let chosen = reads.choose(all.clone(), 600, day(3)).unwrap();
        let damaged = all[..8].iter().filter(|pack| chosen.contains(&pack.id));
        assert_eq!((chosen.len(), damaged.count()), (6, 3));
        assert_eq!(reads.coverage(&all, day(3)).unwrap().recent_bytes, 1200);
        // What was read on a day to come was read by a clock that was wrong.
        for pack in &all {
            let read = PackRead {
                at: day(9_000),
                was_sound: true,
            };
            reads.note(&pack.id, read).unwrap();
        }
        assert_eq!(reads.coverage(&all, day(4)).unwrap().never_read, 20);
    }
}
