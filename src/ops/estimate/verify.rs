//! What a verify would ask of the store. All names are listed, as it does itself, and the packs that
//! it would read are chosen by the same rule.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::{Kind, name};
use crate::index::Index;
use crate::ops::Result;
use crate::ops::verify::{Selection, VerifyOptions, VerifyPart};
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot};
use crate::store::tally::{Tally, Traffic};

/// What is fetched at most of a pack to learn what it holds.
const PACK_END_BYTES: u64 = 1024 * 1024;
/// The smallest object of a proof; few are larger.
const PROOF_BYTES: u64 = 4096;

/// What a verify would do and ask of the store.
#[derive(Debug)]
pub struct VerifyEstimate {
    pub snapshots: u64,
    /// Data packs that would be read, of how many, and their bytes.
    pub packs_read: u64,
    pub packs_total: u64,
    pub pack_bytes_read: u64,
    pub pack_bytes_total: u64,
    /// Which packs those are is drawn anew each time; the bytes are those of average ones.
    pub is_drawn: bool,
    /// With the proof that is left; opening the repository is not included.
    pub traffic: Traffic,
}

/// Objects of one kind, and their stored bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    objects: u64,
    bytes: u64,
}

/// Says what a verify of that part would cost. `index` is level with the store, which `snapshots`
/// are all of.
///
/// # Errors
/// `Store`, `Index`.
pub fn estimate_verify(
    repository: &Repository,
    index: &Index,
    snapshots: &[StoredSnapshot],
    options: &VerifyOptions,
    part: &VerifyPart,
    progress: &dyn Progress,
) -> Result<VerifyEstimate> {
    progress.stage("Looking at the repository", None);
    let tally = Arc::new(Tally::new(Arc::clone(&repository.store)));
    let repository = &Repository {
        store: Arc::clone(&tally) as _,
        ..repository.clone()
    };
    let (sums, unnamed) = look(repository, index)?;
    let all = tally.take();
    let of = |kind| sums.get(&kind).copied().unwrap_or_default();
    let chosen = snapshots.iter().filter(|one| part.has_snapshot(&one.id));
    let chosen: Vec<_> = chosen.cloned().collect();
    let selection = Selection::choose(repository, index, &chosen, part)?;
    let choosing = tally.take();
    // Of a few snapshots the listings were just read; of all, every pack of listings is.
    let listings = match part.snapshots.is_empty() {
        true => gets(of(Kind::ListingPack)),
        false => Traffic {
            list: 0,
            ..choosing
        },
    };
    let records = Sum {
        objects: chosen.len() as u64,
        bytes: of(Kind::Snapshot).share(chosen.len() as u64),
    };
    let mut traffic = all + choosing + listings + gets(records) + gets(of(Kind::Segment));
    traffic.list += pages(&sums);
    traffic += gets(unnamed);
    let read = selected(&selection, part, of(Kind::DataPack));
    if options.data {
        traffic += all + gets(read) + gets(records) + small_ones(&sums, &selection);
    } else if part.stored_checksums {
        let listings = of(Kind::ListingPack).objects;
        let listings = if part.snapshots.is_empty() {
            listings
        } else {
            0
        };
        traffic += all;
        traffic.head += read.objects + listings;
    }
    if !snapshots.is_empty() {
        traffic.put += 1;
        traffic.bytes_up += PROOF_BYTES;
    }
    progress.finish();
    let read = if options.data { read } else { Sum::default() };
    Ok(VerifyEstimate {
        snapshots: chosen.len() as u64,
        packs_read: read.objects,
        packs_total: selection.packs_total,
        pack_bytes_read: read.bytes,
        pack_bytes_total: selection.pack_bytes_total,
        is_drawn: part.sample_percent.is_some(),
        traffic,
    })
}

/// The data packs that are read; of those that are drawn, as many average ones.
fn selected(selection: &Selection, part: &VerifyPart, all: Sum) -> Sum {
    let objects = selection.packs;
    let bytes = match part.sample_percent {
        Some(_) => all.share(objects),
        None => selection.pack_bytes,
    };
    Sum { objects, bytes }
}

/// Of the listings by kind that come before the one of all names.
fn pages(sums: &HashMap<Kind, Sum>) -> u64 {
    let kinds = [
        Kind::Snapshot,
        Kind::Segment,
        Kind::DataPack,
        Kind::ListingPack,
    ];
    let objects = |kind| sums.get(&kind).map_or(0, |sum| sum.objects);
    let pages = kinds.into_iter().map(|kind| Traffic::pages(objects(kind)));
    pages.sum()
}

/// All that is fetched beside packs of contents and snapshots, where data is read.
fn small_ones(sums: &HashMap<Kind, Sum>, selection: &Selection) -> Traffic {
    let is_meant =
        |kind: Kind| !matches!(kind, Kind::DataPack | Kind::Snapshot) && selection.has(kind, None);
    let meant = sums.iter().filter(|(kind, _)| is_meant(**kind));
    meant.fold(Traffic::default(), |all, (_, sum)| all + gets(*sum))
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The bytes of so many average ones.
    fn share(self, objects: u64) -> u64 {
        let bytes = u128::from(self.bytes) * u128::from(objects) / u128::from(self.objects.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What is there, by kind; and the packs that no segment names, of which the ends are read.
fn look(repository: &Repository, index: &Index) -> Result<(HashMap<Kind, Sum>, Sum)> {
    let mut sums: HashMap<Kind, Sum> = HashMap::new();
    let mut unnamed = Sum::default();
    let mut failure = None;
    repository.store.list("", &mut |info| {
        let Some((kind, id)) = name::parse(&info.name) else {
            return Ok(());
        };
        sums.entry(kind).or_default().add(info.bytes);
        if let (Kind::DataPack | Kind::ListingPack, Some(id)) = (kind, id) {
            match index.pack(&id) {
                Ok(known) if known.as_ref().is_some_and(|pack| pack.live) => {}
                Ok(_) => unnamed.add(info.bytes.min(PACK_END_BYTES)),
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        Ok(())
    })?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok((sums, unnamed)),
    }
}

/// One GET of each.
fn gets(sum: Sum) -> Traffic {
    Traffic {
        get: sum.objects,
        bytes_down: sum.bytes,
        ..Traffic::default()
    }
}
