//! `backup`: one snapshot of the database dump and the files, bound together.
//!
//! The dump is read first and judged before a file is looked at; then the files, in the order of
//! the listing. Packs, then segments, then the snapshot record, whose arrival is the commit.

use std::path::PathBuf;
use std::time::Duration;

use super::files::{FileContext, FileCounts, FileTask, dump_entry};
use super::pipeline::Pipeline;
use super::queue::Queue;
use super::sequence::{Outcome, Sequence, Sequenced, SourceProblem};
use super::snapshot_record::{self, Taken};
use super::uploads::CheckpointRule;
use super::worker::{Chunkers, ContentError, Work, Worker};
use super::{OpsError, Result, roots};
use crate::format::pack::Class;
use crate::id::ObjectId;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{ListingWriter, Repository, StoredSnapshot, load_catalog, load_snapshots};
use crate::seams::Timestamp;
use crate::source::database::{DatabaseSource, Dump, DumpFacts, shrinkage};
use crate::source::filter::Filter;
use crate::source::{Event, Kind, Root, Walk};

/// Files that wait for a worker are weighed as so many bytes …
const TASK_WEIGHT: usize = 16 * 1024;
/// … and so many bytes of them may wait.
const TASKS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is to be backed up.
#[derive(Debug, Clone, Default)]
pub struct SourceChoice {
    /// An Immich upload location.
    pub immich: Option<PathBuf>,
    /// Plain files and folders.
    pub paths: Vec<PathBuf>,
    pub database: Option<DatabaseSource>,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct BackupOptions {
    pub source: SourceChoice,
    /// Where relative paths start.
    pub current: PathBuf,
    pub host: String,
    pub tags: Vec<String>,
    /// A dump that lost more than half of itself is taken all the same.
    pub accept_shrunk: bool,
    pub checkpoint: CheckpointRule,
}

/// What a backup did.
#[derive(Debug)]
pub struct BackupReport {
    pub snapshot: ObjectId,
    pub time: Timestamp,
    pub statistics: crate::format::snapshot::Statistics,
    pub objects_uploaded: u64,
    pub bytes_uploaded: u64,
    pub database: Option<DatabaseReport>,
    pub problems: Vec<SourceProblem>,
    /// More than are in `problems` on a very bad day.
    pub problems_total: u64,
    pub duration: Duration,
}

#[derive(Debug, Clone)]
pub struct DatabaseReport {
    /// `pg_dump` or `pg_dumpall`.
    pub kind: String,
    pub bytes: u64,
    pub rows: u64,
}

/// Makes a snapshot.
///
/// # Errors
/// Of the source when nothing can be backed up or the dump is no good; of the repository. Nothing
/// is committed then, and what was stored is found again by the next run.
pub fn backup(
    repository: &Repository,
    index: &Index,
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<BackupReport> {
    let run = Run::prepare(repository, index, options, progress)?;
    let pipeline = Pipeline::new(repository, index, options.checkpoint)?;
    let chunkers = Chunkers::new(repository)?;
    let listing = ListingWriter::new(&repository.writer);
    let sequence = Sequence::new(&pipeline, index, listing)?;
    let crew = Crew {
        run: &run,
        pipeline: &pipeline,
        chunkers: &chunkers,
        sequence: &sequence,
    };
    let worked = crew.work();
    if let Some(failure) = pipeline.take_failure() {
        return Err(failure);
    }
    let (database, sequenced) = worked?;
    pipeline.uploads.publish()?;
    run.commit(&pipeline, database, sequenced)
}

/// What is known before the first byte is read.
struct Run<'r> {
    repository: &'r Repository,
    options: &'r BackupOptions,
    progress: &'r dyn Progress,
    roots: Vec<Root>,
    snapshots: Vec<StoredSnapshot>,
    files: FileContext<'r>,
    began: Timestamp,
    began_since_boot: Duration,
    store_time: Timestamp,
}

/// A dump that was read and judged good.
struct DumpTaken {
    facts: DumpFacts,
    began: Timestamp,
    ended: Timestamp,
}

impl<'r> Run<'r> {
    fn prepare(
        repository: &'r Repository,
        index: &'r Index,
        options: &'r BackupOptions,
        progress: &'r dyn Progress,
    ) -> Result<Self> {
        let clock = repository.seams.clock.as_ref();
        let (began, began_since_boot) = (clock.now(), clock.since_boot());
        let roots = roots::resolve(&options.source, &options.current, progress)?;
        progress.stage("Looking at the repository", None);
        let store_time = repository.store.now()?;
        let snapshots = load_snapshots(repository, index, &mut |name, problem| {
            progress.notice(&format!(
                "{name} cannot be used: {problem}; run offsite verify"
            ));
        })?;
        let facts = load_catalog(repository, index)?;
        for (name, problem) in &facts.damaged_segments {
            progress.notice(&format!(
                "{name} cannot be used: {problem}; run offsite verify"
            ));
        }
        progress.finish();
        let files = FileContext {
            index,
            clock,
            counts: FileCounts::default(),
        };
        Ok(Self {
            repository,
            options,
            progress,
            roots,
            snapshots,
            files,
            began,
            began_since_boot,
            store_time,
        })
    }

