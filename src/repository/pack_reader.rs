//! Reading packs: what is in one (by its own footer), one frame of it, and all of it at once.

use std::ops::Range;

use super::objects::fetch;
use super::{ObjectProblem, RepositoryError, Result, fixed_frame};
use crate::buffers::{Buffer, Buffers};
use crate::compress::decompress_into;
use crate::crypto::{CryptoError, ObjectKey, Purpose, ReadKey, Secret, WriterKey};
use crate::format::frame::{Codec, Role, Shape};
use crate::format::header::{Header, PACK_HEADER_BYTES, sealed_session};
use crate::format::pack::{
    Class, ENTRY_BYTES, FooterEntry, PACK_END_BYTES, TRAILER_BYTES, Trailer, decode_entries,
};
use crate::format::segment::PackRow;
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, TAG_BYTES, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{ChunkRow, IndexedPack};
use crate::store::{Store, Window};

/// Footer, header copy and trailer lie in so many bytes at the end of a pack, the first number for
/// packs of up to 1,400 chunks. Two fixed sizes, so that a look tells the store next to nothing.
const PACK_END_WINDOWS: [u64; 2] = [64 * 1024, 1024 * 1024];

/// What a pack holds, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackContents {
    pub header: Header,
    pub class: Class,
    pub entries: Vec<FooterEntry>,
}

impl PackContents {
    /// As the index takes it; `crc` where the whole pack was read.
    pub fn indexed(&self, id: ObjectId, bytes: u64, crc: Option<u64>) -> IndexedPack {
        IndexedPack {
            id,
            bytes,
            class: self.class as u8,
            crc,
            header: self.header.bytes().to_vec(),
            chunks: chunk_rows(&self.entries).collect(),
        }
    }

    /// As a segment names it.
    pub fn row(&self, id: ObjectId, bytes: u64, crc: Option<u64>) -> PackRow {
        let header = self.header.bytes().to_vec();
        PackRow::new(id, bytes, self.class, crc, header, &self.entries)
    }
}

/// A whole pack that was checked, as the index takes it and as a segment names it.
pub fn rows_of_pack(contents: &PackContents, id: ObjectId, pack: &[u8]) -> (IndexedPack, PackRow) {
    let (bytes, crc) = (pack.len() as u64, Some(crc_of(pack)));
    (
        contents.indexed(id, bytes, crc),
        contents.row(id, bytes, crc),
    )
}

/// CRC-64/NVME, which some stores tell of an object without giving it out.
pub(super) fn crc_of(pack: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, pack)
}

/// Index rows of footer entries: offsets are running sums.
pub fn chunk_rows(entries: &[FooterEntry]) -> impl Iterator<Item = ChunkRow> + '_ {
    entries
        .iter()
        .scan(PACK_HEADER_BYTES as u64, |next, entry| {
            let start = *next;
            *next += u64::from(entry.shape.stored);
            Some(ChunkRow {
                id: entry.id,
                start,
                stored: entry.shape.stored,
                plain: entry.shape.plain,
                position: entry.position,
                codec: entry.shape.codec as u8,
            })
        })
}

/// Reads what a stored pack holds, from its end alone.
///
/// # Errors
/// `Object` when the pack is missing, or its end not what it should be; `Store`.
pub fn read_contents(
    store: &dyn Store,
    writer: &WriterKey,
    kind: Kind,
    id: &ObjectId,
    pack_bytes: u64,
) -> Result<PackContents> {
    let name = name::of(kind, id);
    let damaged = |problem: ObjectProblem| RepositoryError::object(&name, problem);
    if pack_bytes > PACK_BYTES_MAX {
        return Err(damaged(
            FormatError::Contradiction {
                what: "the size of a pack",
            }
            .into(),
        ));
    }
    let mut contents = Err(ObjectProblem::from(FormatError::TooShort));
    for window in PACK_END_WINDOWS {
        let bytes = pack_bytes.min(window);
        let start = pack_bytes - bytes;
        let end = fetch(store, &name, Window::Range { start, bytes })?;
        contents = contents_of_end(writer, kind, &end, pack_bytes);
        let is_cut = contents == Err(FormatError::TooShort.into()) && start > 0;
        if !is_cut {
            break;
        }
    }
    contents.map_err(damaged)
}

/// Reads footer and trailer from the last bytes of a pack.
fn contents_of_end(
    writer: &WriterKey,
    kind: Kind,
    end: &[u8],
    pack_bytes: u64,
) -> Result<PackContents, ObjectProblem> {
    let header_start = end
        .len()
        .checked_sub(PACK_END_BYTES)
        .ok_or(FormatError::TooShort)?;
    let (before, last) = end.split_at(header_start);
    let (header, trailer) = last.split_at(PACK_HEADER_BYTES);
    let header = Header::decode(header, kind, Some(writer.repository()))?;
    let tail = tail_key(writer, &header)?;
    let open = |role, frame| fixed_frame::open_plain(&tail, kind, role, frame);
    debug_assert_eq!(
        trailer.len(),
        (TRAILER_BYTES + TAG_BYTES) as usize,
        "the rest is the trailer"
    );
    let trailer = Trailer::decode(&open(Role::Trailer, trailer)?, pack_bytes)?;
    let footer_start = before.len().checked_sub(trailer.footer_stored as usize);
    let footer = before
        .get(footer_start.ok_or(FormatError::TooShort)?..)
        .unwrap_or_default();
    let entries = decode_entries(&open(Role::Footer, footer)?)?;
    let body: u64 = entries
        .iter()
        .map(|entry| u64::from(entry.shape.stored))
        .sum();
    if body != trailer.body_bytes || trailer.class.kind() != kind {
        return Err(FormatError::Contradiction {
            what: "footer and trailer of a pack",
        }
        .into());
    }
    Ok(PackContents {
        header,
        class: trailer.class,
        entries,
    })
}

