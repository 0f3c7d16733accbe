//! Which older snapshots a run is measured against. A snapshot that claims to be of this host can
//! be anybody's who holds the writer key: what this host remembers to have made comes first.

use crate::index::Index;
use crate::repository::StoredSnapshot;

/// Puts the snapshots that this host remembers to have made behind all others, so that whoever
/// looks for the newest of a kind from the end finds those first. Otherwise the order stays; also
/// where the memory cannot be used, which the look has told: another copy never hurts.
pub fn own_last(snapshots: &mut [StoredSnapshot], index: &Index) {
    let own = index
        .watch()
        .and_then(|watch| watch.trust().ok()?.own_snapshots().ok());
    if let Some(own) = own {
        snapshots.sort_by_key(|one| own.contains(&one.id));
    }
}
