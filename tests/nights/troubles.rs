//! What goes wrong, and in which night: drawn from the seed.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use offsite::format::housekeeping::Plan;
use offsite::format::snapshot::Snapshot;
use offsite::format::{Kind, cbor, name};
use offsite::id::{ObjectId, SessionId};
use offsite::repository::seal_record;
use offsite::seams::Clock;

use super::clocks::{DAY, Dice};
use super::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// One copy is not there, from the beginning or from the middle of the run on.
    Away { copy: usize, from_the_beginning: bool },
    /// One copy takes nothing any more after so many puts of a run. (That it can still be read costs
    /// nobody anything.)
    HostDies { puts: u64 },
    /// Objects of one copy are deleted, cut short, altered; healed from another before or after the
    /// backup.
    Damage { copy: usize, healed_first: bool },
    /// The newest snapshots of a copy are gone.
    RolledBack { copy: usize },
    WrongClock { by_days: i64 },
    /// Most originals are overwritten; the next day the owner puts them back.
    Ransom,
    PutBack,
    /// Somebody with the writer key puts snapshots and a plan.
    Forged { copy: usize },
    /// The host loses what it can make again.
    IndexLost,
}

/// The week, and the others four nights apart, in an order of their own for each seed.
pub fn draw(copies: usize, dice: &mut Dice) -> BTreeMap<usize, Trouble> {
    let mut nights = BTreeMap::new();
    let copy = dice.below(copies);
    let begin = 8 + dice.below(5);
    for night in begin..begin + 7 {
        let from_the_beginning = dice.below(4) > 0;
        let away = Trouble::Away {
            copy,
            from_the_beginning,
        };
        nights.insert(night, away);
    }
    let mut others = vec![
        Trouble::HostDies {
            puts: 1 + dice.below(12) as u64,
        },
        Trouble::Damage {
            copy: dice.below(copies),
            healed_first: true,
        },
        Trouble::Damage {
            copy: dice.below(copies),
            healed_first: false,
        },
        Trouble::RolledBack {
            copy: dice.below(copies),
        },
        Trouble::WrongClock {
            by_days: *dice.pick(&[-12_000, -30, -2, 2, 40, 1000]),
        },
        Trouble::Ransom,
        Trouble::Forged {
            copy: dice.below(copies),
        },
        Trouble::IndexLost,
    ];
    let mut night = begin + 9;
    while !others.is_empty() {
        let trouble = others.swap_remove(dice.below(others.len()));
        nights.insert(night, trouble);
        if trouble == Trouble::Ransom {
            nights.insert(night + 1, Trouble::PutBack);
        }
        night += 4 + dice.below(2);
    }
    nights
}

impl World {
    /// Before the backup of a night.
    pub fn strike(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Away {
                copy,
                from_the_beginning,
            } => self.copies[copy].set_away(from_the_beginning),
            Trouble::HostDies { puts } => self.life.ends_after(puts),
            Trouble::Damage { copy, .. } => self.damage(copy),
            Trouble::RolledBack { copy } => {
                let newest = self.newest(copy);
                self.copies[copy].lose(&name::of(Kind::Snapshot, &newest));
            }
            Trouble::WrongClock { by_days } => {
                let wrong_by = &self.clock.wrong_by_seconds;
                wrong_by.store(by_days * 86_400, Ordering::Relaxed);
            }
            Trouble::Ransom => self.library.ransom(),
            Trouble::PutBack => self.library.put_back(),
            Trouble::Forged { copy } => self.forge(copy),
            Trouble::IndexLost => {
                for copy in &self.copies {
                    let path = self.state.index_path(copy.name);
                    offsite::index::Index::remove(&path);
                }
            }
        }
    }

    /// What is over when the night is.
    pub fn calm_down(&self) {
        self.copies.iter().for_each(|copy| copy.set_away(false));
        self.life.begins_again();
        self.clock.wrong_by_seconds.store(0, Ordering::Relaxed);
    }

    /// The snapshot that was put last.
    fn newest(&self, copy: usize) -> ObjectId {
        let mut listed = Vec::new();
        let visited = self.copies[copy].store().list("snapshots/", &mut |info| {
            listed.push((info.modified, info.name));
            Ok(())
        });
        visited.unwrap();
        let (_, newest) = listed.into_iter().max().unwrap();
        name::parse(&newest).unwrap().1.unwrap()
    }

    fn damage(&mut self, copy: usize) {
        let mut told = Vec::new();
        for (prefix, hits) in [("packs/", 3), ("listings/", 2), ("index/", 1), ("snapshots/", 1)] {
            for _ in 0..hits {
                let names = self.copies[copy].names(prefix);
                let name = self.dice.pick(&names).clone();
                let at = self.dice.next() as usize;
                let copy = &self.copies[copy];
                let what = match self.dice.below(3) {
                    0 => {
                        copy.lose(&name);
                        "lost"
                    }
                    1 => {
                        copy.tamper(&name, |bytes| {
                            let at = at % bytes.len();
                            bytes[at] ^= 1;
                        });
                        "flipped"
                    }
                    _ => {
                        copy.tamper(&name, |bytes| bytes.truncate(bytes.len() / 2));
                        "cut short"
                    }
                };
                told.push(format!("{what} {name}"));
            }
        }
        self.write_down(format!("{told:?} at {}", self.copies[copy].name));
    }

    /// Copies of an honest record with other times, and a plan that condemns everything.
    fn forge(&mut self, copy: usize) {
        let opened = self.stranger(copy);
        let honest = opened.snapshots.last().unwrap();
        let now = self.time.now();
        let times = [now.plus(DAY * 500), now.minus(DAY), now, now, now, now];
        for (number, time) in times.into_iter().enumerate() {
            let record = Snapshot {
                time,
                started: time,
                finished: time,
                store_time: Some(time),
                session: SessionId::new([number as u8; 16]),
                ..honest.record.clone()
            };
            let id = self.put_sealed(copy, Kind::Snapshot, &cbor::encode(&record));
            let picture = self.pictures[&honest.id].clone();
            self.pictures.insert(id, picture);
        }
        let packs = ["packs/", "listings/"].map(|prefix| self.copies[copy].names(prefix));
        let packs = packs.concat().into_iter();
        let packs: Vec<_> = packs.filter_map(|name| name::parse(&name)?.1).collect();
        let snapshots: Vec<_> = self.snapshots(copy).into_iter().collect();
        let plan = Plan {
            host: "somebody".to_owned(),
            created: now,
            grace_seconds: 24 * 3600,
            packs: packs.into(),
            segments: Vec::new().into(),
            snapshots: snapshots.into(),
            forgets: Vec::new().into(),
        };
        self.put_sealed(copy, Kind::Plan, &cbor::encode(&plan));
    }

    fn put_sealed(&self, copy: usize, kind: Kind, payload: &[u8]) -> ObjectId {
        let random = self.seams.random.as_ref();
        let sealed = seal_record(self.key.writer(), random, kind, payload).unwrap();
        self.copies[copy].put(&sealed.name, Bytes::clone(&sealed.bytes));
        sealed.id
    }
}

