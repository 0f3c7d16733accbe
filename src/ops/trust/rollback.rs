//! Snapshots that this host saw at a place, and that are gone without a forget record: somebody
//! deleted or hid them, or put an older copy of the store back.
//!
//! A forger with the writer key can write forget records too, and so explain what he deleted; he
//! leaves that record behind. The store itself cannot.

use std::collections::BTreeSet;

use super::vanished::{Vanished, VanishedList};
use crate::format::snapshot::Snapshot;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::{Index, Presence, SeenSnapshot, Trust};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{ObjectProblem, Repository, StoredSnapshot, explained, list_objects};
use crate::seams::Timestamp;

/// What was known of a place before its snapshots were listed. In this order, because a backup that
/// commits meanwhile notes a snapshot that the LIST did not show yet.
pub struct KnownBefore<'t> {
    trust: &'t Trust,
    place: &'t str,
    seen: Vec<SeenSnapshot>,
}

impl<'t> KnownBefore<'t> {
    /// # Errors
    /// `Index` when the memory cannot be used.
    pub fn read(trust: &'t Trust, place: &'t str) -> Result<Self> {
        let seen = trust.seen(place)?;
        Ok(Self { trust, place, seen })
    }

    /// Holds the LIST against what was known, and notes how each snapshot stands. Gives those that
    /// are gone and that no forget record explains. Forget records are listed only where one
    /// misses.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn check(
        self,
        repository: &Repository,
        listed: &BTreeSet<ObjectId>,
    ) -> Result<Vec<Vanished>> {
        let is_gone = |one: &SeenSnapshot| !listed.contains(&one.id);
        // What a record explained once needs no further LIST.
        let unclear = |one: &SeenSnapshot| is_gone(one) && one.presence != Presence::Forgotten;
        let unclear: BTreeSet<_> = self
            .seen
            .iter()
            .filter(|one| unclear(one))
            .map(|one| one.id)
            .collect();
        // One that cannot be read explains nothing.
        let forgotten = explained(repository, &unclear, &mut |_, _| {})?;
        let mut changes = Vec::new();
        let mut vanished = Vec::new();
        for one in self.seen {
            let presence = match (listed.contains(&one.id), one.presence) {
                (true, _) => Presence::Listed,
                (false, Presence::Forgotten) => Presence::Forgotten,
                (false, _) if forgotten.contains(&one.id) => Presence::Forgotten,
                (false, _) => Presence::Vanished,
            };
            if presence != one.presence {
                changes.push((one.id, presence));
            }
            if presence == Presence::Vanished {
                vanished.push(one.into());
            }
        }
        if !changes.is_empty() {
            self.trust.set_standing(self.place, &changes)?;
        }
        Ok(vanished)
    }

    /// Notes the snapshots that were not known.
    fn note(&self, snapshots: &[StoredSnapshot], now: Timestamp) -> Result<()> {
        let known: BTreeSet<_> = self.seen.iter().map(|one| one.id).collect();
        let new: Vec<_> = snapshots
            .iter()
            .filter(|one| !known.contains(&one.id))
            .map(|one| seen(&one.id, &one.record, now, false))
            .collect();
        if !new.is_empty() {
            self.trust.note_seen(self.place, &new)?;
        }
        Ok(())
    }
}

fn seen(id: &ObjectId, record: &Snapshot, now: Timestamp, own: bool) -> SeenSnapshot {
    SeenSnapshot {
        id: *id,
        host: record.host.clone(),
        time: record.time,
        session: record.session,
        first_seen: now,
        own,
        presence: Presence::Listed,
    }
}

/// Snapshots that were seen at the place, are not `listed`, and that no forget record of the place
/// explains, oldest first: as long as there are any, nothing may be deleted there. `listed` is the
/// LIST of snapshots, those that cannot be read included; where one misses it is made again, since
/// a backup may have committed meanwhile.
///
/// # Errors
/// `Store`, `Index`.
pub fn check(
    repository: &Repository,
    trust: &Trust,
    place: &str,
    listed: &BTreeSet<ObjectId>,
) -> Result<Vec<Vanished>> {
    let known = KnownBefore::read(trust, place)?;
    if known.seen.iter().all(|one| listed.contains(&one.id)) {
        return known.check(repository, listed);
    }
    let mut again = BTreeSet::new();
    list_objects(repository.store.as_ref(), Kind::Snapshot, &mut |id, _| {
        again.insert(id);
    })?;
    known.check(repository, &again)
}

