//! Objects that each copy has for itself: index segments, plans, forget records, proofs. No other
//! copy can give a damaged one back, and as long as it lies there every verify finds damage and every
//! prune stops. What it said is said anew, as far as packs and this host know it; then the bytes,
//! which are not what their name says and serve nobody, are deleted.
//!
//! That a damaged plan goes makes nothing worse: it warned no writer any more.

use super::super::forget::explain_absence;
use super::super::{OpsError, Result};
use super::catalog::is_there;
use crate::format::{Kind, name};
use crate::id::{ObjectId, SessionId};
use crate::index::{Index, Presence, SeenSnapshot};
use crate::repository::{
    ObjectProblem, Repository, RepositoryError, SegmentWriter, explained, list_objects,
    load_catalog, open_record, read_contents,
};
use crate::store::{ErrorKind, Window};

/// So many snapshots stand in one forget record.
const RECORD_SNAPSHOTS_MAX: usize = 10_000;

/// Whether the object is no more, and what it said is said elsewhere. One that is sound, or may be of
/// a later version, is left alone, as is one that the store does not give out or does not let go.
///
/// # Errors
/// `Store`, `Index`.
pub fn let_go(repository: &Repository, index: &Index, kind: Kind, id: &ObjectId) -> Result<bool> {
    let is_own = matches!(
        kind,
        Kind::Segment | Kind::Plan | Kind::Forget | Kind::Proof
    );
    if !is_own || !is_worthless(repository, kind, id)? {
        return Ok(false);
    }
    match kind {
        Kind::Segment => name_packs(repository, index)?,
        Kind::Forget => explain(repository, index)?,
        _ => {}
    }
    match repository.store.delete(&name::of(kind, id)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the store gives out bytes that nobody who has the key can have put under that name.
fn is_worthless(repository: &Repository, kind: Kind, id: &ObjectId) -> Result<bool> {
    let window = Window::Whole {
        bytes_max: kind.record_bytes_max(),
    };
    let bytes = match repository.store.get(&name::of(kind, id), window) {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem = ObjectProblem::of_failed_fetch(error)?;
            return Ok(problem == ObjectProblem::TooLarge);
        }
    };
    // A flipped bit can look like a later version; one that has its name is what somebody wrote.
    Ok(ObjectId::of(&bytes) != *id
        || open_record(&repository.writer, kind, &bytes)
            .is_err_and(|problem| !problem.is_unsupported()))
}

/// Publishes the packs of which no segment speaks that can be read: by their own word. Holds 48 bytes
/// for each of them.
fn name_packs(repository: &Repository, index: &Index) -> Result<()> {
    let claims = Index::temporary()?;
    load_catalog(repository, &claims)?;
    let mut unnamed = Vec::new();
    for kind in [Kind::DataPack, Kind::ListingPack] {
        let mut failure = None;
        list_objects(
            repository.store.as_ref(),
            kind,
            &mut |id, info| match is_there(&claims, &id) {
                Ok(true) => {}
                Ok(false) => unnamed.push((kind, id, info.bytes)),
                Err(error) => failure = Some(error),
            },
        )?;
        failure.map_or(Ok(()), Err)?;
    }
    let mut session = [0; SessionId::LEN];
    let filled = repository.seams.random.fill(&mut session);
    filled.map_err(|_| OpsError::Seal(crate::crypto::CryptoError::NoRandomness.into()))?;
    // It names no session that it continues: it is no sign that one still runs.
    let mut segments = SegmentWriter::new(SessionId::new(session));
    for (kind, id, bytes) in unnamed {
        let (store, writer) = (repository.store.as_ref(), &repository.writer);
        match read_contents(store, writer, kind, &id, bytes) {
            Ok(contents) => segments.add(contents.row(id, bytes, None)),
            // Damaged itself, or gone meanwhile.
            Err(RepositoryError::Object { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        if segments.is_large(1) {
            segments.publish(repository, index)?;
        }
    }
    segments.publish(repository, index)?;
    Ok(())
}

/// Explains anew the absences that this host remembers to have been explained, and that no record
/// which can be read does.
fn explain(repository: &Repository, index: &Index) -> Result<()> {
    let Some(watch) = index.watch() else {
        return Ok(());
    };
    let mut silent: Vec<SeenSnapshot> = watch.trust()?.seen(watch.place())?;
    silent.retain(|one| one.presence == Presence::Forgotten);
    let ids = silent.iter().map(|one| one.id).collect();
    let said = explained(repository, &ids, &mut |_, _| {})?;
    silent.retain(|one| !said.contains(&one.id));
    for part in silent.chunks(RECORD_SNAPSHOTS_MAX) {
        let host = part.first().map_or("", |one| one.host.as_str());
        let ids = part.iter().map(|one| one.id).collect();
        let sessions = part.iter().map(|one| one.session).collect();
        let reason = "a record that said so was damaged";
        explain_absence(repository, host, ids, sessions, reason)?;
    }
    Ok(())
}
