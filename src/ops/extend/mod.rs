//! `lock extend`: everything that the snapshots need stays locked. A lock is set when an object is
//! put; when two thirds of the period are left of it, or less, it is set anew, so that each object
//! is extended once a third. `reach` finds what is needed, `locks` asks and extends.
//!
//! Memory: 40 bytes for each different chunk of all listings, twice where some are to be forgotten; ids of contents and packs are in
//! temporary tables.

mod locks;
mod reach;
mod report;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use super::Result;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{Index, LockHorizon, Trust};
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, Repository, RepositoryError, StoredSnapshot, list_objects, visit_plans,
};
use crate::seams::Timestamp;
use crate::store::retention::ObjectLock;
use crate::store::{ErrorKind, StoreError};
use locks::Locks;
pub use report::ExtendReport;

/// Objects that are asked and noted together.
const BATCH: usize = 256;

/// When the lock of a snapshot is over, the next run of forget deletes it: a night or two later.
const AFTERWARDS: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Two answers of a store about one object: one may know whole seconds only.
const SAME_TIME: Duration = Duration::from_secs(1);

/// Kinds of which all that there are is needed. Of snapshots somebody decides.
const KINDS: [Kind; 3] = [Kind::Repository, Kind::KeySlot, Kind::Segment];

/// Extends the locks of everything that the first `snapshots` need. The others are to be forgotten:
/// their own locks run out, and what they need is locked until then, so that a snapshot that is locked
/// restores. `place` is the key under which `trust` remembers until when. A run that was cut short
/// goes on where it was.
///
/// # Errors
/// `Store` when the store is out of reach or has no locks, `Index`, `Interrupted`.
pub fn extend_locks(
    repository: &Repository,
    index: &Index,
    snapshots: (&[StoredSnapshot], &[StoredSnapshot]),
    (trust, place): (&Trust, &str),
    lock: ObjectLock,
    progress: &dyn Progress,
) -> Result<ExtendReport> {
    let (kept, let_go) = snapshots;
    let store = repository.store.as_ref();
    let retaining = store.retaining().ok_or_else(|| {
        let reason = "a folder has no Object Lock; buckets can have one";
        let error = StoreError::new(ErrorKind::Invalid, "extend locks in", "").because(reason);
        RepositoryError::from(error)
    })?;
    let now = store.now().map_err(RepositoryError::from)?;
    trust
        .forget_locks_before(place, now)
        .map_err(RepositoryError::from)?;
    let mut report = ExtendReport::default();
    let mut run = Run {
        repository,
        index,
        chunks: ChunkReader::new(repository, index, Fetch::Packs),
        condemned: condemned(repository, trust, now)?,
        progress,
    };
    let mut locks = Locks::new(repository, retaining, (trust, place), lock, now);
    let mut seen = HashSet::new();
    progress.stage("Looking for what the snapshots need", None);
    run.reach(kept, &mut seen, &mut report)?;
    progress.finish();

    progress.stage("Extending locks", None);
    run.extend_all(&small_objects(repository, trust)?, &mut locks, &mut report)?;
    run.extend_packs(&mut locks, &mut report)?;
    run.let_go(let_go, seen, &mut locks, &mut report)?;
    let mut closing = names_of(repository, Kind::Forget)?;
    closing.extend(kept.iter().map(|one| name::of(Kind::Snapshot, &one.id)));
    let mut locks = match run.renews_times(&locks, now)? {
        true => locks.until(locks.wanted()),
        false => locks,
    };
    run.extend_all(&closing, &mut locks, &mut report)?;
    progress.finish();
    if let Some(until) = report.until.filter(|_| report.refused_count == 0) {
        let horizon = LockHorizon {
            until,
            extend_before: until.minus(lock.period() / 3),
        };
        let noted = trust.set_lock_horizon(place, &horizon);
        noted.map_err(RepositoryError::from)?;
    }
    Ok(report)
}

/// One extension.
struct Run<'r> {
    repository: &'r Repository,
    index: &'r Index,
    chunks: ChunkReader<'r>,
    /// Packs that prune is about to delete: dead, or written anew.
    condemned: HashSet<ObjectId>,
    progress: &'r dyn Progress,
}

