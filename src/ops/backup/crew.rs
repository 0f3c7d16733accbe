//! The threads of a run: one leads (dump, then walk), the workers take files in, the rest upload.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use super::entries;
use super::run::{DumpTaken, Run};
use super::sequence::{Outcome, Sequence, Sequenced};
use crate::format::pack::Class;
use crate::ops::pipeline::{Chunkers, ContentError, Met, Pipeline, Stretch, Work, Worker};
use crate::ops::queue::Queue;
use crate::ops::{OpsError, Result};
use crate::source::database::{DatabaseSource, Dump, DumpRules};
use crate::source::{Event, Kind};

/// What the walk came upon and waits for a worker, in bytes.
const STRETCHES_BYTES_MAX: usize = 1024 * 1024;

/// How often somebody looks whether the run is to end.
const INTERRUPT_STEP: Duration = Duration::from_millis(50);

/// How often somebody looks whether it is time to look at the plans.
const LOOK_OUT_STEP: Duration = Duration::from_secs(1);

/// The threads of a run and what they share.
#[derive(Clone, Copy)]
pub struct Crew<'c, 'r> {
    pub run: &'c Run<'r>,
    pub pipeline: &'c Pipeline<'r>,
    pub chunkers: &'c Chunkers,
    pub sequence: &'c Sequence<'c, 'r>,
}

/// What the leading thread brought.
struct Led {
    dump: Option<DumpTaken>,
    /// So many outcomes were, or will be, delivered to the sequence.
    outcomes: u64,
}

/// Stops everybody when the thread that holds it panics.
struct Alarm<'a, 'c, 'r> {
    crew: Crew<'c, 'r>,
    queue: &'a Queue<Work>,
}

impl Alarm<'_, '_, '_> {
    fn ring(&self) {
        // First: whoever waits for the network may hold the sequence.
        self.crew.pipeline.stop();
        self.crew.sequence.stop();
        self.crew.run.files.links.stop();
        self.queue.abandon();
    }
}

impl Drop for Alarm<'_, '_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.ring();
        }
    }
}

