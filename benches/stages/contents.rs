//! What happens to the bytes of a file or a dump: cut, named, hashed for Immich, compressed, sealed;
//! and the way back.

use divan::Bencher;
use divan::counter::BytesCount;
use offsite::chunker::{ChunkSizes, Chunker};
use offsite::compress::{Compressor, decompress};
use offsite::crypto::{ObjectKey, Position, Purpose, Secret};
use sha1::{Digest, Sha1};

use super::{dump, photo, repository};

const MIB: usize = 1 << 20;
/// A chunk of a photo, one of a dump, a small file.
const CHUNKS: [usize; 3] = [MIB, 16 * 1024, 2 * 1024];

fn cut(bencher: Bencher<'_, '_>, sizes: ChunkSizes, bytes: &[u8]) {
    let chunker = Chunker::new(sizes, repository().writer.gear()).expect("sizes of the format");
    bencher.counter(BytesCount::of_slice(bytes)).bench(|| {
        let (mut rest, mut chunks) = (bytes, 0);
        while !rest.is_empty() {
            rest = rest.split_at(chunker.cut(rest)).1;
            chunks += 1;
        }
        chunks
    });
}

#[divan::bench]
fn cut_photos(bencher: Bencher<'_, '_>) {
    cut(bencher, ChunkSizes::FILES, &photo(64 * MIB));
}

#[divan::bench]
fn cut_dump(bencher: Bencher<'_, '_>) {
    cut(bencher, ChunkSizes::DUMPS, &dump(64 * MIB));
}

/// Keyed BLAKE3.
#[divan::bench(args = CHUNKS)]
fn id_of_chunk(bencher: Bencher<'_, '_>, bytes: usize) {
    let (writer, chunk) = (&repository().writer, photo(bytes));
    bencher
        .counter(BytesCount::of_slice(chunk.as_slice()))
        .bench(|| writer.content_id(divan::black_box(&chunk)));
}

/// Of each file, because Immich knows it by that.
#[divan::bench(args = CHUNKS)]
fn sha1_of_file(bencher: Bencher<'_, '_>, bytes: usize) {
    let file = photo(bytes);
    bencher
        .counter(BytesCount::of_slice(file.as_slice()))
        .bench(|| Sha1::digest(divan::black_box(&file)));
}

/// The first chunk of a photo: a part is tried, and then nothing of that file.
#[divan::bench]
fn probe_photo(bencher: Bencher<'_, '_>) {
    let mut compressor = Compressor::new().expect("memory");
    let chunk = photo(MIB);
    bencher
        .counter(BytesCount::of_slice(chunk.as_slice()))
        .bench_local(|| {
            compressor.begin_file();
            assert!(compressor.compress(divan::black_box(&chunk)).is_none());
        });
}

#[divan::bench(args = CHUNKS)]
fn compress_dump(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut compressor = Compressor::new().expect("memory");
    let chunk = dump(bytes);
    bencher
        .counter(BytesCount::of_slice(chunk.as_slice()))
        .bench_local(|| {
            compressor.begin_file();
            let compressed = compressor.compress(divan::black_box(&chunk));
            compressed.expect("a dump shrinks").len()
        });
}

#[divan::bench(args = CHUNKS)]
fn decompress_dump(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut compressor = Compressor::new().expect("memory");
    let chunk = dump(bytes);
    let compressed = compressor.compress(&chunk).expect("a dump shrinks");
    bencher
        .counter(BytesCount::of_slice(chunk.as_slice()))
        .bench(|| decompress(divan::black_box(compressed), bytes));
}

fn key() -> ObjectKey {
    let derived = ObjectKey::derive(Purpose::Body, &Secret::new(&[7; 32]), b"header");
    derived.expect("memory").0
}

#[divan::bench(args = CHUNKS)]
fn seal(bencher: Bencher<'_, '_>, bytes: usize) {
    let (key, chunk) = (key(), photo(bytes));
    let mut frame = Vec::with_capacity(bytes + 16);
    bencher
        .counter(BytesCount::of_slice(chunk.as_slice()))
        .bench_local(|| {
            frame.clear();
            frame.extend_from_slice(&chunk);
            // Nothing sealed here is ever kept: the position may be used again.
            key.seal(Position::fixed(3), &[0; 16], &mut frame, 0)
        });
}

#[divan::bench(args = CHUNKS)]
fn open(bencher: Bencher<'_, '_>, bytes: usize) {
    let key = key();
    let mut sealed = photo(bytes);
    key.seal(Position::fixed(3), &[0; 16], &mut sealed, 0)
        .expect("a short message");
    let mut frame = Vec::with_capacity(sealed.len());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        frame.clear();
        frame.extend_from_slice(&sealed);
        key.open(3, &[0; 16], &mut frame).expect("what was sealed");
    });
}