    fn walk(&self) -> Result<Walk> {
        Ok(Walk::new(
            &self.roots,
            Filter::new(&self.options.source.exclude)?,
        )?)
    }

    /// The newest good snapshot of the same host and source.
    fn parent(&self) -> Option<&StoredSnapshot> {
        self.snapshots.iter().rev().find(|one| {
            one.record.host == self.options.host
                && one.record.suspect.is_none()
                && snapshot_record::same_source(&one.record, &self.roots)
        })
    }

    fn judge_dump(&self, facts: &DumpFacts) -> Result<()> {
        if self.options.source.immich.is_some() {
            facts.require_immich()?;
        }
        let good = self.snapshots.iter().rev().find_map(|one| {
            let comparable = one.record.host == self.options.host
                && one.record.suspect.is_none()
                && snapshot_record::same_source(&one.record, &self.roots);
            one.record.database.as_ref().filter(|_| comparable)
        });
        if let Some(good) = good.filter(|_| !self.options.accept_shrunk) {
            let rows_total = good.rows.0.values().sum();
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

    fn commit(
        &self,
        pipeline: &Pipeline<'_>,
        dump: Option<DumpTaken>,
        sequenced: Sequenced,
    ) -> Result<BackupReport> {
        let clock = self.repository.seams.clock.as_ref();
        let database =
            dump.map(|dump| snapshot_record::database(dump.facts, dump.began, dump.ended));
        let record = snapshot_record::compose(Taken {
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
            counts: &self.files.counts,
            totals: pipeline.totals(),
        });
        let object = snapshot_record::store(self.repository, self.files.index, &record)?;
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
                rows: database.rows.0.values().sum(),
            }),
            problems: sequenced.problems,
            problems_total: sequenced.problems_total,
            duration: clock.since_boot().saturating_sub(self.began_since_boot),
        })
    }
}

/// The threads of a run and what they share.
#[derive(Clone, Copy)]
struct Crew<'c, 'r> {
    run: &'c Run<'r>,
    pipeline: &'c Pipeline<'r>,
    chunkers: &'c Chunkers,
    sequence: &'c Sequence<'c, 'r>,
}

