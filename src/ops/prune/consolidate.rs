//! Few large index segments in place of many small ones, and none that go on naming packs which are
//! gone. Only old ones are touched: the young say which sessions may still be running. What was
//! replaced goes with a later sweep, if others say all that it says.

use std::collections::{BTreeSet, HashSet};

use super::run::Run;
use super::stop::stop;
use super::view::{SegmentHead, said_of};
use crate::format::segment::{PackRow, SEGMENT_TARGET_BYTES, Segment};
use crate::format::{Kind, cbor};
use crate::id::{ObjectId, SessionId};
use crate::ops::{OpsError, Result};
use crate::repository::{RepositoryError, read_segment, seal_record};

/// A segment is small below so many stored bytes.
const SMALL_BYTES: u64 = 1024 * 1024;
/// So many small ones are worth being put together.
const SMALL_MAX: usize = 16;
/// So many of a hundred rows may name packs that are gone.
const GONE_PERCENT: u64 = 25;

impl Run<'_> {
    /// Writes new segments in place of old ones, where that is worth it.
    ///
    /// # Errors
    /// `Store`, `Index`, `Prune`. A run that is cut short leaves segments that say what others say.
    pub fn consolidate(&mut self) -> Result<()> {
        let old = self.worth_replacing()?;
        if old.is_empty() || self.options.dry_run {
            self.report.segments_to_replace = old.len() as u64;
            return Ok(());
        }
        self.progress.stage("Putting index segments together", None);
        let mut session = [0; SessionId::LEN];
        let random = self.repository.seams.random.as_ref();
        let filled = random.fill(&mut session);
        filled.map_err(|_| OpsError::Seal(crate::crypto::CryptoError::NoRandomness.into()))?;
        let session = SessionId::new(session);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut seen: HashSet<[u8; 32]> = HashSet::new();
        for id in &old {
            let segment = read_segment(self.repository, id)
                .map_err(|error| stop("an index segment", error))?;
            for row in segment.packs {
                let (pack, metadata, said) = said_of(&row).map_err(OpsError::from)?;
                if self.tables.shown_as(&pack, metadata)?.is_none() || !seen.insert(said) {
                    continue;
                }
                bytes += row.encoded_bytes();
                rows.push(row);
                if bytes >= SEGMENT_TARGET_BYTES {
                    self.store_segment(session, std::mem::take(&mut rows), &[])?;
                    bytes = 0;
                }
            }
        }
        // Only the last of them says what is replaced: then all is said.
        self.store_segment(session, rows, &old)?;
        self.progress.finish();
        Ok(())
    }

    fn store_segment(
        &mut self,
        session: SessionId,
        packs: Vec<PackRow>,
        replaces: &[ObjectId],
    ) -> Result<()> {
        // It names no session that it continues: it is no sign that one still runs.
        let segment = Segment {
            session,
            continues: Vec::new().into(),
            replaces: replaces.to_vec().into(),
            packs,
        };
        let object = seal_record(
            &self.repository.writer,
            self.repository.seams.random.as_ref(),
            Kind::Segment,
            &cbor::encode(&segment),
        );
        let object =
            object.map_err(|problem| RepositoryError::object("an index segment", problem))?;
        self.repository.store.put(&object.name, object.bytes)?;
        self.report.segments_written += 1;
        Ok(())
    }

    /// Old segments that are small, or speak of much that is gone; nothing while they are few.
    fn worth_replacing(&self) -> Result<Vec<ObjectId>> {
        let replaced = self.replaced();
        let (mut worth, mut small, mut rows, mut gone) = (Vec::new(), 0, 0, 0);
        for head in &self.view.segments {
            if !self.is_old(head.modified) || replaced.contains(&head.id) {
                continue;
            }
            let (its_rows, its_gone) = self.tables.named_totals(&head.id)?;
            let is_small = head.bytes < SMALL_BYTES;
            if is_small || its_gone * 100 >= its_rows * GONE_PERCENT {
                worth.push(head.id);
                small += usize::from(is_small);
                rows += its_rows;
                gone += its_gone;
            }
        }
        let is_worth_it = small >= SMALL_MAX || (gone > 0 && gone * 100 >= rows * GONE_PERCENT);
        Ok(if is_worth_it { worth } else { Vec::new() })
    }

    /// Old segments that another one replaces: they may be condemned.
    ///
    /// # Errors
    /// `Index`.
    pub fn replaced_segments(&self) -> Result<Vec<ObjectId>> {
        let replaced = self.replaced();
        let mine = self.view.mine.iter();
        let condemned: HashSet<_> = mine
            .flat_map(|stored| stored.plan.segments.0.iter().copied())
            .collect();
        let is_meant = |head: &&SegmentHead| {
            self.is_old(head.modified)
                && replaced.contains(&head.id)
                && !condemned.contains(&head.id)
        };
        let old = self.view.segments.iter().filter(is_meant);
        let old: Vec<ObjectId> = old.map(|head| head.id).collect();
        self.tables.set_going(&old)?;
        let mut said = Vec::new();
        for id in old {
            if self.tables.is_said_elsewhere(&id)? {
                said.push(id);
            }
        }
        Ok(said)
    }

    fn replaced(&self) -> BTreeSet<ObjectId> {
        let heads = self.view.segments.iter();
        heads
            .flat_map(|head| head.replaces.iter().copied())
            .collect()
    }
}
