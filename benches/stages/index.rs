//! The local index: which chunks are there, and where.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use offsite::id::{ChunkId, ObjectId, SessionId};
use offsite::index::{ChunkRow, Index, IndexError, IndexedPack};
use tempfile::TempDir;

/// Of a pack of small files or of a dump.
const CHUNKS_OF_PACK: u64 = 1_000;
const PACKS_OF_SEGMENT: u64 = 50;
/// Files are looked up a stretch at a time.
const STRETCH: u64 = 128;

fn chunks() -> u64 {
    let given = std::env::var("CHUNKS").ok();
    given.map_or(1_000_000, |it| it.parse().expect("CHUNKS is a number"))
}

/// The id of the `n`-th chunk: hashes, so that neighbours lie nowhere near each other.
fn id(n: u64) -> ChunkId {
    ChunkId::new(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

fn pack(number: u64) -> IndexedPack {
    let first = number * CHUNKS_OF_PACK;
    let chunks = (first..first + CHUNKS_OF_PACK).map(|n| ChunkRow {
        id: id(n),
        start: 256 + (n - first) * 4_112,
        stored: 4_112,
        plain: 4_096,
        position: (n - first) as u32,
        codec: 0,
    });
    IndexedPack {
        id: ObjectId::new(*blake3::hash(&(u64::MAX - number).to_le_bytes()).as_bytes()),
        bytes: 5 << 20,
        class: 0,
        crc: Some(number),
        header: vec![7; 200],
        chunks: chunks.collect(),
    }
}

/// Packs of one segment.
fn segment(number: u64) -> (ObjectId, Vec<IndexedPack>) {
    let id = ObjectId::new(*blake3::hash(&number.to_le_bytes()).as_bytes());
    let first = number * PACKS_OF_SEGMENT;
    (id, (first..first + PACKS_OF_SEGMENT).map(pack).collect())
}

static FILLED: OnceLock<(Index, TempDir)> = OnceLock::new();

/// An index of so many chunks, on disk as in use: segments are read in, then the store is looked at.
fn filled() -> &'static Index {
    let (index, _) = FILLED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let index = Index::open(&folder.path().join("index.sqlite")).expect("an index");
        let mut listed = BTreeMap::new();
        for number in 0..chunks().div_ceil(PACKS_OF_SEGMENT * CHUNKS_OF_PACK) {
            let (id, packs) = segment(number);
            let added = index.add_segment(&id, &SessionId::new([1; 16]), &packs);
            added.expect("a segment is added");
            listed.extend(packs.iter().map(|pack| (pack.id, pack.bytes)));
        }
        let live = index.reconcile_packs::<IndexError>(false, |see| {
            listed.iter().for_each(|(id, bytes)| see(*id, *bytes));
            Ok(())
        });
        live.expect("packs are live");
        (index, folder)
    });
    index
}

/// Nothing that is static is ever dropped.
pub fn remove_files() {
    if let Some((_, folder)) = FILLED.get() {
        let _ = std::fs::remove_dir_all(folder.path());
    }
}

/// Numbers of chunks all over the index; the same in every run.
fn scattered() -> impl FnMut() -> u64 {
    let turn = Cell::new(0_u64);
    move || {
        turn.set(turn.get() + 1);
        turn.get().wrapping_mul(0x9e37_79b9_7f4a_7c15) % chunks()
    }
}

/// A pack that this host stored, into the full index.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn add_pack(bencher: Bencher<'_, '_>) {
    let index = filled();
    // After all that are there.
    let next = Cell::new(u64::MAX / 4 / CHUNKS_OF_PACK);
    bencher
        .counter(ItemsCount::new(CHUNKS_OF_PACK))
        .with_inputs(|| {
            next.set(next.get() + 1);
            pack(next.get())
        })
        .bench_local_refs(|pack| index.add_pack(pack));
}

/// A segment that another host stored, into an index that begins: rebuilding it.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn rebuild(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = Index::open(&folder.path().join("index.sqlite")).expect("an index");
    let next = Cell::new(0);
    bencher
        .counter(ItemsCount::new(PACKS_OF_SEGMENT * CHUNKS_OF_PACK))
        .with_inputs(|| segment(next.replace(next.get() + 1)))
        .bench_local_refs(|(id, packs)| index.add_segment(id, &SessionId::new([1; 16]), packs));
}

/// A chunk of a changed file, asked for alone.
#[divan::bench]
fn one_that_is_stored(bencher: Bencher<'_, '_>) {
    let (index, mut next) = (filled(), scattered());
    bencher
        .counter(ItemsCount::new(1_u64))
        .with_inputs(|| id(next()))
        .bench_local_refs(|id| assert!(index.is_stored(id).expect("an answer")));
}

/// A chunk of a new file.
#[divan::bench]
fn one_that_is_not(bencher: Bencher<'_, '_>) {
    let (index, mut next) = (filled(), scattered());
    bencher
        .counter(ItemsCount::new(1_u64))
        .with_inputs(|| id(u64::MAX / 2 + next()))
        .bench_local_refs(|id| assert!(!index.is_stored(id).expect("an answer")));
}

/// The chunks of unchanged files, a stretch in one transaction.
#[divan::bench]
fn stretch_that_is_stored(bencher: Bencher<'_, '_>) {
    let (index, mut next) = (filled(), scattered());
    bencher
        .counter(ItemsCount::new(STRETCH))
        .with_inputs(|| (0..STRETCH).map(|_| id(next())).collect::<Vec<_>>())
        .bench_local_refs(|ids| {
            let lists: Vec<_> = ids.iter().map(std::slice::from_ref).collect();
            index.are_each_stored(&lists)
        });
}

/// Where the chunks of a batch lie that is restored.
#[divan::bench]
fn places_of_a_batch(bencher: Bencher<'_, '_>) {
    let (index, mut next) = (filled(), scattered());
    bencher
        .counter(ItemsCount::new(STRETCH))
        .with_inputs(|| (0..STRETCH).map(|_| id(next())).collect::<Vec<_>>())
        .bench_local_refs(|ids| index.only_places(ids));
}
