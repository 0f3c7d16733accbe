//! The header of every object (format.md §2).

use super::{FORMAT_VERSION, FormatError, Kind};
use crate::id::RepositoryId;

const MAGIC: [u8; 8] = *b"offsite\n";
const FIXED_BYTES: usize = 64;
/// Suite 1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
const SUITE: [u8; 4] = [1, 0, 0, 0];

/// Length of a pack's header in bytes.
pub const PACK_HEADER_BYTES: usize = 212;

/// A decoded header. `bytes` are its bytes as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub repository: RepositoryId,
    pub salt: [u8; 32],
    bytes: Vec<u8>,
}

impl Header {
    /// Everything before the commitments: what keys are derived from.
    pub fn unfinished(
        kind: Kind,
        repository: RepositoryId,
        salt: [u8; 32],
        extension: &[u8],
    ) -> Vec<u8> {
        debug_assert_eq!(
            extension.len(),
            kind.extension_bytes(),
            "the extension fits the kind"
        );
        let length = Self::length(kind);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[kind.number(), 0]);
        bytes.extend_from_slice(&0_u16.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(repository.as_bytes());
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(extension);
        bytes
    }

    /// Bytes of a whole header of this kind.
    pub const fn length(kind: Kind) -> usize {
        FIXED_BYTES + kind.extension_bytes() + 32 * kind.commitments()
    }

    /// Reads the header at the front of `object`.
    ///
    /// # Errors
    /// `TooShort`, `Magic`, `UnsupportedVersion`, `Unsupported` (epoch, suite), `WrongKind`,
    /// `OtherRepository`, `Contradiction`.
    pub fn decode(
        object: &[u8],
        kind: Kind,
        repository: Option<RepositoryId>,
    ) -> Result<Self, FormatError> {
        let fixed: &[u8; FIXED_BYTES] = object.first_chunk().ok_or(FormatError::TooShort)?;
        let mut fields = Fields(fixed);
        if fields.take::<8>() != MAGIC {
            return Err(FormatError::Magic);
        }
        let version = u16::from_le_bytes(fields.take());
        if version != FORMAT_VERSION {
            return Err(FormatError::UnsupportedVersion { version });
        }
        let [number, zero] = fields.take();
        let epoch = u16::from_le_bytes(fields.take());
        let length = usize::from(u16::from_le_bytes(fields.take()));
        let found = RepositoryId::new(fields.take());
        let salt = fields.take();
        if number != kind.number() {
            return Err(FormatError::WrongKind);
        }
        if repository.is_some_and(|expected| expected != found) {
            return Err(FormatError::OtherRepository);
        }
        if epoch != 0 {
            return Err(FormatError::Unsupported {
                what: format!("key epoch {epoch}"),
            });
        }
        if length != Self::length(kind) || zero != 0 {
            return Err(FormatError::Contradiction {
                what: "the header's length",
            });
        }
        let bytes = object.get(..length).ok_or(FormatError::TooShort)?.to_vec();
        let header = Self {
            kind,
            repository: found,
            salt,
            bytes,
        };
        if matches!(kind, Kind::DataPack | Kind::ListingPack)
            && !header.extension().starts_with(&SUITE)
        {
            return Err(FormatError::Unsupported {
                what: "another key encapsulation".to_owned(),
            });
        }
        Ok(header)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What keys are derived from.
    pub fn before_commitments(&self) -> &[u8] {
        let end = self.bytes.len() - 32 * self.kind.commitments();
        self.bytes.split_at(end).0
    }

    /// The bytes between salt and commitments.
    pub fn extension(&self) -> &[u8] {
        self.before_commitments().split_at(FIXED_BYTES).1
    }

    /// The commitment of the body key.
    pub fn body_commitment(&self) -> [u8; 32] {
        self.commitment(0)
    }

    /// The commitment of the tail key; zeros for a record, which has none.
    pub fn tail_commitment(&self) -> [u8; 32] {
        self.commitment(1)
    }

    fn commitment(&self, number: usize) -> [u8; 32] {
        let start = self.before_commitments().len() + 32 * number;
        let found = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        found.copied().unwrap_or_default()
    }
}

/// The header extension of a pack: suite, then what the session sealed.
pub fn pack_extension(sealed_session: &[u8; 80]) -> [u8; 84] {
    let mut extension = [0; 84];
    let (suite, sealed) = extension.split_at_mut(4);
    suite.copy_from_slice(&SUITE);
    sealed.copy_from_slice(sealed_session);
    extension
}

/// The sealed session in a pack's header extension.
pub fn sealed_session(extension: &[u8]) -> Option<[u8; 80]> {
    extension.get(4..)?.try_into().ok()
}

/// Fixed-width fields from the front of a byte string.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes; zeros past the end, which the callers have excluded by length.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack_header() -> Vec<u8> {
        let extension = pack_extension(&[9; 80]);
        let id = RepositoryId::new([3; 16]);
        let mut bytes = Header::unfinished(Kind::DataPack, id, [5; 32], &extension);
        bytes.extend_from_slice(&[1; 32]);
        bytes.extend_from_slice(&[2; 32]);
        bytes
    }

    #[test]
    fn a_header_decodes_to_what_was_written() {
        let bytes = pack_header();
        assert_eq!(bytes.len(), PACK_HEADER_BYTES);
        let header = Header::decode(&bytes, Kind::DataPack, None).unwrap();
        assert_eq!(header.bytes(), bytes);
        assert_eq!(header.salt, [5; 32]);
        assert_eq!(header.body_commitment(), [1; 32]);
        assert_eq!(header.tail_commitment(), [2; 32]);
        assert_eq!(sealed_session(header.extension()), Some([9; 80]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let altered = |place: usize, value: u8| {
            let mut bytes = pack_header();
            bytes[place] = value;
            Header::decode(&bytes, Kind::DataPack, Some(RepositoryId::new([3; 16]))).err()
        };
        assert_eq!(altered(0, b'O'), Some(FormatError::Magic));
        assert_eq!(
            altered(8, 2),
            Some(FormatError::UnsupportedVersion { version: 2 })
        );
        assert_eq!(altered(10, 3), Some(FormatError::WrongKind));
        assert!(matches!(
            altered(12, 1),
            Some(FormatError::Unsupported { .. })
        ));
        assert!(matches!(
            altered(14, 0),
            Some(FormatError::Contradiction { .. })
        ));
        assert_eq!(altered(16, 0), Some(FormatError::OtherRepository));
        assert!(matches!(
            altered(64, 2),
            Some(FormatError::Unsupported { .. })
        ));
        assert_eq!(
            altered(200, 7),
            None,
            "commitments are judged by those who have keys"
        );
        for length in 0..PACK_HEADER_BYTES {
            let cut = Header::decode(&pack_header()[..length], Kind::DataPack, None);
            assert_eq!(cut, Err(FormatError::TooShort), "cut to {length}");
        }
    }
}
