//! When each pack of a place was last read whole, and whether it was right then; so that a little
//! every night comes round to all of them. 131,000 rows for 2 TB.

use std::collections::HashMap;

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

impl Trust {
    /// All readings at a place: some 60 bytes of memory for each.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn pack_reads(&self, place: &str) -> Result<HashMap<ObjectId, PackRead>> {
        self.with(|connection| {
            let sql = "SELECT pack, at, sound FROM pack_reads WHERE place = ?";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([short(place)], |row| {
                let pack: Vec<u8> = row.get(0)?;
                let at = Timestamp::from_nanoseconds(row.get(1)?);
                let was_sound = row.get(2)?;
                Ok((ObjectId::from_slice(&pack), PackRead { at, was_sound }))
            })?;
            let mut reads = HashMap::new();
            for row in rows {
                if let (Some(pack), read) = row? {
                    reads.insert(pack, read);
                }
            }
            Ok(reads)
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

    /// Forgets packs that are there no more.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn forget_pack_reads(&self, place: &str, gone: &[ObjectId]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "DELETE FROM pack_reads WHERE place = ? AND pack = ?";
                let mut statement = transaction.prepare_cached(sql)?;
                for pack in gone {
                    statement.execute(params![short(place), pack.as_bytes()])?;
                }
            }
            transaction.commit()
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
        trust.forget_pack_reads("here", &packs[2..]).unwrap();
        let expected = [(packs[0], read(1, true)), (packs[1], read(3, false))];
        assert_eq!(trust.pack_reads("here").unwrap(), expected.into());
        assert_eq!(trust.pack_reads("there").unwrap().len(), 1);
    }
}
