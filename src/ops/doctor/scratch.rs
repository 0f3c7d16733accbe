//! The place where a store is tried out: it remembers what was put there, and removes it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::super::Result;
use super::report::{DoctorReport, Finding, Profile, Verdict};
use crate::seams::{Seams, Timestamp};
use crate::store::retention::{PutTerms, Retaining};
use crate::store::{ErrorKind, Store, StoreError};

/// Rounds of removing versions of one name.
const CLEAN_ROUNDS_MAX: usize = 8;

/// Servers differ in the second in which a lock is over.
const LOCK_MARGIN: Duration = Duration::from_secs(2);

pub struct Scratch<'s> {
    pub store: &'s dyn Store,
    pub seams: &'s Seams,
    pub profile: Profile,
    findings: Vec<Finding>,
    names: BTreeSet<String>,
    /// When the last of the locks that were set here is over, by this machine's clock.
    locked_until: Option<Timestamp>,
    /// When it was begun, since boot.
    began: Duration,
}

impl<'s> Scratch<'s> {
    pub fn new(store: &'s dyn Store, seams: &'s Seams) -> Self {
        Self {
            store,
            seams,
            profile: Profile {
                seen: seams.clock.now().seconds(),
                ..Profile::default()
            },
            findings: Vec::new(),
            names: BTreeSet::new(),
            locked_until: None,
            began: seams.clock.since_boot(),
        }
    }

    /// How long it took so far.
    pub fn spent(&self) -> Duration {
        self.seams.clock.since_boot().saturating_sub(self.began)
    }

    /// When the last lock is over; now, where there is none.
    pub fn locked_until(&self) -> Timestamp {
        let none = || self.seams.clock.now();
        self.locked_until.unwrap_or_else(none)
    }

    pub fn check_interrupt(&self) -> Result<()> {
        Ok(self.seams.interrupt.check()?)
    }

    pub fn retaining(&self) -> Option<&'s dyn Retaining> {
        self.store.retaining()
    }

    pub fn say(
        &mut self,
        probe: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        means: &'static str,
    ) {
        self.findings.push(Finding {
            probe,
            verdict,
            found: found.into(),
            means,
        });
    }

    /// What could not be found out, because the store failed.
    pub fn cannot_say(&mut self, probe: &'static str, error: &StoreError) {
        let found = format!("could not be tried: {error}");
        self.say(probe, Verdict::Unknown, found, "run offsite doctor again");
    }

    pub fn put(&mut self, name: &str, body: Bytes) -> Result<(), StoreError> {
        self.names.insert(name.to_owned());
        self.store.put(name, body)
    }

    /// On terms of its own; where there are no such terms, plainly, or only if there is none.
    pub fn put_on_terms(
        &mut self,
        name: &str,
        body: Bytes,
        terms: &PutTerms,
    ) -> Result<(), StoreError> {
        self.will_put(name);
        let put = put_on_terms(self.store, name, body, terms);
        // Of what came back with an error that may pass, nobody knows whether it is there.
        let is_refused = put.as_ref().is_err_and(|it| !it.is_worth_a_retry());
        if let Some(retention) = terms.retention.filter(|_| !is_refused) {
            self.extended(retention.until);
        }
        put
    }

    /// For probes that put from several threads.
    pub fn will_put(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    pub fn extended(&mut self, until: Timestamp) {
        self.locked_until = self.locked_until.max(Some(until));
    }

    /// Removes everything, waiting for locks to be over; names what could not be removed.
    pub fn clean(&mut self) -> Vec<String> {
        let names = std::mem::take(&mut self.names);
        if let Some(until) = self.locked_until {
            let wait = until.since(self.seams.clock.now()) + LOCK_MARGIN;
            self.seams.sleep(wait);
        }
        let mut left = Vec::new();
        for name in names {
            if let Err(error) = self.remove(&name)
                && error.kind != ErrorKind::NotFound
            {
                left.push(format!("{name}: {error}"));
            }
        }
        left
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let versions = match self.retaining() {
            Some(retaining) if self.profile.versions != Some(false) => retaining,
            _ => return self.store.delete(name),
        };
        for _ in 0..CLEAN_ROUNDS_MAX {
            let ids = versions
                .versions(name)?
                .into_iter()
                .map(|version| version.id);
            let ids: Vec<_> = ids.chain(versions.marks(name)?).collect();
            if ids.is_empty() {
                break;
            }
            for id in &ids {
                versions.delete_version(name, id)?;
            }
        }
        Ok(())
    }

    pub fn into_report(self, left: Vec<String>) -> DoctorReport {
        DoctorReport {
            findings: self.findings,
            profile: self.profile,
            left,
        }
    }
}

/// As [`Scratch::put_on_terms`], from any thread.
pub fn put_on_terms(
    store: &dyn Store,
    name: &str,
    body: Bytes,
    terms: &PutTerms,
) -> Result<(), StoreError> {
    match store.retaining() {
        Some(retaining) => retaining.put_on_terms(name, body, terms),
        None if terms.if_absent => store.put_if_absent(name, body),
        None => store.put(name, body),
    }
}
