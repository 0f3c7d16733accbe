//! A first look at every replica that was named: the plans there, then what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::baseline;
use super::notices::Notices;
use super::plans_watch::PlansWatch;
use crate::format::name;
use crate::id::ObjectId;
use crate::ops::Result;
use crate::ops::destination::Destination;
use crate::ops::look::look_closely;
use crate::progress::Progress;
use crate::repository::{RepositoryError, StoredSnapshot, explained};
use crate::seams::Timestamp;

/// A replica that answered.
pub struct Seen<'r> {
    /// Its place among those that were named.
    pub number: usize,
    pub to: Destination<'r>,
    /// The time at its store.
    pub time: Timestamp,
    /// What prunes are about to do there; it looked before anything else was listed.
    pub plans: Arc<PlansWatch<'r>>,
    pub snapshots: Vec<StoredSnapshot>,
    /// Also those that cannot be used.
    listed: BTreeSet<ObjectId>,
    /// Whether forget records of this replica name it, of those that somebody asked for.
    forgotten: Mutex<BTreeMap<ObjectId, bool>>,
}

impl Seen<'_> {
    /// How many snapshots of the other it lacks, those aside that a forget record at either
    /// explains.
    pub fn lacking(&self, other: &Seen<'_>) -> usize {
        // What nobody can read there cannot be had from there.
        let ids = other.snapshots.iter().map(|one| one.id);
        let lacking = ids.filter(|id| !self.listed.contains(id)).collect();
        let left = other.unexplained(self.unexplained(lacking));
        left.len()
    }

    /// Those that no forget record here names. One that cannot be used explains nothing.
    fn unexplained(&self, ids: BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
        let mut known = self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = ids.iter().filter(|id| !known.contains_key(id));
        let new: BTreeSet<_> = new.copied().collect();
        let named = explained(self.to.repository, &new, &mut |_, _| {}).unwrap_or_default();
        known.extend(new.into_iter().map(|id| (id, named.contains(&id))));
        let is_open = |id: &ObjectId| known.get(id) != Some(&true);
        ids.into_iter().filter(is_open).collect()
    }
}

/// Side by side where there are threads: one that does not answer costs its own time only.
pub fn look_at_all<'r>(
    named: &[Destination<'r>],
    progress: &'r dyn Progress,
) -> Vec<Result<Seen<'r>>> {
    let expected = named.first().map(|first| first.repository.id());
    let look_at = |(number, to): (usize, &Destination<'r>), notices: Notices<'r>| {
        let repository = to.repository;
        if Some(repository.id()) != expected {
            let url = repository.store.url();
            return Err(RepositoryError::OtherRepository { url }.into());
        }
        let time = repository.store.now()?;
        // Before anything else is listed there.
        let plans = PlansWatch::begin(repository, to.index, time, notices)?;
        let mut looked = look_closely(repository, to.index, &notices)?;
        baseline::own_last(&mut looked.snapshots, to.index);
        let unusable = looked.unusable.iter();
        let unusable = unusable.filter_map(|name| name::parse(name)?.1);
        let listed = looked.snapshots.iter().map(|one| one.id).chain(unusable);
        Ok(Seen {
            number,
            to: *to,
            time,
            plans: Arc::new(plans),
            listed: listed.collect(),
            snapshots: looked.snapshots,
            forgotten: Mutex::default(),
        })
    };
    if let [only] = named {
        return vec![look_at((0, only), Notices::of_the_only_one(progress))];
    }
    progress.stage("Looking at the repositories", None);
    let threads = named.first().map(|one| one.repository.seams.threads);
    let quietly = |numbered: (usize, &Destination<'r>)| {
        let notices = Notices::of(numbered.1.name, progress);
        look_at(numbered, notices)
    };
    let numbered = named.iter().enumerate();
    let looked = if threads.is_some_and(|threads| threads.workers.is_none()) {
        numbered.map(quietly).collect()
    } else {
        std::thread::scope(|scope| {
            let looks: Vec<_> = numbered
                .map(|one| scope.spawn(move || quietly(one)))
                .collect();
            let passed_on = looks.into_iter().map(|look| match look.join() {
                Ok(looked) => looked,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            passed_on.collect()
        })
    };
    progress.finish();
    looked
}
