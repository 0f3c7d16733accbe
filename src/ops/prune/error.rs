//! Why a prune stops before it deletes anything. What it merely keeps is no error but in its report.

use crate::id::{ChunkId, ObjectId};
use crate::repository::{GRACE_MIN, RepositoryError};

#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Whatever it holds may need what would be deleted.
    #[error("prune stops and deletes nothing, because {what} cannot be read")]
    Unreadable {
        /// Such as "the listing of snapshot 3f09…".
        what: String,
        #[source]
        source: Box<RepositoryError>,
    },
    #[error("there is no snapshot in the repository, so everything would be deleted")]
    NoSnapshots,
    #[error(
        "snapshot {id} is gone, though {who} knew it and no forget record explains it{}",
        and_more(*others)
    )]
    SnapshotGone {
        id: ObjectId,
        /// Such as "this host" or "the plan of 2026-11-01".
        who: String,
        /// How many more there are.
        others: usize,
    },
    #[error("a chunk that a snapshot needs, {id}, is in no pack that the store shows")]
    ChunkNowhere { id: ChunkId },
    #[error(
        "a grace of less than {} hours is safe only while nobody else can write",
        GRACE_MIN.as_secs() / 3600
    )]
    GraceTooShort,
    #[error("this kind of store cannot be locked for one program alone")]
    NoLock,
    #[error("somebody else is at work in the repository")]
    Busy,
}

fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", nor another one".to_owned(),
        _ => format!(", nor {others} others"),
    }
}
