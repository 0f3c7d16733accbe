//! Which part of a repository a verify looks at: a few snapshots, a random share of the packs, or
//! all. What is not looked at is taken to be as it is claimed, and the report says how much that is.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::{OpsError, Result};
use super::fetch::damage_apart;
use super::findings::Findings;
use super::turns::{Coverage, PackReads};
use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::{Index, PackRead, Trust};
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, SeenLists, StoredSnapshot,
    list_objects,
};

/// So many packs of a LIST are noted at once.
const BATCH: usize = 1000;

/// What a person asked to have checked; the default is everything.
#[derive(Debug, Clone, Default)]
pub struct VerifyPart {
    /// Of the packs to be read, so many of a hundred, chosen at random and at least one.
    pub sample_percent: Option<f64>,
    /// Only what these snapshots need; empty: all.
    pub snapshots: Vec<ObjectId>,
    /// Of the packs to be read, as many bytes, beginning with those read longest ago; at least one.
    /// Without `reads` none was ever read.
    pub budget_bytes: Option<u64>,
    /// Where it is remembered what was read.
    pub reads: Option<Arc<PackReads>>,
    /// Where no data is read: ask the store for the checksums it keeps.
    pub stored_checksums: bool,
}

impl VerifyPart {
    pub fn has_snapshot(&self, id: &ObjectId) -> bool {
        self.snapshots.is_empty() || self.snapshots.contains(id)
    }
}

/// Which objects are read.
pub struct Selection {
    part: VerifyPart,
    /// The data packs that the snapshots need, where not all are checked: 32 bytes for each.
    needed: Option<HashSet<ObjectId>>,
    sample: Option<Sample>,
    /// Those whose turn it is, where there is a budget: 32 bytes for each.
    turn: Option<HashSet<ObjectId>>,
    /// Data packs that are read, of how many, and their bytes.
    pub packs: u64,
    pub packs_total: u64,
    pub pack_bytes: u64,
    pub pack_bytes_total: u64,
}

/// A pack belongs to the sample if its hash under a random key is small enough; so nothing needs to
/// be remembered of each.
struct Sample {
    key: [u8; 32],
    most: u64,
}

impl Sample {
    fn rank(key: &[u8; 32], id: &ObjectId) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *blake3::keyed_hash(key, id.as_bytes()).as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn has(&self, id: &ObjectId) -> bool {
        Self::rank(&self.key, id) <= self.most
    }
}

impl Selection {
    /// Finds out which packs the snapshots need, where only some are checked, and draws the sample.
    ///
    /// # Errors
    /// `Store`, `Index`; `File` without randomness.
    pub fn choose(
        repository: &Repository,
        claims: &Index,
        snapshots: &[StoredSnapshot],
        part: &VerifyPart,
    ) -> Result<Self> {
        let needed = if part.snapshots.is_empty() {
            None
        } else {
            Some(needed_by(repository, claims, snapshots)?)
        };
        let mut selection = Self {
            part: part.clone(),
            needed,
            sample: None,
            turn: None,
            packs: 0,
            packs_total: 0,
            pack_bytes: 0,
            pack_bytes_total: 0,
        };
        selection.draw(repository)?;
        selection.take_turns(repository)?;
        let reads = selection.part.reads.clone();
        list_packs(repository, reads.as_deref(), &mut |id, bytes| {
            selection.packs_total += 1;
            selection.pack_bytes_total += bytes;
            if selection.has_pack(id) {
                selection.packs += 1;
                selection.pack_bytes += bytes;
            }
            true
        })?;
        Ok(selection)
    }

    fn draw(&mut self, repository: &Repository) -> Result<()> {
        let Some(percent) = self.part.sample_percent else {
            return Ok(());
        };
        let mut key = [0; 32];
        let random = repository.seams.random.as_ref();
        random.fill(&mut key).map_err(|error| {
            OpsError::file("could not draw from", "/dev/urandom".as_ref(), error)
        })?;
        // Eight bytes for each pack, for a moment.
        let mut ranks = Vec::new();
        list_objects(repository.store.as_ref(), Kind::DataPack, &mut |id, _| {
            if self.has_pack(&id) {
                ranks.push(Sample::rank(&key, &id));
            }
        })?;
        ranks.sort_unstable();
        let share = (ranks.len() as f64 * percent / 100.0).ceil() as usize;
        let last = ranks.get(share.clamp(1, ranks.len().max(1)) - 1);
        let most = last.copied().unwrap_or(0);
        self.sample = Some(Sample { key, most });
        Ok(())
    }

    fn take_turns(&mut self, repository: &Repository) -> Result<()> {
        let Some(budget) = self.part.budget_bytes else {
            return Ok(());
        };
        let none = PackReads::new(Trust::in_memory()?, String::new());
        let reads = self.part.reads.as_deref().unwrap_or(&none);
        list_packs(repository, Some(reads), &mut |id, _| self.has_pack(id))?;
        self.turn = Some(reads.choose(budget, repository.seams.clock.now())?);
        Ok(())
    }

    /// Remembers that a data pack was read.
    ///
    /// # Errors
    /// `Index`.
    pub fn note(&self, repository: &Repository, id: &ObjectId, was_sound: bool) -> Result<()> {
        if let Some(reads) = &self.part.reads {
            let at = repository.seams.clock.now();
            reads.note(id, PackRead { at, was_sound })?;
        }
        Ok(())
    }

