//! The threads of a run: one leads (dump, then walk), the workers take files in, the rest upload.

use std::sync::atomic::{AtomicBool, Ordering};

use super::files;
use super::run::{DumpTaken, Run};
use super::sequence::{Outcome, Sequence, Sequenced, SourceProblem};
use crate::format::pack::Class;
use crate::ops::pipeline::{Chunkers, ContentError, FileTask, Pipeline, Work, Worker};
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Result};
use crate::source::database::{DatabaseSource, Dump};
use crate::source::{Event, Kind};

/// Files that wait for a worker are weighed as so many bytes …
const TASK_WEIGHT: usize = 16 * 1024;
/// … and so many bytes of them may wait.
const TASKS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The threads of a run and what they share.
#[derive(Clone, Copy)]
pub struct Crew<'c, 'r> {
    pub run: &'c Run<'r>,
    pub pipeline: &'c Pipeline<'r>,
    pub chunkers: &'c Chunkers,
    pub sequence: &'c Sequence<'c, 'r>,
}

impl<'c, 'r> Crew<'c, 'r> {
    /// Takes dump and files in; with threads, or all here, one after another.
    pub fn work(self) -> Result<(Option<DumpTaken>, Sequenced)> {
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
            for worker in workers {
                // A worker that panics is a defect of ours; the scope passes the panic on.
                let _ = worker.join();
            }
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
        let over = AtomicBool::new(false);
        let walked = std::thread::scope(|scope| {
            if known.is_none() && queue.is_some() && progress.wants_totals() {
                scope.spawn(|| self.survey(&over));
            }
            let walked = self.walk(&mut worker, queue, number);
            over.store(true, Ordering::Relaxed);
            walked
        });
        walked.map(|()| dump)
    }

    /// Finds out how much there is to do, ahead of those who do it.
    fn survey(self, over: &AtomicBool) {
        let Ok(walk) = self.run.walk() else { return };
        for event in walk {
            if over.load(Ordering::Relaxed) {
                return;
            }
            if let Event::Found(found) = event
                && found.kind == Kind::File
            {
                self.run.progress.expect(found.metadata.size);
            }
        }
    }

    fn walk(
        self,
        worker: &mut Worker<'_, '_>,
        queue: Option<&Queue<Work>>,
        mut number: u64,
    ) -> Result<()> {
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
                    None => Some(self.run.files.take(worker, &found)?),
                },
                Event::Found(found) => Some(self.run.files.entry_without_content(found)),
                Event::Problem(problem) => Some(Outcome::problem(SourceProblem {
                    root: problem.root,
                    path: problem.path,
                    error: problem.error,
                })),
                Event::Skipped { path, what } => {
                    let path = String::from_utf8_lossy(&path);
                    let progress = self.run.progress;
                    progress.notice(&format!("note: {path} is {what} and is left out"));
                    continue;
                }
            };
            if let Some(outcome) = outcome {
                self.sequence.deliver(number, outcome)?;
            }
            number += 1;
        }
        Ok(())
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
        let (entry, chunks) = files::dump_entry(&content);
        self.sequence.deliver(0, Outcome::entry(entry, chunks))?;
        Ok(DumpTaken {
            facts,
            began,
            ended: clock.now(),
        })
    }
}
