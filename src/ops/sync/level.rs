//! One copy is brought level with another: for each snapshot that it lacks and has not forgotten,
//! the packs first, then segments of its own making that publish them, then the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::carry::{Carried, Carry};
use super::reach::{Reach, Reached};
use super::report::{Lacking, LevelReport, Waiting};
use super::target::Target;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::{Presence, TransferTable};
use crate::ops::backup::{Notices, hold};
use crate::ops::pipeline::CheckpointRule;
use crate::ops::{Replica, Result, Retention};
use crate::progress::Progress;
use crate::repository::{
    ObjectProblem, RepositoryError, StoredSnapshot, explained, list_objects, load_catalog,
    load_snapshots, open_record,
};
use crate::seams::Timestamp;
use crate::store::Window;

/// Each time round, a pack more was found damaged, or a plan was made meanwhile.
const ROUNDS_MAX: usize = 32;
/// A commit follows the look at the plans within so long, by the time since boot.
const COMMIT_WITHIN: Duration = Duration::from_secs(15 * 60);
/// What the target was seen to list so long ago may be gone.
const LISTED_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be copied.
#[derive(Default)]
pub struct LevelOptions<'o> {
    /// Only these, also those that the target has forgotten; `None`: all but what it has forgotten.
    pub these: Option<&'o [ObjectId]>,
    /// Also those that the target has: for one that lost some of what they need.
    pub again: bool,
    /// What the next `forget` at the target would drop by these rules need not be copied; `None`: it
    /// keeps all.
    pub retention: Option<&'o Retention>,
    pub checkpoint: CheckpointRule,
}

/// Brings `to` level with `from`. It can be interrupted at any moment and run again: what was put
/// before is found.
///
/// # Errors
/// `Store` when one of the two is out of reach, `Index`. What cannot be copied is in the report.
pub fn level(
    from: &Replica,
    to: &Replica,
    options: &LevelOptions<'_>,
    progress: &dyn Progress,
) -> Result<LevelReport> {
    let mut report = LevelReport::default();
    progress.stage(&format!("Comparing {} and {}", from.name, to.name), None);
    let snapshots = wanted_snapshots(from, to, options, progress, &mut report)?;
    if snapshots.is_empty() {
        progress.finish();
        return Ok(report);
    }
    // In a folder no sweep of somebody who believes to be alone there.
    let _held = hold(&to.repository, &Notices::of(&to.name, progress))?;
    let table = TransferTable::temporary()?;
    let target = Target::new(to, &table, progress);
    // Plans before packs: what is condemned counts as absent.
    let listed = Some(to.repository.seams.clock.since_boot());
    target.look_for_plans()?;
    for replica in [to, from] {
        let facts = load_catalog(&replica.repository, &replica.index)?;
        for (name, problem) in &facts.damaged_segments {
            let text = format!("{name} at {} cannot be used: {problem}", replica.name);
            progress.notice(&text);
        }
    }
    progress.finish();
    let carry = Carry::new(from, &target, &table, options.checkpoint, progress)?;
    let mut level = Level {
        reach: Reach::new(from, &target, &table),
        carry: &carry,
        again: options.again,
        listed,
        progress,
    };
    // The newest first: if the way is long, the latest state of things arrives.
    for snapshot in snapshots.iter().rev() {
        match level.snapshot(snapshot)? {
            Outcome::Copied => report.snapshots_copied.push(snapshot.id),
            Outcome::Waits(reason) => {
                report.waiting.insert(snapshot.id, Waiting { reason });
            }
            Outcome::Lacks(lacking) => {
                report.lacking.insert(snapshot.id, lacking);
            }
        }
    }
    carry.publish()?;
    (report.objects_copied, report.bytes_copied) = carry.totals();
    Ok(report)
}

