//! When each pack of a place was last read whole, and whether it was right then; so that a little
//! every night comes round to all of them. 131,000 rows for 2 TB, none of them held in memory.

use rusqlite::params;

use super::Trust;
use crate::id::ObjectId;
use crate::index::Result;
use crate::seams::Timestamp;

/// The last reading of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRead {
    /// By this host's clock.
    pub at: Timestamp,
    /// Its bytes were those that its name says, and what could be opened was right.
    pub was_sound: bool,
}

/// Sums over the packs that a place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadSums {
    pub bytes: u64,
    /// Packs without a reading that counts.
    pub never_read: u64,
    /// The oldest of all last readings.
    pub oldest: Option<Timestamp>,
    /// Bytes of packs that were read within the asked time and were right.
    pub sound_bytes: u64,
}

impl Trust {
    /// Notes what there is, beside the readings of any place; all that was noted before is forgotten. It is kept
    /// in a temporary file, as long as the connection.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn begin_list(&self) -> Result<()> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS listed (
                    pack BLOB PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
                 DELETE FROM temp.listed;",
            )
        })
    }

    /// Notes packs that are there, with their lengths, after [`Trust::begin_list`].
    ///
    /// # Errors
    /// `Sqlite`: the disk is full.
    pub fn list_packs(&self, packs: &[(ObjectId, u64)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "INSERT OR REPLACE INTO temp.listed (pack, bytes) VALUES (?, ?)";
                let mut statement = transaction.prepare_cached(sql)?;
                for (pack, bytes) in packs {
                    statement.execute(params![pack.as_bytes(), bytes])?;
                }
            }
            transaction.commit()
        })
    }

    /// Visits the listed packs, those first that were never read and then those whose reading is the oldest, until
    /// the visitor says `false`: all, or those whose reading was sound (or never made), or the others. A reading
    /// after `until` does not count.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn each_listed(
        &self,
        place: &str,
        until: Timestamp,
        sound: Option<bool>,
        visit: &mut dyn FnMut(ObjectId, u64) -> bool,
    ) -> Result<()> {
        self.with(|connection| {
            let sql = "SELECT listed.pack, listed.bytes FROM temp.listed
                 LEFT JOIN main.pack_reads AS read
                    ON read.place = ?1 AND read.pack = listed.pack AND read.at <= ?2
                 WHERE ?3 IS NULL OR coalesce(read.sound, 1) = ?3
                 ORDER BY read.at, listed.pack";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![short(place), until.nanoseconds(), sound])?;
            while let Some(row) = rows.next()? {
                if !visit(ObjectId::new(row.get(0)?), row.get(1)?) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Adds up the listed packs; readings of the place that are of no such pack are forgotten.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn sum_listed(&self, place: &str, since: Timestamp, until: Timestamp) -> Result<ReadSums> {
        self.with(|connection| {
            let sql = "DELETE FROM main.pack_reads
                 WHERE place = ? AND pack NOT IN (SELECT pack FROM temp.listed)";
            connection.execute(sql, [short(place)])?;
            let sql = "SELECT coalesce(sum(bytes), 0), count(*) - count(read.at), min(read.at),
                    coalesce(sum(bytes) FILTER (WHERE read.sound AND read.at >= ?3), 0)
                 FROM temp.listed LEFT JOIN main.pack_reads AS read
                    ON read.place = ?1 AND read.pack = listed.pack AND read.at <= ?2";
            let bounds = params![short(place), until.nanoseconds(), since.nanoseconds()];
            connection.query_row(sql, bounds, |row| {
                Ok(ReadSums {
                    bytes: row.get(0)?,
                    never_read: row.get(1)?,
                    oldest: row
                        .get::<_, Option<i64>>(2)?
                        .map(Timestamp::from_nanoseconds),
                    sound_bytes: row.get(3)?,
                })
            })
        })
    }

    /// Notes a reading, in place of an earlier one.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn note_pack_read(&self, place: &str, pack: &ObjectId, read: PackRead) -> Result<()> {
        self.with(|connection| {
            let sql =
                "INSERT OR REPLACE INTO pack_reads (place, pack, at, sound) VALUES (?, ?, ?, ?)";
            let PackRead { at, was_sound } = read;
            let row = params![short(place), pack.as_bytes(), at.nanoseconds(), was_sound];
            connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        })
    }
}

/// An address is long, and there are many rows.
fn short(place: &str) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(place.as_bytes()).as_bytes();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_readings_of_its_own() {
        let trust = Trust::in_memory().unwrap();
        let packs = [b"a", b"b", b"c"].map(|it| ObjectId::of(it));
        let read = |seconds, was_sound| PackRead {
            at: Timestamp::from_seconds(seconds),
            was_sound,
        };
        for pack in &packs {
            trust.note_pack_read("here", pack, read(1, true)).unwrap();
        }
        trust
            .note_pack_read("there", &packs[0], read(2, false))
            .unwrap();
        trust
            .note_pack_read("here", &packs[1], read(3, false))
            .unwrap();
        trust.begin_list().unwrap();
        let listed = packs[..2].iter().map(|pack| (*pack, 10));
        trust.list_packs(&listed.collect::<Vec<_>>()).unwrap();
        let until = Timestamp::from_seconds(2);
        let order = |place, sound| {
            let mut order = Vec::new();
            let mut visit = |pack, _| {
                order.push(pack);
                true
            };
            trust.each_listed(place, until, sound, &mut visit).unwrap();
            order
        };
        assert_eq!(order("there", None), [packs[1], packs[0]]);
        assert_eq!(order("there", Some(false)), [packs[0]]);
        // That reading is of a time to come.
        assert_eq!(order("here", None), [packs[1], packs[0]]);
        assert_eq!(order("here", Some(false)), []);
        let sums = trust.sum_listed("here", until, until).unwrap();
        assert_eq!((sums.bytes, sums.never_read, sums.sound_bytes), (20, 1, 0));
        // Nobody has the third any more.
        trust.begin_list().unwrap();
        trust.list_packs(&[(packs[2], 5)]).unwrap();
        let sums = trust.sum_listed("here", until, until).unwrap();
        assert_eq!((sums.bytes, sums.never_read, sums.oldest), (5, 1, None));
    }
}
