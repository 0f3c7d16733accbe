//! Who means harm, and what simply goes wrong with a store. All of them have the writer key, but for
//! the stores, which need none.

use std::sync::Arc;

use offsite::format::header::Header;
use offsite::format::housekeeping::{Forget, Plan};
use offsite::format::pack::Class;
use offsite::format::segment::{PackRow, Segment};
use offsite::format::{Kind, cbor, name};
use offsite::id::{ObjectId, SessionId};
use offsite::repository::seal_record;
use offsite::seams::{Clock, Timestamp};
use offsite::store::memory::Memory;
use offsite::store::{Retaining, Store};

use crate::clocks::{DAY, WorldClock};
use crate::referee::Referee;
use crate::turns::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foe {
    Nobody,
    /// Puts objects, and can neither overwrite nor delete.
    Forger,
    /// Overwrites and deletes as well, where locks keep what was there.
    Thief,
    /// A store that does not show what it has, and shows it again later.
    Withholder,
    /// A store whose disks rot.
    Rot,
}

/// The scene of the crime.
pub struct Scene {
    pub referee: Arc<Referee>,
    /// The store itself.
    pub memory: Arc<Memory>,
    /// With the times of the place.
    pub store: Arc<dyn Store>,
    pub clock: Arc<WorldClock>,
    /// Snapshots of which the pruner knows, by which it would miss them.
    pub known: Vec<ObjectId>,
    pub withheld: Vec<(String, bytes::Bytes)>,
}

impl Scene {
    /// Does something; says what.
    pub fn act(&mut self, foe: Foe, dice: &mut Dice) -> String {
        match foe {
            Foe::Nobody => String::new(),
            Foe::Forger => self.forge(dice),
            Foe::Thief => match dice.below(3) {
                0 => self.forge(dice),
                _ => self.rage(dice),
            },
            Foe::Withholder => self.withhold(dice),
            Foe::Rot => self.rot(dice),
        }
    }

