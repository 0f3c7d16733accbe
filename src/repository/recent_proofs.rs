//! The newest proofs, remembered like snapshot records: whoever asks every day fetches only what is
//! new.

use super::objects::{fetch_record, list_objects};
use super::proofs::{StoredProof, judged};
use super::{ObjectProblem, Repository, Result};
use crate::format::Kind;
use crate::id::ObjectId;
use crate::index::Index;

/// So many are looked at: a year of one a night. Bounds what a first look fetches.
pub const RECENT_PROOFS_MAX: usize = 400;

/// The newest proofs by the store's clock, up to [`RECENT_PROOFS_MAX`], sorted by when they say that
/// they ended, the newest last. Those that are damaged or of an unknown version are given to
/// `damaged`.
///
/// # Errors
/// `Store`, `Index`.
pub fn recent_proofs(
    repository: &Repository,
    index: &Index,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredProof>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Proof, &mut |id, info| {
        listed.push((info.modified, id));
        if listed.len() >= 4 * RECENT_PROOFS_MAX {
            keep_newest(&mut listed);
        }
    })?;
    keep_newest(&mut listed);
    let mut proofs = Vec::with_capacity(listed.len());
    for (_, id) in listed {
        match load(repository, index, id) {
            Ok(proof) => proofs.push(proof),
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    proofs.sort_by_key(|proof| (proof.finding.ended, proof.id));
    Ok(proofs)
}

fn keep_newest<T: Ord>(listed: &mut Vec<T>) {
    listed.sort();
    let surplus = listed.len().saturating_sub(RECENT_PROOFS_MAX);
    listed.drain(..surplus);
}

fn load(repository: &Repository, index: &Index, id: ObjectId) -> Result<StoredProof> {
    let payload = match index.record(&id)? {
        Some(payload) => payload,
        None => {
            let payload = fetch_record(repository, Kind::Proof, &id)?;
            index.remember_record(&id, &payload)?;
            payload
        }
    };
    judged(repository, id, &payload)
}
