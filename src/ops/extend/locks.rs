//! The locks of objects: what is known, what the store says, and what has to be extended. Each
//! batch is noted when it is done, and asked by as many threads as there are transfers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::Result;
use super::report::{ExtendReport, REFUSED_MAX};
use crate::index::Trust;
use crate::repository::{Repository, RepositoryError};
use crate::seams::Timestamp;
use crate::store::retention::{ObjectLock, Retaining, Retention};
use crate::store::{ErrorKind, StoreError};

pub struct Locks<'l> {
    retaining: &'l dyn Retaining,
    trust: &'l Trust,
    place: &'l str,
    threads: usize,
    now: Timestamp,
    /// What an object gets that is extended.
    wanted: Retention,
    /// What is locked so long suffices.
    suffices: Timestamp,
    /// One that was extended.
    extended: Option<String>,
}

/// What became of one object.
enum Outcome {
    Sufficed(Timestamp),
    Extended,
    Refused(StoreError),
    Gone,
}

impl<'l> Locks<'l> {
    pub fn new(
        repository: &Repository,
        retaining: &'l dyn Retaining,
        (trust, place): (&'l Trust, &'l str),
        lock: ObjectLock,
        now: Timestamp,
    ) -> Self {
        let threads = repository.seams.threads;
        let wanted = lock.from(now);
        Self {
            retaining,
            trust,
            place,
            threads: threads.workers.map_or(1, |_| threads.transfers.get()),
            now,
            suffices: wanted.until.minus(lock.period() / 3),
            wanted,
            extended: None,
        }
    }

    /// Until when an object is locked that is extended.
    pub fn wanted(&self) -> Timestamp {
        self.wanted.until
    }

    /// Remembers what was extended with other dates.
    pub fn take_over(&mut self, other: Locks<'_>) {
        self.extended = self.extended.take().or(other.extended);
    }

    /// The name of an object that was extended.
    pub fn extended(&self) -> Option<&str> {
        self.extended.as_deref()
    }

    /// What is locked until then is locked long enough.
    pub fn suffices(&self, until: Timestamp) -> bool {
        until <= self.suffices
    }

    /// The same, where it suffices that locks last until then.
    pub fn until(&self, until: Timestamp) -> Self {
        Self {
            suffices: until,
            wanted: Retention {
                until,
                ..self.wanted
            },
            extended: None,
            ..*self
        }
    }

    /// Until when an object is locked; `None` where it is not, or no more, or the store does not say.
    ///
    /// # Errors
    /// `Store` when the store is out of reach, `Index`.
    pub fn ends(&self, name: &str) -> Result<Option<Timestamp>> {
        let known = self.trust.locked_until(self.place, name);
        if let Some(until) = known.map_err(RepositoryError::from)? {
            return Ok(Some(until));
        }
        match self.retaining.retention(name, None) {
            Ok(kept) => Ok(kept
                .map(|kept| kept.until)
                .filter(|until| *until > self.now)),
            Err(error) if error.is_worth_a_retry() => Err(RepositoryError::from(error).into()),
            Err(_) => Ok(None),
        }
    }

    /// Sees to a batch.
    ///
    /// # Errors
    /// `Store` when the store is out of reach, `Index`. What was done until then is noted.
    pub fn extend(&mut self, names: &[String], report: &mut ExtendReport) -> Result<()> {
        report.needed += names.len() as u64;
        let mut left = Vec::new();
        for name in names {
            let known = self.trust.locked_until(self.place, name);
            match known.map_err(RepositoryError::from)? {
                Some(until) if until >= self.suffices => {
                    report.sufficed += 1;
                    ends(report, until);
                }
                // What is known to run out need not be asked for.
                known => left.push((name, known.is_some())),
            }
        }
        let outcomes = Mutex::new(Vec::with_capacity(left.len()));
        let failure: Mutex<Option<StoreError>> = Mutex::default();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((name, is_known)) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.see_to(name, *is_known) {
                    Ok(outcome) => lock(&outcomes).push(((*name).clone(), outcome)),
                    Err(error) => {
                        next.store(left.len(), Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                    }
                }
            }
        };
        if self.threads == 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..self.threads.min(left.len()) {
                    scope.spawn(work);
                }
            });
        }
        let outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        self.note(outcomes, report)?;
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(RepositoryError::from(error).into()),
            None => Ok(()),
        }
    }

    fn see_to(&self, name: &str, is_known: bool) -> Result<Outcome, StoreError> {
        let extended = || -> Result<Outcome, StoreError> {
            if !is_known
                && let Some(kept) = self.retaining.retention(name, None)?
                && kept.until >= self.suffices
            {
                return Ok(Outcome::Sufficed(kept.until));
            }
            self.retaining.retain(name, None, self.wanted)?;
            Ok(Outcome::Extended)
        };
        match extended() {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Outcome::Gone),
            Err(error) if error.is_worth_a_retry() => Err(error),
            Err(error) if error.kind == ErrorKind::Credentials => Err(error),
            Err(error) => Ok(Outcome::Refused(error)),
            outcome => outcome,
        }
    }

    fn note(&mut self, outcomes: Vec<(String, Outcome)>, report: &mut ExtendReport) -> Result<()> {
        let mut locks = Vec::with_capacity(outcomes.len());
        for (name, outcome) in outcomes {
            match outcome {
                Outcome::Sufficed(until) => {
                    report.sufficed += 1;
                    locks.push((name, until));
                }
                Outcome::Extended => {
                    report.extended += 1;
                    self.extended.get_or_insert_with(|| name.clone());
                    locks.push((name, self.wanted.until));
                }
                Outcome::Refused(error) => {
                    report.refused_count += 1;
                    if report.refused.len() < REFUSED_MAX {
                        report.refused.push((name, error.to_string()));
                    }
                }
                Outcome::Gone => report.needed -= 1,
            }
        }
        locks.iter().for_each(|(_, until)| ends(report, *until));
        let noted = self.trust.note_locks(self.place, &locks);
        Ok(noted.map_err(RepositoryError::from)?)
    }
}

fn ends(report: &mut ExtendReport, until: Timestamp) {
    report.until = Some(report.until.map_or(until, |first| first.min(until)));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