    /// One of all that is there.
    fn any(&self, dice: &mut Dice, prefixes: &[&str]) -> Option<String> {
        let mut names = self.memory.names();
        names.retain(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
        match names.len() {
            0 => None,
            many => Some(names.swap_remove(dice.below(many as u64) as usize)),
        }
    }

    fn ids(&self, prefix: &str) -> Vec<ObjectId> {
        let names = self.memory.names().into_iter();
        let names = names.filter(|name| name.starts_with(prefix));
        names.filter_map(|name| name::parse(&name)?.1).collect()
    }

    fn seal(&self, kind: Kind, payload: &[u8]) {
        let repository = self.referee.repository();
        let random = repository.seams.random.as_ref();
        let sealed = seal_record(&repository.writer, random, kind, payload).unwrap();
        self.store.put(&sealed.name, sealed.bytes).unwrap();
    }

    fn forge(&self, dice: &mut Dice) -> String {
        let now = self.clock.now();
        match dice.below(5) {
            0 => self.forge_snapshot(dice, now),
            1 => {
                let packs = [self.ids("packs/"), self.ids("listings/")].concat();
                let plan = Plan {
                    host: "somebody".to_owned(),
                    created: now.minus(DAY * u32::try_from(dice.below(4)).unwrap()),
                    grace_seconds: 24 * 3600,
                    packs: packs.into(),
                    segments: self.ids("index/").into(),
                    snapshots: self.ids("snapshots/").into(),
                    forgets: Vec::new().into(),
                };
                self.seal(Kind::Plan, &cbor::encode(&plan));
                "a plan that names all".to_owned()
            }
            2 => {
                let forget = Forget {
                    host: "somebody".to_owned(),
                    created: now,
                    snapshots: self.ids("snapshots/").into(),
                    reason: String::new(),
                    sessions: Vec::new().into(),
                };
                self.seal(Kind::Forget, &cbor::encode(&forget));
                "a record that all snapshots were forgotten".to_owned()
            }
            3 => match self.any(dice, &["plans/"]) {
                Some(plan) => {
                    let bytes = self.memory.peek(&plan).unwrap();
                    self.store.put(&plan, bytes).unwrap();
                    format!("{plan} once more")
                }
                None => String::new(),
            },
            _ => self.forge_claims(dice),
        }
    }

    /// A copy of an honest record with other times.
    fn forge_snapshot(&self, dice: &mut Dice, now: Timestamp) -> String {
        let opened = self.referee.open();
        let honest = &opened.snapshots[dice.below(opened.snapshots.len() as u64) as usize];
        let time = [now, now.plus(500 * DAY), now.minus(DAY)][dice.below(3) as usize];
        let mut record = honest.record.clone();
        (record.time, record.started, record.finished) = (time, time, time);
        record.store_time = Some(time);
        record.session = SessionId::new([dice.below(250) as u8; 16]);
        self.seal(Kind::Snapshot, &cbor::encode(&record));
        format!("a snapshot of {}", time.seconds())
    }

    /// A pack of noise, and a segment that says that it holds what an honest one does.
    fn forge_claims(&self, dice: &mut Dice) -> String {
        let Some(honest) = self.any(dice, &["packs/", "listings/"]) else {
            return String::new();
        };
        let repository = self.referee.repository();
        let (kind, id) = name::parse(&honest).unwrap();
        let bytes = self.memory.peek(&honest).unwrap().len() as u64;
        let (store, writer) = (repository.store.as_ref(), &repository.writer);
        let read = offsite::repository::read_contents(store, writer, kind, &id.unwrap(), bytes);
        // What was forged before is not forged again.
        let Ok(contents) = read else {
            return String::new();
        };
        let noise = vec![dice.below(250) as u8; bytes as usize];
        let false_id = ObjectId::of(&noise);
        self.store
            .put(&name::of(kind, &false_id), noise.into())
            .unwrap();
        let header: &Header = &contents.header;
        let class: Class = contents.class;
        let header = header.bytes().to_vec();
        let row = PackRow::new(false_id, bytes, class, None, header, &contents.entries);
        let segment = Segment {
            session: SessionId::new([7; 16]),
            continues: Vec::new().into(),
            replaces: Vec::new().into(),
            packs: vec![row],
        };
        self.seal(Kind::Segment, &cbor::encode(&segment));
        format!("noise that is to be {honest}")
    }

    /// Writes over, deletes, and tries to delete for good.
    fn rage(&self, dice: &mut Dice) -> String {
        let everything = [""];
        let Some(victim) = self.any(dice, &everything) else {
            return String::new();
        };
        match dice.below(5) {
            0 => {
                self.memory.delete(&victim).unwrap();
                format!("{victim} deleted")
            }
            1 => {
                let other = self.any(dice, &everything).unwrap();
                self.memory
                    .put(&victim, self.memory.peek(&other).unwrap())
                    .unwrap();
                format!("{other} written over {victim}")
            }
            2 => {
                let mut bytes = self.memory.peek(&victim).unwrap().to_vec();
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1;
                self.memory.put(&victim, bytes.into()).unwrap();
                format!("{victim} written over with one bit changed")
            }
            3 => {
                self.memory
                    .put(&victim, bytes::Bytes::from_static(b"gone"))
                    .unwrap();
                format!("{victim} written over")
            }
            _ => {
                for version in self.memory.versions(&victim).unwrap() {
                    let _ = self.memory.delete_version(&victim, &version.id);
                }
                format!("{victim} deleted for good, but for what is locked")
            }
        }
    }

    /// Never a plan, nor a snapshot of which the pruner does not know: a store that hides these can as
    /// well delete the packs.
    fn withhold(&mut self, dice: &mut Dice) -> String {
        if !self.withheld.is_empty() && dice.below(2) == 0 {
            return self.show_again();
        }
        let Some(victim) = self.any(dice, &["packs/", "listings/", "index/", "snapshots/"]) else {
            return String::new();
        };
        let (kind, id) = name::parse(&victim).unwrap();
        if kind == Kind::Snapshot && !self.known.contains(&id.unwrap()) {
            return String::new();
        }
        let bytes = self.memory.peek(&victim).unwrap();
        assert!(self.memory.lose(&victim));
        let said = format!("{victim} is not shown");
        self.withheld.push((victim, bytes));
        said
    }

    pub fn show_again(&mut self) -> String {
        for (name, bytes) in std::mem::take(&mut self.withheld) {
            // Behind the back of whoever keeps the times.
            self.memory.put(&name, bytes).unwrap();
        }
        "all is shown again".to_owned()
    }

    fn rot(&self, dice: &mut Dice) -> String {
        let Some(victim) = self.any(dice, &["packs/", "listings/", "index/", "snapshots/"]) else {
            return String::new();
        };
        let at = dice.roll() as usize;
        match dice.below(4) {
            0 => {
                assert!(self.memory.lose(&victim));
                format!("{victim} is lost")
            }
            1 => {
                self.memory
                    .tamper(&victim, |bytes| bytes.truncate(at % bytes.len()));
                format!("{victim} is cut short")
            }
            _ => {
                self.memory.tamper(&victim, |bytes| {
                    let at = at % bytes.len();
                    bytes[at] ^= 1 << (at % 8);
                });
                format!("{victim} has a bit flipped")
            }
        }
    }
}
