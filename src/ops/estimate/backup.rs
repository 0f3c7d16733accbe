//! What a backup would send: the source is walked as a backup does, without opening a file, and held
//! against what this host remembers. What of it is new after deduplication, and how short it gets,
//! nobody knows before it is read: there the shares of earlier snapshots stand in.

use std::sync::Arc;
use std::time::Duration;

use super::packing::Chunks;
use crate::format::header::PACK_HEADER_BYTES;
use crate::format::pack::Class;
use crate::format::parameters::Parameters;
use crate::format::segment::SEGMENT_TARGET_BYTES;
use crate::format::{Kind, padme};
use crate::index::{ClassTotals, Index};
use crate::ops::Result;
use crate::ops::backup::{BackupOptions, DryRunReport, dry_run_telling};
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, list_objects};
use crate::source::Found;
use crate::source::database::DatabaseSource;
use crate::store::tally::{Tally, Traffic};

/// What SQL comes to when it is compressed, where no earlier dump tells.
const DUMP_COMPRESSED: f64 = 0.3;
/// The same of listings.
const LISTING_COMPRESSED: f64 = 0.6;
/// Bytes of a listing between two cuts, about.
const LEAF_BYTES: u64 = 128 * 1024;
/// Of an entry beside its path and chunk ids.
const ENTRY_BYTES: u64 = 110;
/// In a segment, of a chunk, and of a pack beside its header.
const SEGMENT_CHUNK_BYTES: u64 = 40;
const SEGMENT_PACK_BYTES: u64 = 60;
const LISTING_PACK_BYTES: u64 = 4 * 1024 * 1024;

/// What earlier snapshots say of what comes; `None`: there is nothing to go by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shares {
    /// Of the bytes of files that were read, those that were new.
    pub files_new: Option<f64>,
    /// What was left of those after compression.
    pub files_compressed: Option<f64>,
    /// The same of dumps.
    pub dump_new: Option<f64>,
    pub dump_compressed: Option<f64>,
}

/// What a backup would send to each copy that is level.
#[derive(Debug)]
pub struct Forecast {
    pub look: DryRunReport,
    pub shares: Shares,
    /// Bytes of the dump, as far as the last one or a file tells; `None` with a database: nobody
    /// knows.
    pub dump_bytes: Option<u64>,
    pub has_database: bool,
    /// Contents that would be new, and what is left of them after compression.
    pub bytes_added: u64,
    pub bytes_stored: u64,
    /// Of contents and listings.
    pub packs: PackSum,
    segments: u64,
    segment_bytes: u64,
}

/// Packs of a backup, by what they hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct PackSum {
    pub number: u64,
    pub bytes: u64,
    /// By so many the number may be off.
    pub tolerance: u64,
}

/// What a backup would ask of one store.
#[derive(Debug)]
pub struct BackupEstimate {
    /// Opening the repository is not included.
    pub traffic: Traffic,
    /// By so many requests it may be off.
    pub tolerance: u64,
}

/// What is seen on the walk.
struct Seen {
    sizes: (u32, u32),
    chunks: Chunks,
    /// Of the listing so far, and the leaf that changed last.
    listing_bytes: u64,
    leaf: Option<u64>,
    leaves: u64,
}

impl Seen {
    fn add(&mut self, found: &Found, read: Option<u64>) {
        let mut file = Chunks::default();
        file.add(found.metadata.size, self.sizes.0, self.sizes.1);
        if let Some(bytes) = read {
            self.chunks.add(bytes, self.sizes.0, self.sizes.1);
            let leaf = self.listing_bytes / LEAF_BYTES;
            self.leaves += u64::from(self.leaf != Some(leaf));
            self.leaf = Some(leaf);
        }
        self.listing_bytes += ENTRY_BYTES + found.path.len() as u64 + 34 * file.number;
    }
}

