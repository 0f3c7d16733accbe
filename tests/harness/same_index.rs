//! Whether what an index knows of where chunks lie is what it would know if all were read anew.

use std::collections::BTreeSet;

use offsite::format::{Kind, name};
use offsite::id::{ChunkId, ObjectId};
use offsite::index::{ChunkRow, Index};
use offsite::ops::rebuild_index;
use offsite::progress::Silent;
use offsite::repository::{Repository, load_catalog, read_contents};

/// Brings the index level with the store, and holds it against new ones and against the footers of all
/// packs. It knows what the segments say, and beyond that only what is so: of a run that was cut short,
/// packs that this host put. Packs that were found damaged are left out: of these it alone knows.
#[track_caller]
pub fn assert_grown_is_rebuilt(repository: &Repository, grown: &Index) {
    load_catalog(repository, grown).unwrap();
    let named = Index::in_memory().unwrap();
    load_catalog(repository, &named).unwrap();
    let made = Index::in_memory().unwrap();
    let report = rebuild_index(repository, &made, &Silent).unwrap();
    assert_eq!((report.packs_unreadable, report.damaged_segments), (0, 0));
    let damaged: BTreeSet<ObjectId> = grown.distrusted().unwrap().into_iter().collect();
    let (mut known, mut chunks) = (BTreeSet::new(), BTreeSet::new());
    let (store, writer) = (repository.store.as_ref(), &repository.writer);
    let mut packs = Vec::new();
    for kind in [Kind::DataPack, Kind::ListingPack] {
        let listed = store.list(name::prefix(kind), &mut |info| {
            packs.push((
                kind,
                name::parse(&info.name).unwrap().1.unwrap(),
                info.bytes,
            ));
            Ok(())
        });
        listed.unwrap();
    }
    packs.retain(|(_, id, _)| !damaged.contains(id));
    for (kind, id, bytes) in packs {
        let contents = read_contents(store, writer, kind, &id, bytes).unwrap();
        chunks.extend(contents.entries.iter().map(|entry| entry.id));
        known.insert((id, kind == Kind::ListingPack));
    }
    for chunk in &chunks {
        let places = [&named, grown, &made].map(|index| places(index, chunk, &damaged));
        assert_ordered(&places);
        assert!(!places[2].is_empty(), "{chunk} is nowhere");
    }
    let live_packs = |index| live_packs(index, &damaged);
    assert_ordered(&[&named, grown, &made].map(live_packs));
    assert_eq!(live_packs(&made), known);
}

/// Each is within the next.
#[track_caller]
fn assert_ordered<T: Ord + std::fmt::Debug>([named, grown, made]: &[BTreeSet<T>; 3]) {
    assert!(named.is_subset(grown), "{named:?} {grown:?}");
    assert!(grown.is_subset(made), "{grown:?} {made:?}");
}

type At = (ObjectId, u64, u32, u32, u32, u8);

fn places(index: &Index, chunk: &ChunkId, without: &BTreeSet<ObjectId>) -> BTreeSet<At> {
    let places = index.places(chunk).unwrap().into_iter();
    places
        .filter(|place| place.live && !without.contains(&place.pack))
        .map(|place| {
            let ChunkRow {
                start,
                stored,
                plain,
                position,
                codec,
                ..
            } = place.chunk;
            (place.pack, start, stored, plain, position, codec)
        })
        .collect()
}

fn live_packs(index: &Index, without: &BTreeSet<ObjectId>) -> BTreeSet<(ObjectId, bool)> {
    let packs = index.packs_after(None, u32::MAX).unwrap().into_iter();
    packs
        .filter(|pack| pack.live && !without.contains(&pack.id))
        .map(|pack| (pack.id, pack.class == 2))
        .collect()
}
