//! What most verbs begin with: the store is looked at, and the index is level with it afterwards.

use super::{Result, trust};
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, load_catalog, load_snapshots};

/// What a look at the store showed.
pub struct Looked {
    /// Oldest first.
    pub snapshots: Vec<StoredSnapshot>,
    /// Names of those that are there and cannot be used.
    pub unusable: Vec<String>,
}

/// Looks at the store: snapshots first, then segments, then packs. Gives the snapshots, oldest
/// first; what cannot be used is told, and so is what this host saw there and is gone.
///
/// # Errors
/// `Store`, `Index`; `Object` for what is of a version that this program does not know.
pub fn look(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<Vec<StoredSnapshot>> {
    Ok(look_closely(repository, index, progress)?.snapshots)
}

/// As [`look`]; names the snapshots that cannot be used as well.
///
/// # Errors
/// As [`look`].
pub fn look_closely(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<Looked> {
    progress.stage("Looking at the repository", None);
    let unusable = |name: &str, problem: &dyn std::fmt::Display| {
        progress.notice(&format!(
            "{name} cannot be used: {problem}; run offsite verify"
        ));
    };
    let known = trust::before_look(index, progress);
    let mut lost = Vec::new();
    let snapshots = load_snapshots(repository, index, &mut |name, problem| {
        unusable(name, problem);
        lost.push((name.to_owned(), problem.clone()));
    })?;
    if let Some(known) = known {
        trust::after_look(repository, known, &snapshots, &lost, progress);
        trust::compare_copies(repository, index, progress);
    }
    let facts = load_catalog(repository, index)?;
    for (name, problem) in &facts.damaged_segments {
        unusable(name, problem);
    }
    progress.finish();
    Ok(Looked {
        snapshots,
        unusable: lost.into_iter().map(|(name, _)| name).collect(),
    })
}