/// Waits for their end, and passes on their panics: a scope does so for those only whom nobody has
/// joined.
fn join<T>(threads: Vec<ScopedJoinHandle<'_, T>>) {
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<'c, 'r> Crew<'c, 'r> {
    /// Takes dump and files in; with threads, or all here, one after another.
    ///
    /// # Errors
    /// Without threads whatever failed; with threads `Stopped`, and the pipeline knows why.
    pub fn work(self) -> Result<(Option<DumpTaken>, Sequenced)> {
        let threads = self.run.repository.seams.threads;
        let Some(workers) = threads.workers else {
            return self.wind_up(self.lead(None)?);
        };
        let queue = Queue::new(STRETCHES_BYTES_MAX);
        let queue = &queue;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers.get())
                .map(|_| scope.spawn(move || self.guard(queue, || self.serve(queue))))
                .collect();
            let uploads = &self.pipeline.uploads;
            let transfers = 0..threads.transfers.get();
            let uploaders: Vec<_> = uploads
                .ways()
                .iter()
                .flat_map(|way| transfers.clone().map(move |_| way))
                .map(|way| scope.spawn(move || self.guard(queue, || uploads.run(way))))
                .collect();
            // Dropping the sender, however this ends, is the message.
            let (_over, is_over) = channel();
            scope.spawn(move || self.watch(queue, &is_over));
            let (_done, is_done) = channel();
            scope.spawn(move || self.look_out(&is_done));
            self.guard(queue, || {
                let led = self.lead(Some(queue))?;
                queue.close();
                join(workers);
                let finished = self.wind_up(led)?;
                uploads.close();
                // Somebody looks until the last pack has arrived.
                join(uploaders);
                self.pipeline.release_memory();
                Ok(finished)
            })
            .ok_or(OpsError::Stopped)
        })
    }

    /// Does the work of one thread. If it fails, or panics, the run fails, and nobody waits for
    /// what will not come.
    fn guard<T>(self, queue: &Queue<Work>, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let alarm = Alarm { crew: self, queue };
        match work() {
            Ok(value) => Some(value),
            Err(error) => {
                self.pipeline.fail(error);
                alarm.ring();
                None
            }
        }
    }

    /// Wakes everybody when an interrupt comes: they may be waiting for the network, or for each
    /// other. Looks meanwhile whether they wait for a slow replica.
    fn watch(self, queue: &Queue<Work>, is_over: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = is_over.recv_timeout(INTERRUPT_STEP) {
            if self.run.repository.seams.interrupt.is_raised() {
                self.pipeline.interrupt();
                self.sequence.stop();
                queue.abandon();
                return;
            }
            self.pipeline.look_for_the_slow();
        }
    }

    /// Sees to it that somebody looks at the plans also while a dump is read for hours. On a thread of
    /// its own: a store that does not answer keeps nobody from noticing an interrupt.
    fn look_out(self, is_done: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(LOOK_OUT_STEP) {
            let ways = self.pipeline.uploads.ways();
            let takes_part = |number: usize| ways.get(number).is_some_and(|way| !way.has_left());
            if !self.pipeline.has_stopped() {
                self.run.files.plans.look_out(&takes_part);
            }
        }
    }

    /// All contents are taken in: ends packs and listing.
    fn wind_up(self, led: Led) -> Result<(Option<DumpTaken>, Sequenced)> {
        if self.pipeline.has_stopped() {
            return Err(OpsError::Stopped);
        }
        self.pipeline.finish(Class::Files)?;
        let sequenced = self.sequence.finish(led.outcomes)?;
        if let Some(dump) = &led.dump {
            self.run.auditing.settle(self.pipeline, dump.began)?;
        }
        self.pipeline.finish(Class::Metadata)?;
        Ok((led.dump, sequenced))
    }

    /// One worker: until the queue is closed and empty.
    fn serve(self, queue: &Queue<Work>) -> Result<()> {
        let mut worker = Worker::new(self.pipeline, self.chunkers, self.run.progress, Some(queue))?;
        while let Some(taken) = queue.pop() {
            let (work, _weight) = taken.into_parts();
            match work {
                Work::Batch(batch) => worker.batch(batch)?,
                Work::Stretch(stretch) => {
                    let files = &self.run.files;
                    files.take_stretch(&mut worker, &stretch, self.sequence)?;
                }
            }
        }
        Ok(())
    }

    /// The leading thread: the dump, then the walk. Without a queue it does all the work itself.
    fn lead(self, queue: Option<&Queue<Work>>) -> Result<Led> {
        let progress = self.run.progress;
        let mut worker = Worker::new(self.pipeline, self.chunkers, progress, queue)?;
        let mut dump = None;
        if let Some(source) = &self.run.options.source.database {
            progress.stage("Reading the database dump", None);
            dump = Some(self.take_dump(&mut worker, source)?);
            self.pipeline.finish(Class::Dump)?;
        }
        let known = self.run.parent().map(|one| one.record.statistics.bytes);
        progress.stage("Reading the files", known);
        let over = AtomicBool::new(false);
        let walked = std::thread::scope(|scope| {
            if known.is_none() && queue.is_some() && progress.wants_totals() {
                scope.spawn(|| self.survey(&over));
            }
            let walked = self.walk(&mut worker, queue, u64::from(dump.is_some()));
            over.store(true, Ordering::Relaxed);
            walked
        });
        walked.map(|outcomes| Led { dump, outcomes })
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
                // A file with several names is read once.
                let names = found.metadata.links.max(1);
                self.run.progress.expect(found.metadata.size / names);
            }
        }
    }

    /// Hands out what the walk finds, with numbers from `number` on; gives the next one.
    fn walk(
        self,
        worker: &mut Worker<'_, '_>,
        queue: Option<&Queue<Work>>,
        number: u64,
    ) -> Result<u64> {
        let mut stretch = Stretch::from(number);
        for event in self.run.walk()? {
            if self.pipeline.has_stopped() {
                return Err(OpsError::Stopped);
            }
            let met = match event {
                Event::Found(found) => Met::Found(found),
                Event::Problem(problem) => Met::Problem(problem),
                Event::Skipped { path, what } => {
                    let path = String::from_utf8_lossy(&path);
                    let progress = self.run.progress;
                    progress.notice(&format!("note: {path} is {what}"));
                    continue;
                }
            };
            if !stretch.has_room_for(&met) {
                let next = Stretch::from(stretch.end());
                self.hand_out(worker, queue, std::mem::replace(&mut stretch, next))?;
            }
            if let Met::Found(found) = &met
                && found.kind == Kind::File
            {
                self.run
                    .files
                    .links
                    .announce(&found.metadata, stretch.end());
            }
            stretch.push(met);
        }
        let end = stretch.end();
        self.hand_out(worker, queue, stretch)?;
        Ok(end)
    }

    /// To a worker; without a queue it is taken in here.
    fn hand_out(
        self,
        worker: &mut Worker<'_, '_>,
        queue: Option<&Queue<Work>>,
        stretch: Stretch,
    ) -> Result<()> {
        let Some(queue) = queue else {
            let files = &self.run.files;
            return files.take_stretch(worker, &stretch, self.sequence);
        };
        let weight = stretch.weight();
        let pushed = queue.push(Work::Stretch(stretch), weight);
        pushed.map_err(|_| OpsError::Stopped)
    }

    /// What an interrupt did to the dump is not told as if something were wrong with it.
    fn take_dump(self, worker: &mut Worker<'_, '_>, source: &DatabaseSource) -> Result<DumpTaken> {
        let taken = self.read_dump(worker, source);
        if taken.is_err() && self.run.repository.seams.interrupt.is_raised() {
            self.pipeline.interrupt();
            return Err(OpsError::Stopped);
        }
        taken
    }

    fn read_dump(self, worker: &mut Worker<'_, '_>, source: &DatabaseSource) -> Result<DumpTaken> {
        let seams = &self.run.repository.seams;
        let clock = &seams.clock;
        let rules = &DumpRules {
            interrupt: seams.interrupt.clone(),
            ..self.run.options.source.database_rules.clone()
        };
        let asked = clock.now();
        let mut reader = self.run.auditing.reader();
        let observer = reader.as_mut().map(|reader| Box::new(reader) as Box<_>);
        let mut dump = Dump::open_with(source, rules, clock)?.observed(observer);
        self.pass_on(dump.notices());
        let content = match worker.take_in(&mut dump, Class::Dump, u64::MAX) {
            Ok(content) => Some(content),
            Err(ContentError::Ops(error)) => return Err(error),
            // `finish` knows why.
            Err(ContentError::Source(_)) => None,
        };
        self.pass_on(dump.notices());
        let origin = dump.origin().clone();
        let facts = dump.finish()?;
        self.run.judge_dump(&facts)?;
        let read = reader.map(|reader| reader.summary());
        self.run.auditing.dump_is_read(read, self.run.progress)?;
        let content = content.ok_or(OpsError::Stopped)?;
        let (entry, chunks) = entries::dump_entry(&content);
        self.sequence.deliver(0, Outcome::entry(entry, chunks))?;
        let (began, ended) = origin.made.unwrap_or_else(|| (asked, clock.now()));
        Ok(DumpTaken {
            facts,
            source: origin.source,
            began,
            ended,
        })
    }

    fn pass_on(self, notices: Vec<String>) {
        let progress = self.run.progress;
        notices.iter().for_each(|notice| progress.notice(notice));
    }
}

#[cfg(test)]
#[path = "crew_tests.rs"]
pub(super) mod tests;
