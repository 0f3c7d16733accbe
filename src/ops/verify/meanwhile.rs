//! What somebody rightly deleted while the verify was under way, which can take days: a snapshot that
//! was forgotten, what only it needed, an index segment that another replaced. That is no damage.

use std::collections::BTreeSet;

use super::super::Result;
use super::fetch::each_object;
use super::findings::Findings;
use crate::format::{Kind, name};
use crate::repository::{Repository, explained};

/// Takes back what was found missing, where the store no longer lists it and no snapshot needs it
/// that is still listed or whose absence nothing explains. Lists once more, if anything is missing.
///
/// # Errors
/// `Store`.
pub fn take_back(repository: &Repository, findings: &Findings) -> Result<()> {
    let (mut missing, hurt) = findings.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let mut gone = hurt;
    each_object(repository, &mut |info| {
        missing.remove(&info.name);
        if let Some((Kind::Snapshot, Some(id))) = name::parse(&info.name) {
            gone.remove(&id);
        }
        Ok(())
    })?;
    let forgotten = explained(repository, &gone, &mut |_, _| {})?;
    let may_go = |object: &String| match name::parse(object) {
        Some((Kind::Snapshot, Some(id))) => forgotten.contains(&id),
        Some((kind, _)) => matches!(
            kind,
            Kind::DataPack | Kind::ListingPack | Kind::Segment | Kind::Plan | Kind::KeySlot
        ),
        // A pack, and nobody knows which.
        None => true,
    };
    let may_go: BTreeSet<_> = missing.into_iter().filter(may_go).collect();
    findings.let_go(&may_go, &forgotten);
    Ok(())
}
