//! The payload of the `repository` object (format.md §6): how this repository cuts and packs.

use minicbor::{Decode, Encode};

use crate::seams::Timestamp;

/// Minimum, average and maximum in bytes.
pub type Sizes = (u32, u32, u32);

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parameters {
    #[n(0)]
    pub created: Timestamp,
    /// Chunk sizes of files.
    #[n(1)]
    pub files: Sizes,
    /// Chunk sizes of dumps.
    #[n(2)]
    pub dumps: Sizes,
    /// When a data pack is full, in bytes.
    #[n(3)]
    pub pack_bytes: u32,
}

impl Parameters {
    /// The largest target size of a data pack in bytes.
    pub const PACK_BYTES_MAX: u32 = 64 * 1024 * 1024;
    /// What new repositories get.
    pub const PACK_BYTES: u32 = 16 * 1024 * 1024;
}
