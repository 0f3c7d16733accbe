//! Packs of which little is needed are emptied into new ones: each chunk is opened, its id computed
//! anew, and sealed again. The old pack is condemned like any other, and goes when its grace is over
//! and the new places were read.
//!
//! Memory: one old pack, and the packs that are being filled.

use std::collections::HashSet;

use super::run::Run;
use super::view::{kind_of, name_of};
use crate::format::frame::Codec;
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::format::{Kind, PACK_BYTES_MAX};
use crate::id::ObjectId;
use crate::index::prune::{PackUse, ShownPack};
use crate::ops::{OpsError, Result};
use crate::repository::{
    FinishedPack, ObjectProblem, PackContents, PackWriter, Plaintext, SegmentWriter, body_key,
    check_whole_pack, chunk_rows, frame_range, open_stored, session_of,
};
use crate::store::Window;

/// Packs are taken from the tables so many at a time.
const PAGE: u32 = 256;

/// What goes out: new packs, and the segments that name them.
struct Outgoing {
    packs: PackWriter,
    segments: SegmentWriter,
}

impl Run<'_> {
    /// Rewrites what is mostly dead, where that may be read, and adds up what would be free where it
    /// may not. Gives the packs whose contents are stored anew.
    ///
    /// # Errors
    /// `Store`, `Index`, `Seal`. What was stored by then lies in two places, and the next run sees
    /// that.
    pub fn rewrite(&mut self) -> Result<HashSet<ObjectId>> {
        let candidates = self.candidates()?;
        let mut rewritten = HashSet::new();
        if candidates.is_empty() {
            return Ok(rewritten);
        }
        let packs =
            PackWriter::new(self.repository).map_err(|error| OpsError::Seal(error.into()))?;
        let mut segments = SegmentWriter::new(packs.session());
        segments.adopt_unpublished(self.index)?;
        let mut outgoing = Outgoing { packs, segments };
        let bytes = candidates.iter().map(|one| one.bytes).sum();
        self.progress.stage("Rewriting packs", Some(bytes));
        for one in &candidates {
            self.progress.item(name_of(one).as_bytes());
            match self.rewrite_pack(&mut outgoing, one)? {
                Ok(()) => {
                    self.report.rewritten.add(one.bytes);
                    rewritten.insert(one.id);
                }
                Err(problem) => self.report.cannot_read(name_of(one), problem.to_string()),
            }
            self.progress.advance(one.bytes);
        }
        for class in [Class::Files, Class::Dump, Class::Metadata] {
            for pack in outgoing.packs.finish(class).map_err(OpsError::Seal)? {
                self.put(&mut outgoing.segments, &pack)?;
            }
        }
        outgoing.segments.publish(self.repository, self.index)?;
        self.progress.finish();
        // The newest place of a chunk is its home, so that the old packs are spare now.
        self.compute()?;
        Ok(rewritten)
    }

    fn candidates(&mut self) -> Result<Vec<ShownPack>> {
        let mut candidates = Vec::new();
        let needed_percent = 100.0 - self.options.repack_above;
        let mut after = None;
        loop {
            let page = self.tables.little_used(needed_percent, after, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(candidates);
            };
            after = Some((last.pack.id, last.pack.metadata));
            let worth_it = page.into_iter().filter(|one| one.needed > 0);
            for one in worth_it {
                if !self.may_go(&one) {
                    continue;
                }
                let may_be_read = one.pack.metadata || self.repository.reader.is_some();
                if self.options.dry_run || !may_be_read {
                    self.report.rewritable.packs += 1;
                    self.report.rewritable.bytes += freed_bytes(&one);
                    if may_be_read {
                        self.report.to_rewrite.add(one.pack.bytes);
                        self.report.to_rewrite_into_bytes += one.needed;
                        let free_at = self.view.now.plus(self.options.grace);
                        self.note_early(&one.pack, free_at);
                    }
                } else {
                    candidates.push(one.pack);
                }
            }
        }
    }

    fn may_go(&self, one: &PackUse) -> bool {
        let kind = kind_of(&one.pack);
        let header = Header::decode(&one.header, kind, Some(self.repository.id()));
        let modified = one.pack.modified;
        let is_over = header.is_ok_and(|header| self.view.sessions.are_over_for(&header, modified));
        let free_at = self.view.now.plus(self.options.grace);
        is_over && !self.judge().is_paid_for(&one.pack, free_at)
    }

    /// Seals what is needed of a pack anew; or says what is wrong with the pack.
    fn rewrite_pack(
        &mut self,
        outgoing: &mut Outgoing,
        pack: &ShownPack,
    ) -> Result<Result<(), ObjectProblem>> {
        let kind = kind_of(pack);
        let window = Window::Whole {
            bytes_max: PACK_BYTES_MAX,
        };
        let bytes = match self.repository.store.get(&name_of(pack), window) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(ObjectProblem::of_failed_fetch(error)?)),
        };
        let writer = &self.repository.writer;
        let contents = match check_whole_pack(writer, kind, &pack.id, &bytes) {
            Ok(contents) => contents,
            Err(problem) => return Ok(Err(problem)),
        };
        self.copy_chunks(outgoing, pack, &contents, &bytes)
    }

    fn copy_chunks(
        &mut self,
        outgoing: &mut Outgoing,
        pack: &ShownPack,
        contents: &PackContents,
        bytes: &[u8],
    ) -> Result<Result<(), ObjectProblem>> {
        let kind = kind_of(pack);
        let writer = &self.repository.writer;
        let session = match &self.repository.reader {
            Some(reader) if kind == Kind::DataPack => match session_of(reader, &contents.header) {
                Ok(session) => Some(session),
                Err(problem) => return Ok(Err(problem)),
            },
            _ => None,
        };
        let key = match body_key(writer, &contents.header, session.as_ref()) {
            Ok(key) => key,
            Err(problem) => return Ok(Err(problem)),
        };
        for row in chunk_rows(&contents.entries) {
            let is_home =
                self.tables.is_reached(&row.id)? && !self.tables.is_spare(&pack.id, &row.id)?;
            if !is_home {
                continue;
            }
            let range = frame_range(&row);
            let start = usize::try_from(range.start).unwrap_or(usize::MAX);
            let end = usize::try_from(range.end).unwrap_or(usize::MAX);
            let frame = bytes.get(start..end).unwrap_or_default();
            let mut content =
                match open_stored(writer, kind, &key, &row, frame, &self.repository.buffers) {
                    Ok((content, _plain)) => content,
                    Err(problem) => return Ok(Err(problem)),
                };
            let codec = match Codec::from_number(row.codec) {
                Ok(codec) => codec,
                Err(error) => return Ok(Err(error.into())),
            };
            let chunk = Plaintext {
                id: row.id,
                plain_bytes: row.plain,
                codec,
                content: &mut content,
            };
            let added = outgoing.packs.add(contents.class, chunk);
            if let Some(finished) = added.map_err(OpsError::Seal)? {
                self.put(&mut outgoing.segments, &finished)?;
            }
        }
        Ok(Ok(()))
    }

    fn put(&mut self, segments: &mut SegmentWriter, pack: &FinishedPack) -> Result<()> {
        let store = self.repository.store.as_ref();
        store.put(&pack.object.name, pack.bytes().clone())?;
        self.index.add_pack(&pack.indexed())?;
        self.report.rewritten_into_bytes += pack.bytes().len() as u64;
        let info = store.head(&pack.object.name)?;
        self.tables.show(&mut vec![ShownPack {
            id: pack.id(),
            metadata: pack.class == Class::Metadata,
            bytes: info.bytes,
            modified: info.modified,
            condemned: false,
            mine: false,
        }])?;
        segments.add(pack.row());
        if segments.is_large(1) {
            segments.publish(self.repository, self.index)?;
        }
        Ok(())
    }
}

/// Stored bytes that rewriting would free, about.
fn freed_bytes(one: &PackUse) -> u64 {
    let dead = one.sealed.saturating_sub(one.needed);
    // Both are far below 2^53.
    let share = dead as f64 / one.sealed.max(1) as f64;
    (one.pack.bytes as f64 * share) as u64
}
