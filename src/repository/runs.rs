//! Which parts of packs are fetched for chunks that are known beforehand: windows aligned to 1 MiB, so
//! that nobody sees from outside how long chunks are (format.md §5), neighbouring ones as one run, and
//! one between them along with them while that saves a request and is no more than what is wanted; a
//! pack of which nearly all is wanted, whole.
//!
//! What is wanted is gone through in its order, in stretches that are small enough to be kept until they
//! are used (`blocks`): so nothing is fetched twice because it was dropped meanwhile.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::format::{Kind, PACK_BYTES_MAX};
use crate::id::ObjectId;

/// The unit of what is fetched.
pub(super) const WINDOW_BYTES: u64 = 1024 * 1024;
/// Windows that are fetched to save a request: as many as are wanted of the pack, and these.
const SPARE_BYTES: i64 = 2 * WINDOW_BYTES as i64;
/// A stretch is full from so many bytes on; with its last pack it has fewer than
/// `STRETCH_BYTES` + `PACK_BYTES_MAX`. The stretch before it is still kept.
const STRETCH_BYTES: u64 = 24 * WINDOW_BYTES;
/// A pack is fetched whole when so many fourths of it are wanted …
const WHOLE_FOURTHS: u64 = 3;
/// … among so many bytes.
const HORIZON_BYTES: u64 = 32 * WINDOW_BYTES;
/// Packs whose spare bytes are remembered, in some 8 MB.
const PACKS_REMEMBERED: usize = 64 * 1024;
/// Of a pack each window is a bit.
const _: () = assert!(PACK_BYTES_MAX <= 128 * WINDOW_BYTES);

/// Bytes of one object. There may be objects of one hash under both prefixes, and only one of them
/// is right.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    pub kind: Kind,
    pub pack: ObjectId,
    pub range: Range<u64>,
}

impl Ticket {
    pub fn bytes(&self) -> usize {
        usize::try_from(self.range.end.saturating_sub(self.range.start)).unwrap_or(usize::MAX)
    }
}

/// A pack, with its size: of two claims about its size only one is right, and the wrong one must not
/// spoil what is fetched for the other.
pub(super) type SizedPack = (ObjectId, u64);

/// A frame that will be wanted. It lies within its pack.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub pack: SizedPack,
    pub frame: Range<u64>,
}

/// Parts of packs that are fetched at once.
#[derive(Debug, Default, Clone)]
pub(super) struct Runs(HashMap<SizedPack, Vec<Range<u64>>>);

impl Runs {
    /// The run that a frame lies in.
    pub fn around(&self, pack: &SizedPack, frame: &Range<u64>) -> Option<Range<u64>> {
        let mut runs = self.0.get(pack)?.iter();
        let run = runs.find(|run| run.start <= frame.start && frame.end <= run.end)?;
        Some(run.clone())
    }

    fn append(&mut self, more: &Self) {
        for (pack, runs) in &more.0 {
            self.0.entry(*pack).or_default().extend_from_slice(runs);
        }
    }
}

/// What is to be fetched, in this order, and for whom to look it up.
#[derive(Default)]
pub(super) struct Plan {
    pub runs: Runs,
    pub tickets: Vec<Ticket>,
    /// Packs among them of which nothing was planned before.
    pub new_packs: u64,
}

/// Plans what is wanted, one part after another.
#[derive(Default)]
pub(super) struct Planner {
    /// Bytes that may be fetched to save requests; below nothing where windows were much larger than
    /// what was wanted of them.
    spare: HashMap<SizedPack, i64>,
    /// The last stretch, which is still kept.
    last: Runs,
}

/// What is wanted of packs, in the order of their first use, until it is enough.
#[derive(Default)]
struct Stretch {
    packs: Vec<(SizedPack, Share)>,
    places: HashMap<SizedPack, usize>,
    bytes: u64,
}

/// What a stretch wants of one pack.
#[derive(Default, Clone, Copy)]
struct Share {
    windows: u128,
    bytes: u64,
}

impl Planner {
    /// Plans what is wanted next.
    pub fn plan(&mut self, wanted: &[Wanted]) -> Plan {
        let mut plan = Plan {
            runs: self.last.clone(),
            ..Plan::default()
        };
        let from_here_whole = from_where_whole(wanted);
        let mut stretch = Stretch::default();
        for (place, Wanted { pack, frame }) in wanted.iter().enumerate() {
            if self.last.around(pack, frame).is_some() {
                continue;
            }
            let range = match from_here_whole.contains(&place) {
                true => 0..pack.1,
                false => frame.clone(),
            };
            stretch.add(pack, windows_of(&range), frame.end - frame.start);
            if stretch.bytes >= STRETCH_BYTES {
                self.close(std::mem::take(&mut stretch), &mut plan);
            }
        }
        self.close(stretch, &mut plan);
        plan
    }

