//! Which parts of packs are fetched for chunks that are known beforehand, in which order, and how long
//! they are kept.
//!
//! All is in windows aligned to 1 MiB, so that nobody sees from outside how long chunks are (format.md
//! §5). Windows of a pack that are wanted at about one time are fetched as one run, and a few between two
//! of them along with them while that saves a request and is no more than what is wanted. Runs do not
//! overlap: a chunk at the end of one is put together from two. A run is kept until its last use; where
//! that would take too much memory, the one that is wanted last is given up and fetched again
//! (L. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966).

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::format::Kind;
use crate::id::ObjectId;

/// The unit of what is fetched.
pub(super) const WINDOW_BYTES: u64 = 1024 * 1024;
/// Windows that are fetched to save a request: as many as are wanted of the pack, and these.
const SPARE_BYTES: i64 = 2 * WINDOW_BYTES as i64;
/// The longest run, in windows. Packs are filled two at a time: of both a part is kept.
const RUN_WINDOWS_MAX: u64 = 8;
/// The longest part of a run that nobody asked for.
const HOLE_WINDOWS_MAX: u64 = 3;
/// Windows are of about one time when so many bytes or fewer are used between them.
const HORIZON_BYTES: u64 = 16 * WINDOW_BYTES;
/// Runs that are kept for another use. Those that are fetched ahead come on top (`blocks`).
const KEPT_BYTES_MAX: u64 = 40 * WINDOW_BYTES;
/// The last runs of what was planned before are taken to be there still.
const CARRIED_BYTES_MAX: u64 = 16 * WINDOW_BYTES;
/// Packs whose spare bytes are remembered, in some 8 MB.
const PACKS_REMEMBERED: usize = 64 * 1024;

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

/// Parts of packs that are fetched at once; those of one pack are apart from each other.
#[derive(Debug, Default, Clone)]
pub(super) struct Runs(HashMap<SizedPack, Vec<Range<u64>>>);

impl Runs {
    /// The run that a byte of a pack lies in.
    pub fn around(&self, pack: &SizedPack, at: u64) -> Option<Range<u64>> {
        let mut runs = self.0.get(pack)?.iter();
        runs.find(|run| run.contains(&at)).cloned()
    }
}

/// A run that is fetched, and for how many frames it is kept.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub ticket: Ticket,
    pub uses: u32,
    /// It should be there already.
    pub carried: bool,
}

/// What is to be fetched, in this order, and for whom to look it up.
#[derive(Default)]
pub(super) struct Plan {
    pub runs: Runs,
    pub steps: Vec<Step>,
    /// Packs among them of which nothing was planned before.
    pub new_packs: u64,
}

/// Plans what is wanted, one part after another.
#[derive(Default)]
pub(super) struct Planner {
    /// Bytes that may be fetched to save requests; below nothing where windows were much larger than
    /// what was wanted of them.
    spare: HashMap<SizedPack, i64>,
    /// The last runs, those fetched last at the end.
    last: Vec<Run>,
}

#[derive(Debug, Clone)]
struct Run {
    pack: SizedPack,
    range: Range<u64>,
    /// Which of the wanted frames lie in it, ascending.
    uses: Vec<usize>,
    carried: bool,
}

impl Run {
    fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn next_use(&self, after: usize) -> Option<usize> {
        let next = self.uses.partition_point(|place| *place <= after);
        self.uses.get(next).copied()
    }
}

impl Planner {
    /// Plans what is wanted next.
    pub fn plan(&mut self, wanted: &[Wanted]) -> Plan {
        let mut plan = Plan::default();
        for Wanted { pack, frame } in wanted {
            if self.spare.len() >= PACKS_REMEMBERED {
                self.spare.clear();
            }
            let spare = self.spare.entry(*pack).or_insert_with(|| {
                plan.new_packs += 1;
                SPARE_BYTES
            });
            let bytes = i64::try_from(frame.end - frame.start).unwrap_or(i64::MAX);
            *spare = spare.saturating_add(bytes.saturating_mul(2));
        }
        let (runs, touches) = self.form(wanted);
        for run in &runs {
            let of_pack = plan.runs.0.entry(run.pack).or_default();
            of_pack.push(run.range.clone());
        }
        plan.steps = steps(&runs, &touches);
        self.remember(&runs, &touches);
        plan
    }

