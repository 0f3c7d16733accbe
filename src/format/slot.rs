//! The layout of a key slot (format.md §7): costs in the header, then secret and label.

use minicbor::{Decode, Encode};

use super::FormatError;
use crate::seams::Timestamp;

/// Stored length of the frame with the wrapped secret in bytes.
pub const SECRET_FRAME_BYTES: usize = 48;
/// Largest stored length of a key slot in bytes.
pub const SLOT_BYTES_MAX: u64 = 4_096;
/// So many slots are tried.
pub const SLOTS_MAX: usize = 16;

const ARGON2ID: [u8; 4] = [1, 0, 0, 0];

/// What a slot says of itself to holders of the writer key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Label {
    #[cbor(n(0), default)]
    pub label: String,
    #[cbor(n(1), default)]
    pub created: Timestamp,
    #[cbor(n(2), default)]
    pub host: String,
}

/// The header extension for Argon2id with so many KiB of memory, passes and lanes.
pub fn encode_costs(memory_kib: u32, passes: u32, lanes: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    let words = [
        ARGON2ID,
        memory_kib.to_le_bytes(),
        passes.to_le_bytes(),
        lanes.to_le_bytes(),
    ];
    bytes.copy_from_slice(words.as_flattened());
    bytes
}

/// Memory in KiB, passes, lanes; not yet judged.
///
/// # Errors
/// `Unsupported` for another function than Argon2id.
pub fn decode_costs(extension: &[u8]) -> Result<(u32, u32, u32), FormatError> {
    let [function, memory_kib, passes, lanes] = extension.as_chunks::<4>().0 else {
        return Err(FormatError::TooShort);
    };
    if *function != ARGON2ID {
        return Err(FormatError::Unsupported {
            what: "another passphrase function".to_owned(),
        });
    }
    let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    Ok((number(memory_kib), number(passes), number(lanes)))
}