impl<'c, 'r> Crew<'c, 'r> {
    /// Takes dump and files in; with threads, or all here, one after another.
    fn work(self) -> Result<(Option<DumpTaken>, Sequenced)> {
        let threads = self.run.repository.seams.threads;
        let Some(workers) = threads.workers else {
            let dump = self.lead(None)?;
            return Ok((dump, self.wind_up()?));
        };
        let queue = Queue::new(TASKS_BYTES_MAX);
        let queue = &queue;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers.get())
                .map(|_| scope.spawn(move || self.guard(queue, self.serve(queue))))
                .collect();
            for _ in 0..threads.transfers.get() {
                scope.spawn(move || self.guard(queue, self.pipeline.uploads.run()));
            }
            let led = self.lead(Some(queue));
            match &led {
                Ok(_) => queue.close(),
                Err(_) => self.stop(queue),
            }
            // A worker that panics is a defect of ours; the scope passes the panic on.
            let _ = workers.into_iter().map(|worker| worker.join()).count();
            let finished = led.and_then(|dump| Ok((dump, self.wind_up()?)));
            match &finished {
                Ok(_) => self.pipeline.uploads.close(),
                Err(_) => self.pipeline.uploads.abandon(),
            }
            finished
        })
    }

    /// Makes the failure of one thread the failure of the run.
    fn guard(self, queue: &Queue<Work>, result: Result<()>) {
        if let Err(error) = result {
            self.pipeline.fail(error);
            self.stop(queue);
        }
    }

    fn stop(self, queue: &Queue<Work>) {
        self.sequence.stop();
        queue.abandon();
    }

    /// All contents are taken in: ends packs and listing.
    fn wind_up(self) -> Result<Sequenced> {
        if self.pipeline.has_failed() {
            return Err(OpsError::Stopped);
        }
        self.pipeline.finish(Class::Files)?;
        let sequenced = self.sequence.finish()?;
        self.pipeline.finish(Class::Metadata)?;
        Ok(sequenced)
    }

    /// One worker: until the queue is closed and empty.
    fn serve(self, queue: &Queue<Work>) -> Result<()> {
        let mut worker = Worker::new(self.pipeline, self.chunkers, self.run.progress, Some(queue))?;
        while let Some(taken) = queue.pop() {
            let (work, _weight) = taken.into_parts();
            match work {
                Work::Batch(batch) => worker.batch(batch)?,
                Work::File(FileTask { found, number }) => {
                    let outcome = self.run.files.take(&mut worker, &found)?;
                    self.sequence.deliver(number, outcome)?;
                }
            }
        }
        Ok(())
    }

    /// The leading thread: the dump, then the walk. Without a queue it does all the work itself.
    fn lead(self, queue: Option<&Queue<Work>>) -> Result<Option<DumpTaken>> {
        let progress = self.run.progress;
        let mut worker = Worker::new(self.pipeline, self.chunkers, progress, queue)?;
        let mut number = 0;
        let mut dump = None;
        if let Some(source) = &self.run.options.source.database {
            progress.stage("Reading the database dump", None);
            dump = Some(self.take_dump(&mut worker, source)?);
            self.pipeline.finish(Class::Dump)?;
            number += 1;
        }
        let known = self.run.parent().map(|one| one.record.statistics.bytes);
        progress.stage("Reading the files", known);
        for event in self.run.walk()? {
            if self.pipeline.has_failed() {
                return Err(OpsError::Stopped);
            }
            let outcome = match event {
                Event::Found(found) if found.kind == Kind::File => match queue {
                    Some(queue) => {
                        let task = Work::File(FileTask { found, number });
                        queue
                            .push(task, TASK_WEIGHT)
                            .map_err(|_| OpsError::Stopped)?;
                        None
                    }
                    None => Some(self.run.files.take(&mut worker, &found)?),
                },
                Event::Found(found) => Some(self.run.files.entry_without_content(found)),
                Event::Problem(problem) => Some(Outcome::problem(SourceProblem {
                    root: problem.root,
                    path: problem.path,
                    error: problem.error,
                })),
                Event::Skipped { .. } => continue,
            };
            if let Some(outcome) = outcome {
                self.sequence.deliver(number, outcome)?;
            }
            number += 1;
        }
        Ok(dump)
    }

    fn take_dump(self, worker: &mut Worker<'_, '_>, source: &DatabaseSource) -> Result<DumpTaken> {
        let clock = self.run.repository.seams.clock.as_ref();
        let began = clock.now();
        let mut dump = Dump::open(source)?;
        let content = match worker.take_in(&mut dump, Class::Dump, u64::MAX) {
            Ok(content) => Some(content),
            Err(ContentError::Ops(error)) => return Err(error),
            // `finish` knows why.
            Err(ContentError::Source(_)) => None,
        };
        let facts = dump.finish()?;
        self.run.judge_dump(&facts)?;
        let content = content.ok_or(OpsError::Stopped)?;
        let (entry, chunks) = dump_entry(&content);
        self.sequence.deliver(0, Outcome::entry(entry, chunks))?;
        Ok(DumpTaken {
            facts,
            began,
            ended: clock.now(),
        })
    }
}
