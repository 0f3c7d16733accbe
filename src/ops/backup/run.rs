//! One run: what is known before the first byte is read, and the commit at the end.

use std::time::Duration;

use super::auditing::Auditing;
use super::baseline;
use super::files::{FileContext, FileCounts};
use super::links::Links;
use super::options::{BackupOptions, BackupReport, DatabaseReport};
use super::plans_watch::PlansWatch;
use super::recall;
use super::record::{self, Taken};
use super::roots;
use super::sequence::Sequenced;
use crate::index::Index;
use crate::ops::Result;
use crate::ops::look::look;
use crate::ops::pipeline::Pipeline;
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot};
use crate::seams::Timestamp;
use crate::source::database::{DumpFacts, demand, shrinkage};
use crate::source::filter::Filter;
use crate::source::{Anchor, Owners, Root, Walk};

/// What is known before the first byte is read.
pub struct Run<'r> {
    pub repository: &'r Repository,
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
    store_time: Timestamp,
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
    pub fn prepare(
        repository: &'r Repository,
        index: &'r Index,
        options: &'r BackupOptions,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let clock = repository.seams.clock.as_ref();
        let (began, began_since_boot) = (clock.now(), clock.since_boot());
        let roots = roots::resolve(&options.source, &options.current, progress)?;
        // A pattern that is wrong should not have to wait for the dump to be read.
        let filter = Filter::new(&options.source.exclude)?;
        let anchors = roots.iter().map(Anchor::of);
        let anchors = anchors.collect::<Result<Vec<_>, _>>()?;
        let store_time = repository.store.now()?;
        // Before anything else is listed.
        let plans = PlansWatch::begin(repository, index, store_time, progress)?;
        let mut snapshots = look(repository, index, progress)?;
        baseline::own_last(&mut snapshots, index);
        let files = FileContext {
            index,
            clock,
            counts: FileCounts::default(),
            owners: Owners::of_this_host(),
            links: Links::default(),
            plans,
        };
        let auditing = Auditing::prepare(repository, index, options, &roots, &snapshots, progress)?;
        let run = Self {
            repository,
            options,
            progress,
            roots,
            anchors,
            filter,
            snapshots,
            files,
            auditing,
            began,
            began_since_boot,
            store_time,
        };
        run.files.plans.call_witnesses(run.comparable());
        let parent = run.parent().map(|one| &one.record);
        recall::files(repository, index, &run.roots, parent, progress)?;
        Ok(run)
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
        self.snapshots.iter().rev().filter(|one| {
            one.record.host == self.options.host
                && one.record.suspect.is_none()
                && record::same_source(&one.record, &self.roots)
        })
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
        let good = self
            .comparable()
            .find_map(|one| one.record.database.as_ref());
        if let Some(good) = good.filter(|_| !self.options.accept_shrunk) {
            let rows_total = good.rows.total();
            shrinkage::compare(
                facts,
                &shrinkage::Baseline {
                    bytes: good.bytes,
                    rows_total,
                },
            )?;
        }
        Ok(())
    }

    pub fn commit(
        &self,
        pipeline: &Pipeline<'_>,
        dump: Option<DumpTaken>,
        sequenced: Sequenced,
    ) -> Result<BackupReport> {
        let clock = self.repository.seams.clock.as_ref();
        let dump_source = dump.as_ref().map(|dump| dump.source.clone());
        let (audited, suspect) = self.auditing.conclude(
            self.repository,
            self.files.index,
            &self.snapshots,
            sequenced.listing,
            self.progress,
        )?;
        let database = dump.map(|dump| record::database(dump.facts, dump.began, dump.ended));
        let record = record::compose(Taken {
            options: self.options,
            roots: &self.roots,
            began: self.began,
            finished: clock.now(),
            store_time: self.store_time,
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
        let session = pipeline.session();
        let allowed = self.files.plans.before_commit(session)?;
        let object = record::store(self.repository, self.files.index, &record)?;
        self.files.plans.after_commit(&allowed, &object, session)?;
        let (objects, bytes) = pipeline.uploads.totals();
        Ok(BackupReport {
            snapshot: object.id,
            time: record.time,
            statistics: record.statistics,
            objects_uploaded: objects + 1,
            bytes_uploaded: bytes + object.bytes.len() as u64,
            database: record.database.map(|database| DatabaseReport {
                kind: database.kind,
                bytes: database.bytes,
                rows: database.rows.total(),
                source: dump_source.unwrap_or_default(),
            }),
            audit: record.audit.0,
            gravest: audited.gravest,
            suspect,
            problems: sequenced.problems,
            problems_total: sequenced.problems_total,
            duration: clock.since_boot().saturating_sub(self.began_since_boot),
        })
    }
}
