//! Floor 1: the bytes of repository format 1, as docs/format.md writes them down. Layouts only:
//! nothing here has a key, opens a file or compresses.
//!
//! name (of objects) > header > frame (additional data) > pack (footer, trailer) and the records:
//! parameters, segment, snapshot, housekeeping; entry, listing and finding for what a snapshot holds.

pub mod cbor;
pub mod entry;
pub mod finding;
pub mod frame;
pub mod header;
pub mod housekeeping;
pub mod listing;
pub mod name;
pub mod pack;
pub mod padme;
pub mod parameters;
pub mod segment;
pub mod slot;
pub mod snapshot;

/// The one format version there is.
pub const FORMAT_VERSION: u16 = 1;

/// Largest plain length of a chunk in bytes.
pub const CHUNK_PLAIN_BYTES_MAX: u32 = 8 * 1024 * 1024;
/// Largest plain length of a metadata chunk in bytes: decoded it takes many times as much memory.
pub const METADATA_PLAIN_BYTES_MAX: u32 = 1024 * 1024;
/// Largest plain length of a snapshot's payload in bytes: all snapshots are in memory at once.
pub const SNAPSHOT_PLAIN_BYTES_MAX: u32 = 1024 * 1024;
/// Largest plain length of a proof's payload in bytes: thousands of them are in memory at once.
pub const PROOF_PLAIN_BYTES_MAX: u32 = 16 * 1024;
/// Largest plain length of another record's payload in bytes.
pub const RECORD_PLAIN_BYTES_MAX: u32 = 32 * 1024 * 1024;
/// Largest stored length of a pack in bytes.
pub const PACK_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// Largest number of chunks, and of positions handed out, in a pack.
pub const PACK_CHUNKS_MAX: u32 = 16_384;
/// Length of an AEAD tag in bytes.
pub const TAG_BYTES: u32 = 16;

/// Kind of an object: its wire number (format.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    Repository = 0,
    KeySlot = 1,
    DataPack = 2,
    ListingPack = 3,
    Segment = 4,
    Snapshot = 5,
    Plan = 6,
    Forget = 7,
    Proof = 8,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Repository,
        Self::KeySlot,
        Self::DataPack,
        Self::ListingPack,
        Self::Segment,
        Self::Snapshot,
        Self::Plan,
        Self::Forget,
        Self::Proof,
    ];

    pub const fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Bytes of header between salt and commitments.
    pub const fn extension_bytes(self) -> usize {
        match self {
            Self::KeySlot => 16,
            Self::DataPack | Self::ListingPack => 84,
            _ => 0,
        }
    }

    /// Largest plain length of a payload, or of a chunk in a pack, in bytes.
    pub const fn plain_bytes_max(self) -> u32 {
        match self {
            Self::DataPack => CHUNK_PLAIN_BYTES_MAX,
            Self::ListingPack => METADATA_PLAIN_BYTES_MAX,
            Self::Snapshot => SNAPSHOT_PLAIN_BYTES_MAX,
            Self::Proof => PROOF_PLAIN_BYTES_MAX,
            _ => RECORD_PLAIN_BYTES_MAX,
        }
    }

    /// Largest stored length of a record in bytes: a payload that did not compress, its padding,
    /// and some room.
    pub const fn record_bytes_max(self) -> u64 {
        self.plain_bytes_max() as u64 * 5 / 4
    }

    pub const fn commitments(self) -> usize {
        match self {
            Self::KeySlot | Self::DataPack | Self::ListingPack => 2,
            _ => 1,
        }
    }

    /// Least padded size in bytes; `None`: not padded.
    pub const fn padded_bytes_min(self) -> Option<u64> {
        match self {
            Self::Repository | Self::KeySlot => None,
            Self::DataPack | Self::ListingPack => Some(65_536),
            _ => Some(4_096),
        }
    }
}

/// Bytes that are not what the format says. One sentence each; which object, the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("it ends too early")]
    TooShort,
    #[error("it is not an object of an offsite repository")]
    Magic,
    #[error("it is written in format version {version}, which this program does not know")]
    UnsupportedVersion { version: u16 },
    #[error("it uses {what}, which this program does not know")]
    Unsupported { what: String },
    #[error("it is of another kind than its name says")]
    WrongKind,
    #[error("it belongs to another repository")]
    OtherRepository,
    #[error("its fields contradict each other: {what}")]
    Contradiction { what: &'static str },
    #[error("its CBOR is not well-formed or lacks a field: {reason}")]
    Cbor { reason: String },
    #[error("a metadata chunk has another role than its place demands")]
    WrongRole,
    #[error("a listing is not in order")]
    OutOfOrder,
    #[error("an entry has an impossible path")]
    BadPath,
}

impl From<minicbor::decode::Error> for FormatError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Cbor {
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bound that moves makes what was written before it unreadable, or memory unbounded.
    #[test]
    fn what_a_kind_may_be_is_what_the_format_says() {
        const KIB: u32 = 1024;
        let tables = [
            (Kind::Repository, 32 * 1024 * KIB, None, 0, 1),
            (Kind::KeySlot, 32 * 1024 * KIB, None, 16, 2),
            (Kind::DataPack, 8 * 1024 * KIB, Some(65_536), 84, 2),
            (Kind::ListingPack, 1024 * KIB, Some(65_536), 84, 2),
            (Kind::Segment, 32 * 1024 * KIB, Some(4_096), 0, 1),
            (Kind::Snapshot, 1024 * KIB, Some(4_096), 0, 1),
            (Kind::Plan, 32 * 1024 * KIB, Some(4_096), 0, 1),
            (Kind::Forget, 32 * 1024 * KIB, Some(4_096), 0, 1),
            (Kind::Proof, 16 * KIB, Some(4_096), 0, 1),
        ];
        assert_eq!(tables.map(|row| row.0), Kind::ALL);
        for (kind, plain, padded, extension, commitments) in tables {
            assert_eq!(kind.plain_bytes_max(), plain, "{kind:?}");
            assert_eq!(
                kind.record_bytes_max(),
                u64::from(plain / 4) * 5,
                "{kind:?}"
            );
            assert_eq!(kind.padded_bytes_min(), padded, "{kind:?}");
            assert_eq!(kind.extension_bytes(), extension, "{kind:?}");
            assert_eq!(kind.commitments(), commitments, "{kind:?}");
        }
    }
}
