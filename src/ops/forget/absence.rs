//! Snapshots that this host has seen at the place and that are gone without an explanation. As long
//! as there are any, the store may be an older copy of itself, and nothing is forgotten. A person who
//! names one says that he knows, and a record then explains it to everybody.

use std::collections::BTreeSet;

use super::options::{ForgetOptions, ForgetPlace};
use crate::format::housekeeping::Forget;
use crate::id::{ObjectId, SessionId};
use crate::index::Presence;
use crate::ops::Result;
use crate::ops::trust::{self, Vanished};
use crate::repository::{Repository, StoredForget, store_forget};

/// Explains the vanished snapshots that were named; gives them, and the names that mean others.
/// `listed` are the snapshots that are there.
///
/// # Errors
/// `RolledBack` where others have vanished; `Store`, `Index`.
pub(super) fn settle(
    place: &ForgetPlace<'_>,
    options: &ForgetOptions,
    listed: &BTreeSet<ObjectId>,
) -> Result<(Vec<Vanished>, Vec<String>)> {
    let vanished = trust::check(place.repository, place.trust, place.key, listed)?;
    let is_meant = |one: &Vanished, name: &String| {
        let means = |id: &ObjectId| id.to_string().starts_with(&name.to_ascii_lowercase());
        !name.is_empty() && means(&one.id) && !listed.iter().any(means)
    };
    let names = &options.named;
    let (named, others): (Vec<_>, Vec<_>) = vanished
        .into_iter()
        .partition(|one| names.iter().any(|name| is_meant(one, name)));
    if !others.is_empty() {
        return Err(trust::rolled_back(place.repository, others));
    }
    let rest = names
        .iter()
        .filter(|name| !named.iter().any(|one| is_meant(one, name)));
    let rest = rest.cloned().collect();
    if !named.is_empty() && !options.dry_run {
        let ids: Vec<ObjectId> = named.iter().map(|one| one.id).collect();
        let sessions = named.iter().map(|one| one.session).collect();
        let reason = "gone without a record, and named";
        explain_absence(
            place.repository,
            &options.host,
            ids.clone(),
            sessions,
            reason,
        )?;
        let changes: Vec<_> = ids
            .into_iter()
            .map(|id| (id, Presence::Forgotten))
            .collect();
        place.trust.set_standing(place.key, &changes)?;
    }
    Ok((named, rest))
}

/// Puts the record that explains why snapshots are no longer there, which somebody else deleted or
/// a store lost: `sessions` are theirs, as far as they are known.
///
/// # Errors
/// `Store`; `Object` for far too many.
pub fn explain_absence(
    repository: &Repository,
    host: &str,
    snapshots: Vec<ObjectId>,
    sessions: Vec<SessionId>,
    reason: &str,
) -> Result<StoredForget> {
    let record = Forget {
        host: host.to_owned(),
        created: repository.seams.clock.now(),
        snapshots: snapshots.into(),
        reason: reason.to_owned(),
        sessions: sessions.into(),
    };
    Ok(store_forget(repository, record)?)
}
