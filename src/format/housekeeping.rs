//! Payloads of plans, forget records and proofs (format.md §6).

use minicbor::{Decode, Encode};

use super::cbor::{Counts, Joined};
use crate::id::{ObjectId, RepositoryId, SessionId};
use crate::seams::Timestamp;

/// What a prune means to delete once the grace is over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Plan {
    #[n(0)]
    pub host: String,
    #[n(1)]
    pub created: Timestamp,
    #[n(2)]
    pub grace_seconds: u64,
    #[n(3)]
    pub packs: Joined<ObjectId>,
    #[cbor(n(4), default, skip_if = "Joined::is_empty")]
    pub segments: Joined<ObjectId>,
    /// The snapshots it knew.
    #[n(5)]
    pub snapshots: Joined<ObjectId>,
    #[cbor(n(6), default, skip_if = "Joined::is_empty")]
    pub forgets: Joined<ObjectId>,
}

/// Explains why snapshots are no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Forget {
    #[n(0)]
    pub host: String,
    #[n(1)]
    pub created: Timestamp,
    #[n(2)]
    pub snapshots: Joined<ObjectId>,
    #[cbor(n(3), default, skip_if = "String::is_empty")]
    pub reason: String,
    /// The sessions of those snapshots, which are closed.
    #[cbor(n(4), default, skip_if = "Joined::is_empty")]
    pub sessions: Joined<SessionId>,
}

/// A dated result of a verify or a drill, signed by the owner key where there was one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Proof {
    /// An encoded [`Finding`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub finding: Vec<u8>,
    /// Ed25519 over [`signed_bytes`].
    #[n(1)]
    pub signature: Option<minicbor::bytes::ByteArray<64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finding {
    /// `verify` or `drill`.
    #[cbor(n(0), default)]
    pub kind: String,
    #[cbor(n(1), default)]
    pub host: String,
    #[cbor(n(2), default)]
    pub began: Timestamp,
    #[cbor(n(3), default)]
    pub ended: Timestamp,
    #[n(4)]
    pub snapshot: Option<ObjectId>,
    #[cbor(n(5), default)]
    pub ok: bool,
    #[cbor(n(6), default, skip_if = "Counts::is_empty")]
    pub figures: Counts,
    #[cbor(n(7), default, skip_if = "String::is_empty")]
    pub summary: String,
}

/// What the signature of a proof covers.
pub fn signed_bytes(repository: RepositoryId, finding: &[u8]) -> Vec<u8> {
    [
        b"offsite format 1 proof".as_slice(),
        repository.as_bytes(),
        finding,
    ]
    .concat()
}
