//! Snapshots that this host saw at a place, or made there: what a store that rolls back, or hides
//! its newest, no longer shows.

use std::collections::BTreeSet;

use rusqlite::{Row, params};

use super::Trust;
use crate::id::{ObjectId, SessionId};
use crate::index::Result;
use crate::seams::Timestamp;

/// Longest host name that is kept, in characters: a record may hold anything.
const HOST_CHARACTERS_MAX: usize = 100;

/// Whether a snapshot that was seen was there when the place was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The store shows it.
    Listed,
    /// It is gone, and nothing says why.
    Vanished,
    /// It is gone, and a forget record says why.
    Forgotten,
}

/// A snapshot that was once there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSnapshot {
    pub id: ObjectId,
    pub host: String,
    /// That of the record.
    pub time: Timestamp,
    pub session: SessionId,
    /// By the clock of this host.
    pub first_seen: Timestamp,
    /// This host made it.
    pub own: bool,
    pub presence: Presence,
}

const COLUMNS: &str = "id, host, time, session, first_seen, own, presence";

impl Trust {
    /// All that were seen at a place, oldest first.
    ///
    /// # Errors
    /// `Trust`.
    pub fn seen(&self, place: &str) -> Result<Vec<SeenSnapshot>> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM seen WHERE place = ? ORDER BY time, id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([place], read)?;
            rows.collect()
        })
    }

    /// Those that are gone from the place without an explanation, oldest first, as the last look
    /// found it.
    ///
    /// # Errors
    /// `Trust`.
    pub fn vanished(&self, place: &str) -> Result<Vec<SeenSnapshot>> {
        let mut seen = self.seen(place)?;
        seen.retain(|one| one.presence == Presence::Vanished);
        Ok(seen)
    }

    /// Snapshots that this host made, wherever they lie.
    ///
    /// # Errors
    /// `Trust`.
    pub fn own_snapshots(&self) -> Result<BTreeSet<ObjectId>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM seen WHERE own")?;
            let rows = statement.query_map([], |row| Ok(ObjectId::new(row.get(0)?)))?;
            rows.collect()
        })
    }

    /// Notes those that are new, and which of the known ones are this host's own.
    ///
    /// # Errors
    /// `Trust`.
    pub fn note_seen(&self, place: &str, snapshots: &[SeenSnapshot]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO seen (place, id, host, time, session, first_seen, own, presence)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT DO UPDATE SET own = max(own, excluded.own)",
                )?;
                for one in snapshots {
                    let host: String = one.host.chars().take(HOST_CHARACTERS_MAX).collect();
                    statement.execute(params![
                        place,
                        one.id.as_bytes(),
                        host,
                        one.time.nanoseconds(),
                        one.session.as_bytes(),
                        one.first_seen.nanoseconds(),
                        one.own,
                        one.presence.number(),
                    ])?;
                }
            }
            transaction.commit()
        })
    }

    /// Notes which snapshots of a place are there now.
    ///
    /// # Errors
    /// `Trust`.
    pub fn set_standing(&self, place: &str, changes: &[(ObjectId, Presence)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let sql = "UPDATE seen SET presence = ?3 WHERE place = ?1 AND id = ?2";
                let mut statement = transaction.prepare_cached(sql)?;
                for (id, presence) in changes {
                    statement.execute(params![place, id.as_bytes(), presence.number()])?;
                }
            }
            transaction.commit()
        })
    }
}

impl Presence {
    const fn number(self) -> i64 {
        match self {
            Self::Listed => 0,
            Self::Vanished => 1,
            Self::Forgotten => 2,
        }
    }

    /// Whatever is not known is no explanation.
    const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Listed,
            2 => Self::Forgotten,
            _ => Self::Vanished,
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<SeenSnapshot> {
    Ok(SeenSnapshot {
        id: ObjectId::new(row.get(0)?),
        host: row.get(1)?,
        time: Timestamp::from_nanoseconds(row.get(2)?),
        session: SessionId::new(row.get(3)?),
        first_seen: Timestamp::from_nanoseconds(row.get(4)?),
        own: row.get(5)?,
        presence: Presence::from_number(row.get(6)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(number: u8, own: bool) -> SeenSnapshot {
        SeenSnapshot {
            id: ObjectId::new([number; 32]),
            host: "nas".to_owned(),
            time: Timestamp::from_seconds(i64::from(number)),
            session: SessionId::new([number; 16]),
            first_seen: Timestamp::from_seconds(9),
            own,
            presence: Presence::Listed,
        }
    }

    #[test]
    fn what_was_seen_is_known_for_its_place_and_never_less_ones_own() {
        let trust = Trust::in_memory().unwrap();
        trust.note_seen("a", &[snapshot(2, true)]).unwrap();
        let later = [snapshot(1, false), snapshot(2, false)];
        trust.note_seen("a", &later).unwrap();
        assert_eq!(
            trust.seen("a").unwrap(),
            [snapshot(1, false), snapshot(2, true)]
        );
        assert_eq!(trust.seen("b").unwrap(), []);
        let own: Vec<_> = trust.own_snapshots().unwrap().into_iter().collect();
        assert_eq!(own, [snapshot(2, true).id]);
    }

    #[test]
    fn what_vanished_stays_so_until_something_else_is_said() {
        let trust = Trust::in_memory().unwrap();
        let both = [snapshot(1, false), snapshot(2, false)];
        trust.note_seen("a", &both).unwrap();
        let [first, second] = both.map(|one| one.id);
        let changes = [(first, Presence::Vanished), (second, Presence::Forgotten)];
        trust.set_standing("a", &changes).unwrap();
        // Seen again elsewhere, or noted again: that explains nothing.
        trust.note_seen("b", &[snapshot(1, false)]).unwrap();
        trust.note_seen("a", &[snapshot(1, false)]).unwrap();
        let vanished: Vec<_> = trust.vanished("a").unwrap();
        assert_eq!(
            vanished.iter().map(|one| one.id).collect::<Vec<_>>(),
            [first]
        );
        trust
            .set_standing("a", &[(first, Presence::Listed)])
            .unwrap();
        assert_eq!(trust.vanished("a").unwrap(), []);
    }
}