    /// Finds again the data packs that were damaged when they were last read, of those that a run
    /// which reads contents or not leaves unread: nothing has shown that they are whole by now.
    ///
    /// # Errors
    /// `Index`.
    pub fn recall_damage(
        &self,
        repository: &Repository,
        reads_data: bool,
        findings: &Findings,
    ) -> Result<()> {
        let Some(reads) = &self.part.reads else {
            return Ok(());
        };
        reads.each_damaged(repository.seams.clock.now(), &mut |id| {
            let is_needed = self
                .needed
                .as_ref()
                .is_none_or(|needed| needed.contains(&id));
            if is_needed && !(reads_data && self.has_pack(&id)) {
                findings.remembered(&name::of(Kind::DataPack, &id));
            }
        })?;
        Ok(())
    }

    /// How much was read by now, where that is remembered.
    ///
    /// # Errors
    /// `Index`.
    pub fn coverage(&self, repository: &Repository) -> Result<Option<Coverage>> {
        let now = repository.seams.clock.now();
        let reads = self.part.reads.as_ref();
        let coverage = reads.map(|reads| reads.coverage(now));
        Ok(coverage.transpose()?)
    }

    /// Whether everything is read that there is.
    pub fn is_all(&self) -> bool {
        self.needed.is_none() && self.sample.is_none() && self.turn.is_none()
    }

    /// Whether a data pack is read.
    pub fn has_pack(&self, id: &ObjectId) -> bool {
        self.needed
            .as_ref()
            .is_none_or(|needed| needed.contains(id))
            && self.sample.as_ref().is_none_or(|sample| sample.has(id))
            && self.turn.as_ref().is_none_or(|turn| turn.contains(id))
    }

    /// Whether an object is read. Small ones always are; so are listings, those of a few snapshots by
    /// the walk through them.
    pub fn has(&self, kind: Kind, id: Option<&ObjectId>) -> bool {
        match (kind, id) {
            (Kind::DataPack, Some(id)) => self.has_pack(id),
            (Kind::ListingPack, _) => self.part.snapshots.is_empty(),
            (Kind::Snapshot, Some(id)) => self.part.has_snapshot(id),
            _ => true,
        }
    }
}

/// Visits all data packs with their bytes, and notes those of which the visitor says so beside what is remembered
/// of readings.
fn list_packs(
    repository: &Repository,
    reads: Option<&PackReads>,
    visit: &mut dyn FnMut(&ObjectId, u64) -> bool,
) -> Result<()> {
    reads.map_or(Ok(()), PackReads::begin_list)?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut noted = Ok(());
    let store = repository.store.as_ref();
    list_objects(store, Kind::DataPack, &mut |id, info| {
        if visit(&id, info.bytes) && reads.is_some() {
            batch.push((id, info.bytes));
        }
        if batch.len() >= BATCH {
            if noted.is_ok() {
                noted = reads.map_or(Ok(()), |reads| reads.list(&batch));
            }
            batch.clear();
        }
    })?;
    noted?;
    Ok(reads.map_or(Ok(()), |reads| reads.list(&batch))?)
}

/// The data packs in which the contents of the snapshots lie. What cannot be read is found by the
/// walk.
fn needed_by(
    repository: &Repository,
    claims: &Index,
    snapshots: &[StoredSnapshot],
) -> Result<HashSet<ObjectId>> {
    let chunks = ChunkReader::new(repository, claims, Fetch::Packs);
    let mut packs = HashSet::new();
    let mut seen = HashSet::new();
    let mut lists = SeenLists::default();
    for snapshot in snapshots {
        let filter = |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| seen.insert(*id);
        let listing = ListingReader::new(&chunks, snapshot.record.listing);
        for entry in listing.filtered(Box::new(filter)) {
            let Ok(entry) = damage_apart(entry)? else {
                continue;
            };
            let read = lists.all::<RepositoryError>(&chunks, &entry, &mut |kind, id| {
                if kind == Kind::DataPack {
                    packs.extend(claims.places(id)?.iter().map(|place| place.pack));
                }
                Ok(true)
            });
            // Told by the walk.
            let _ = damage_apart(read)?;
        }
    }
    Ok(packs)
}

/// Where a content chunk must be found: in a pack that was read and found right, or, of what was not
/// read, in one that is there.
#[derive(Clone, Copy)]
pub struct Contents<'c> {
    pub claims: &'c Index,
    /// What was found right; `None` if nothing was read.
    pub proven: Option<&'c Index>,
    pub selection: &'c Selection,
}

impl Contents<'_> {
    /// # Errors
    /// `Index`.
    pub fn is_stored(&self, id: &ChunkId) -> Result<bool, crate::index::IndexError> {
        let Some(proven) = self.proven else {
            return self.claims.is_stored(id);
        };
        if proven.is_stored(id)? {
            return Ok(true);
        }
        if self.selection.is_all() {
            return Ok(false);
        }
        let places = self.claims.places(id)?;
        Ok(places.iter().any(|place| {
            place.live
                && place.class != Class::Metadata as u8
                && !self.selection.has_pack(&place.pack)
        }))
    }
}