/// What the last look at the place of the index found vanished, oldest first; asks no store.
///
/// # Errors
/// `Index` when the memory cannot be used.
pub fn unexplained(index: &Index) -> Result<Vec<Vanished>> {
    let Some(watch) = index.watch() else {
        return Ok(Vec::new());
    };
    let vanished = watch.trust()?.vanished(watch.place())?;
    Ok(vanished.into_iter().map(Vanished::from).collect())
}

/// For verbs that delete: refuses as long as the last look found something vanished, or nobody can
/// say.
///
/// # Errors
/// `RolledBack`; `Index` when the memory cannot be used.
pub fn demand_whole(repository: &Repository, index: &Index) -> Result<()> {
    let vanished = unexplained(index)?;
    if vanished.is_empty() {
        return Ok(());
    }
    Err(rolled_back(repository, vanished))
}

/// The error that says so.
pub fn rolled_back(repository: &Repository, vanished: Vec<Vanished>) -> OpsError {
    OpsError::RolledBack {
        sentence: sentence(&repository.store.url(), vanished.len()),
        vanished: VanishedList(vanished),
    }
}

fn sentence(url: &str, number: usize) -> String {
    let subject = match number {
        1 => format!("a snapshot that this host saw at {url} is"),
        _ => format!("{number} snapshots that this host saw at {url} are"),
    };
    format!("{subject} no longer there, and no record says that somebody forgot it")
}

/// Notes that this host made a snapshot, as soon as the store has acknowledged it: one that is
/// hidden before anybody looks again is missed too.
///
/// # Errors
/// `Index`.
pub fn note_committed(
    index: &Index,
    id: &ObjectId,
    record: &Snapshot,
    now: Timestamp,
) -> Result<()> {
    if let Some(watch) = index.watch() {
        let own = seen(id, record, now, true);
        watch.trust()?.note_seen(watch.place(), &[own])?;
    }
    Ok(())
}

/// What is known of the place of the index, before its snapshots are listed; nothing of an index that
/// is of no place.
///
/// # Errors
/// `Index` when the memory cannot be used.
pub fn known_before(index: &Index) -> Result<Option<KnownBefore<'_>>> {
    let watch = index.watch();
    let known = watch.map(|watch| KnownBefore::read(watch.trust()?, watch.place()));
    known.transpose()
}

/// Before the snapshots are listed. A memory that cannot be used is told, and holds nothing up.
pub fn before_look<'i>(index: &'i Index, progress: &dyn Progress) -> Option<KnownBefore<'i>> {
    let known = known_before(index);
    known.map_err(|error| tell(&error, progress)).ok()?
}

/// After a look: notes what is new, and tells what vanished. Whatever fails here holds up nobody who
/// reads; whoever deletes asks again.
pub fn after_look(
    repository: &Repository,
    known: KnownBefore<'_>,
    snapshots: &[StoredSnapshot],
    unusable: &[(String, ObjectProblem)],
    progress: &dyn Progress,
) {
    let mut listed: BTreeSet<_> = snapshots.iter().map(|one| one.id).collect();
    // What cannot be read is there all the same, and told by others.
    listed.extend(unusable.iter().filter_map(|(name, problem)| {
        let (_, id) = name::parse(name)?;
        id.filter(|_| *problem != ObjectProblem::Missing)
    }));
    let now = repository.seams.clock.now();
    let noted = known.note(snapshots, now);
    match noted.and_then(|()| known.check(repository, &listed)) {
        Ok(vanished) if vanished.is_empty() => {}
        Ok(vanished) => {
            let sentence = sentence(&repository.store.url(), vanished.len());
            let vanished = VanishedList(vanished);
            progress.notice(&format!(
                "{sentence}: {vanished}; if you deleted it yourself, say so with offsite forget ID"
            ));
        }
        Err(error) => tell(&error, progress),
    }
}

fn tell(error: &OpsError, progress: &dyn Progress) {
    let error = crate::ops::error::with_causes(error);
    progress.notice(&format!(
        "nobody would notice now if the repository had lost snapshots: {error}"
    ));
}
