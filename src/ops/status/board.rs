//! What a look at all copies comes to: the rule of 3-2-1, and whether each copy is cared for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::facts::{Facts, Proven, Remembered};
use crate::seams::Timestamp;

/// The library itself counts as a copy, on a disk.
const LIBRARY_MEDIUM: &str = "disk";
pub const COPIES_WANTED: u64 = 3;
pub const MEDIA_WANTED: u64 = 2;
pub const OFFSITE_WANTED: u64 = 1;

/// Greatest ages; `None`: nobody waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    pub snapshot: Option<Duration>,
    pub verify: Option<Duration>,
    pub drill: Option<Duration>,
}

impl Default for Ages {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        Self {
            // A night, and two hours for one that took longer.
            snapshot: Some(26 * HOUR),
            verify: Some(35 * 24 * HOUR),
            drill: Some(100 * 24 * HOUR),
        }
    }
}

/// One copy of the library.
#[derive(Debug, Clone)]
pub struct CopyStatus {
    pub name: String,
    pub url: String,
    /// `disk`, `nas` or `cloud`.
    pub medium: &'static str,
    pub offsite: bool,
    /// What the look found, or why there was none.
    pub found: Result<Facts, Unreachable>,
    /// Free bytes where it lies, as far as one can know.
    pub bytes_free: Option<u64>,
    /// Of a folder: when the file named `repository` was last touched in any way, as only the file
    /// system can say (its ctime), in nanoseconds.
    pub touched: Option<i128>,
    /// It is the place of an earlier one, by number, under another name.
    pub same_as: Option<usize>,
    /// Snapshots that another copy has, and that are newer than the newest here.
    pub behind: u64,
    /// It is a copy of what the library was not long ago.
    pub counts: bool,
}

/// A copy that could not be looked at.
#[derive(Debug, Clone)]
pub struct Unreachable {
    pub reason: String,
    pub hint: String,
    pub remembered: Option<Remembered>,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    Copies,
    Media,
    Offsite,
    /// Of a copy, as the following ones.
    Reachable,
    /// It lies elsewhere than all others.
    Distinct,
    /// Nothing vanished that this host saw there.
    Whole,
    Snapshot,
    /// The newest snapshot is not suspect.
    Trusted,
    Level,
    Verify,
    /// Locks are extended in time.
    Locked,
    /// Room for another month.
    Room,
    /// Of all copies together.
    Drill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    pub what: Checked,
    /// Number of the copy that it is about.
    pub copy: Option<usize>,
    pub ok: bool,
}

/// The whole.
#[derive(Debug, Clone)]
pub struct Board {
    pub now: Timestamp,
    pub ages: Ages,
    /// Copies that count, the library itself included, and on how many kinds of things they lie.
    pub copies: u64,
    pub media: BTreeSet<&'static str>,
    pub offsite: u64,
    pub repositories: Vec<CopyStatus>,
    pub checks: Vec<Check>,
}

impl Board {
    /// Judges what was found. `counts` and `behind` of the copies are worked out here.
    pub fn judge(mut repositories: Vec<CopyStatus>, ages: Ages, now: Timestamp) -> Self {
        for at in 0..repositories.len() {
            let behind = repositories
                .get(at)
                .map_or(0, |one| behind(one, &repositories));
            let same_as = same_as(at, &repositories);
            if let Some(one) = repositories.get_mut(at) {
                one.behind = behind;
                one.same_as = same_as;
                one.counts = same_as.is_none() && is_fresh(one.newest(), ages.snapshot, now);
            }
        }
        let counting = || repositories.iter().filter(|one| one.counts);
        let media = counting().map(|one| one.medium);
        let mut board = Self {
            now,
            ages,
            copies: 1 + counting().count() as u64,
            media: media.chain([LIBRARY_MEDIUM]).collect(),
            offsite: counting().filter(|one| one.offsite).count() as u64,
            repositories,
            checks: Vec::new(),
        };
        board.checks = board.check();
        board
    }

    /// Whether the rule of 3-2-1 holds today.
    pub fn is_satisfied(&self) -> bool {
        self.copies >= COPIES_WANTED
            && self.media.len() as u64 >= MEDIA_WANTED
            && self.offsite >= OFFSITE_WANTED
    }

    pub fn needs_attention(&self) -> bool {
        self.checks.iter().any(|check| !check.ok)
    }

    /// The newest drill, wherever it was held.
    pub fn drill(&self) -> Option<&Proven> {
        let drills = self.facts().filter_map(|facts| facts.drill.as_ref());
        drills.max_by_key(|drill| drill.ended)
    }

