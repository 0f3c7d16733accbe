//! What to do when a prune stopped; for `exit`.

use crate::cli::exit::{DAMAGE, FAILED, USAGE};
use crate::ops::PruneError;

/// The exit code and the hint.
pub fn meaning(error: &PruneError) -> (u8, &'static str) {
    match error {
        PruneError::Unreadable { .. } => (
            DAMAGE,
            "offsite verify --data names what is damaged and what still restores, and with --heal \
             mends what it can; as long as it is there, nobody can know what is needed, so nothing \
             is deleted. A snapshot that nobody can mend is given up with offsite forget ID",
        ),
        PruneError::NoSnapshots => (
            DAMAGE,
            "if there should be snapshots, the store lost or hides them: look there before anything \
             else; if the repository is no longer wanted, delete it as a whole",
        ),
        PruneError::SnapshotGone { .. } => (
            DAMAGE,
            "the store may have been set back, or somebody may have deleted it by hand: look there \
             first. offsite sync brings back what another copy has; if you deleted it yourself, say so \
             with offsite forget ID. If only a prune \
             plan that none of your hosts made speaks of it, delete that plan with the tools of the \
             store, and give the hosts new credentials",
        ),
        PruneError::ChunkNowhere { .. } => (
            DAMAGE,
            "offsite verify names the files that need it; nothing was deleted",
        ),
        PruneError::GraceTooShort => (
            USAGE,
            "leave --grace at 24h or more; where the repository is a folder and every backup uses \
             it directly, --exclusive allows less",
        ),
        PruneError::NoLock => (
            USAGE,
            "--exclusive is for repositories in a folder; leave it out, and the grace at 24h or more",
        ),
        PruneError::Busy => (
            FAILED,
            "wait until the backup or the other prune is over, and run it again",
        ),
    }
}