/// Snapshots of `from` that `to` lacks and is to have, oldest first.
fn wanted_snapshots(
    from: &Replica,
    to: &Replica,
    options: &LevelOptions<'_>,
    progress: &dyn Progress,
    report: &mut LevelReport,
) -> Result<Vec<StoredSnapshot>> {
    let there = arrivals(to)?;
    let is_asked = |id: &ObjectId| options.these.is_none_or(|these| these.contains(id));
    let mut unusable = Vec::new();
    let all = load_snapshots(&from.repository, &from.index, &mut |name, problem| {
        unusable.push((name.to_owned(), problem.clone()));
    })?;
    let ids = all.iter().map(|one| one.id);
    let bad = unusable.iter().filter_map(|(name, _)| name::parse(name)?.1);
    let lacking = ids
        .chain(bad)
        .filter(|id| !there.contains_key(id))
        .collect();
    let gone = explained(&to.repository, &lacking, &mut |name, problem| {
        let text = format!("{name} at {} cannot be used: {problem}", to.name);
        progress.notice(&text);
    })?;
    for (name, problem) in unusable {
        if let Some((_, Some(id))) = name::parse(&name)
            && !there.contains_key(&id)
            && is_asked(&id)
            && (options.these.is_some() || !gone.contains(&id))
        {
            let lacking = Lacking {
                reason: Some(format!("the snapshot itself cannot be used: {problem}")),
                ..Lacking::default()
            };
            report.lacking.insert(id, lacking);
        }
    }
    let mut wanted = Vec::new();
    for snapshot in all {
        if there.contains_key(&snapshot.id) && !options.again || !is_asked(&snapshot.id) {
            continue;
        }
        if options.these.is_none() && gone.contains(&snapshot.id) {
            report.forgotten += 1;
        } else {
            wanted.push(snapshot);
        }
    }
    match options.retention {
        Some(retention) if options.these.is_none() && !wanted.is_empty() => {
            let arrived = arrivals(from)?;
            let is_new = |one: &StoredSnapshot| !there.contains_key(&one.id);
            let coming: Vec<_> = wanted
                .iter()
                .filter(|one| is_new(one))
                .filter_map(|one| Some((one.clone(), *arrived.get(&one.id)?)))
                .collect();
            let kept = retention.keeps(to, &coming, progress)?;
            let missed = missed(to)?;
            let before = wanted.len();
            wanted.retain(|one| !is_new(one) || kept.contains(&one.id) || missed.contains(&one.id));
            report.let_go = (before - wanted.len()) as u64;
        }
        _ => {}
    }
    Ok(wanted)
}

/// Snapshots that this host saw at a copy, and does not know to be forgotten there: of those that are
/// gone nothing explains why, and until they are back or explained no forget and no prune works there.
fn missed(copy: &Replica) -> Result<BTreeSet<ObjectId>> {
    let Some(watch) = copy.index.watch() else {
        return Ok(BTreeSet::new());
    };
    let seen = watch.trust()?.seen(watch.place())?.into_iter();
    let missed = seen.filter(|one| one.presence != Presence::Forgotten);
    Ok(missed.map(|one| one.id).collect())
}

/// When each snapshot of a copy was put there.
fn arrivals(copy: &Replica) -> Result<BTreeMap<ObjectId, Timestamp>> {
    let mut arrivals = BTreeMap::new();
    let store = copy.repository.store.as_ref();
    list_objects(store, Kind::Snapshot, &mut |id, info| {
        arrivals.insert(id, info.modified);
    })?;
    Ok(arrivals)
}

/// What became of one snapshot.
enum Outcome {
    Copied,
    Waits(String),
    Lacks(Lacking),
}

struct Level<'l> {
    reach: Reach<'l>,
    carry: &'l Carry<'l>,
    /// The snapshots are at the target; what they need may not be.
    again: bool,
    /// When the plans were looked at before the target's packs were listed, since boot; `None` when
    /// the packs must be listed again.
    listed: Option<Duration>,
    progress: &'l dyn Progress,
}

