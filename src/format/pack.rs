//! Footer and trailer of a pack (format.md §5).
//!
//! ```text
//! header │ body: chunk frames │ pad │ footer │ header again │ trailer
//! ```

use std::collections::HashSet;

use super::frame::{Codec, Shape};
use super::header::PACK_HEADER_BYTES;
use super::{CHUNK_PLAIN_BYTES_MAX, FormatError, Kind, PACK_BYTES_MAX, PACK_CHUNKS_MAX, TAG_BYTES};
use crate::id::ChunkId;

/// Bytes of a footer entry.
pub const ENTRY_BYTES: usize = 44;
/// Plain length of the trailer in bytes.
pub const TRAILER_BYTES: u32 = 24;
/// Header copy and trailer: what a pack ends with, in bytes.
pub const PACK_END_BYTES: usize = PACK_HEADER_BYTES + (TRAILER_BYTES + TAG_BYTES) as usize;

/// What a pack's chunks are. Classes never share a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Contents of files.
    Files = 0,
    /// Contents of a database dump.
    Dump = 1,
    /// Listings and what belongs to them.
    Metadata = 2,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::Files, Self::Dump, Self::Metadata];

    /// # Errors
    /// `Unsupported`.
    pub fn from_number(number: u8) -> Result<Self, FormatError> {
        let class = Self::ALL.into_iter().find(|class| *class as u8 == number);
        class.ok_or_else(|| FormatError::Unsupported {
            what: format!("pack class {number}"),
        })
    }

    /// The kind of object that holds it.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Files | Self::Dump => Kind::DataPack,
            Self::Metadata => Kind::ListingPack,
        }
    }
}

/// One chunk in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterEntry {
    pub id: ChunkId,
    pub shape: Shape,
    /// The nonce position of its frame.
    pub position: u32,
}

/// The footer's plaintext, also how index segments list the chunks of a pack.
pub fn encode_entries(entries: &[FooterEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        bytes.extend_from_slice(entry.id.as_bytes());
        bytes.extend_from_slice(&entry.shape.stored.to_le_bytes());
        bytes.extend_from_slice(&entry.shape.plain.to_le_bytes());
        // Below `PACK_CHUNKS_MAX`, as positions are.
        bytes.extend_from_slice(entry.position.to_le_bytes().split_at(2).0);
        bytes.extend_from_slice(&[entry.shape.codec as u8, 0]);
    }
    bytes
}

/// # Errors
/// `Contradiction` for a length that is no multiple, too many entries, impossible lengths, or a
/// position that occurs twice; `Unsupported`.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<FooterEntry>, FormatError> {
    let (records, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || records.len() > PACK_CHUNKS_MAX as usize {
        return Err(FormatError::Contradiction {
            what: "the length of a footer",
        });
    }
    let mut positions = HashSet::with_capacity(records.len());
    let entries = records
        .iter()
        .map(decode_entry)
        .collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        if entry.position >= PACK_CHUNKS_MAX || !positions.insert(entry.position) {
            return Err(FormatError::Contradiction {
                what: "the positions of a footer",
            });
        }
    }
    Ok(entries)
}

fn decode_entry(record: &[u8; ENTRY_BYTES]) -> Result<FooterEntry, FormatError> {
    let (id, rest) = record.split_at(ChunkId::LEN);
    let id = ChunkId::from_slice(id).ok_or(FormatError::TooShort)?;
    let [stored, plain, [low, high, codec, _]] = rest.as_chunks::<4>().0 else {
        return Err(FormatError::TooShort);
    };
    let shape = Shape {
        stored: u32::from_le_bytes(*stored),
        plain: u32::from_le_bytes(*plain),
        codec: Codec::from_number(*codec)?,
    };
    let position = u32::from(u16::from_le_bytes([*low, *high]));
    Ok(FooterEntry {
        id,
        shape: shape.check(CHUNK_PLAIN_BYTES_MAX)?,
        position,
    })
}

/// The trailer's plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Bytes of all chunk frames.
    pub body_bytes: u64,
    /// Bytes of the footer frame, tag included.
    pub footer_stored: u32,
    pub chunks: u32,
    pub class: Class,
}

