//! How fast a dump streams through the gate with the reader beside it: one dominated by embeddings,
//! as real ones are, and one of nothing but assets.
//!
//! `cargo bench --bench dump_reader`

use std::io;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use offsite::source::database::Gate;
use offsite::source::immich::reader::Reader;
use offsite::source::immich::rows::{Row, RowSink};

/// As the reading of files and pipes gives them.
const PIECE_BYTES: usize = 128 * 1024;

fn main() {
    divan::main();
}

/// Looks at rows and keeps none.
#[derive(Default)]
struct Seen(u64);

impl RowSink for Seen {
    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        self.0 += u64::from(matches!(divan::black_box(row), Row::Asset(_)));
        Ok(())
    }

    fn start_over(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(dump: &[u8]) -> u64 {
    let mut reader = Reader::new(Seen::default());
    let mut gate = Gate::observed(Some(Box::new(&mut reader)));
    for piece in dump.chunks(PIECE_BYTES) {
        gate.feed(piece).expect("a good dump");
    }
    let facts = gate.finish().expect("a whole dump");
    divan::black_box(facts);
    reader.into_sink().0
}

fn dump(blocks: &str) -> Vec<u8> {
    format!("-- PostgreSQL database dump\n{blocks}-- PostgreSQL database dump complete\n")
        .into_bytes()
}

fn assets(count: u64) -> String {
    let mut text = "COPY public.asset (id, \"ownerId\", type, \"originalPath\", \"fileCreatedAt\", \
        \"fileModifiedAt\", \"isFavorite\", duration, checksum, \"livePhotoVideoId\", \"updatedAt\", \
        \"createdAt\", \"originalFileName\", thumbhash, \"isOffline\", \"libraryId\", \"isExternal\", \
        \"deletedAt\", \"localDateTime\", \"stackId\", \"duplicateId\", status, \"updateId\", \
        visibility, width, height, \"isEdited\", \"checksumAlgorithm\") FROM stdin;\n"
        .to_owned();
    for n in 0..count {
        let time = "2024-07-14 09:12:33.5+00";
        text += &format!(
            "11111111-aaaa-4aaa-8aaa-{n:012x}\t7c9e6679-7425-40de-944b-e07fc1f90ae7\tIMAGE\t\
             /data/upload/7c9e6679-7425-40de-944b-e07fc1f90ae7/d2/9f/\
             d29f2c1a-6a55-4b1e-9c35-{n:012x}.jpg\t{time}\t{time}\tf\t\\N\t\\\\x{n:040x}\t\\N\t\
             {time}\t{time}\tDSC_{n}.JPG\t\\\\x10080e06808987967f8888798878778778890000000000\tf\t\
             \\N\tf\t\\N\t{time}\t\\N\t\\N\tactive\t01982439-8153-7bc8-856a-c633400ec30c\ttimeline\t\
             4032\t3024\tf\tsha1\n"
        );
    }
    text + "\\.\n"
}

/// Vectors of 512 numbers, about 6.3 kB each.
fn embeddings(count: u64) -> String {
    let mut text = "COPY public.smart_search (\"assetId\", embedding) FROM stdin;\n".to_owned();
    let mut state = 1_u64;
    for n in 0..count {
        text += &format!("11111111-aaaa-4aaa-8aaa-{n:012x}\t[");
        for place in 0..512 {
            // Knuth's MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let comma = if place == 0 { "" } else { "," };
            text += &format!("{comma}-0.0{:08}", (state >> 33) % 100_000_000);
        }
        text += "]\n";
    }
    text + "\\.\n"
}

/// As in a library of 40,000 photos: 5 % of the bytes are rows that are wanted.
#[divan::bench(sample_count = 10)]
fn mostly_embeddings(bencher: Bencher<'_, '_>) {
    let dump = dump(&(assets(20_000) + &embeddings(40_000)));
    bencher
        .counter(BytesCount::of_slice(dump.as_slice()))
        .bench(|| read(&dump));
}

#[divan::bench(sample_count = 10)]
fn embeddings_alone(bencher: Bencher<'_, '_>) {
    let dump = dump(&embeddings(40_000));
    bencher
        .counter(BytesCount::of_slice(dump.as_slice()))
        .bench(|| read(&dump));
}

/// Places of the world, of which Immich has 220,000: short rows that nobody wants.
#[divan::bench(sample_count = 10)]
fn short_rows_that_nobody_wants(bencher: Bencher<'_, '_>) {
    let row =
        "3039163\tSant Julià de Lòria\t1.49129\t42.46372\tAD\t06\t\\N\t2013-11-23\tAndorra\t\\N\n";
    let rows = row.repeat(1_000_000);
    let dump = dump(&format!(
        "COPY public.geodata_places (id, name) FROM stdin;\n{rows}\\.\n"
    ));
    bencher
        .counter(BytesCount::of_slice(dump.as_slice()))
        .bench(|| read(&dump));
}

#[divan::bench(sample_count = 5)]
fn a_million_assets(bencher: Bencher<'_, '_>) {
    let dump = dump(&assets(1_000_000));
    bencher
        .counter(ItemsCount::new(1_000_000_u64))
        .counter(BytesCount::of_slice(dump.as_slice()))
        .bench(|| read(&dump));
}
