//! Which of the replicas that were named take part in a run, and which is home
//! (docs/decisions/0008-fan-out.md).
//!
//! Home is the first that answers and lacks no snapshot that another one has. Those that have all
//! that home lists take part beside it; the others would have to be fed what they missed, which
//! costs a reading of the source and copies at everybody's: they are brought level afterwards.

use std::sync::Arc;

use super::options::{Levelling, ReplicaReport};
use super::seen::{Seen, look_at_all};
use super::watches::Watches;
use crate::ops::destination::Destination;
use crate::ops::error::with_causes;
use crate::ops::pipeline::{Reason, Uploads, is_of_the_store};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::seams::Timestamp;

/// The replicas of a run.
pub struct Replicas<'r> {
    named: Vec<Destination<'r>>,
    /// Home first.
    pub taking_part: Vec<Seen<'r>>,
    /// Places of those that do not, and why not.
    left_out: Vec<(usize, String)>,
    /// Those of them that answered, and so can be brought level.
    behind: Vec<usize>,
    /// What only those have that do not take part.
    ahead: Vec<Levelling>,
    /// The time at the first store that answered.
    pub store_time: Timestamp,
}

impl<'r> Replicas<'r> {
    /// Looks at all replicas, which brings their indexes level with their stores.
    ///
    /// # Errors
    /// Of the first when none can be used.
    pub fn gather(named: &[Destination<'r>], progress: &'r dyn Progress) -> Result<Self> {
        let mut replicas = Self {
            named: named.to_vec(),
            taking_part: Vec::new(),
            left_out: Vec::new(),
            behind: Vec::new(),
            ahead: Vec::new(),
            store_time: Timestamp::default(),
        };
        let mut failure = None;
        let mut seen = Vec::new();
        for (number, looked) in look_at_all(named, progress).into_iter().enumerate() {
            match looked {
                Ok(one) => seen.push(one),
                Err(error) => {
                    replicas.left_out.push((number, with_causes(&error)));
                    failure.get_or_insert(error);
                }
            }
        }
        match (seen.first(), failure) {
            (None, failure) => return Err(failure.unwrap_or(OpsError::Stopped)),
            (Some(first), _) => replicas.store_time = first.time,
        }
        replicas.choose(seen);
        for (number, why) in &replicas.left_out {
            let name = named.get(*number).map_or("", |one| one.name);
            progress.notice(&match replicas.behind.contains(number) {
                true => format!("{name} is brought level after this backup: {why}"),
                false => format!("{name} takes no part in this backup: {why}"),
            });
        }
        Ok(replicas)
    }

    fn choose(&mut self, mut seen: Vec<Seen<'r>>) {
        let lacks_nothing = |one: &&Seen<'_>| seen.iter().all(|other| one.lacking(other) == 0);
        let home = seen.iter().find(lacks_nothing).map_or_else(
            || seen.first().map_or(0, |first| first.number),
            |home| home.number,
        );
        seen.sort_by_key(|one| (one.number != home, one.number));
        let mut behind = Vec::new();
        for one in seen {
            let lacking = self.taking_part.first().map_or(0, |home| one.lacking(home));
            if lacking == 0 {
                self.taking_part.push(one);
                continue;
            }
            let home = self.taking_part.first().map_or("", |home| home.to.name);
            let what = if lacking == 1 {
                "snapshot"
            } else {
                "snapshots"
            };
            let why = format!("it lacks {lacking} {what} that {home} has");
            self.left_out.push((one.number, why));
            behind.push(one);
        }
        for one in &behind {
            let lacking = |to: &&Seen<'_>| to.lacking(one) > 0;
            let steps = self.taking_part.iter().filter(lacking);
            self.ahead.extend(steps.map(|to| Levelling {
                from: one.number,
                to: to.number,
            }));
        }
        self.behind = behind.iter().map(|one| one.number).collect();
        self.left_out.sort_by_key(|(number, _)| *number);
    }

    /// Where older listings are read, and whose index knows the files.
    ///
    /// # Errors
    /// `Stopped` when there is none, which `gather` and `without_home` rule out.
    pub fn home(&self) -> Result<&Seen<'r>> {
        self.taking_part.first().ok_or(OpsError::Stopped)
    }

