//! Packs: made of chunks, held against their names, and opened chunk by chunk.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use offsite::format::Kind;
use offsite::format::frame::Codec;
use offsite::format::pack::Class;
use offsite::id::ChunkId;
use offsite::repository::{
    FinishedPack, PackWriter, Plaintext, body_key, check_whole_pack, frame_range, open_frame,
    session_of,
};

use super::{photo, repository};

/// So many bytes of chunks are packed each time: some packs.
const BYTES: usize = 64 << 20;
/// A chunk of a photo, one of a dump, a small file.
const CHUNKS: [usize; 3] = [1 << 20, 16 * 1024, 2 * 1024];

/// Packs `content` as chunks of `bytes`, whose ids are given; hands each pack to `visit`.
fn pack(
    packs: &PackWriter,
    content: &mut [u8],
    bytes: usize,
    ids: &[ChunkId],
    visit: &mut dyn FnMut(FinishedPack),
) {
    for (content, id) in content.chunks_mut(bytes).zip(ids) {
        let chunk = Plaintext {
            id: *id,
            plain_bytes: bytes as u32,
            codec: Codec::Plain,
            content,
        };
        let finished = packs.add(Class::Files, chunk).expect("a chunk is sealed");
        finished.into_iter().for_each(&mut *visit);
    }
    let rest = packs.finish(Class::Files).expect("packs are finished");
    rest.into_iter().for_each(visit);
}

fn writer() -> PackWriter {
    PackWriter::new(repository()).expect("a session")
}

fn ids(content: &[u8], bytes: usize) -> Vec<ChunkId> {
    let writer = &repository().writer;
    content
        .chunks(bytes)
        .map(|it| writer.content_id(it))
        .collect()
}

/// Sealed, appended, padded and named: all between a chunk's id and the PUT.
#[divan::bench(args = CHUNKS, sample_count = 10)]
fn write(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut content = photo(BYTES);
    let ids = ids(&content, bytes);
    // One for all, as in a run: memory of packs that are gone is used again.
    let packs = writer();
    bencher
        .counter(BytesCount::new(BYTES))
        .counter(ItemsCount::new(ids.len()))
        .bench_local(|| {
            pack(&packs, &mut content, bytes, &ids, &mut |pack| {
                drop(divan::black_box(pack))
            })
        });
}

/// All of a pack that the writer key can check: `verify --data` without passphrase.
#[divan::bench(args = CHUNKS, sample_count = 10)]
fn check(bencher: Bencher<'_, '_>, bytes: usize) {
    let packs = packs_of(bytes);
    bencher.counter(BytesCount::new(BYTES)).bench_local(|| {
        for pack in &packs {
            let writer = &repository().writer;
            let checked = check_whole_pack(writer, Kind::DataPack, &pack.id(), pack.bytes());
            divan::black_box(checked.expect("a whole pack"));
        }
    });
}

/// Each chunk authenticated, and its id computed again: restore, and `verify --data` with the key.
#[divan::bench(args = CHUNKS, sample_count = 10)]
fn open(bencher: Bencher<'_, '_>, bytes: usize) {
    let repository = repository();
    let writer = &repository.writer;
    let reader = repository.reader.as_ref().expect("the key that reads");
    let packs: Vec<_> = packs_of(bytes)
        .into_iter()
        .map(|pack| {
            let checked = check_whole_pack(writer, Kind::DataPack, &pack.id(), pack.bytes());
            let header = checked.expect("a whole pack").header;
            let session = session_of(reader, &header).expect("a session of this key");
            let key = body_key(writer, &header, Some(&session));
            (key.expect("the key of the pack"), pack)
        })
        .collect();
    bencher.counter(BytesCount::new(BYTES)).bench_local(|| {
        for (key, pack) in &packs {
            for chunk in &pack.indexed().chunks {
                let range = frame_range(chunk);
                let frame = &pack.bytes()[range.start as usize..range.end as usize];
                let plain = open_frame(
                    writer,
                    Kind::DataPack,
                    key,
                    chunk,
                    frame,
                    &repository.buffers,
                );
                divan::black_box(plain.expect("what was sealed"));
            }
        }
    });
}

fn packs_of(bytes: usize) -> Vec<FinishedPack> {
    let mut content = photo(BYTES);
    let mut packs = Vec::new();
    let ids = ids(&content, bytes);
    pack(&writer(), &mut content, bytes, &ids, &mut |pack| {
        packs.push(pack)
    });
    packs
}