impl Level<'_> {
    fn snapshot(&mut self, snapshot: &StoredSnapshot) -> Result<Outcome> {
        let object = match self.object(&snapshot.id)? {
            Ok(object) => object,
            Err(problem) => {
                return Ok(Outcome::Lacks(Lacking {
                    reason: Some(format!("the snapshot itself cannot be used: {problem}")),
                    ..Lacking::default()
                }));
            }
        };
        let mut is_there = self.again;
        for _ in 0..ROUNDS_MAX {
            let reached = match self.bring(snapshot)? {
                Brought::All(reached) => reached,
                Brought::Less => continue,
                Brought::Not(Outcome::Waits(_)) if self.carry.target.expose_false_plans()? => {
                    continue;
                }
                Brought::Not(_) if is_there && !self.again => return Ok(Outcome::Copied),
                Brought::Not(outcome) => return Ok(outcome),
            };
            self.carry.publish()?;
            // Looked at as late as possible: what is condemned from here on is seen to be needed.
            let (to, clock) = (
                self.carry.target.replica,
                &self.reach.from.repository.seams.clock,
            );
            let looked = (clock.since_boot(), to.repository.store.now()?);
            if self.carry.target.look_for_plans()? || self.is_stale() {
                continue;
            }
            let name = name::of(Kind::Snapshot, &snapshot.id);
            if !is_there {
                to.repository.store.put(&name, object.clone())?;
                self.carry.count(object.len() as u64);
                is_there = true;
                // A machine that was put to sleep may not know it, but the store does.
                let arrived = to.repository.store.head(&name)?.modified;
                let is_late = clock.since_boot().saturating_sub(looked.0) > COMMIT_WITHIN
                    || arrived.since(looked.1) > COMMIT_WITHIN;
                if is_late {
                    self.listed = None;
                }
            }
            // A plan that was made meanwhile may not know of the snapshot.
            if self.carry.target.look_for_plans()? || self.is_stale() {
                continue;
            }
            self.reach.settled.extend(reached.listing);
            return Ok(Outcome::Copied);
        }
        let reason =
            "the copy did not hold still: prune is at work there, or the source is damaged";
        Ok(match is_there {
            true if !self.again => Outcome::Copied,
            _ => Outcome::Waits(reason.to_owned()),
        })
    }

    /// Whether the target's packs were listed too long ago.
    fn is_stale(&self) -> bool {
        let clock = &self.carry.target.replica.repository.seams.clock;
        let now = clock.since_boot();
        self.listed
            .is_none_or(|listed| now.saturating_sub(listed) > LISTED_WITHIN)
    }

    /// Brings what the target lacks of the snapshot, as far as it is known now.
    fn bring(&mut self, snapshot: &StoredSnapshot) -> Result<Brought> {
        self.reach.table.clear_wanted()?;
        if self.is_stale() {
            let to = self.carry.target.replica;
            self.listed = Some(to.repository.seams.clock.since_boot());
            self.carry.target.look_for_plans()?;
            load_catalog(&to.repository, &to.index)?;
        }
        let id: String = snapshot.id.to_string().chars().take(12).collect();
        self.progress
            .stage(&format!("Looking at the snapshot {id}"), None);
        let reached = self.reach.snapshot(snapshot);
        self.progress.finish();
        let reached = reached?;
        if !reached.lacking.is_nothing() {
            return Ok(Brought::Not(Outcome::Lacks(reached.lacking)));
        }
        match self.carry.run()? {
            Carried::SomePending => {
                let reason = "a prune is pending there, which must end first";
                return Ok(Brought::Not(Outcome::Waits(reason.to_owned())));
            }
            Carried::SomeBad => return Ok(Brought::Less),
            Carried::All => {}
        }
        // What a segment of the source said of a pack may not have been so.
        let mut last = None;
        while let Some(needed) = self.reach.table.needed_after(last)? {
            let kind = match needed.0 == Kind::ListingPack.number() {
                true => Kind::ListingPack,
                false => Kind::DataPack,
            };
            if !self.carry.target.is_stored(kind, &needed.1)? {
                return Ok(Brought::Less);
            }
            last = Some(needed);
        }
        Ok(Brought::All(reached))
    }

    /// The stored bytes of a snapshot, from the source or whoever has them sound.
    fn object(&self, id: &ObjectId) -> Result<Result<Bytes, ObjectProblem>> {
        let repository = &self.carry.from.repository;
        let name = name::of(Kind::Snapshot, id);
        let window = Window::Whole {
            bytes_max: Kind::Snapshot.record_bytes_max(),
        };
        let mut check = |bytes: Bytes| {
            if ObjectId::of(&bytes) != *id {
                return Err(ObjectProblem::WrongName);
            }
            open_record(&repository.writer, Kind::Snapshot, &bytes)?;
            Ok(bytes)
        };
        let here = match repository.store.get(&name, window) {
            Ok(bytes) => check(bytes),
            Err(error) => {
                Err(ObjectProblem::of_failed_fetch(error).map_err(RepositoryError::from)?)
            }
        };
        Ok(here.or_else(|problem| {
            let found = repository
                .others
                .find(repository.id(), &name, window, &mut check);
            found.ok_or(problem)
        }))
    }
}

/// How far one round came.
enum Brought {
    All(Reached),
    /// Something is lacking that may lie elsewhere.
    Less,
    Not(Outcome),
}
