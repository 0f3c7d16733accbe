//! One pack in the making (format.md §5): frames come in sealed, the end is sealed here.

use std::sync::Arc;

use bytes::Bytes;

use super::pack_room::Held;
use super::record::SealedObject;
use super::{ObjectProblem, fixed_frame};
use crate::buffers::Buffer;
use crate::crypto::{
    CryptoError, ObjectKey, Position, Positions, Purpose, Secret, Tag, WriterKey, draw_salt,
};
use crate::format::frame::{Role, Shape};
use crate::format::header::{Header, PACK_HEADER_BYTES};
use crate::format::pack::{
    Class, ENTRY_BYTES, FooterEntry, PACK_END_BYTES, TRAILER_BYTES, Trailer, encode_entries,
};
use crate::format::segment::PackRow;
use crate::format::{Kind, PACK_CHUNKS_MAX, TAG_BYTES, padme};
use crate::id::ObjectId;
use crate::index::{ChunkRow, IndexedPack};
use crate::seams::Random;

/// The keys of one pack; shared by the threads that seal into it.
pub struct PackKeys {
    kind: Kind,
    body: ObjectKey,
    tail: ObjectKey,
    header: Vec<u8>,
}

impl PackKeys {
    /// Draws a salt and derives the keys. `session` is the session key, `extension` its sealed
    /// form as the header carries it.
    pub fn new(
        writer: &WriterKey,
        random: &dyn Random,
        class: Class,
        session: &Secret,
        extension: &[u8; 84],
    ) -> Result<Self, CryptoError> {
        let kind = class.kind();
        let salt = draw_salt(random)?;
        let mut header = Header::unfinished(kind, writer.repository(), salt, extension);
        let subkey = writer.subkey(kind.number());
        let body_secret = if kind == Kind::DataPack {
            session
        } else {
            &subkey
        };
        let (body, body_commitment) = ObjectKey::derive(Purpose::Body, body_secret, &header)?;
        let (tail, tail_commitment) = ObjectKey::derive(Purpose::Tail, &subkey, &header)?;
        header.extend_from_slice(&body_commitment);
        header.extend_from_slice(&tail_commitment);
        Ok(Self {
            kind,
            body,
            tail,
            header,
        })
    }

    /// Seals one chunk's content (compressed or not) where it stands; with the tag behind it, it is a
    /// frame.
    pub fn seal_chunk(
        &self,
        position: Position,
        shape: Shape,
        content: &mut [u8],
    ) -> Result<Tag, CryptoError> {
        let additional = shape.additional(self.kind, Role::Chunk, position.number());
        self.body.seal_in_place(position, &additional, content)
    }

    fn open_chunk(&self, entry: &FooterEntry, frame: &mut Vec<u8>) -> Result<(), CryptoError> {
        let additional = entry
            .shape
            .additional(self.kind, Role::Chunk, entry.position);
        self.body.open(entry.position, &additional, frame)
    }
}

/// A pack that still takes chunks.
pub struct PackBuilder {
    class: Class,
    keys: Arc<PackKeys>,
    positions: Positions,
    bytes: Buffer,
    held: Held,
    entries: Vec<FooterEntry>,
}

impl PackBuilder {
    /// An empty pack whose bytes will stand in `buffer`, which is empty; it counts as `held` until
    /// the finished pack is dropped.
    pub fn new(class: Class, keys: PackKeys, buffer: Buffer, held: Held) -> Self {
        let mut bytes = buffer;
        bytes.extend_from_slice(&keys.header);
        let positions = Positions::up_to(PACK_CHUNKS_MAX);
        Self {
            class,
            keys: Arc::new(keys),
            positions,
            bytes,
            held,
            entries: Vec::new(),
        }
    }

    pub fn keys(&self) -> Arc<PackKeys> {
        Arc::clone(&self.keys)
    }

    /// Hands out the next position, once.
    pub fn take_position(&mut self) -> Result<Position, CryptoError> {
        self.positions.take()
    }

    pub fn positions_left(&self) -> u32 {
        self.positions.left()
    }

    /// A frame: what was sealed, and its tag.
    pub fn append(&mut self, entry: FooterEntry, content: &[u8], tag: &Tag) {
        debug_assert_eq!(
            content.len() + tag.len(),
            entry.shape.stored as usize,
            "a frame has its length"
        );
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(tag);
        self.entries.push(entry);
    }

