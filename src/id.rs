//! Names of things: 32-byte hashes and 16-byte identities, shown as lower-case hex.
//!
//! Distinct types, so that the name of an object is never taken for the identity of a chunk.

use std::fmt;
use std::str::FromStr;

/// Text that is not the lower-case hex form of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identity: expected {expected_digits} lower-case hexadecimal digits")]
pub struct ParseIdError {
    pub expected_digits: usize,
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $bytes;

            pub const fn new(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// From a slice of exactly [`Self::LEN`] bytes; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

identity!(
    /// A piece of content: keyed BLAKE3-256 of its plaintext (format.md, "Chunk ids").
    ChunkId,
    32
);
identity!(
    /// A stored object: BLAKE3-256 of its stored bytes, which is also the last part of its name.
    ObjectId,
    32
);
identity!(
    /// One run of a writer (format.md, "Sessions").
    SessionId,
    16
);
identity!(
    /// A repository and its replicas, derived from the master secret.
    RepositoryId,
    16
);

impl ObjectId {
    /// The name that these stored bytes must have.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let error = ParseIdError {
        expected_digits: 2 * N,
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(error);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = hex_value(pair[0]).ok_or(error)?;
        let low = hex_value(pair[1]).ok_or(error)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        let id = SessionId::new([
            0, 1, 0x7f, 0x80, 0xff, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ]);
        assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        assert_eq!(id.to_string(), "00017f80ff05060708090a0b0c0d0e0f");
    }

    #[test]
    fn upper_case_and_wrong_lengths_are_refused() {
        assert!(
            "00017F80FF05060708090A0B0C0D0E0F"
                .parse::<SessionId>()
                .is_err()
        );
        assert!("00".parse::<ChunkId>().is_err());
        assert!("".parse::<ObjectId>().is_err());
        assert!(ChunkId::from_slice(&[0; 31]).is_none());
    }
}
