//! Snapshot records: all of them, and the one that a person means.

use std::collections::HashMap;
use std::time::Duration;

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result};
use crate::format::cbor::Counts;
use crate::format::snapshot::Snapshot;
use crate::format::{FormatError, Kind, cbor, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::Index;
use crate::seams::Timestamp;

/// A snapshot as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredSnapshot {
    pub id: ObjectId,
    /// Of those that [`load_snapshots`] gives without the rows of the dump's tables, which of a hundred
    /// thousand snapshots would take half a gigabyte; [`load_snapshot`] has them.
    pub record: Snapshot,
}

impl StoredSnapshot {
    /// The metadata chunks that its record names beside the listing: problem and finding lists.
    pub fn problem_lists(&self) -> Vec<ChunkId> {
        let problems = self.record.problems.iter();
        let findings = self.record.findings.iter();
        problems
            .map(|problems| &problems.chunks)
            .chain(findings.map(|findings| &findings.chunks))
            .flat_map(|chunks| chunks.0.iter().copied())
            .collect()
    }
}

/// Which snapshots are meant.
#[derive(Debug, Clone, Default)]
pub struct SnapshotFilter {
    pub host: Option<String>,
    pub tag: Option<String>,
    /// Only those taken at or before.
    pub at: Option<Timestamp>,
}

impl SnapshotFilter {
    pub fn allows(&self, snapshot: &Snapshot) -> bool {
        self.fits(&snapshot.host, &snapshot.tags, snapshot.time)
    }

    /// The same, by what it looks at.
    pub fn fits(&self, of_host: &str, tags: &[String], time: Timestamp) -> bool {
        self.host.as_ref().is_none_or(|host| host == of_host)
            && self.tag.as_ref().is_none_or(|tag| tags.contains(tag))
            && self.at.is_none_or(|at| time <= at)
    }
}

/// A record is held in memory with all others. One that weighs more than this …
const HEAVY_BYTES: usize = 64 * 1024;
/// … is left out once those that do weigh so much: forged ones could be a megabyte each, of which the
/// store takes four kilobytes.
const HEAVY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a tag, a root, a mount or a count takes beside its text.
const PART_BYTES: usize = 64;

/// What the heavy ones among the records weigh that are in memory at once.
#[derive(Default)]
pub struct Weights(usize);

impl Weights {
    /// Whether a record, of a payload of so many bytes, can be held as well.
    ///
    /// # Errors
    /// `Contradiction`: it is one too many of a size that no honest one has.
    pub fn admit(&mut self, record: &Snapshot, payload_bytes: usize) -> Result<(), FormatError> {
        let parts = record.tags.len() + record.roots.len() + record.mounts.len();
        let weight = payload_bytes + PART_BYTES * (parts + record.audit.0.len());
        if weight <= HEAVY_BYTES {
            return Ok(());
        }
        if self.0 + weight > HEAVY_BYTES_MAX {
            let what = "the size of a snapshot's record";
            return Err(FormatError::Contradiction { what });
        }
        self.0 += weight;
        Ok(())
    }
}

