//! One run: what is known before the first byte is read, and the commit at the end.

use std::time::Duration;

use super::auditing::Auditing;
use super::files::{FileContext, FileCounts};
use super::links::Links;
use super::options::{BackupOptions, BackupReport, DatabaseReport};
use super::recall;
use super::record::{self, Taken};
use super::replicas::Replicas;
use super::roots;
use super::sequence::Sequenced;
use crate::format::snapshot::Snapshot;
use crate::id::ObjectId;
use crate::ops::destination::Destination;
use crate::ops::pipeline::{Pipeline, Reason, Uploads};
use crate::ops::{OpsError, Result, trust};
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, clocks_apart, load_snapshot};
use crate::seams::Timestamp;
use crate::source::database::{DumpFacts, demand, shrinkage};
use crate::source::filter::Filter;
use crate::source::{Anchor, Owners, Root, Walk};

/// What is known before the first byte is read.
pub struct Run<'r> {
    /// Of home.
    pub repository: &'r Repository,
    pub replicas: Replicas<'r>,
    pub options: &'r BackupOptions,
    pub progress: &'r dyn Progress,
    roots: Vec<Root>,
    anchors: Vec<Anchor>,
    filter: Filter,
    snapshots: Vec<StoredSnapshot>,
    pub files: FileContext<'r>,
    pub auditing: Auditing,
    began: Timestamp,
    began_since_boot: Duration,
}

/// A dump that was read and judged good.
pub struct DumpTaken {
    pub facts: DumpFacts,
    /// Where it came from, in words.
    pub source: String,
    /// Of a file: when it was made, which is long before it is read.
    pub began: Timestamp,
    pub ended: Timestamp,
}

