//! One pack: its name, its frame of header, pad, footer and trailer, and, where a key is at hand,
//! every chunk in it.

use std::collections::HashSet;

use bytes::Bytes;

use super::super::Result;
use super::fetch::{fetch, oversized};
use super::findings::Findings;
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::format::{FormatError, Kind, PACK_BYTES_MAX};
use crate::id::{ChunkId, ObjectId};
use crate::index::{ChunkRow, Index, IndexedPack};
use crate::repository::{
    ObjectProblem, Repository, body_key, check_whole_pack, chunk_rows, frame_range, open_frame,
    session_of,
};
use crate::store::ObjectInfo;

pub struct PackCheck<'c> {
    pub repository: &'c Repository,
    pub claims: &'c Index,
    /// Takes the chunks of data packs that can be relied on.
    pub proven: &'c Index,
    pub findings: &'c Findings,
}

/// What opening the chunks of a pack showed.
struct Opened {
    good: Vec<ChunkRow>,
    total: usize,
    /// The first that could not be used.
    first_bad: Option<(ChunkId, ObjectProblem)>,
}

impl PackCheck<'_> {
    /// Checks one pack.
    ///
    /// # Errors
    /// `Store`, `Index`; `Object` for what is of a later version.
    pub fn check(&self, kind: Kind, id: &ObjectId, info: &ObjectInfo) -> Result<()> {
        if info.bytes > PACK_BYTES_MAX {
            self.findings.damaged(&info.name, &oversized());
            return Ok(());
        }
        // The name is judged with the rest: the bytes are of use even if it is wrong.
        let pack = match fetch(self.repository, &info.name, None, info.bytes)? {
            Ok(pack) => pack,
            Err(problem) => {
                self.findings.damaged(&info.name, &problem);
                return Ok(());
            }
        };
        match check_whole_pack(&self.repository.writer, kind, id, &pack) {
            Ok(contents) => {
                let rows = chunk_rows(&contents.entries).collect();
                self.sound(
                    info,
                    *id,
                    &contents.header,
                    contents.class as u8,
                    rows,
                    &pack,
                )
            }
            Err(problem) => {
                self.findings.damaged(&info.name, &problem);
                self.damaged(kind, *id, info, &pack)
            }
        }
    }

    /// The bytes are those that its writer stored: are its chunks what they claim to be?
    fn sound(
        &self,
        info: &ObjectInfo,
        id: ObjectId,
        header: &Header,
        class: u8,
        rows: Vec<ChunkRow>,
        pack: &Bytes,
    ) -> Result<()> {
        let good = match self.open(header, &rows, pack) {
            None => rows,
            Some(opened) => {
                let total = opened.total;
                if let Some((first, problem)) = opened.first_bad {
                    let bad = total - opened.good.len();
                    let text = format!(
                        "{bad} of its {total} chunks cannot be used; the first is {first}: {problem}"
                    );
                    self.findings.says(&info.name, text);
                }
                opened.good
            }
        };
        self.prove(id, info.bytes, class, header, good)
    }

    /// The bytes are not what its writer stored. With the key, what still opens is still good.
    fn damaged(&self, kind: Kind, id: ObjectId, info: &ObjectInfo, pack: &Bytes) -> Result<()> {
        // Of another size than is claimed, nothing in it would be looked for at the right place: such
        // claims are not live. Of several, some may be false; a chunk that opens is a chunk.
        let (mut claimed, mut good) = (HashSet::new(), HashSet::new());
        let claims = self.claims.claims_of(&id)?;
        for known in claims.into_iter().filter(|claim| claim.live) {
            let Ok(header) = Header::decode(&known.header, kind, None) else {
                continue;
            };
            let rows = self.claims.chunks_of(known.number)?;
            let Some(opened) = self.open(&header, &rows, pack) else {
                return Ok(());
            };
            claimed.extend(rows.iter().map(|row| row.id));
            good.extend(opened.good.iter().map(|row| row.id));
            self.prove(id, info.bytes, known.class, &header, opened.good)?;
        }
        let total = claimed.len();
        if total > 0 {
            let text = match total - good.len() {
                0 => "all that is in it can be read all the same".to_owned(),
                lost => format!("{lost} of its {total} chunks are lost"),
            };
            self.findings.note(&info.name, text);
        }
        Ok(())
    }

    fn prove(
        &self,
        id: ObjectId,
        bytes: u64,
        class: u8,
        header: &Header,
        chunks: Vec<ChunkRow>,
    ) -> Result<()> {
        // Metadata chunks prove themselves when the listings are walked.
        if class == Class::Metadata as u8 {
            return Ok(());
        }
        self.proven.add_pack(&IndexedPack {
            id,
            bytes,
            class,
            crc: None,
            header: header.bytes().to_vec(),
            chunks,
        })?;
        Ok(())
    }

    /// Opens every chunk; `None` without the key that it takes.
    fn open(&self, header: &Header, rows: &[ChunkRow], pack: &Bytes) -> Option<Opened> {
        let Repository { writer, reader, .. } = self.repository;
        let session = match (header.kind, reader) {
            (Kind::ListingPack, _) => Ok(None),
            (_, Some(reader)) => session_of(reader, header).map(Some),
            (_, None) => return None,
        };
        let key = session.and_then(|session| body_key(writer, header, session.as_ref()));
        let mut opened = Opened {
            good: Vec::with_capacity(rows.len()),
            total: rows.len(),
            first_bad: None,
        };
        for row in rows {
            let tried = key.as_ref().map_err(Clone::clone).and_then(|key| {
                let frame = frame_of(pack, row).ok_or(FormatError::TooShort)?;
                open_frame(
                    writer,
                    header.kind,
                    key,
                    row,
                    frame,
                    &self.repository.buffers,
                )
            });
            match tried {
                Ok(_) => opened.good.push(*row),
                Err(problem) => {
                    opened.first_bad.get_or_insert((row.id, problem));
                }
            }
        }
        Some(opened)
    }
}

fn frame_of<'p>(pack: &'p Bytes, row: &ChunkRow) -> Option<&'p [u8]> {
    let range = frame_range(row);
    let start = usize::try_from(range.start).ok()?;
    let end = usize::try_from(range.end).ok()?;
    pack.get(start..end)
}