/// How far ahead of this machine's clock an honest snapshot can be.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// All snapshots, oldest first; those that claim a time to come stand before all others, so that an
/// invented one is not the latest for ever. Records are remembered in the index, so that only new
/// ones are fetched. Those that are damaged, or of a version that this program does not know, are
/// given to `damaged`, and the rest is not held up by them.
///
/// # Errors
/// `Store`, `Index`.
pub fn load_snapshots(
    repository: &Repository,
    index: &Index,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredSnapshot>> {
    let ids = list_ids(repository)?;
    let mut snapshots = Vec::with_capacity(ids.len());
    let mut take = |one| snapshots.push(one);
    read_all(repository, index, ids, damaged, &mut take)?;
    put_in_order(&mut snapshots, repository);
    Ok(snapshots)
}

/// Visits what [`load_snapshots`] would give, in the same order, and holds of each no more than its times: of a
/// hundred thousand the records take a hundred megabytes.
///
/// # Errors
/// As [`load_snapshots`].
pub fn visit_snapshots(
    repository: &Repository,
    index: &Index,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
    visit: &mut dyn FnMut(StoredSnapshot),
) -> Result<()> {
    let ids = list_ids(repository)?;
    let mut heads = Vec::with_capacity(ids.len());
    let mut take = |one: StoredSnapshot| heads.push(one.head());
    read_all(repository, index, ids, damaged, &mut take)?;
    put_in_order(&mut heads, repository);
    for Head { id, time, .. } in heads {
        // Just now the index was told all of them.
        let (record, _) = load_whole(repository, index, &id)?;
        let record = Snapshot {
            time,
            ..light(record)
        };
        visit(StoredSnapshot { id, record });
    }
    Ok(())
}

/// What the order of snapshots depends on.
struct Head {
    id: ObjectId,
    parent: Option<ObjectId>,
    time: Timestamp,
    started: Timestamp,
    finished: Timestamp,
}

trait Dated {
    fn head(&self) -> Head;
    fn set_time(&mut self, time: Timestamp);
}

impl Dated for Head {
    fn head(&self) -> Head {
        Head { ..*self }
    }

    fn set_time(&mut self, time: Timestamp) {
        self.time = time;
    }
}

impl Dated for StoredSnapshot {
    fn head(&self) -> Head {
        let StoredSnapshot { id, record } = self;
        Head {
            id: *id,
            parent: record.parent,
            time: record.time,
            started: record.started,
            finished: record.finished,
        }
    }

    fn set_time(&mut self, time: Timestamp) {
        self.record.time = time;
    }
}

fn list_ids(repository: &Repository) -> Result<Vec<ObjectId>> {
    let mut ids = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Snapshot, &mut |id, _| {
        ids.push(id);
    })?;
    Ok(ids)
}

/// Reads the records, in this order.
fn read_all(
    repository: &Repository,
    index: &Index,
    ids: Vec<ObjectId>,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
    take: &mut dyn FnMut(StoredSnapshot),
) -> Result<()> {
    let mut weights = Weights::default();
    for id in ids {
        let read = load_whole(repository, index, &id).and_then(|(record, bytes)| {
            let admitted = weights.admit(&record, bytes);
            let name = || name::of(Kind::Snapshot, &id);
            admitted.map_err(|error| RepositoryError::object(&name(), error))?;
            Ok(light(record))
        });
        match read {
            Ok(record) => take(StoredSnapshot { id, record }),
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    Ok(())
}

fn put_in_order<D: Dated>(snapshots: &mut [D], repository: &Repository) {
    let soon = repository.seams.clock.now().plus(CLOCKS_DIFFER_MAX);
    put_after_parents(snapshots, repository.parameters.created, soon);
    // Several snapshots may hold one dump, and so have its time: then the later run is the newer.
    // No two are equal, and in place no room is taken.
    snapshots.sort_unstable_by_key(|one| {
        let one = one.head();
        (one.time <= soon, one.time, one.started, one.id)
    });
}

/// Without the rows of the tables of its dump.
fn light(mut record: Snapshot) -> Snapshot {
    if let Some(database) = &mut record.database {
        database.rows = Counts::default();
    }
    record
}

/// One snapshot's whole record; remembered as by [`load_snapshots`].
///
/// # Errors
/// `Object`, `Store`, `Index`.
pub fn load_snapshot(repository: &Repository, index: &Index, id: &ObjectId) -> Result<Snapshot> {
    load_whole(repository, index, id).map(|(record, _)| record)
}

/// Also gives the length of its payload.
fn load_whole(repository: &Repository, index: &Index, id: &ObjectId) -> Result<(Snapshot, usize)> {
    let known = index.record(id)?;
    let payload = match known {
        Some(payload) => payload,
        None => {
            let payload = fetch_record(repository, Kind::Snapshot, id)?;
            index.remember_record(id, &payload)?;
            payload
        }
    };
    let name = name::of(Kind::Snapshot, id);
    let mut record: Snapshot =
        cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))?;
    let made = repository.parameters.created;
    put_time_right(&mut record, made, repository.seams.clock.now());
    Ok((record, payload.len()))
}

/// A host whose clock began at 1970 after a power cut says so in its record, and the snapshot would be
/// the oldest of all, never `latest`, and what no `--at` finds. Where a record is of a time before there
/// was a repository, the store's time counts, unless that cannot be either. Nothing else is put right:
/// of two clocks that are both possible nobody can say which is wrong (`clocks_apart` tells).
fn put_time_right(record: &mut Snapshot, made: Timestamp, now: Timestamp) {
    let is_too_early = |time: Timestamp| time.plus(CLOCKS_DIFFER_MAX) < made;
    let Some(by_store) = record.store_time.filter(|time| !is_too_early(*time)) else {
        return;
    };
    if is_too_early(record.time) && by_store <= now.plus(CLOCKS_DIFFER_MAX) {
        // A dump was begun so long before by the same clock.
        let before = record.started.since(record.time).min(CLOCKS_DIFFER_MAX);
        record.time = by_store.minus(before);
    }
}

