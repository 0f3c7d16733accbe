//! Who plays, where, and in which weather: all from the seed.

use std::time::Duration;

use crate::clocks::{AT_1970, AT_2038, AT_2106, HOUR};
use crate::foes::Foe;
use crate::turns::Dice;
use crate::way::Weather;

pub const YEAR: i64 = 31_622_400;

/// Where a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Memory,
    Folder,
    /// A bucket with versions and locks.
    Locked,
}

#[derive(Debug, Clone)]
pub struct Cast {
    pub places: Vec<Where>,
    pub foe: Foe,
    /// Backups of each writer, prunes, looks of the one who verifies, restores and syncs, and what the
    /// foe does.
    pub acts: Acts,
    /// How far the clock of each host is ahead, in seconds, and that of the stores.
    pub ahead: [i64; 4],
    pub store_ahead: i64,
    /// The clock of the stores jumps, and no other.
    pub store_jumps: bool,
    pub weather: Weather,
    pub grace: Duration,
    /// The one that prunes is a backup host as well.
    pub shares_state: bool,
    /// The one that prunes has the read key.
    pub reads: bool,
    /// So many snapshots are restored in the end at each place; all of them are verified.
    pub restored_max: usize,
    /// In the end months pass until all that nobody needs is gone.
    pub is_long: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Acts {
    pub nights: u32,
    pub prunes: u32,
    pub looks: u32,
    pub harm: u32,
}

impl Cast {
    pub fn of(dice: &mut Dice) -> Self {
        let foe = match dice.below(100) {
            0..60 => Foe::Nobody,
            60..72 => Foe::Forger,
            72..84 => Foe::Thief,
            84..92 => Foe::Withholder,
            _ => Foe::Rot,
        };
        let places = match (foe, dice.below(100)) {
            (Foe::Thief, _) => vec![Where::Locked],
            (Foe::Nobody, 0..3) => vec![Where::Folder],
            (Foe::Nobody | Foe::Forger, 3..30) => vec![Where::Memory; 2],
            _ => vec![Where::Memory],
        };
        let is_long = foe == Foe::Nobody && dice.below(60) == 0;
        let more = if is_long { 4 } else { 0 };
        let acts = Acts {
            nights: 1 + more + dice.below(2) as u32,
            prunes: 1 + 2 * more + dice.below(3) as u32,
            looks: more / 2 + dice.below(2) as u32,
            harm: match foe {
                Foe::Nobody => 0,
                _ => 1 + dice.below(3) as u32,
            },
        };
        let hosts = [
            0, 0, 0, 40, -600, 3_600, -3_600, 7_300, -9_000, YEAR, -YEAR, AT_1970, AT_2038, AT_2106,
        ];
        let stores = [
            0, 0, 0, 0, 0, 3_600, -3_600, YEAR, -YEAR, AT_1970, AT_2038, AT_2106,
        ];
        let store_ahead = dice.one_of(&stores);
        let is_bucket = places == [Where::Locked];
        let ahead = [(); 4].map(|()| match is_bucket {
            true => store_ahead + dice.one_of(&[0, 0, 40, -600]),
            false => dice.one_of(&hosts),
        });
        Self {
            places,
            foe,
            acts,
            ahead,
            store_ahead,
            store_jumps: !is_long && dice.below(8) == 0,
            weather: Weather::of(dice),
            grace: dice.one_of(&[24, 24, 24, 48, 72]) * HOUR,
            shares_state: dice.below(3) == 0,
            reads: dice.below(2) == 0,
            restored_max: 2,
            is_long,
        }
    }

    /// Somebody puts or takes what no host of ours did, or no clock can be believed.
    pub fn is_wild(&self) -> bool {
        self.foe != Foe::Nobody || self.store_jumps
    }
}