    /// Goes on without home, which failed: the next one takes its place.
    ///
    /// # Errors
    /// The error, unless it says that the store is out of reach, and there is another.
    pub fn without_home(&mut self, error: OpsError, progress: &dyn Progress) -> Result<()> {
        if self.taking_part.len() < 2 || !is_of_the_store(&error) {
            return Err(error);
        }
        let home = self.taking_part.remove(0);
        let why = with_causes(&error);
        let name = home.to.name;
        progress.notice(&format!("{name} takes no part in this backup: {why}"));
        self.left_out.push((home.number, why));
        self.ahead.retain(|step| step.to != home.number);
        Ok(())
    }

    pub fn destinations(&self) -> Vec<Destination<'r>> {
        self.taking_part.iter().map(|one| one.to).collect()
    }

    /// What watches the plans of each, in the order of `destinations`.
    pub fn watches(&self) -> Watches<'r> {
        let plans = self.taking_part.iter().map(|one| Arc::clone(&one.plans));
        Watches::new(plans.collect())
    }

    /// What became of each, after the commit; `ways` are those of `destinations`. And which can be
    /// brought level from which now.
    pub fn report(&self, ways: &[Uploads<'_>]) -> (Vec<ReplicaReport>, Vec<Levelling>) {
        let mut replicas: Vec<_> = self.named.iter().map(not_taking_part).collect();
        let mut behind = self.behind.clone();
        let mut failed = Vec::new();
        for (one, way) in self.taking_part.iter().zip(ways) {
            let Some(report) = replicas.get_mut(one.number) else {
                continue;
            };
            (report.objects_uploaded, report.bytes_uploaded) = way.totals();
            report.has_snapshot = !way.has_left();
            match &*way.reason() {
                None => {}
                // Nothing is wrong with it: what a prune takes away there can be put again. (One
                // that was committed late lists the snapshot, and would be taken for level.)
                Some(Reason::Failed(error @ OpsError::Overtaken)) => {
                    report.behind = Some(with_causes(error));
                    behind.push(one.number);
                }
                Some(Reason::Failed(error)) => {
                    report.behind = Some(with_causes(error));
                    failed.push(one.number);
                }
                Some(Reason::TooSlow) => {
                    report.behind = Some("the others did not wait for it any longer".to_owned());
                    behind.push(one.number);
                }
            }
        }
        for (number, why) in &self.left_out {
            if let Some(report) = replicas.get_mut(*number) {
                report.behind = Some(why.clone());
            }
        }
        // First what only those have that are behind, then what they lack.
        let mut levelling = self.ahead.clone();
        // What failed a moment ago would fail again.
        levelling.retain(|step| !failed.contains(&step.to));
        let source = source(&self.taking_part, &replicas);
        levelling.extend(behind.into_iter().map(|to| Levelling { from: source, to }));
        for step in &self.ahead {
            if let Some(report) = replicas.get_mut(step.to) {
                let why = || "it lacks snapshots that another copy has".to_owned();
                report.behind.get_or_insert_with(why);
            }
        }
        (replicas, levelling)
    }
}

/// From which of those that have the snapshot others are best brought level: one that costs nothing
/// to read, if there is one.
fn source(taking_part: &[Seen<'_>], replicas: &[ReplicaReport]) -> usize {
    let saved = |one: &&Seen<'_>| {
        let report = replicas.get(one.number);
        report.is_some_and(|report| report.has_snapshot)
    };
    let near = taking_part.iter().filter(saved).find(|one| one.to.near);
    let any = near.or_else(|| taking_part.iter().find(saved));
    any.map_or(0, |one| one.number)
}

fn not_taking_part(named: &Destination<'_>) -> ReplicaReport {
    ReplicaReport {
        name: named.name.to_owned(),
        url: named.repository.store.url(),
        has_snapshot: false,
        behind: None,
        bytes_uploaded: 0,
        objects_uploaded: 0,
    }
}
