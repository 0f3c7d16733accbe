//! Which sessions a pruner may take for closed, and of which session a pack is.

use std::collections::BTreeSet;

use crate::crypto::session_id;
use crate::format::Kind;
use crate::format::header::Header;
use crate::id::SessionId;
use crate::index::Index;
use crate::ops::Result;
use crate::repository::{Repository, load_forgets, load_snapshots};

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
    for one in load_forgets(repository, &mut |_, _| {})? {
        closed.extend(one.forget.sessions.0);
    }
    Ok(closed)
}

/// The session of a pack, by its header.
pub fn session_of(header: &[u8]) -> Option<SessionId> {
    let header = Header::decode(header, Kind::DataPack, None).ok()?;
    Some(session_id(header.extension()))
}
