//! Which sessions a pruner may take for closed, and of which session a pack is.

use std::collections::BTreeSet;

use crate::crypto::session_id;
use crate::format::header::Header;
use crate::format::housekeeping::Forget;
use crate::format::{Kind, cbor};
use crate::id::SessionId;
use crate::index::Index;
use crate::ops::Result;
use crate::repository::{Repository, fetch_record, list_objects, load_snapshots};

/// Sessions that a listed snapshot or a forget record names: a pruner may take them for closed.
///
/// # Errors
/// `Store`, `Index`.
pub fn closed_sessions(repository: &Repository, index: &Index) -> Result<BTreeSet<SessionId>> {
    let mut closed = BTreeSet::new();
    for one in load_snapshots(repository, index, &mut |_, _| {})? {
        closed.insert(one.record.session);
        closed.extend(one.record.continues.0);
    }
    let mut forgets = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Forget, &mut |id, _| {
        forgets.push(id);
    })?;
    for id in forgets {
        let payload = match fetch_record(repository, Kind::Forget, &id) {
            Ok(payload) => payload,
            Err(error) => {
                error.into_unusable()?;
                continue;
            }
        };
        if let Ok(forget) = cbor::decode::<Forget>(&payload) {
            closed.extend(forget.sessions.0);
        }
    }
    Ok(closed)
}

/// The session of a pack, by its header.
pub fn session_of(header: &[u8]) -> Option<SessionId> {
    let header = Header::decode(header, Kind::DataPack, None).ok()?;
    Some(session_id(header.extension()))
}
