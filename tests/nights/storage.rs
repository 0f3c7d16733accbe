//! What a copy holds and what of it is needed, computed from the packs' own footers and the
//! listings, without the help of what prune computes.

use std::collections::BTreeSet;

use offsite::format::{Kind, name};
use offsite::id::{ChunkId, ObjectId};
use offsite::ops::{Opened, REPACK_ABOVE_PERCENT};
use offsite::repository::{
    ChunkReader, Fetch, ListingReader, RepositoryError, read_contents, visit_ids,
};
use offsite::seams::Timestamp;

use super::copies::Copy;
use super::world::World;

/// A pack as LIST shows it.
pub struct ListedPack {
    pub kind: Kind,
    pub id: ObjectId,
    pub bytes: u64,
    pub modified: Timestamp,
}

pub fn list_packs(copy: &Copy) -> Vec<ListedPack> {
    let mut packs = Vec::new();
    for prefix in ["packs/", "listings/"] {
        let listed = copy.store().list(prefix, &mut |info| {
            let (kind, id) = name::parse(&info.name).unwrap();
            packs.push(ListedPack {
                kind,
                id: id.unwrap(),
                bytes: info.bytes,
                modified: info.modified,
            });
            Ok(())
        });
        listed.unwrap();
    }
    packs
}

/// Stored bytes of a copy.
#[derive(Debug, Default)]
pub struct Storage {
    /// Of all objects.
    pub all: u64,
    /// Of packs, padding and footers included.
    pub packs: u64,
    /// The share of packs that somebody needs.
    pub needed: u64,
    /// What lies dead in packs that are not dead enough to be rewritten …
    pub tolerated: u64,
    /// … and in those that are, but for those of which nothing is needed …
    pub rewritable: u64,
    /// … which are these.
    pub dead: u64,
}

impl World {
    /// `any_place`: each place of a needed chunk is needed, as without the read key; else the newest,
    /// of listings always.
    pub fn storage(&self, copy: usize, any_place: bool) -> Storage {
        let opened = self.stranger(copy);
        let reached = reached(&opened);
        let copy = &self.copies[copy];
        let mut packs = list_packs(copy);
        packs.sort_by_key(|pack| (std::cmp::Reverse(pack.modified), pack.id));
        let mut storage = Storage {
            all: copy.objects("").iter().map(|(_, bytes)| bytes).sum(),
            ..Storage::default()
        };
        let mut homes = BTreeSet::new();
        for pack in packs {
            let (store, writer) = (opened.repository.store.as_ref(), &opened.repository.writer);
            let contents = read_contents(store, writer, pack.kind, &pack.id, pack.bytes).unwrap();
            let (mut sealed, mut needed) = (0, 0);
            for entry in &contents.entries {
                let stored = u64::from(entry.shape.stored);
                sealed += stored;
                let is_reached = reached.contains(&entry.id);
                let is_home = any_place && pack.kind == Kind::DataPack || homes.insert(entry.id);
                needed += if is_reached && is_home { stored } else { 0 };
            }
            let needed_bytes = pack.bytes * needed / sealed.max(1);
            let dead_bytes = pack.bytes - needed_bytes;
            let dead_percent = 100.0 * (sealed - needed) as f64 / sealed.max(1) as f64;
            storage.packs += pack.bytes;
            storage.needed += needed_bytes;
            match dead_percent {
                100.0 => storage.dead += dead_bytes,
                it if it > REPACK_ABOVE_PERCENT => storage.rewritable += dead_bytes,
                _ => storage.tolerated += dead_bytes,
            }
        }
        storage
    }
}

/// All chunks that the snapshots of a copy need.
fn reached(opened: &Opened) -> BTreeSet<ChunkId> {
    let chunks = ChunkReader::new(&opened.repository, &opened.index, Fetch::Packs);
    let mut reached = BTreeSet::new();
    for snapshot in &opened.snapshots {
        reached.extend(snapshot.problem_lists());
        reached.insert(snapshot.record.listing.1);
        let mut nodes = BTreeSet::new();
        let filter = |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| {
            nodes.insert(*id);
            true
        };
        let mut inner = BTreeSet::new();
        for entry in ListingReader::new(&chunks, snapshot.record.listing).filtered(Box::new(filter))
        {
            let mut lists = Vec::new();
            let mut enter = |id: &ChunkId| {
                lists.push(*id);
                Ok::<_, RepositoryError>(true)
            };
            let visited = visit_ids(&chunks, &entry.unwrap(), &mut enter, &mut |id| {
                inner.insert(*id);
                Ok(())
            });
            visited.unwrap();
            inner.extend(lists);
        }
        reached.extend(nodes);
        reached.extend(inner);
    }
    reached
}
