//! What the next `forget` of a copy would let go of, for who brings snapshots there.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::candidate::{Candidate, Drills};
use super::judge::{GroupBy, judge};
use super::policy::Policy;
use super::run::look;
use crate::id::ObjectId;
use crate::ops::{Replica, Result};
use crate::progress::Progress;
use crate::repository::{StoredSnapshot, load_proofs_remembered};
use crate::seams::Timestamp;

/// The rules by which a copy's snapshots are judged.
#[derive(Debug, Clone)]
pub struct Retention {
    pub policy: Policy,
    pub group_by: GroupBy,
    pub zone: TimeZone,
}

impl Retention {
    /// Which of `coming`, each with the time of its arrival where it comes from, the copy would keep,
    /// if all of them lay there beside what it has.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn keeps(
        &self,
        copy: &Replica,
        coming: &[(StoredSnapshot, Timestamp)],
        progress: &dyn Progress,
    ) -> Result<BTreeSet<ObjectId>> {
        let (there, ..) = look(&copy.repository, &copy.index, progress)?;
        let proofs = load_proofs_remembered(&copy.repository, &copy.index, &mut |_, _| {})?;
        let drills = Drills::from_proofs(&proofs);
        let now = copy.repository.seams.clock.now();
        let coming = coming.iter();
        let coming = coming.map(|(snapshot, arrived)| Candidate::new(snapshot, *arrived, now));
        let all = there.into_iter().map(|one| one.candidate).chain(coming);
        let all: Vec<_> = all
            .map(|one| Candidate {
                drilled: drills.of(&one.id),
                ..one
            })
            .collect();
        let reasons = judge(&all, &self.policy, self.group_by, &self.zone);
        let kept = all.iter().zip(reasons);
        let kept = kept.filter(|(_, because)| !because.is_empty());
        Ok(kept.map(|(one, _)| one.id).collect())
    }
}