impl<'r> Run<'r> {
    /// # Errors
    /// Of the source; of the repository when none of `named` can be used.
    pub fn prepare(
        named: &[Destination<'r>],
        options: &'r BackupOptions,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let any = named.first().ok_or(OpsError::Stopped)?;
        let clock = any.repository.seams.clock.as_ref();
        let (began, began_since_boot) = (clock.now(), clock.since_boot());
        let roots = roots::resolve(&options.source, &options.current, progress)?;
        // A pattern that is wrong should not have to wait for the dump to be read.
        let filter = Filter::new(&options.source.exclude)?;
        let anchors = roots.iter().map(Anchor::of);
        let anchors = anchors.collect::<Result<Vec<_>, _>>()?;
        let mut replicas = Replicas::gather(named, progress)?;
        replicas.taking_part.iter().for_each(|one| {
            let witnesses = comparable(&one.snapshots, options, &roots);
            one.plans.call_witnesses(witnesses);
        });
        let auditing = loop {
            match Self::ready(&replicas, options, &roots, progress) {
                Ok(auditing) => break auditing,
                Err(error) => replicas.without_home(error, progress)?,
            }
        };
        let home = replicas.home()?;
        let (repository, index) = (home.to.repository, home.to.index);
        Ok(Self {
            repository,
            options,
            progress,
            roots,
            anchors,
            filter,
            snapshots: home.snapshots.clone(),
            files: FileContext {
                index,
                clock,
                counts: FileCounts::default(),
                owners: Owners::of_this_host(),
                links: Links::default(),
                plans: replicas.watches(),
            },
            auditing,
            replicas,
            began,
            began_since_boot,
        })
    }

    /// Reads from home what a run must know of the last snapshot.
    fn ready(
        replicas: &Replicas<'_>,
        options: &BackupOptions,
        roots: &[Root],
        progress: &dyn Progress,
    ) -> Result<Auditing> {
        let home = replicas.home()?;
        let (repository, index) = (home.to.repository, home.to.index);
        let auditing =
            Auditing::prepare(repository, index, options, roots, &home.snapshots, progress)?;
        let parent = comparable(&home.snapshots, options, roots).next();
        let parent = parent.map(|one| &one.record);
        recall::files(repository, index, roots, parent, progress)?;
        Ok(auditing)
    }

    pub fn walk(&self) -> Result<Walk> {
        let walk = Walk::new(&self.roots, self.filter.clone())?;
        Ok(walk.within(self.options.source.limits))
    }

    /// Makes sure that the roots are still what they were when the run began.
    ///
    /// # Errors
    /// `Source`: a disk went away, and what could not be read says nothing about the photos.
    pub fn check_roots(&self) -> Result<()> {
        Ok(self.anchors.iter().try_for_each(Anchor::check)?)
    }

    /// The good snapshots of the same host and source, newest first.
    fn comparable(&self) -> impl Iterator<Item = &StoredSnapshot> {
        comparable(&self.snapshots, self.options, &self.roots)
    }

    /// The newest good snapshot of the same host and source.
    pub fn parent(&self) -> Option<&StoredSnapshot> {
        self.comparable().next()
    }

    /// Holds a dump that is whole against what is demanded, and against the last good one.
    ///
    /// # Errors
    /// `Source`: it is no good.
    pub fn judge_dump(&self, facts: &DumpFacts) -> Result<()> {
        if self.options.source.immich.is_some() {
            demand::immich(facts)?;
        }
        let mut good = self
            .comparable()
            .filter(|one| one.record.database.is_some());
        if let Some(good) = good.next().filter(|_| !self.options.accept_shrunk) {
            let whole = load_snapshot(self.repository, self.files.index, &good.id)?;
            let (bytes, rows) = whole.database.map_or_else(Default::default, |database| {
                (database.bytes, database.rows.total())
            });
            let baseline = shrinkage::Baseline {
                bytes,
                rows_total: rows,
            };
            shrinkage::compare(facts, &baseline)?;
        }
        Ok(())
    }

    /// By a wrong clock the snapshot may not be found when it is asked for by its time.
    fn tell_of_clocks(&self, record: &Snapshot) {
        if let Some((is_ahead, by)) = clocks_apart(record) {
            let side = if is_ahead { "ahead of" } else { "behind" };
            let hours = by.as_secs() / 3600;
            self.progress.notice(&format!(
                "the clock of this machine is {hours} hours {side} that of the store, so the time of \
                 this snapshot may be wrong"
            ));
        }
    }

    /// # Errors
    /// Of the last replica, when none is left.
    pub fn commit(
        &self,
        pipeline: &Pipeline<'_>,
        dump: Option<DumpTaken>,
        sequenced: Sequenced,
    ) -> Result<BackupReport> {
        let clock = self.repository.seams.clock.as_ref();
        let dump_source = dump.as_ref().map(|dump| dump.source.clone());
        let audited = self.auditing.take_audited();
        let suspect = pipeline.uploads.read(|from| {
            let (snapshots, listing) = (&self.snapshots, sequenced.listing);
            self.auditing.suspicion(
                from.repository,
                from.index,
                snapshots,
                listing,
                self.progress,
            )
        })?;
        let database = dump.map(|dump| record::database(dump.facts, dump.began, dump.ended));
        let record = record::compose(Taken {
            options: self.options,
            roots: &self.roots,
            began: self.began,
            finished: clock.now(),
            store_time: self.replicas.store_time,
            session: pipeline.session(),
            continues: pipeline.uploads.continues(),
            parent: self.parent().map(|one| one.id),
            database,
            sequenced: &sequenced,
            audited: &audited,
            suspect: suspect.clone(),
            counts: &self.files.counts,
            totals: pipeline.totals(),
        });
        let (object, payload) = record::seal(self.repository, &record)?;
        let (plans, session) = (&self.files.plans, pipeline.session());
        let around = |number, commit: &dyn Fn() -> Result<()>| {
            plans.commit_at(number, session, &object, &|| {
                commit()?;
                self.remember(number, &object.id, &record);
                Ok(())
            })
        };
        let committed = pipeline.uploads.commit(&object, &payload, &around);
        committed.map_err(|error| self.without_any(pipeline, error))?;
        self.tell_of_clocks(&record);
        let (objects_uploaded, bytes_uploaded) = pipeline.uploads.totals();
        let (replicas, levelling) = self.replicas.report(pipeline.uploads.ways());
        let database = record
            .database
            .map(|database| DatabaseReport::new(database, dump_source));
        Ok(BackupReport {
            snapshot: object.id,
            time: record.time,
            statistics: record.statistics,
            objects_uploaded,
            bytes_uploaded,
            database,
            audit: record.audit.0,
            gravest: audited.gravest,
            suspect,
            problems: sequenced.problems,
            problems_total: sequenced.problems_total,
            duration: clock.since_boot().saturating_sub(self.began_since_boot),
            replicas,
            levelling,
        })
    }
}

impl Run<'_> {
    /// The snapshot is a fact at a replica; a full disk here is no reason to say otherwise.
    fn remember(&self, number: usize, id: &ObjectId, record: &Snapshot) {
        if let Some(one) = self.replicas.taking_part.get(number) {
            let now = self.repository.seams.clock.now();
            let _ = trust::note_committed(one.to.index, id, record, now);
        }
    }

    /// Why no replica has the snapshot. One that a prune overtook leaves a run that others go on
    /// with; if those failed as well, it is there to begin again with.
    fn without_any(&self, pipeline: &Pipeline<'_>, error: OpsError) -> OpsError {
        let overtaken =
            |way: &Uploads<'_>| matches!(&*way.reason(), Some(Reason::Failed(OpsError::Overtaken)));
        let is_interrupted = self.repository.seams.interrupt.is_raised();
        match pipeline.uploads.ways().iter().any(overtaken) && !is_interrupted {
            true => OpsError::Overtaken,
            false => error,
        }
    }
}

/// The good snapshots of the same host and source, newest first.
fn comparable<'s>(
    snapshots: &'s [StoredSnapshot],
    options: &'s BackupOptions,
    roots: &'s [Root],
) -> impl Iterator<Item = &'s StoredSnapshot> {
    snapshots.iter().rev().filter(move |one| {
        one.record.host == options.host
            && one.record.suspect.is_none()
            && record::same_source(&one.record, roots)
    })
}
