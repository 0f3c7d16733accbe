//! Listings: written from entries in order, read whole, and searched for one path.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use offsite::compress::Compressor;
use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType};
use offsite::format::frame::Codec;
use offsite::format::pack::Class;
use offsite::id::ChunkId;
use offsite::index::Index;
use offsite::repository::{
    ChunkReader, Fetch, FinishedPack, ListingReader, ListingWriter, PackWriter, Plaintext,
    RepositoryError,
};
use offsite::seams::Timestamp;

use super::repository;

const ENTRIES: u64 = 200_000;

fn path(n: u64) -> Vec<u8> {
    format!("upload/library/admin/{:04}/IMG_{n:08}.jpg", n / 500).into_bytes()
}

/// A photo of two chunks with what a file system knows of it.
fn entry(n: u64) -> Entry {
    let digest = blake3::hash(&n.to_le_bytes());
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(&digest.as_bytes()[..20]);
    let time = Some(Timestamp::from_nanoseconds(
        1_700_000_000_123_456_789 + n as i64 * 1_000_003,
    ));
    let mut entry = Entry::new(1, path(n), EntryType::File);
    entry.mode = Some(0o644);
    entry.owner = Some(1000);
    entry.group = Some(1000);
    entry.modified = time;
    entry.changed = time;
    entry.inode = Some(4_000_000 + n);
    entry.size = Some(2_000_000 + n % 1_000_000);
    entry.sha1 = Some(sha1.into());
    entry.chunks = Some(Joined(vec![
        ChunkId::new(*digest.as_bytes()),
        ChunkId::new(*blake3::hash(digest.as_bytes()).as_bytes()),
    ]));
    entry
}

/// Writes a listing of all entries, as a first backup does but for the PUT; gives its top.
fn write(entries: &[Entry], visit: &dyn Fn(FinishedPack)) -> (u8, ChunkId) {
    let writer = &repository().writer;
    let packs = PackWriter::new(repository()).expect("a session");
    let compressor = RefCell::new(Compressor::new().expect("memory"));
    let store = &mut |chunk: &[u8]| -> Result<ChunkId, RepositoryError> {
        let (id, mut compressor) = (writer.metadata_id(chunk), compressor.borrow_mut());
        compressor.begin_file();
        let mut plain = Vec::new();
        let (codec, content) = match compressor.compress(chunk) {
            Some(compressed) => (Codec::Zstd, compressed),
            None => {
                plain.extend_from_slice(chunk);
                (Codec::Plain, plain.as_mut_slice())
            }
        };
        let plaintext = Plaintext {
            id,
            plain_bytes: chunk.len() as u32,
            codec,
            content,
        };
        let finished = packs.add(Class::Metadata, plaintext).expect("a chunk");
        finished.into_iter().for_each(visit);
        Ok(id)
    };
    let mut listing = ListingWriter::new(writer);
    for entry in entries {
        listing.push(entry, store).expect("entries in order");
    }
    let top = listing.finish(store).expect("a listing");
    let rest = packs.finish(Class::Metadata).expect("packs are finished");
    rest.into_iter().for_each(visit);
    top
}

/// A listing in the store, the index that knows where it lies, and its top.
fn written() -> &'static (Index, (u8, ChunkId)) {
    static WRITTEN: OnceLock<(Index, (u8, ChunkId))> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let index = Index::in_memory().expect("an index");
        let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
        let top = write(&entries, &|pack| {
            let stored = repository()
                .store
                .put(&pack.object.name, pack.bytes().clone());
            stored.expect("memory");
            index.add_pack(&pack.indexed()).expect("a pack is added");
        });
        (index, top)
    })
}

fn search(bencher: Bencher<'_, '_>, path: impl Fn(u64) -> Vec<u8>, is_there: bool) {
    let (index, top) = written();
    let chunks = ChunkReader::new(repository(), index, Fetch::Windows);
    let listing = ListingReader::new(&chunks, *top);
    let turn = Cell::new(0_u64);
    bencher
        .counter(ItemsCount::new(1_u64))
        .with_inputs(|| {
            turn.set(turn.get() + 1);
            path(turn.get().wrapping_mul(0x9e37_79b9_7f4a_7c15) % ENTRIES)
        })
        .bench_local_refs(|path| {
            let found = listing.find(path).expect("the listing can be read");
            assert_eq!(found.is_some(), is_there);
        });
}

#[divan::bench(sample_count = 10)]
fn write_all(bencher: Bencher<'_, '_>) {
    let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .bench_local(|| write(&entries, &|pack| drop(divan::black_box(pack))));
}

#[divan::bench(sample_count = 10)]
fn read_all(bencher: Bencher<'_, '_>) {
    let (index, top) = written();
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let chunks = ChunkReader::new(repository(), index, Fetch::Windows);
        let listing = ListingReader::new(&chunks, *top);
        assert_eq!(listing.entries().count() as u64, ENTRIES);
    });
}

/// By its path, with the packs of the listing in memory.
#[divan::bench]
fn find_one(bencher: Bencher<'_, '_>) {
    search(bencher, path, true);
}

#[divan::bench]
fn find_none(bencher: Bencher<'_, '_>) {
    search(bencher, |n| [path(n), b"x".to_vec()].concat(), false);
}
