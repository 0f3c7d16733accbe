//! `stats`: how much there is, what deduplication and compression save, and what one snapshot costs.

use std::collections::HashSet;

use super::Result;
use crate::format::Kind;
use crate::format::entry::{Entry, EntryType};
use crate::format::pack::Class;
use crate::id::ChunkId;
use crate::index::{ClassTotals, Index, ReferenceTotals};
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, SeenLists, StoredSnapshot,
};

/// Figures of a whole repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepositoryStats {
    pub snapshots: u64,
    /// The sizes of all snapshots added up: what they would take without deduplication.
    pub snapshot_bytes: u64,
    pub files: ClassTotals,
    pub dumps: ClassTotals,
    pub metadata: ClassTotals,
}

impl RepositoryStats {
    /// Bytes of all packs as stored.
    pub fn pack_bytes(&self) -> u64 {
        self.files.pack_bytes + self.dumps.pack_bytes + self.metadata.pack_bytes
    }

    pub fn packs(&self) -> u64 {
        self.files.packs + self.dumps.packs + self.metadata.packs
    }

    /// Different bytes of files and dumps, before compression.
    pub fn unique_bytes(&self) -> u64 {
        self.files.plain_bytes + self.dumps.plain_bytes
    }

    /// The same as they are sealed.
    pub fn sealed_bytes(&self) -> u64 {
        self.files.sealed_bytes + self.dumps.sealed_bytes
    }

    /// How many times smaller compression makes it; `None` of nothing.
    pub fn compression_ratio(&self) -> Option<f64> {
        ratio(self.unique_bytes(), self.sealed_bytes())
    }

    /// How many times smaller it is because nothing is stored twice; `None` of nothing.
    pub fn deduplication_ratio(&self) -> Option<f64> {
        ratio(self.snapshot_bytes, self.unique_bytes())
    }
}

fn ratio(before: u64, after: u64) -> Option<f64> {
    // Exact enough up to 9 PB.
    (after > 0).then(|| before as f64 / after as f64)
}

/// Figures of a repository, from its records and the index, which is level with the store.
///
/// # Errors
/// `Index`.
pub fn repository_stats(index: &Index, snapshots: &[StoredSnapshot]) -> Result<RepositoryStats> {
    let mut stats = RepositoryStats {
        snapshots: snapshots.len() as u64,
        ..RepositoryStats::default()
    };
    let sizes = snapshots.iter().map(|one| one.record.statistics.bytes);
    stats.snapshot_bytes = sizes.fold(0, u64::saturating_add);
    for totals in index.class_totals()? {
        match Class::from_number(totals.class) {
            Ok(Class::Files) => stats.files = totals,
            Ok(Class::Dump) => stats.dumps = totals,
            Ok(Class::Metadata) => stats.metadata = totals,
            Err(_) => {}
        }
    }
    Ok(stats)
}

/// Figures of one snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SnapshotStats {
    /// Hard links among them.
    pub files: u64,
    pub folders: u64,
    pub links: u64,
    /// Plain bytes of files, each group of hard links once, and of the dump.
    pub bytes: u64,
    pub database_bytes: u64,
    /// The different chunks of its contents, and those that no other snapshot needs.
    pub chunks: ReferenceTotals,
}

/// So many ids are handed to the index at once: 16 MiB.
const BATCH: usize = 512 * 1024;

/// Figures of one snapshot. Reads its listing, and of all others what is not the same in several.
///
/// Memory: 40 bytes for each different chunk of all listings; ids of contents are in a temporary file.
///
/// # Errors
/// `Store`, `Index`; of reading a listing.
pub fn snapshot_stats(
    repository: &Repository,
    index: &Index,
    snapshots: &[StoredSnapshot],
    chosen: &StoredSnapshot,
    progress: &dyn Progress,
) -> Result<SnapshotStats> {
    progress.stage("Reading the listings", None);
    index.clear_references()?;
    let chunks = ChunkReader::new(repository, index, Fetch::Packs);
    let mut stats = SnapshotStats::default();
    let mut batch = Batch::new(index, true);
    for entry in ListingReader::new(&chunks, chosen.record.listing).entries() {
        let entry = entry?;
        stats.add(&entry);
        batch.add(&chunks, &entry)?;
    }
    batch.hand_over()?;
    let mut seen = HashSet::new();
    let mut batch = Batch::new(index, false);
    for other in snapshots.iter().filter(|other| other.id != chosen.id) {
        progress.item(other.id.to_string().as_bytes());
        let listing = other.record.listing;
        if !seen.insert(listing.1) {
            continue;
        }
        let filter = |_: (u32, &[u8]), _: Option<(u32, &[u8])>, id: &ChunkId| seen.insert(*id);
        for entry in ListingReader::new(&chunks, listing).filtered(Box::new(filter)) {
            batch.add(&chunks, &entry?)?;
        }
    }
    batch.hand_over()?;
    stats.chunks = index.reference_totals()?;
    progress.finish();
    Ok(stats)
}

impl SnapshotStats {
    fn add(&mut self, entry: &Entry) {
        let size = entry.size.unwrap_or(0);
        if entry.is_database() {
            self.database_bytes = size;
            self.bytes = self.bytes.saturating_add(size);
            return;
        }
        match entry.entry_type() {
            EntryType::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size);
            }
            EntryType::HardLink => self.files += 1,
            EntryType::Folder => self.folders += 1,
            EntryType::Link => self.links += 1,
            EntryType::Unknown(_) => {}
        }
    }
}

/// Ids on their way into the index.
struct Batch<'i> {
    index: &'i Index,
    /// Of the snapshot that was chosen, and not of another.
    is_chosen: bool,
    ids: Vec<ChunkId>,
    lists: SeenLists,
}

impl<'i> Batch<'i> {
    fn new(index: &'i Index, is_chosen: bool) -> Self {
        Self {
            index,
            is_chosen,
            ids: Vec::new(),
            lists: SeenLists::default(),
        }
    }

    fn add(&mut self, chunks: &ChunkReader<'_>, entry: &Entry) -> Result<()> {
        let mut lists = std::mem::take(&mut self.lists);
        let read = lists.all::<RepositoryError>(chunks, entry, &mut |kind, id| {
            if kind == Kind::DataPack {
                self.ids.push(*id);
            }
            if self.ids.len() >= BATCH {
                self.hand_over()?;
            }
            Ok(true)
        });
        self.lists = lists;
        read?;
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), RepositoryError> {
        if self.is_chosen {
            self.index.note_references(&mut self.ids)?;
        } else {
            self.index.share_references(&mut self.ids)?;
        }
        Ok(())
    }
}
