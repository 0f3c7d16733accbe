//! Whether a pruner may take a session for closed, and of which session a pack is.

use crate::crypto::session_id;
use crate::format::Kind;
use crate::format::header::Header;
use crate::id::SessionId;
use crate::index::Index;
use crate::ops::{OpsError, Result};
use crate::repository::{Repository, load_snapshots, visit_forgets};

/// Whether a listed snapshot or a forget record names the session: a pruner may take it for closed.
///
/// # Errors
/// `Store`, `Index`.
pub fn is_closed(repository: &Repository, index: &Index, session: SessionId) -> Result<bool> {
    let snapshots = load_snapshots(repository, index, &mut |_, _| {})?;
    let mut is_named = snapshots
        .iter()
        .any(|one| one.record.session == session || one.record.continues.0.contains(&session));
    visit_forgets::<OpsError>(repository, &mut |_, _| {}, &mut |one| {
        is_named = is_named || one.forget.sessions.0.contains(&session);
        Ok(())
    })?;
    Ok(is_named)
}

/// The session of a pack, by its header.
pub fn session_of(header: &[u8]) -> Option<SessionId> {
    let header = Header::decode(header, Kind::DataPack, None).ok()?;
    Some(session_id(header.extension()))
}
