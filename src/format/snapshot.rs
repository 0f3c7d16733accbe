//! The snapshot record (format.md §6): its arrival in the store is the commit.

use minicbor::{Decode, Encode};

use super::cbor::{Counts, Joined};
use super::finding::Findings;
use crate::id::{ChunkId, ObjectId, SessionId};
use crate::seams::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Snapshot {
    /// When its dump began; without a dump, when it began.
    #[n(0)]
    pub time: Timestamp,
    /// Begin and end, by the host's clock.
    #[n(1)]
    pub started: Timestamp,
    #[n(2)]
    pub finished: Timestamp,
    /// Begin, by the clock of the first reachable store.
    #[n(3)]
    pub store_time: Option<Timestamp>,
    #[n(4)]
    pub host: String,
    #[cbor(n(5), default, skip_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `immich`, or empty.
    #[cbor(n(6), default, skip_if = "String::is_empty")]
    pub profile: String,
    /// What wrote it, with version.
    #[n(7)]
    pub tool: String,
    #[n(8)]
    pub roots: Vec<Root>,
    #[n(9)]
    pub session: SessionId,
    #[cbor(n(10), default, skip_if = "Joined::is_empty")]
    pub continues: Joined<SessionId>,
    #[n(11)]
    pub parent: Option<ObjectId>,
    /// Level and id of the topmost chunk of the listing.
    #[n(12)]
    pub listing: (u8, ChunkId),
    #[n(13)]
    pub database: Option<Database>,
    #[n(14)]
    pub statistics: Statistics,
    /// How many rows got each verdict.
    #[cbor(n(15), default, skip_if = "Counts::is_empty")]
    pub audit: Counts,
    #[n(16)]
    pub problems: Option<Problems>,
    /// Why it must not be taken for a replacement of older ones.
    #[n(17)]
    pub suspect: Option<String>,
    /// What the audit found, in words.
    #[n(18)]
    pub findings: Option<Findings>,
    /// Folders of Immich's container and of the host, as somebody told them.
    #[cbor(n(19), default, skip_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// A folder of the host in Immich's container.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mount {
    /// In the container; absolute.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub container: Vec<u8>,
    /// On the host; absolute.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub host: Vec<u8>,
}

/// One of the things that were backed up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Root {
    #[n(0)]
    pub number: u32,
    /// `database`, `immich` or `path`.
    #[n(1)]
    pub kind: String,
    /// A path on the host; for the database in words.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub source: Vec<u8>,
}

/// The dump that the snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Database {
    /// `pg_dump` or `pg_dumpall`.
    #[n(0)]
    pub kind: String,
    #[n(1)]
    pub server_version: Option<String>,
    #[n(2)]
    pub immich_version: Option<String>,
    /// Plain bytes.
    #[n(3)]
    pub bytes: u64,
    #[n(4)]
    pub began: Timestamp,
    #[n(5)]
    pub ended: Timestamp,
    /// Rows of each table.
    #[cbor(n(6), default, skip_if = "Counts::is_empty")]
    pub rows: Counts,
}

/// Figures of a run, in bytes and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Statistics {
    #[cbor(n(0), default)]
    pub files: u64,
    #[cbor(n(1), default)]
    pub folders: u64,
    #[cbor(n(2), default)]
    pub links: u64,
    /// All contents, the dump included.
    #[cbor(n(3), default)]
    pub bytes: u64,
    #[cbor(n(4), default)]
    pub files_new: u64,
    #[cbor(n(5), default)]
    pub files_changed: u64,
    #[cbor(n(6), default)]
    pub files_unmodified: u64,
    #[cbor(n(7), default)]
    pub bytes_read: u64,
    /// Contents that were new, after deduplication; listings do not count.
    #[cbor(n(8), default)]
    pub bytes_added: u64,
    /// The same after compression.
    #[cbor(n(9), default)]
    pub bytes_stored: u64,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Problems {
    #[cbor(n(0), default)]
    pub count: u64,
    /// Problem lists; not all problems of a very bad day are kept.
    #[cbor(n(1), default, skip_if = "Joined::is_empty")]
    pub chunks: Joined<ChunkId>,
}