/// Walks the source and says what would be sent. `index` and `snapshots` are of the copy at home.
///
/// # Errors
/// `Source` when nothing can be backed up; `Index`.
pub fn forecast(
    repository: &Repository,
    index: &Index,
    snapshots: &[StoredSnapshot],
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<Forecast> {
    let parameters = &repository.parameters;
    let mut seen = Seen {
        sizes: (parameters.files.0, parameters.files.1),
        chunks: Chunks::default(),
        listing_bytes: 0,
        leaf: None,
        leaves: 0,
    };
    let clock = repository.seams.clock.as_ref();
    let mut tell = |found: &Found, read: Option<u64>| seen.add(found, read);
    let look = dry_run_telling(index, options, clock, progress, &mut tell)?;
    progress.finish();
    let totals = index.class_totals()?;
    let shares = shares(&totals, snapshots);
    let of = |share: Option<f64>| share.unwrap_or(1.0);
    let files_new = seen.chunks.scaled(of(shares.files_new), 1.0);
    let files = files_new.scaled(1.0, of(shares.files_compressed));

    let parent = snapshots
        .iter()
        .rev()
        .find(|one| one.record.host == options.host);
    let database = options.source.database.as_ref();
    let dump_bytes = database.and_then(|from| dump_bytes(from, parent));
    let mut dump = Chunks::default();
    dump.add(
        dump_bytes.unwrap_or(0),
        parameters.dumps.0,
        parameters.dumps.1,
    );
    let dump_new = dump.scaled(of(shares.dump_new), 1.0);
    let compressed = shares.dump_compressed.unwrap_or(DUMP_COMPRESSED);
    let dump_stored = dump_new.scaled(1.0, compressed);

    let leaves = seen.leaves + more_leaves(&look, parent, dump_new);
    let listing = listing(&seen, leaves, class(&totals, Class::Metadata));
    let packs = packed(repository, files, dump_stored, listing);
    let chunks = files.number + dump_stored.number + listing.number;
    let (segments, segment_bytes) = segments(chunks, packs, options);
    Ok(Forecast {
        look,
        shares,
        dump_bytes,
        has_database: database.is_some(),
        bytes_added: files_new.bytes + dump_new.bytes,
        bytes_stored: files.bytes + dump_stored.bytes,
        packs,
        segments,
        segment_bytes,
    })
}

/// Leaves of the listing that change although no file there would be read: what is gone is in no walk,
/// but its folder's time changed; and the dump's entry changes with the dump.
fn more_leaves(look: &DryRunReport, parent: Option<&StoredSnapshot>, dump_new: Chunks) -> u64 {
    let changed = parent.is_none_or(|one| {
        let had = one.record.statistics;
        (had.files, had.folders) != (look.files_total(), look.folders)
    });
    u64::from(changed) + u64::from(dump_new.bytes > 0)
}

fn packed(repository: &Repository, files: Chunks, dump: Chunks, listing: Chunks) -> PackSum {
    let pack_bytes = repository.parameters.pack_bytes;
    let target = u64::from(pack_bytes.clamp(1 << 20, Parameters::PACK_BYTES_MAX));
    let least = Kind::DataPack.padded_bytes_min().unwrap_or(0);
    let mut sum = PackSum::default();
    for packs in [
        files.packed(target, least),
        dump.packed(target, least),
        listing.packed(LISTING_PACK_BYTES, least),
    ] {
        sum.number += packs.number;
        sum.bytes += packs.bytes;
        if packs.number > 0 {
            sum.tolerance += Chunks::tolerance(packs);
        }
    }
    sum
}

/// How many segments, by size and by what was sent between them, and their bytes.
fn segments(chunks: u64, packs: PackSum, options: &BackupOptions) -> (u64, u64) {
    let per_pack = SEGMENT_PACK_BYTES + PACK_HEADER_BYTES as u64;
    let bytes = chunks * SEGMENT_CHUNK_BYTES + packs.number * per_pack;
    let checkpoints = packs.bytes / options.checkpoint.every_bytes.max(1);
    let by_size = bytes.div_ceil(SEGMENT_TARGET_BYTES as u64);
    match packs.number {
        0 => (0, 0),
        _ => (by_size.max(checkpoints + 1), bytes),
    }
}

/// What the backup would ask of one copy, which took part in all there was before.
/// `looked` is what a look at that copy asks; `sending`, how long the packs take on their way, where
/// that is known: it brings checkpoints.
///
/// # Errors
/// `Store`.
pub fn estimate_backup(
    repository: &Repository,
    looked: Traffic,
    forecast: &Forecast,
    sending: Option<Duration>,
    options: &BackupOptions,
) -> Result<BackupEstimate> {
    let tally = Arc::new(Tally::new(Arc::clone(&repository.store)));
    let mut plans = 0;
    list_objects(tally.as_ref(), Kind::Plan, &mut |_, _| plans += 1)?;
    let timed = sending.map_or(0, |time| {
        let every = options.checkpoint.every.as_secs().max(1);
        time.as_secs() / every
    });
    let segments = match forecast.segments {
        0 => 0,
        some => some.max(timed + 1),
    };
    let record = Kind::Snapshot.padded_bytes_min().unwrap_or(0);
    let segment_bytes = match segments {
        0 => 0,
        _ => padme::padded(
            forecast.segment_bytes / segments,
            Kind::Segment.padded_bytes_min().unwrap_or(0),
        ),
    };
    let traffic = Traffic {
        put: forecast.packs.number + segments + 1,
        bytes_up: forecast.packs.bytes + segments * segment_bytes + record,
        // The look around; plans before it and before the commit, and while much is sent.
        list: looked.list + (2 + timed) * tally.take().list,
        // Plans are read once; whether they are honest is asked of the snapshots.
        get: plans,
        bytes_down: 0,
        // The time, twice; and the record, whether it came.
        head: 3,
        delete: 0,
    };
    let tolerance = forecast.packs.tolerance + 2 + 2 * plans;
    Ok(BackupEstimate { traffic, tolerance })
}

fn class(totals: &[ClassTotals], class: Class) -> ClassTotals {
    let found = totals.iter().find(|one| one.class == class as u8);
    found.copied().unwrap_or_default()
}

/// What the repository shows of what was new and of what was left after compression.
fn shares(totals: &[ClassTotals], snapshots: &[StoredSnapshot]) -> Shares {
    let share = |part: u64, whole: u64| {
        let share = part as f64 / whole as f64;
        (whole > 0).then(|| share.clamp(0.0, 1.0))
    };
    let (files, dumps) = (class(totals, Class::Files), class(totals, Class::Dump));
    let dump = |one: &StoredSnapshot| one.record.database.as_ref().map_or(0, |it| it.bytes);
    let read: u64 = snapshots
        .iter()
        .map(|one| one.record.statistics.bytes_read.saturating_sub(dump(one)))
        .sum();
    // The first dump was all new.
    let first = snapshots.iter().map(dump).find(|bytes| *bytes > 0);
    let dumped: u64 = snapshots.iter().map(dump).sum();
    let first = first.unwrap_or(0);
    Shares {
        files_new: share(files.plain_bytes, read),
        files_compressed: share(files.sealed_bytes, files.plain_bytes),
        dump_new: share(dumps.plain_bytes.saturating_sub(first), dumped - first),
        dump_compressed: share(dumps.sealed_bytes, dumps.plain_bytes),
    }
}

/// As large as the last one; the first from a file as large as that.
fn dump_bytes(from: &DatabaseSource, parent: Option<&StoredSnapshot>) -> Option<u64> {
    let last = parent.and_then(|one| one.record.database.as_ref());
    if let Some(last) = last {
        return Some(last.bytes);
    }
    let DatabaseSource::File(path) = from else {
        return None;
    };
    let is_packed = path.extension().is_some_and(|it| it == "gz" || it == "zst");
    let metadata = std::fs::metadata(path).ok();
    let metadata = metadata.filter(|it| it.is_file() && !is_packed);
    metadata.map(|it| it.len())
}

/// The chunks of a listing that are written anew.
fn listing(seen: &Seen, leaves: u64, earlier: ClassTotals) -> Chunks {
    if leaves == 0 {
        return Chunks::default();
    }
    let all = seen.listing_bytes;
    let nodes = all.div_ceil(LEAF_BYTES) * 100;
    let plain = (leaves * LEAF_BYTES).min(all) + nodes;
    let compressed = match earlier.plain_bytes {
        0 => LISTING_COMPRESSED,
        plain => earlier.sealed_bytes as f64 / plain as f64,
    };
    let mut chunks = Chunks::default();
    chunks.add(plain, LEAF_BYTES as u32, LEAF_BYTES as u32);
    chunks.scaled(1.0, compressed)
}