impl Run<'_> {
    /// Notes in the index in which packs lies what the snapshots need, but for what was `seen`.
    fn reach(
        &mut self,
        snapshots: &[StoredSnapshot],
        seen: &mut HashSet<ChunkId>,
        report: &mut ExtendReport,
    ) -> Result<()> {
        let unreadable = &mut report.unreadable;
        let interrupt = &self.repository.seams.interrupt;
        reach::note_all(
            self.index,
            &self.chunks,
            interrupt,
            snapshots,
            seen,
            unreadable,
        )?;
        self.index.reach_packs().map_err(RepositoryError::from)?;
        Ok(())
    }

    fn extend_all(
        &self,
        names: &[String],
        locks: &mut Locks<'_>,
        report: &mut ExtendReport,
    ) -> Result<()> {
        for batch in names.chunks(BATCH) {
            self.repository.seams.interrupt.check()?;
            locks.extend(batch, report)?;
        }
        Ok(())
    }

    /// Whether this store, SeaweedFS for one, gave what was extended the time of its extension. Then a
    /// session seems to have gone on after the record that closes it, and prune would wait for it for
    /// ever, unless that record is extended along with it.
    fn renews_times(&self, locks: &Locks<'_>, began: Timestamp) -> Result<bool> {
        let Some(extended) = locks.extended() else {
            return Ok(false);
        };
        match self.repository.store.head(extended) {
            // To the second: what is due for an extension was put days ago.
            Ok(info) => Ok(info.modified.seconds() >= began.seconds()),
            Err(error) if error.is_worth_a_retry() => Err(RepositoryError::from(error).into()),
            Err(_) => Ok(false),
        }
    }

    fn extend_packs(&self, locks: &mut Locks<'_>, report: &mut ExtendReport) -> Result<()> {
        let mut last: Option<(ObjectId, bool)> = None;
        loop {
            let packs = self.index.reached_packs(last, BATCH);
            let packs = packs.map_err(RepositoryError::from)?;
            let Some(end) = packs.last() else {
                return Ok(());
            };
            last = Some(*end);
            self.repository.seams.interrupt.check()?;
            let packs = packs.iter().filter(|(id, _)| !self.condemned.contains(id));
            let names: Vec<_> = packs.map(name_of_pack).collect();
            locks.extend(&names, report)?;
        }
    }

    /// Of what several of them need the one counts that is locked longest, which therefore comes first.
    fn let_go(
        &mut self,
        snapshots: &[StoredSnapshot],
        of_kept: HashSet<ChunkId>,
        locks: &mut Locks<'_>,
        report: &mut ExtendReport,
    ) -> Result<()> {
        let mut ends = Vec::new();
        for one in snapshots {
            let until = locks.ends(&name::of(Kind::Snapshot, &one.id))?;
            ends.extend(until.map(|until| (until, one)));
        }
        ends.sort_by_key(|(until, one)| (std::cmp::Reverse(*until), one.id));
        let mut of_kept = Some(of_kept);
        let mut seen = HashSet::new();
        for (until, one) in ends {
            if locks.suffices(until)
                && let Some(of_kept) = of_kept.take()
            {
                // What those that are kept need is locked so long in any case.
                seen.extend(of_kept);
            }
            self.progress.item(one.id.to_string().as_bytes());
            let mut alone = ExtendReport::default();
            self.reach(std::slice::from_ref(one), &mut seen, &mut alone)?;
            let mut shorter = locks.until(until.plus(AFTERWARDS));
            self.extend_packs(&mut shorter, &mut alone)?;
            locks.take_over(shorter);
            report.add(alone);
        }
        Ok(())
    }
}

/// What plans of this host name. A pack that was written anew holds what snapshots need, and so was
/// extended, and so could never be deleted. Plans of others, which anybody can put, count for nothing;
/// nor does one that was put again, to make it last.
fn condemned(repository: &Repository, trust: &Trust, now: Timestamp) -> Result<HashSet<ObjectId>> {
    let mut condemned = HashSet::new();
    let noted = trust.noted_plans().map_err(RepositoryError::from)?;
    visit_plans::<RepositoryError>(
        repository,
        now,
        &mut |id| noted.contains_key(id),
        &mut |_, _| {},
        &mut |stored| {
            let modified = noted.get(&stored.id).map(|noted| noted.modified);
            if modified.is_some_and(|then| stored.modified.since(then) <= SAME_TIME) {
                condemned.extend(stored.plan.packs.0);
            }
            Ok(())
        },
    )?;
    Ok(condemned)
}

/// All objects of the kinds that are few, but for key slots that were removed: what a lock still keeps
/// of them is to go when it is over.
fn small_objects(repository: &Repository, trust: &Trust) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for kind in KINDS {
        if kind == Kind::Repository {
            names.push(name::REPOSITORY.to_owned());
            continue;
        }
        names.extend(names_of(repository, kind)?);
    }
    let mut needed = Vec::with_capacity(names.len());
    for object in names {
        let is_slot = object.starts_with(name::prefix(Kind::KeySlot));
        if !is_slot || !trust.was_removed(&object).map_err(RepositoryError::from)? {
            needed.push(object);
        }
    }
    Ok(needed)
}

fn names_of(repository: &Repository, kind: Kind) -> Result<Vec<String>> {
    let mut names = Vec::new();
    list_objects(repository.store.as_ref(), kind, &mut |_, info| {
        names.push(info.name);
    })?;
    Ok(names)
}

fn name_of_pack((id, is_metadata): &(ObjectId, bool)) -> String {
    let kind = if *is_metadata {
        Kind::ListingPack
    } else {
        Kind::DataPack
    };
    name::of(kind, id)
}