/// Checks all that the writer key can check of a whole pack: name, header twice, pad, footer,
/// trailer.
///
/// # Errors
/// What is wrong with it.
pub fn check_whole_pack(
    writer: &WriterKey,
    kind: Kind,
    id: &ObjectId,
    pack: &[u8],
) -> Result<PackContents, ObjectProblem> {
    if ObjectId::of(pack) != *id {
        return Err(ObjectProblem::WrongName);
    }
    let contents = contents_of_end(writer, kind, pack, pack.len() as u64)?;
    if !pack.starts_with(contents.header.bytes()) {
        return Err(FormatError::Contradiction {
            what: "the two headers of a pack",
        }
        .into());
    }
    let body: usize = contents
        .entries
        .iter()
        .map(|entry| entry.shape.stored as usize)
        .sum();
    let footer = Shape::plain((contents.entries.len() * ENTRY_BYTES) as u32);
    let pad_start = PACK_HEADER_BYTES + body;
    let pad_end = pack.len() - PACK_END_BYTES - footer.stored as usize;
    let pad = pack.get(pad_start..pad_end).ok_or(FormatError::TooShort)?;
    let tail = tail_key(writer, &contents.header)?;
    fixed_frame::open_plain(&tail, kind, Role::PackPad, pad)?;
    Ok(contents)
}

/// The key of footer, trailer and pad.
fn tail_key(writer: &WriterKey, header: &Header) -> Result<ObjectKey, CryptoError> {
    ObjectKey::opening(
        Purpose::Tail,
        &writer.subkey(header.kind.number()),
        header.before_commitments(),
        &header.tail_commitment(),
    )
}

/// The key of a pack's body: from the session key (data) or the metadata key (listings).
///
/// # Errors
/// `Crypto`, `Format`.
pub fn body_key(
    writer: &WriterKey,
    header: &Header,
    session: Option<&Secret>,
) -> Result<ObjectKey, ObjectProblem> {
    let subkey = writer.subkey(header.kind.number());
    let secret = match header.kind {
        Kind::DataPack => session.ok_or(CryptoError::WrongKey)?,
        _ => &subkey,
    };
    let commitment = header.body_commitment();
    Ok(ObjectKey::opening(
        Purpose::Body,
        secret,
        header.before_commitments(),
        &commitment,
    )?)
}

/// The session key that a data pack's header carries.
///
/// # Errors
/// `Crypto`, `Format`.
pub fn session_of(reader: &ReadKey, header: &Header) -> Result<Secret, ObjectProblem> {
    let sealed = sealed_session(header.extension()).ok_or(FormatError::TooShort)?;
    Ok(reader.open_session(&sealed)?)
}

/// Opens the frame of a chunk, into memory from `buffers`: authenticates, decompresses, and re-checks
/// the id.
///
/// # Errors
/// `Crypto`, `Compress`, `Format`, `WrongChunk`.
pub fn open_frame(
    writer: &WriterKey,
    kind: Kind,
    key: &ObjectKey,
    chunk: &ChunkRow,
    frame: &[u8],
    buffers: &Buffers,
) -> Result<Buffer, ObjectProblem> {
    let (content, plain) = open_stored(writer, kind, key, chunk, frame, buffers)?;
    Ok(plain.unwrap_or(content))
}

/// As [`open_frame`]; gives the content as it was sealed, and beside it, where that is compressed,
/// the plain one. What was checked can so be sealed again as it is.
///
/// # Errors
/// As [`open_frame`].
pub fn open_stored(
    writer: &WriterKey,
    kind: Kind,
    key: &ObjectKey,
    chunk: &ChunkRow,
    frame: &[u8],
    buffers: &Buffers,
) -> Result<(Buffer, Option<Buffer>), ObjectProblem> {
    let codec = Codec::from_number(chunk.codec)?;
    let shape = Shape {
        stored: chunk.stored,
        plain: chunk.plain,
        codec,
    };
    let shape = shape.check(kind.plain_bytes_max())?;
    let mut bytes = buffers.take(frame.len());
    bytes.extend_from_slice(frame);
    let additional = shape.additional(kind, Role::Chunk, chunk.position);
    key.open(chunk.position, &additional, &mut bytes)?;
    let plain = match codec {
        Codec::Plain => None,
        Codec::Zstd => {
            let mut plain = buffers.take(shape.plain as usize);
            decompress_into(&bytes, shape.plain as usize, &mut plain)?;
            Some(plain)
        }
    };
    if chunk_id(writer, kind, plain.as_ref().unwrap_or(&bytes)) != chunk.id {
        return Err(ObjectProblem::WrongChunk);
    }
    Ok((bytes, plain))
}

fn chunk_id(writer: &WriterKey, kind: Kind, plain: &[u8]) -> ChunkId {
    match kind {
        Kind::ListingPack => writer.metadata_id(plain),
        _ => writer.content_id(plain),
    }
}

/// Where a chunk's frame lies in the bytes of its pack.
pub fn frame_range(chunk: &ChunkRow) -> Range<u64> {
    chunk.start..chunk.start.saturating_add(u64::from(chunk.stored))
}
