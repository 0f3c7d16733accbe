//! Publishes packs: collects what a run stored and puts it into index segments (format.md §6, §9).

use std::collections::BTreeSet;

use super::{Repository, RepositoryError, Result, seal_record};
use crate::crypto::session_id;
use crate::format::frame::{Codec, Shape};
use crate::format::header::Header;
use crate::format::pack::{Class, FooterEntry};
use crate::format::segment::{PackRow, SEGMENT_TARGET_BYTES, Segment};
use crate::format::{Kind, cbor};
use crate::id::{ChunkId, SessionId};
use crate::index::{Index, KnownPack};

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

    /// A pack whose PUT was acknowledged.
    pub fn add(&mut self, row: PackRow) {
        self.bytes += row.encoded_bytes();
        self.rows.push(row);
    }

    /// Takes in what earlier runs stored and did not publish, because they were interrupted: this
    /// run may refer to it.
    ///
    /// # Errors
    /// `Index`; `Object` for an index that holds what it cannot.
    pub fn adopt_unpublished(&mut self, index: &Index) -> Result<()> {
        for pack in index.unpublished_packs()? {
            let row = row_of(index, &pack)?;
            let header = Header::decode(&row.header, row.class()?.kind(), None)?;
            self.continues.insert(session_id(header.extension()));
            self.add(row);
        }
        self.continues.remove(&self.session);
        Ok(())
    }

    /// Whether so much has come together that it should be published before more is added.
    pub fn is_large(&self) -> bool {
        self.bytes >= SEGMENT_TARGET_BYTES
    }

    /// Stores what has come together as segments, and marks it as published. Gives how many
    /// objects and bytes were stored.
    ///
    /// # Errors
    /// `Store`, `Index`, `Object`. What was not acknowledged stays for the next call.
    pub fn publish(&mut self, repository: &Repository, index: &Index) -> Result<(u64, u64)> {
        let (mut objects, mut stored) = (0, 0);
        while !self.rows.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            for row in &self.rows {
                if count > 0 && bytes + row.encoded_bytes() > SEGMENT_TARGET_BYTES {
                    break;
                }
                count += 1;
                bytes += row.encoded_bytes();
            }
            let (packs, rest) = self.rows.split_at(count);
            let segment = Segment {
                session: self.session,
                continues: self.continues().into(),
                replaces: Vec::new().into(),
                packs: packs.to_vec(),
            };
            let random = repository.seams.random.as_ref();
            let object = seal_record(
                &repository.writer,
                random,
                Kind::Segment,
                &cbor::encode(&segment),
            )
            .map_err(|problem| RepositoryError::object("an index segment", problem))?;
            repository.store.put(&object.name, object.bytes.clone())?;
            objects += 1;
            stored += object.bytes.len() as u64;
            index.published(&object.id, &self.session, packs.iter().map(|row| row.id))?;
            self.rows = rest.to_vec();
        }
        self.bytes = 0;
        Ok((objects, stored))
    }
}

fn row_of(index: &Index, pack: &KnownPack) -> Result<PackRow> {
    let entries = index
        .chunks_of(pack.number)?
        .into_iter()
        .map(|chunk| {
            let codec = Codec::from_number(chunk.codec)?;
            let shape = Shape {
                stored: chunk.stored,
                plain: chunk.plain,
                codec,
            };
            Ok(FooterEntry {
                id: ChunkId::new(*chunk.id.as_bytes()),
                shape,
                position: chunk.position,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let class = Class::from_number(pack.class)?;
    Ok(PackRow::new(
        pack.id,
        pack.bytes,
        class,
        pack.crc,
        pack.header.clone(),
        &entries,
    ))
}
