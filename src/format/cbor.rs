//! How the project's own types look in CBOR (RFC 8949): identities as byte strings, many of them
//! as one joined byte string, times as integers, counts as sorted maps.

use std::collections::BTreeMap;

use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};

use super::FormatError;
use crate::id::{ChunkId, ObjectId, RepositoryId, SessionId};
use crate::seams::Timestamp;

macro_rules! identity_in_cbor {
    ($($name:ident),*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?)
                    .ok_or_else(|| decode::Error::message("an identity of a wrong length"))
            }
        }

        impl Joinable for $name {
            const BYTES: usize = Self::LEN;

            fn as_slice(&self) -> &[u8] {
                self.as_bytes()
            }

            fn from_slice(bytes: &[u8]) -> Option<Self> {
                Self::from_slice(bytes)
            }
        }
    )*};
}

/// A value of fixed width that can stand in a joined byte string.
pub trait Joinable: Sized {
    const BYTES: usize;

    fn as_slice(&self) -> &[u8];
    fn from_slice(bytes: &[u8]) -> Option<Self>;
}

identity_in_cbor!(ChunkId, ObjectId, RepositoryId, SessionId);

/// Many identities as one byte string ("ids16", "ids32").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined<T>(pub Vec<T>);

impl<T> Default for Joined<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Joined<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> From<Vec<T>> for Joined<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<C, T: Joinable> Encode<C> for Joined<T> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(
            &self
                .0
                .iter()
                .flat_map(Joinable::as_slice)
                .copied()
                .collect::<Vec<_>>(),
        )?
        .ok()
    }
}

impl<'b, C, T: Joinable> Decode<'b, C> for Joined<T> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let parts = d.bytes()?.chunks(T::BYTES).map(T::from_slice);
        let joined = parts.collect::<Option<Vec<_>>>();
        joined
            .map(Self)
            .ok_or_else(|| decode::Error::message("joined identities of wrong length"))
    }
}

impl<C> Encode<C> for Timestamp {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.i64(self.nanoseconds())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.i64().map(Self::from_nanoseconds)
    }
}

/// Counts by name, in the deterministic order of RFC 8949 §4.2.1 (shorter names first).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    /// All of them together, as far as the type reaches.
    pub fn total(&self) -> u64 {
        self.0.values().copied().fold(0, u64::saturating_add)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<C> Encode<C> for Counts {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(name, _)| (name.len(), name.as_bytes()));
        e.map(sorted.len() as u64)?;
        for (name, count) in sorted {
            e.str(name)?.u64(*count)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Counts {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.map_iter::<String, u64>()?
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The bytes of one value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail, and no type of the format refuses to be encoded.
    let written = minicbor::encode(value, &mut bytes);
    debug_assert!(written.is_ok(), "a record encodes");
    bytes
}

/// One value that takes up all of `bytes`.
///
/// # Errors
/// `Cbor`.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, FormatError> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode()?;
    if decoder.position() != bytes.len() {
        return Err(FormatError::Cbor {
            reason: "bytes behind the end".to_owned(),
        });
    }
    Ok(value)
}