    /// Bytes of all frames so far.
    pub fn body_bytes(&self) -> usize {
        self.bytes.len() - PACK_HEADER_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Moves all chunks of `other` here, sealed anew at positions of this pack.
    ///
    /// # Errors
    /// `PositionsUsedUp`; then some chunks lie in both, which is no harm.
    pub fn absorb(&mut self, other: &Self) -> Result<(), CryptoError> {
        let mut start = PACK_HEADER_BYTES;
        for entry in &other.entries {
            let end = start + entry.shape.stored as usize;
            let mut content = other.bytes.get(start..end).unwrap_or_default().to_vec();
            start = end;
            other.keys.open_chunk(entry, &mut content)?;
            let position = self.take_position()?;
            let entry = FooterEntry {
                position: position.number(),
                ..*entry
            };
            let tag = self.keys.seal_chunk(position, entry.shape, &mut content)?;
            self.append(entry, &content, &tag);
        }
        Ok(())
    }

    /// Whether all of `other` fits in without passing `target_bytes`.
    pub fn has_room_for(&self, other: &Self, target_bytes: usize) -> bool {
        self.body_bytes() + other.body_bytes() <= target_bytes
            && other.entries.len() <= self.positions_left() as usize
    }

    /// Seals pad, footer and trailer, and names the pack.
    pub fn finish(self) -> Result<FinishedPack, ObjectProblem> {
        let Self {
            class,
            keys,
            mut bytes,
            held,
            entries,
            ..
        } = self;
        let body_bytes = (bytes.len() - PACK_HEADER_BYTES) as u64;
        // At most `PACK_CHUNKS_MAX` entries, so that the footer has at most 720,896 bytes.
        let footer_plain = (entries.len() * ENTRY_BYTES) as u32;
        let footer_shape = Shape::plain(footer_plain);
        let least = bytes.len() as u64
            + u64::from(TAG_BYTES)
            + u64::from(footer_shape.stored)
            + PACK_END_BYTES as u64;
        let total = padme::padded(least, keys.kind.padded_bytes_min().unwrap_or(0));
        let trailer = Trailer {
            body_bytes,
            footer_stored: footer_shape.stored,
            chunks: entries.len() as u32,
            class,
        };
        // Padding adds at most an eighth of a pack.
        let pad = (total - least) as u32;
        let missing = total - bytes.len() as u64;
        bytes.reserve_exact(missing as usize);
        let seal = |bytes: &mut Vec<u8>, role, shape, plain: &[u8]| {
            fixed_frame::seal(&keys.tail, keys.kind, role, shape, plain, bytes)
        };
        let zeros = vec![0; pad as usize];
        seal(&mut bytes, Role::PackPad, Shape::plain(pad), &zeros)?;
        let footer = encode_entries(&entries);
        seal(&mut bytes, Role::Footer, footer_shape, &footer)?;
        bytes.extend_from_slice(&keys.header);
        let trailer_shape = Shape::plain(TRAILER_BYTES);
        seal(&mut bytes, Role::Trailer, trailer_shape, &trailer.encode())?;
        debug_assert_eq!(bytes.len() as u64, total, "a pack has its padded length");
        Ok(FinishedPack {
            _held: held,
            ..FinishedPack::new(class, keys.header.clone(), bytes, entries)
        })
    }
}

/// A pack that is ready to be stored.
pub struct FinishedPack {
    pub object: SealedObject,
    pub class: Class,
    pub crc: u64,
    pub entries: Vec<FooterEntry>,
    header: Vec<u8>,
    /// Until it is dropped, the pack counts.
    _held: Held,
}

impl FinishedPack {
    fn new(class: Class, header: Vec<u8>, bytes: Buffer, entries: Vec<FooterEntry>) -> Self {
        let crc = super::pack_reader::crc_of(&bytes);
        Self {
            object: SealedObject::new(class.kind(), Bytes::from_owner(bytes)),
            class,
            crc,
            entries,
            header,
            _held: Held::default(),
        }
    }

    pub fn id(&self) -> ObjectId {
        self.object.id
    }

    pub fn bytes(&self) -> &Bytes {
        &self.object.bytes
    }

    /// What an index segment says of it.
    pub fn row(&self) -> PackRow {
        let bytes = self.object.bytes.len() as u64;
        PackRow::new(
            self.id(),
            bytes,
            self.class,
            Some(self.crc),
            self.header.clone(),
            &self.entries,
        )
    }

    /// What the local index says of it.
    pub fn indexed(&self) -> IndexedPack {
        IndexedPack {
            id: self.id(),
            bytes: self.object.bytes.len() as u64,
            class: self.class as u8,
            crc: Some(self.crc),
            header: self.header.clone(),
            chunks: super::pack_reader::chunk_rows(&self.entries).collect::<Vec<ChunkRow>>(),
        }
    }
}
