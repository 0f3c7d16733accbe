//! How many packs so many chunks fill, and of what size, by the rules of `PackWriter`: a pack is full
//! with the chunk that passes its target, and its length is padded.

use crate::format::TAG_BYTES;
use crate::format::header::PACK_HEADER_BYTES;
use crate::format::pack::{ENTRY_BYTES, PACK_END_BYTES};
use crate::format::padme;

/// Lengths of full packs that are tried.
const TRIED: u64 = 16;
/// Packs of a class are open two at a time, and at the end that may leave two that do not fit into
/// one.
const LEFT_OVER: u64 = 2;

/// Chunks that are to be stored, before or after compression.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chunks {
    pub number: u64,
    pub bytes: u64,
    /// The sum of the squares of their lengths.
    pub squares: f64,
}

/// Packs, and their stored bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packs {
    pub number: u64,
    pub bytes: u64,
}

impl Chunks {
    /// Adds the content of a file, which is cut into chunks of that minimum and average.
    pub fn add(&mut self, bytes: u64, minimum: u32, average: u32) {
        if bytes == 0 {
            return;
        }
        let number = match bytes <= u64::from(minimum) {
            true => 1,
            false => bytes.div_ceil(u64::from(average.max(1))),
        };
        self.number += number;
        self.bytes = self.bytes.saturating_add(bytes);
        let length = bytes as f64 / number as f64;
        self.squares += number as f64 * length * length;
    }

    /// What is left of them by that share, and how long that is once compressed.
    pub fn scaled(self, share: f64, compressed: f64) -> Self {
        Self {
            // At most a chunk for each byte.
            number: (self.number as f64 * share).ceil() as u64,
            bytes: (self.bytes as f64 * share * compressed) as u64,
            squares: self.squares * share * compressed * compressed,
        }
    }

    /// Stored in packs of that target, which have at least `least` bytes.
    pub fn packed(self, target: u64, least: u64) -> Packs {
        if self.number == 0 {
            return Packs::default();
        }
        let sealed = self.bytes + self.number * u64::from(TAG_BYTES);
        // By so much the chunk that fills a pack goes beyond the target, on average.
        let beyond = (self.squares / 2.0 / self.bytes.max(1) as f64) as u64;
        let full = target + beyond;
        let ends = |body: u64| {
            let chunks = body * self.number / sealed.max(1);
            let ends = PACK_HEADER_BYTES + PACK_END_BYTES + 2 * TAG_BYTES as usize;
            body + ends as u64 + chunks * ENTRY_BYTES as u64
        };
        let tried = (0..TRIED).map(|step| {
            let body = target + 2 * beyond * step / TRIED;
            padme::padded(ends(body), least)
        });
        let padded = tried.sum::<u64>() / TRIED;
        let number = sealed / full;
        let rest = sealed - number * full;
        let rests = u64::from(rest > 0);
        let rest = padme::padded(ends(rest), least) * rests;
        Packs {
            number: number + rests,
            bytes: number * padded + rest,
        }
    }

    /// By so many the number of packs may be off, for it depends on chance.
    pub fn tolerance(packs: Packs) -> u64 {
        LEFT_OVER + packs.number / 20
    }
}