    /// Forms runs, and tells which frames lie in which of them, in order.
    fn form(&mut self, wanted: &[Wanted]) -> (Vec<Run>, Vec<Touch>) {
        let uses = Uses::of(wanted);
        for (pack, _) in uses.places.keys() {
            let spare = self.spare.entry(*pack).or_insert(SPARE_BYTES);
            *spare -= WINDOW_BYTES as i64;
        }
        let mut runs = std::mem::take(&mut self.last);
        let mut of_window = HashMap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            (run.carried, run.uses) = (true, Vec::new());
            of_window.extend(windows_of(&run.range).map(|window| ((run.pack, window), number)));
        }
        let mut touches: Vec<Touch> = Vec::new();
        for (place, Wanted { pack, frame }) in wanted.iter().enumerate() {
            for window in windows_of(frame) {
                let number = match of_window.get(&(*pack, window)) {
                    Some(number) => *number,
                    None => {
                        let is_soon = |window| {
                            let key = (*pack, window);
                            !of_window.contains_key(&key) && uses.is_soon(&key, place)
                        };
                        let is_free = |window| !of_window.contains_key(&(*pack, window));
                        let spare = self.spare.entry(*pack).or_default();
                        let windows = grow(window, is_soon, is_free, spare);
                        let range =
                            windows.start * WINDOW_BYTES..(windows.end * WINDOW_BYTES).min(pack.1);
                        let number = runs.len();
                        of_window.extend(windows.map(|window| ((*pack, window), number)));
                        runs.push(Run {
                            pack: *pack,
                            range,
                            uses: Vec::new(),
                            carried: false,
                        });
                        number
                    }
                };
                if touches.last() != Some(&Touch { place, run: number }) {
                    touches.push(Touch { place, run: number });
                    if let Some(run) = runs.get_mut(number) {
                        run.uses.push(place);
                    }
                }
            }
        }
        (runs, touches)
    }

    /// Keeps the runs that are used last in mind.
    fn remember(&mut self, runs: &[Run], touches: &[Touch]) {
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        for touch in touches.iter().rev() {
            if bytes >= CARRIED_BYTES_MAX {
                break;
            }
            if let Some(run) = runs.get(touch.run)
                && seen.insert(touch.run)
            {
                bytes += run.bytes();
                self.last.push(run.clone());
            }
        }
    }
}

/// A frame, by its place among those that are wanted, lies in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Touch {
    place: usize,
    run: usize,
}

/// When windows are used.
struct Uses {
    /// Bytes that are wanted before each frame.
    times: Vec<u64>,
    /// The places of the frames in each window.
    places: HashMap<(SizedPack, u64), Vec<usize>>,
}

impl Uses {
    fn of(wanted: &[Wanted]) -> Self {
        let mut uses = Self {
            times: Vec::with_capacity(wanted.len()),
            places: HashMap::new(),
        };
        let mut time = 0;
        for (place, Wanted { pack, frame }) in wanted.iter().enumerate() {
            uses.times.push(time);
            time += frame.end - frame.start;
            for window in windows_of(frame) {
                uses.places.entry((*pack, window)).or_default().push(place);
            }
        }
        uses
    }

    /// Whether a window is used not long after a frame.
    fn is_soon(&self, window: &(SizedPack, u64), after: usize) -> bool {
        let places = self.places.get(window).map_or(&[][..], Vec::as_slice);
        let next = places.partition_point(|place| *place < after);
        let time = |place: usize| self.times.get(place).copied();
        let next = places.get(next).and_then(|place| time(*place));
        next.zip(time(after))
            .is_some_and(|(next, now)| next - now <= HORIZON_BYTES)
    }
}

/// A run around a window: it goes on to the next one that is wanted soon, over a few that are not where
/// there are spare bytes for them.
fn grow(
    window: u64,
    is_soon: impl Fn(u64) -> bool,
    is_free: impl Fn(u64) -> bool,
    spare: &mut i64,
) -> Range<u64> {
    let (mut start, mut end) = (window, window + 1);
    // How many windows of a direction come along, counted from the end of the run.
    let mut next = |length: u64, at: &dyn Fn(u64) -> Option<u64>| {
        let most = HOLE_WINDOWS_MAX.min(RUN_WINDOWS_MAX.checked_sub(length + 1)?);
        let is = |it: u64, is: &dyn Fn(u64) -> bool| at(it).is_some_and(is);
        let hole = (0..=most).find(|hole| is(*hole, &is_soon))?;
        let bytes = (hole * WINDOW_BYTES) as i64;
        let pays = hole == 0 || *spare >= bytes && (0..hole).all(|it| is(it, &is_free));
        *spare -= if pays { bytes } else { 0 };
        pays.then_some(hole + 1)
    };
    while let Some(more) = next(end - start, &|it| end.checked_add(it)) {
        end += more;
    }
    while let Some(more) = next(end - start, &|it| start.checked_sub(it + 1)) {
        start -= more;
    }
    start..end
}

/// What is fetched when, for how many uses, if no more than so much is kept.
fn steps(runs: &[Run], touches: &[Touch]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // Runs that are there, and the steps that fetched them.
    let mut kept: HashMap<usize, usize> = HashMap::new();
    let mut bytes = 0;
    let mut begun = HashSet::new();
    for touch in touches {
        let Some(run) = runs.get(touch.run) else {
            continue;
        };
        let step = *kept.entry(touch.run).or_insert_with(|| {
            bytes += run.bytes();
            steps.push(Step {
                ticket: Ticket {
                    kind: Kind::DataPack,
                    pack: run.pack.0,
                    range: run.range.clone(),
                },
                uses: 0,
                carried: begun.insert(touch.run) && run.carried,
            });
            steps.len() - 1
        });
        if let Some(step) = steps.get_mut(step) {
            step.uses += 1;
        }
        if run.next_use(touch.place).is_none() {
            kept.remove(&touch.run);
            bytes -= run.bytes();
        }
        while bytes > KEPT_BYTES_MAX {
            let others = kept
                .keys()
                .filter_map(|number| Some((*number, runs.get(*number)?)));
            let others = others.filter(|(_, run)| run.uses.binary_search(&touch.place).is_err());
            let last = others.max_by_key(|(number, run)| (run.next_use(touch.place), *number));
            let Some((number, run)) = last else { break };
            kept.remove(&number);
            bytes -= run.bytes();
        }
    }
    steps
}

/// The windows in which a part of a pack lies.
fn windows_of(range: &Range<u64>) -> Range<u64> {
    range.start / WINDOW_BYTES..range.end.div_ceil(WINDOW_BYTES)
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