    fn close(&mut self, stretch: Stretch, plan: &mut Plan) {
        if stretch.packs.is_empty() {
            return;
        }
        self.last = Runs::default();
        for (pack, share) in stretch.packs {
            if self.spare.len() >= PACKS_REMEMBERED {
                self.spare.clear();
            }
            let spare = self.spare.entry(pack).or_insert_with(|| {
                plan.new_packs += 1;
                SPARE_BYTES
            });
            let runs = runs_of(share, pack.1, spare);
            plan.tickets.extend(runs.iter().map(|range| Ticket {
                kind: Kind::DataPack,
                pack: pack.0,
                range: range.clone(),
            }));
            self.last.0.insert(pack, runs);
        }
        plan.runs.append(&self.last);
    }
}

impl Stretch {
    fn add(&mut self, pack: &SizedPack, windows: u128, bytes: u64) {
        let next = self.packs.len();
        let place = *self.places.entry(*pack).or_insert(next);
        if place == next {
            self.packs.push((*pack, Share::default()));
        }
        if let Some((_, share)) = self.packs.get_mut(place) {
            let new = windows & !share.windows;
            share.windows |= windows;
            share.bytes += bytes;
            self.bytes += u64::from(new.count_ones()) * WINDOW_BYTES;
        }
    }
}

/// The windows in which a part of a pack lies, one bit each.
fn windows_of(range: &Range<u64>) -> u128 {
    let last = range.end.saturating_sub(1) / WINDOW_BYTES;
    let up_to = |window: u64| u128::MAX >> (127 - window.min(127));
    match range.start / WINDOW_BYTES {
        0 => up_to(last),
        first => up_to(last) & !up_to(first - 1),
    }
}

/// The places in what is wanted at which nearly all of a pack begins to be used, before much else is.
fn from_where_whole(wanted: &[Wanted]) -> HashSet<usize> {
    struct Use {
        place: usize,
        since: u64,
        bytes: u64,
    }
    let mut whole = HashSet::new();
    let mut uses: HashMap<SizedPack, Use> = HashMap::new();
    let mut so_far = 0;
    let mut judge = |pack: &SizedPack, it: &Use| {
        if it.bytes * 4 >= pack.1 * WHOLE_FOURTHS {
            whole.insert(it.place);
        }
    };
    for (place, Wanted { pack, frame }) in wanted.iter().enumerate() {
        let begin = || Use {
            place,
            since: so_far,
            bytes: 0,
        };
        let current = uses.entry(*pack).or_insert_with(begin);
        if so_far - current.since > HORIZON_BYTES {
            judge(pack, current);
            *current = begin();
        }
        let bytes = frame.end - frame.start;
        current.bytes += bytes;
        so_far += bytes;
    }
    uses.iter().for_each(|(pack, it)| judge(pack, it));
    whole
}

/// Windows as runs, ascending and apart from each other. Between two of them a third is fetched too,
/// while there are spare bytes.
fn runs_of(share: Share, pack_bytes: u64, spare: &mut i64) -> Vec<Range<u64>> {
    let mut windows = share.windows;
    let wanted = i64::try_from(share.bytes).unwrap_or(i64::MAX);
    let fetched = i64::from(windows.count_ones()) * WINDOW_BYTES as i64;
    *spare = spare.saturating_add(wanted.saturating_mul(2)) - fetched;
    let mut holes = !windows & (windows << 1) & (windows >> 1);
    while holes != 0 && *spare >= WINDOW_BYTES as i64 {
        windows |= holes & holes.wrapping_neg();
        holes &= holes - 1;
        *spare -= WINDOW_BYTES as i64;
    }
    let mut runs = Vec::new();
    let (mut left, mut at) = (windows, 0);
    while left != 0 {
        let gap = left.trailing_zeros();
        let run = (left >> gap).trailing_ones();
        let start = at + u64::from(gap);
        at = start + u64::from(run);
        runs.push(start * WINDOW_BYTES..(at * WINDOW_BYTES).min(pack_bytes));
        left = left.checked_shr(gap + run).unwrap_or(0);
    }
    runs
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