/// Where the repository is a folder of the host there is but one clock, and nothing to hold it against.
/// But a backup names the snapshot before it: one that is still of a time before there was a repository
/// counts as made right after that one. So the newest is the latest, and no newer than it can be.
fn put_after_parents<D: Dated>(snapshots: &mut [D], made: Timestamp, soon: Timestamp) {
    let places = snapshots.iter().enumerate();
    let places: HashMap<_, _> = places.map(|(place, one)| (one.head().id, place)).collect();
    let parents: Vec<Option<usize>> = snapshots
        .iter()
        .map(|one| places.get(&one.head().parent?).copied())
        .collect();
    let parent_of = |place: usize| parents.get(place).copied().flatten();
    let mut is_settled = vec![false; snapshots.len()];
    for place in 0..snapshots.len() {
        // A name is a hash, and so nobody is among his own ancestors.
        let line = std::iter::successors(Some(place), |place| parent_of(*place));
        let line: Vec<usize> = line
            .take_while(|place| is_settled.get(*place) == Some(&false))
            .collect();
        for place in line.into_iter().rev() {
            let parent = parent_of(place).and_then(|parent| snapshots.get(parent));
            let parent = parent.map(Dated::head);
            let before = parent.map(|parent| parent.time.max(parent.finished));
            if let (Some(one), Some(before)) = (snapshots.get_mut(place), before)
                && one.head().time.plus(CLOCKS_DIFFER_MAX) < made
                && before <= soon
            {
                one.set_time(before.plus(Duration::from_nanos(1)));
            }
            if let Some(settled) = is_settled.get_mut(place) {
                *settled = true;
            }
        }
    }
}

/// How far the clock of the host was ahead of that of the store when the snapshot was begun, or behind
/// it (`false`), where that is over a day: then the time of the snapshot may be wrong.
pub fn clocks_apart(record: &Snapshot) -> Option<(bool, Duration)> {
    let (host, store) = (record.started, record.store_time?);
    let (ahead, behind) = (host.since(store), store.since(host));
    (ahead.max(behind) > CLOCKS_DIFFER_MAX).then(|| (!ahead.is_zero(), ahead.max(behind)))
}

/// The snapshot that `name` means: an id, a unique beginning of one, `latest`, or `latest~N`. With
/// `filter.at`, `latest` is the newest at or before that time.
///
/// # Errors
/// `NoSuchSnapshot`, `AmbiguousSnapshot`, `NoSnapshots`.
pub fn resolve<'s>(
    snapshots: &'s [StoredSnapshot],
    name: &str,
    filter: &SnapshotFilter,
) -> Result<&'s StoredSnapshot> {
    let allows = |one: &StoredSnapshot| filter.allows(&one.record);
    resolve_among(snapshots, name, |one| one.id, allows)
}

/// As [`resolve`], of whatever stands for snapshots, oldest first.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_among<'s, S>(
    snapshots: &'s [S],
    name: &str,
    id: impl Fn(&S) -> ObjectId,
    allows: impl Fn(&S) -> bool,
) -> Result<&'s S> {
    if snapshots.is_empty() {
        return Err(RepositoryError::NoSnapshots);
    }
    let unknown = || RepositoryError::NoSuchSnapshot {
        name: name.to_owned(),
    };
    if let Some(back) = steps_back(name) {
        let mut matching = snapshots.iter().rev().filter(|one| allows(one));
        return matching.nth(back).ok_or_else(unknown);
    }
    let is_hex = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lower = name.to_ascii_lowercase();
    let mut matching = snapshots
        .iter()
        .filter(|one| id(one).to_string().starts_with(&lower));
    match (is_hex, matching.next(), matching.next()) {
        (true, Some(one), None) => Ok(one),
        (true, Some(_), Some(_)) => Err(RepositoryError::AmbiguousSnapshot {
            name: name.to_owned(),
        }),
        _ => Err(unknown()),
    }
}

/// `latest` is 0, `latest~2` is 2.
fn steps_back(name: &str) -> Option<usize> {
    match name.strip_prefix("latest")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}
