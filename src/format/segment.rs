//! The payload of an index segment (format.md §6): which chunk lies in which pack.

use minicbor::decode::{self, Decoder};
use minicbor::{Decode, Encode};

use super::FormatError;
use super::cbor::Joined;
use super::header::PACK_HEADER_BYTES;
use super::pack::{Class, FooterEntry, decode_entries, encode_entries};
use crate::id::{ObjectId, SessionId};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Segment {
    /// The run that wrote it.
    #[n(0)]
    pub session: SessionId,
    /// Earlier runs whose packs it also names.
    #[cbor(n(1), default, skip_if = "Joined::is_empty")]
    pub continues: Joined<SessionId>,
    /// Segments that say nothing more than this one.
    #[cbor(n(2), default, skip_if = "Joined::is_empty")]
    pub replaces: Joined<ObjectId>,
    #[n(3)]
    pub packs: Vec<PackRow>,
}

/// A pack as a segment names it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PackRow {
    #[n(0)]
    pub id: ObjectId,
    /// Stored length in bytes.
    #[n(1)]
    pub bytes: u64,
    #[n(2)]
    class: u8,
    /// CRC-64/NVME of the stored bytes, where the writer knew it.
    #[n(3)]
    pub crc: Option<u64>,
    /// Of a pack's length: millions of rows without one would fit a segment, and not the memory.
    #[cbor(
        n(4),
        encode_with = "minicbor::bytes::encode",
        decode_with = "whole_header"
    )]
    pub header: Vec<u8>,
    #[cbor(n(5), with = "minicbor::bytes")]
    entries: Vec<u8>,
}

fn whole_header<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Vec<u8>, decode::Error> {
    let header = decoder.bytes()?;
    match header.len() == PACK_HEADER_BYTES {
        true => Ok(header.to_vec()),
        false => Err(decode::Error::message("a pack's header of a wrong length")),
    }
}

impl PackRow {
    pub fn new(
        id: ObjectId,
        bytes: u64,
        class: Class,
        crc: Option<u64>,
        header: Vec<u8>,
        entries: &[FooterEntry],
    ) -> Self {
        Self {
            id,
            bytes,
            class: class as u8,
            crc,
            header,
            entries: encode_entries(entries),
        }
    }

    /// # Errors
    /// `Unsupported`.
    pub fn class(&self) -> Result<Class, FormatError> {
        Class::from_number(self.class)
    }

    /// # Errors
    /// As [`decode_entries`].
    pub fn entries(&self) -> Result<Vec<FooterEntry>, FormatError> {
        decode_entries(&self.entries)
    }

    /// About how many bytes it adds to a segment.
    pub fn encoded_bytes(&self) -> usize {
        self.entries.len() + self.header.len() + 80
    }
}

/// Writers begin another segment beyond so many bytes of payload.
pub const SEGMENT_TARGET_BYTES: usize = 4 * 1024 * 1024;
