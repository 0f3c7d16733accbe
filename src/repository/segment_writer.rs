//! Publishes packs: collects what a run stored and puts it into index segments (format.md §6, §9).

use std::collections::BTreeSet;

use super::{Repository, RepositoryError, Result, seal_record};
use crate::crypto::session_id;
use crate::format::frame::{Codec, Shape};
use crate::format::header::Header;
use crate::format::pack::{Class, FooterEntry};
use crate::format::segment::{PackRow, SEGMENT_TARGET_BYTES, Segment};
use crate::format::{FormatError, Kind, cbor};
use crate::id::SessionId;
use crate::index::{ChunkRow, Index, IndexError, KnownPack};

/// The packs that were stored since the last checkpoint.
pub struct SegmentWriter {
    session: SessionId,
    continues: BTreeSet<SessionId>,
    rows: Vec<PackRow>,
    bytes: usize,
}

impl SegmentWriter {
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            continues: BTreeSet::new(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Sessions whose packs were published beside the run's own, so far.
    pub fn continues(&self) -> Vec<SessionId> {
        self.continues.iter().copied().collect()
    }

    /// Packs of that session are published beside the run's own.
    pub fn continue_session(&mut self, session: SessionId) {
        self.continues.insert(session);
    }

    /// Whether there is nothing to publish.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A pack whose PUT was acknowledged.
    pub fn add(&mut self, row: PackRow) {
        self.bytes += row.encoded_bytes();
        self.rows.push(row);
    }

    /// Takes in what earlier runs stored and did not publish, because they were interrupted: this
    /// run may refer to it.
    ///
    /// # Errors
    /// `Index`, also for an index that holds what this program cannot have written.
    pub fn adopt_unpublished(&mut self, index: &Index) -> Result<()> {
        for pack in index.unpublished_packs()? {
            let chunks = index.chunks_of(pack.number)?;
            // These rows are this host's own, so that nobody else can have spoilt them.
            let (session, row) = row_of(pack, chunks).map_err(|_| IndexError::Damaged)?;
            self.continues.insert(session);
            self.add(row);
        }
        self.continues.remove(&self.session);
        Ok(())
    }

    /// Whether so much has come together that it should be published before more is added. `among`
    /// writers of as many replicas share the memory of one.
    pub fn is_large(&self, among: usize) -> bool {
        self.bytes.saturating_mul(among) >= SEGMENT_TARGET_BYTES
    }

    /// Stores what has come together as segments, and marks it as published. Gives how many
    /// objects and bytes were stored.
    ///
    /// # Errors
    /// `Store`, `Index`, `Object`. What was not acknowledged stays unpublished in the index, where
    /// the next run finds it.
    pub fn publish(&mut self, repository: &Repository, index: &Index) -> Result<(u64, u64)> {
        let (mut objects, mut stored) = (0, 0);
        while !self.rows.is_empty() {
            let segment = Segment {
                session: self.session,
                continues: self.continues().into(),
                replaces: Vec::new().into(),
                packs: self.take_rows(),
            };
            let object = seal_record(
                &repository.writer,
                repository.seams.random.as_ref(),
                Kind::Segment,
                &cbor::encode(&segment),
            )
            .map_err(|problem| RepositoryError::object("an index segment", problem))?;
            repository.store.put(&object.name, object.bytes.clone())?;
            objects += 1;
            stored += object.bytes.len() as u64;
            let packs = segment.packs.iter().map(|row| row.id);
            index.published(&object.id, &self.session, packs)?;
        }
        Ok((objects, stored))
    }

    /// As many rows as one segment holds, and at least one.
    fn take_rows(&mut self) -> Vec<PackRow> {
        let (mut count, mut bytes) = (0, 0);
        for row in &self.rows {
            let length = row.encoded_bytes();
            if count > 0 && bytes + length > SEGMENT_TARGET_BYTES {
                break;
            }
            count += 1;
            bytes += length;
        }
        self.bytes -= bytes;
        self.rows.drain(..count).collect()
    }
}

/// What a segment says of a pack, and the session that wrote it.
fn row_of(pack: KnownPack, chunks: Vec<ChunkRow>) -> Result<(SessionId, PackRow), FormatError> {
    let class = Class::from_number(pack.class)?;
    let header = Header::decode(&pack.header, class.kind(), None)?;
    let entry_of = |chunk: ChunkRow| {
        Ok(FooterEntry {
            id: chunk.id,
            shape: Shape {
                stored: chunk.stored,
                plain: chunk.plain,
                codec: Codec::from_number(chunk.codec)?,
            },
            position: chunk.position,
        })
    };
    let entries = chunks.into_iter().map(entry_of);
    let entries = entries.collect::<Result<Vec<_>, FormatError>>()?;
    let KnownPack {
        id,
        bytes,
        crc,
        header: stored,
        ..
    } = pack;
    let row = PackRow::new(id, bytes, class, crc, stored, &entries);
    Ok((session_id(header.extension()), row))
}