impl Trailer {
    pub fn encode(&self) -> [u8; TRAILER_BYTES as usize] {
        let mut bytes = [0; TRAILER_BYTES as usize];
        let (first, rest) = bytes.split_at_mut(8);
        first.copy_from_slice(&self.body_bytes.to_le_bytes());
        let words = [
            self.footer_stored.to_le_bytes(),
            self.chunks.to_le_bytes(),
            [self.class as u8, 0, 0, 0],
        ];
        rest.split_at_mut(12)
            .0
            .copy_from_slice(words.as_flattened());
        bytes
    }

    /// Reads the trailer of a pack of `pack_bytes` bytes and checks that everything fits in.
    ///
    /// # Errors
    /// `TooShort`, `Unsupported`, `Contradiction`.
    pub fn decode(bytes: &[u8], pack_bytes: u64) -> Result<Self, FormatError> {
        let (body, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or(FormatError::TooShort)?;
        let [footer, chunks, [class, ..], _] = rest.as_chunks::<4>().0 else {
            return Err(FormatError::TooShort);
        };
        let trailer = Self {
            body_bytes: u64::from_le_bytes(*body),
            footer_stored: u32::from_le_bytes(*footer),
            chunks: u32::from_le_bytes(*chunks),
            class: Class::from_number(*class)?,
        };
        let contradiction = FormatError::Contradiction {
            what: "the lengths of a pack",
        };
        let footer_expected = trailer
            .chunks
            .checked_mul(ENTRY_BYTES as u32)
            .and_then(|bytes| bytes.checked_add(TAG_BYTES));
        if trailer.chunks > PACK_CHUNKS_MAX
            || footer_expected != Some(trailer.footer_stored)
            || trailer.pad_stored(pack_bytes).is_none()
            || pack_bytes > PACK_BYTES_MAX
        {
            return Err(contradiction);
        }
        Ok(trailer)
    }

    /// Bytes of the pad frame in a pack of `pack_bytes` bytes; `None` when there is no room.
    pub fn pad_stored(&self, pack_bytes: u64) -> Option<u32> {
        let rest = pack_bytes
            .checked_sub(PACK_HEADER_BYTES as u64)?
            .checked_sub(self.body_bytes)?
            .checked_sub(u64::from(self.footer_stored))?
            .checked_sub(PACK_END_BYTES as u64)?;
        u32::try_from(rest).ok().filter(|pad| *pad >= TAG_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: u32) -> FooterEntry {
        let shape = Shape {
            stored: 116,
            plain: 1000,
            codec: Codec::Zstd,
        };
        FooterEntry {
            id: ChunkId::new([position as u8; 32]),
            shape,
            position,
        }
    }

    #[test]
    fn footers_go_there_and_back() {
        let entries = [entry(0), entry(2), entry(1)];
        assert_eq!(decode_entries(&encode_entries(&entries)).unwrap(), entries);
        assert!(decode_entries(&encode_entries(&entries)[1..]).is_err());
        assert!(decode_entries(&encode_entries(&[entry(3), entry(3)])).is_err());
    }

    #[test]
    fn a_trailer_must_add_up() {
        let trailer = Trailer {
            body_bytes: 116,
            footer_stored: 60,
            chunks: 1,
            class: Class::Dump,
        };
        let bytes = 212 + 116 + 60 + 252 + 16;
        assert_eq!(Trailer::decode(&trailer.encode(), bytes), Ok(trailer));
        assert!(Trailer::decode(&trailer.encode(), bytes - 1).is_err());
        // The most chunks that a pack may have, and one more.
        for (chunks, fits) in [(PACK_CHUNKS_MAX, true), (PACK_CHUNKS_MAX + 1, false)] {
            let full = Trailer {
                body_bytes: u64::from(chunks) * 17,
                footer_stored: chunks * ENTRY_BYTES as u32 + TAG_BYTES,
                chunks,
                ..trailer
            };
            let bytes = 212 + full.body_bytes + u64::from(full.footer_stored) + 252 + 16;
            assert_eq!(Trailer::decode(&full.encode(), bytes).is_ok(), fits);
        }
        let more = Trailer {
            chunks: 2,
            ..trailer
        };
        assert!(Trailer::decode(&more.encode(), 1 << 20).is_err());
        let huge = Trailer {
            body_bytes: u64::MAX,
            ..trailer
        };
        assert!(Trailer::decode(&huge.encode(), 1 << 20).is_err());
    }
}
