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
    Away {
        copy: usize,
        from_the_beginning: bool,
    },
    /// In the middle of its work, whatever that is by then.
    HostDies {
        puts: u64,
    },
    /// Objects of one copy are deleted, cut short, altered; healed from another before or after the
    /// backup.
    Damage {
        copy: usize,
        healed_first: bool,
    },
    /// The newest snapshots of a copy are gone.
    RolledBack {
        copy: usize,
    },
    WrongClock {
        by_days: i64,
    },
    /// Most originals are overwritten; the next day the owner puts them back.
    Ransom,
    PutBack,
    /// Somebody with the writer key puts snapshots and a plan.
    Forged {
        copy: usize,
    },
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
        let newest = self.copies[copy].by_age("snapshots/").pop().unwrap();
        name::parse(&newest).unwrap().1.unwrap()
    }

    /// Of what can be had again: what another copy has too, what each has for itself, and a pack that
    /// this copy's prune made of others, as long as another copy has all of its snapshots.
    fn damage(&mut self, copy: usize) {
        let others: Vec<_> = (0..self.copies.len()).filter(|it| *it != copy).collect();
        let is_elsewhere = |name: &String| {
            let mut others = others.iter().map(|other| &self.copies[*other]);
            others.any(|other| other.names(name).len() == 1)
        };
        let of = |prefix, elsewhere| {
            let mut names = self.copies[copy].by_age(prefix);
            names.retain(|name| is_elsewhere(name) == elsewhere);
            names
        };
        let here = self.snapshots(copy);
        let has_all = |other: &usize| here.is_subset(&self.snapshots(*other));
        let rewritten = match others.iter().any(has_all) {
            true => [of("packs/", false), of("listings/", false)],
            false => Default::default(),
        };
        let [packs, listings] = rewritten;
        let victims = [
            (of("packs/", true), 2),
            (packs, 1),
            (of("listings/", true), 1),
            (listings, 1),
            (of("index/", false), 1),
            (of("forgets/", false), 1),
            (of("snapshots/", true), 1),
        ];
        let mut told = Vec::new();
        for (mut names, hits) in victims {
            for _ in 0..hits {
                if names.is_empty() {
                    break;
                }
                let name = names.swap_remove(self.dice.below(names.len()));
                let how = self.dice.below(3);
                told.push(self.harm(copy, &name, how));
            }
        }
        self.write_down(format!("{told:?} at {}", self.copies[copy].name));
    }

    fn harm(&mut self, copy: usize, name: &str, how: usize) -> String {
        let at = self.dice.next() as usize;
        let copy = &self.copies[copy];
        let what = match how {
            0 => {
                copy.lose(name);
                "lost"
            }
            1 => {
                copy.tamper(name, |bytes| {
                    let at = at % bytes.len();
                    bytes[at] ^= 1;
                });
                "flipped"
            }
            _ => {
                copy.tamper(name, |bytes| bytes.truncate(bytes.len() / 2));
                "cut short"
            }
        };
        format!("{what} {name}")
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
