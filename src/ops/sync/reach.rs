//! What a snapshot reaches, chunk by chunk: each that the target lacks is looked up at the source,
//! and the pack in which it lies there is noted as wanted.

use std::collections::{HashMap, HashSet};

use super::report::Lacking;
use super::target::{Standing, Target};
use crate::format::Kind;
use crate::format::entry::Entry;
use crate::format::pack::Class;
use crate::id::{ChunkId, ObjectId};
use crate::index::TransferTable;
use crate::ops::{OpsError, Replica, Result};
use crate::repository::{
    ChunkReader, Fetch, ListingReader, RepositoryError, SeenLists, StoredSnapshot, salvage,
    salvage_named,
};

/// Where chunks come from and where they are to go.
pub struct Reach<'r> {
    pub from: &'r Replica,
    pub target: &'r Target<'r>,
    pub table: &'r TransferTable,
    /// Chunks of listings of which all that is beneath them is at the target for good.
    pub settled: HashSet<ChunkId>,
    lists: SeenLists,
    /// How far the source's packs of a kind were asked what they hold: those that no segment names,
    /// then all, since what segments say may be false.
    asked: HashMap<Kind, u8>,
}

/// What a walk through one snapshot found.
#[derive(Default)]
pub struct Reached {
    /// Chunks of its listing, for [`Reach::settled`] once the snapshot is at the target.
    pub listing: HashSet<ChunkId>,
    /// What cannot be had.
    pub lacking: Lacking,
}

impl<'r> Reach<'r> {
    pub fn new(from: &'r Replica, target: &'r Target<'r>, table: &'r TransferTable) -> Self {
        Self {
            from,
            target,
            table,
            settled: HashSet::new(),
            lists: SeenLists::default(),
            asked: HashMap::new(),
        }
    }

    /// Notes all packs that the target needs for the snapshot.
    ///
    /// # Errors
    /// `Store`, `Index`. Damage is in what is found.
    pub fn snapshot(&mut self, snapshot: &StoredSnapshot) -> Result<Reached> {
        let mut reached = Reached::default();
        // Between two snapshots packs may have turned out to be bad.
        self.lists = SeenLists::default();
        let from = self.from;
        let chunks = ChunkReader::new(&from.repository, &from.index, Fetch::Packs);
        for id in problem_lists(snapshot) {
            if !self.need(Kind::ListingPack, &id)? {
                let reason = "a list of its problems or findings is nowhere".to_owned();
                reached.lacking.reason.get_or_insert(reason);
            }
        }
        let top = snapshot.record.listing;
        let Reached { listing, lacking } = &mut reached;
        if !self.settled.contains(&top.1) {
            listing.insert(top.1);
            let settled = std::mem::take(&mut self.settled);
            let walked = self.walk(&chunks, top, &settled, listing, lacking);
            self.settled = settled;
            walked?;
        }
        for id in &reached.listing {
            if !self.need(Kind::ListingPack, id)? {
                let reason = "a part of its listing is nowhere".to_owned();
                reached.lacking.reason.get_or_insert(reason);
            }
        }
        Ok(reached)
    }

    fn walk(
        &mut self,
        chunks: &ChunkReader<'_>,
        top: (u8, ChunkId),
        settled: &HashSet<ChunkId>,
        listing: &mut HashSet<ChunkId>,
        lacking: &mut Lacking,
    ) -> Result<()> {
        let filter = |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| {
            !settled.contains(id) && listing.insert(*id)
        };
        let reader = ListingReader::new(chunks, top);
        for entry in reader.filtered(Box::new(filter)) {
            match entry {
                Ok(entry) if entry.has_content() => {
                    if !self.entry(chunks, &entry)? {
                        lacking.add_file(&entry.path);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let reason = damage(error)?;
                    lacking.reason.get_or_insert(reason);
                }
            }
        }
        Ok(())
    }

    /// Whether all of a file can be had.
    fn entry(&mut self, chunks: &ChunkReader<'_>, entry: &Entry) -> Result<bool> {
        let mut lists = std::mem::take(&mut self.lists);
        let read = lists.all(chunks, entry, &mut |kind, id| self.need(kind, id));
        self.lists = lists;
        match read {
            Err(OpsError::Repository(error)) => damage(error).map(|_| false),
            read => read,
        }
    }

    /// Sees to it that a chunk will be at the target; tells whether it can be had.
    fn need(&mut self, kind: Kind, id: &ChunkId) -> Result<bool> {
        if self.target.is_stored(kind, id)? {
            return Ok(true);
        }
        self.table.need_chunk(kind.number(), id)?;
        loop {
            if self.find(kind, id)? {
                return Ok(true);
            }
            let (repository, index) = (&self.from.repository, &self.from.index);
            let asked = self.asked.entry(kind).or_default();
            match *asked {
                0 => salvage(repository, index, kind)?,
                1 => salvage_named(repository, index, kind)?,
                _ => return Ok(false),
            };
            *asked += 1;
        }
    }

    fn find(&self, kind: Kind, id: &ChunkId) -> Result<bool> {
        for place in self.from.index.places(id)? {
            let is_metadata = place.class == Class::Metadata as u8;
            let pack = place.pack;
            if is_metadata != (kind == Kind::ListingPack)
                || self.table.is_bad(kind.number(), &pack)?
                // What the pack says itself the target would know: somebody claimed what is not so.
                || self.target.has_spoken(&pack)? && !self.is_threatened(kind, &pack, place.pack_bytes)?
            {
                continue;
            }
            // One that the source lacks may still be had from a third copy.
            if place.live || !self.from.repository.others.is_empty() {
                self.table.want((kind.number(), pack, place.pack_bytes))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_threatened(&self, kind: Kind, pack: &ObjectId, bytes: u64) -> Result<bool> {
        let standing = self.target.standing(kind, pack, bytes)?;
        Ok(standing != Standing::There)
    }
}

/// What is wrong, in words, where stored data is.
fn damage(error: RepositoryError) -> Result<String> {
    match error {
        error if error.is_damage() => Ok(error.to_string()),
        RepositoryError::Object { name, problem } => Ok(format!("{name}: {problem}")),
        error => Err(error.into()),
    }
}

fn problem_lists(snapshot: &StoredSnapshot) -> Vec<ChunkId> {
    let problems = snapshot.record.problems.iter();
    let findings = snapshot.record.findings.iter();
    problems
        .map(|problems| &problems.chunks)
        .chain(findings.map(|findings| &findings.chunks))
        .flat_map(|chunks| chunks.0.iter().copied())
        .collect()
}