    /// The verify of a copy that counts. Anybody with the writer key can report one, so what the owner
    /// signed or this host ran goes before, until it is too old; bad news is believed of anybody, and
    /// only those two can take back their own.
    pub fn verify<'f>(&self, facts: &'f Facts) -> Option<&'f Proven> {
        let (vouched, reported) = (facts.verify.as_ref(), facts.verify_reported.as_ref());
        let (Some(known), Some(said)) = (vouched, reported) else {
            return vouched.or(reported);
        };
        let is_current = is_fresh(Some(known.ended), self.ages.verify, self.now);
        let counts = !said.ok || (known.ok && !is_current);
        match counts && said.ended > known.ended {
            true => reported,
            false => vouched,
        }
    }

    /// What was spent on the look.
    pub fn requests(&self) -> u64 {
        self.facts().map(|facts| facts.requests).sum()
    }

    fn facts(&self) -> impl Iterator<Item = &Facts> {
        self.repositories
            .iter()
            .filter_map(|one| one.found.as_ref().ok())
    }

    fn check(&self) -> Vec<Check> {
        let rule = |what, ok| Check {
            what,
            copy: None,
            ok,
        };
        let mut checks = vec![
            rule(Checked::Copies, self.copies >= COPIES_WANTED),
            rule(Checked::Media, self.media.len() as u64 >= MEDIA_WANTED),
            rule(Checked::Offsite, self.offsite >= OFFSITE_WANTED),
        ];
        for (number, one) in self.repositories.iter().enumerate() {
            let copy = Some(number);
            let of_copy = self.check_copy(one).into_iter();
            checks.extend(of_copy.map(|(what, ok)| Check { what, copy, ok }));
        }
        let made = self.facts().map(|facts| facts.created).min();
        let has_database = |facts: &Facts| facts.newest.as_ref().is_some_and(|it| it.has_database);
        if let Some(made) = made.filter(|_| self.facts().any(has_database)) {
            let ok = self.is_proven(self.drill(), made, self.ages.drill);
            checks.push(rule(Checked::Drill, ok));
        }
        checks
    }

    fn check_copy(&self, one: &CopyStatus) -> Vec<(Checked, bool)> {
        let is_fresh = is_fresh(one.newest(), self.ages.snapshot, self.now);
        let facts = match &one.found {
            Ok(facts) => facts,
            // Of one that this host never saw there is no more to say.
            Err(unreachable) if unreachable.remembered.is_none() => {
                return vec![(Checked::Reachable, false)];
            }
            Err(_) => return vec![(Checked::Reachable, false), (Checked::Snapshot, is_fresh)],
        };
        let is_whole = facts.vanished.as_ref().is_ok_and(Vec::is_empty);
        let suspect = facts.newest.as_ref().and_then(|it| it.suspect.as_ref());
        let mut checks = vec![
            (Checked::Reachable, true),
            (Checked::Distinct, one.same_as.is_none()),
            (Checked::Whole, is_whole),
            (Checked::Snapshot, is_fresh),
            (Checked::Trusted, suspect.is_none()),
            (Checked::Level, one.behind == 0),
        ];
        if !facts.snapshots.is_empty() {
            let verified = self.is_proven(self.verify(facts), facts.created, self.ages.verify);
            checks.push((Checked::Verify, verified));
        }
        if let Some(locked) = facts.locked {
            checks.push((Checked::Locked, self.now < locked.extend_before));
        }
        if let Some(free) = one.bytes_free {
            checks.push((Checked::Room, free >= facts.bytes_added));
        }
        checks
    }

    /// What is not due yet is no fault.
    fn is_proven(&self, proven: Option<&Proven>, made: Timestamp, max: Option<Duration>) -> bool {
        match proven {
            Some(proven) => proven.ok && is_fresh(Some(proven.ended), max, self.now),
            None => is_fresh(Some(made), max, self.now),
        }
    }
}

impl CopyStatus {
    /// The time of the newest snapshot that can be trusted, as far as this host knows.
    pub fn newest(&self) -> Option<Timestamp> {
        match &self.found {
            Ok(facts) => facts.newest_good.as_ref().map(|newest| newest.time),
            Err(unreachable) => unreachable.remembered?.newest,
        }
    }
}

fn is_fresh(time: Option<Timestamp>, max: Option<Duration>, now: Timestamp) -> bool {
    time.is_some_and(|time| max.is_none_or(|max| now.since(time) <= max))
}

/// Which earlier one lies at the same place. Copies share all but what each makes for itself, such as
/// index segments. Whoever copied a folder with the times of its files made a copy all the same, but
/// cannot have copied when a file was touched.
fn same_as(at: usize, all: &[CopyStatus]) -> Option<usize> {
    let one = all.get(at)?;
    let own = one.found.as_ref().ok()?.own?;
    all.iter().take(at).position(|other| {
        let has_same = other
            .found
            .as_ref()
            .is_ok_and(|facts| facts.own == Some(own));
        let both = one.touched.zip(other.touched);
        has_same && both.is_none_or(|(one, other)| one == other)
    })
}

/// Those that are older may have been forgotten here on purpose.
fn behind(one: &CopyStatus, all: &[CopyStatus]) -> u64 {
    let Ok(facts) = &one.found else {
        return 0;
    };
    let here: BTreeSet<_> = facts.snapshots.iter().map(|(_, id)| *id).collect();
    let newest = facts.snapshots.last().map(|(time, _)| *time);
    let others = all.iter().filter_map(|other| other.found.as_ref().ok());
    let there = others.flat_map(|other| &other.snapshots);
    let lacking: BTreeSet<_> = there
        .filter(|(time, id)| newest.is_none_or(|newest| *time > newest) && !here.contains(id))
        .collect();
    lacking.len() as u64
}
