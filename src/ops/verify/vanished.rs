//! Snapshots that this host saw and that are gone unexplained: damage like any other, but of what
//! nothing in the store speaks any more.

use std::collections::BTreeSet;

use super::super::error::with_causes;
use super::super::trust::{KnownBefore, in_utc};
use super::super::{Result, trust};
use super::findings::Findings;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::Index;
use crate::repository::Repository;

/// What was known before the snapshots are listed; nothing where this host remembers nothing. A
/// memory that cannot be used is a finding: then nobody can say.
pub fn known<'i>(index: &'i Index, findings: &Findings) -> Option<KnownBefore<'i>> {
    match trust::known_before(index) {
        Ok(known) => known,
        Err(error) => {
            let problem = format!(
                "nobody can say whether any of them vanished: {}",
                with_causes(&error)
            );
            findings.says(name::prefix(Kind::Snapshot), problem);
            None
        }
    }
}

/// Holds the LIST against it.
///
/// # Errors
/// `Store`, `Index`.
pub fn find(
    repository: &Repository,
    known: Option<KnownBefore<'_>>,
    listed: &[ObjectId],
    findings: &Findings,
) -> Result<()> {
    let Some(known) = known else {
        return Ok(());
    };
    let listed: BTreeSet<_> = listed.iter().copied().collect();
    for one in known.check(repository, &listed)? {
        let name = name::of(Kind::Snapshot, &one.id);
        findings.says(
            &name,
            format!(
                "the snapshot of {} was there on {}, is gone, and no record says that somebody \
                 forgot it",
                in_utc(one.time),
                in_utc(one.first_seen)
            ),
        );
        findings.hurts(&name, &one.id);
    }
    Ok(())
}
