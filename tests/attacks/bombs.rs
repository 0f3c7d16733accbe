//! Bombs: a few bytes that say much. Each is put beside an honest snapshot, and the real program reads
//! the store with every verb: within its memory, in time, with a clear sentence, and the honest
//! snapshot comes back.
//!
//! The short form puts all objects into one store; `OFFSITE_TEST_BOMBS=all` also each into one of its
//! own, and asks more verbs of `swelling` snapshots and of `liars`.

use std::path::Path;
use std::sync::LazyLock;

use offsite::format::frame::{Codec, Shape};
use offsite::format::header::Header;
use offsite::format::housekeeping::{Forget, Plan};
use offsite::format::slot::encode_costs;
use offsite::format::{Kind, RECORD_PLAIN_BYTES_MAX, TAG_BYTES, cbor};
use offsite::id::ObjectId;
use offsite::seams::Timestamp;

use crate::program::Machine;
use crate::sealed;
use crate::world::World;

pub fn is_full() -> bool {
    std::env::var("OFFSITE_TEST_BOMBS").is_ok_and(|it| it == "all")
}

/// A gigabyte of zeros, compressed.
pub static GIGABYTE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap()
});

pub fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 3).unwrap()
}

/// Puts a record that says this of its payload.
fn put(world: &World, kind: Kind, plain: u32, codec: Codec, content: &[u8]) {
    let stored = content.len() as u32 + TAG_BYTES;
    let shape = Shape {
        stored,
        plain,
        codec,
    };
    let object = sealed::record(&world.repository.writer, kind, shape, content);
    world.put_bytes(kind, object);
}

/// A payload that is what it says.
fn put_payload(world: &World, kind: Kind, payload: &[u8]) {
    put(
        world,
        kind,
        payload.len() as u32,
        Codec::Zstd,
        &zstd(payload),
    );
}

type Bomb = (&'static str, fn(&World));

/// Records of all kinds that lie about their lengths, or tell the truth about absurd ones.
const BOMBS: &[Bomb] = &[
    ("a gigabyte that says it is a kilobyte", |world| {
        for kind in [
            Kind::Segment,
            Kind::Snapshot,
            Kind::Plan,
            Kind::Forget,
            Kind::Proof,
        ] {
            put(world, kind, 1_000, Codec::Zstd, &GIGABYTE);
        }
    }),
    ("a gigabyte that says it is as long as can be", |world| {
        for kind in [
            Kind::Segment,
            Kind::Snapshot,
            Kind::Plan,
            Kind::Forget,
            Kind::Proof,
        ] {
            put(world, kind, kind.plain_bytes_max(), Codec::Zstd, &GIGABYTE);
        }
    }),
    ("a record that says it is four gigabytes", |world| {
        for kind in [Kind::Segment, Kind::Snapshot, Kind::Plan] {
            put(world, kind, u32::MAX, Codec::Zstd, &GIGABYTE);
        }
    }),
    ("lists of 2^32 and of 2^63", |world| {
        for kind in [
            Kind::Segment,
            Kind::Snapshot,
            Kind::Plan,
            Kind::Forget,
            Kind::Proof,
        ] {
            for head in [0x9b, 0xbb, 0x5b, 0x7b] {
                for length in [1_u64 << 32, 1 << 63] {
                    for key in 0..6 {
                        let mut payload = vec![0xa6];
                        payload.extend([key, head]);
                        payload.extend(length.to_be_bytes());
                        put_payload(world, kind, &payload);
                    }
                }
            }
        }
    }),
    ("lists in lists, a million deep", |world| {
        for kind in [Kind::Segment, Kind::Snapshot, Kind::Plan, Kind::Forget] {
            // Of a key that nobody knows, so that it must be passed over.
            for one in [0x81, 0x9f, 0xc1] {
                let deep = [&[0xa7, 0x18, 0x63][..], &vec![one; 1_000_000], &[0]].concat();
                put_payload(world, kind, &deep);
            }
        }
    }),
    ("a segment of the smallest packs there are", |world| {
        // Session, and packs of a name, no size, class 0, no header, no chunks.
        let row = [
            &[0xa5, 0, 0x58, 32][..],
            &[7; 32],
            &[1, 0, 2, 0, 4, 0x40, 5, 0x40],
        ]
        .concat();
        let count = RECORD_PLAIN_BYTES_MAX as usize / row.len() - 1;
        let mut payload = [&[0xa2, 0, 0x50][..], &[1; 16], &[3, 0x9a]].concat();
        payload.extend((count as u32).to_be_bytes());
        payload.extend(row.repeat(count));
        put_payload(world, Kind::Segment, &payload);
    }),
    ("a segment of nothing but references", |world| {
        let mut payload = [&[0xa4, 0, 0x50][..], &[1; 16], &[3, 0x80]].concat();
        for key in [1, 2] {
            payload.extend([key, 0x5a]);
            payload.extend((15_u32 << 20).to_be_bytes());
            payload.extend(vec![key; 15 << 20]);
        }
        put_payload(world, Kind::Segment, &payload);
    }),
    (
        "sixty snapshots that are a megabyte of tags, or of a host's name",
        |world| {
            let opened = world.open();
            let mut record = opened.snapshots.last().unwrap().record.clone();
            record.time = Timestamp::default();
            for number in 0..30 {
                record.started = Timestamp::from_seconds(number);
                (record.tags, record.host) = (vec![String::new(); 1_000_000], "mallory".to_owned());
                put_payload(world, Kind::Snapshot, &cbor::encode(&record));
                (record.tags, record.host) = (Vec::new(), "m".repeat(1_000_000));
                put_payload(world, Kind::Snapshot, &cbor::encode(&record));
            }
        },
    ),
    ("packs whose ends lie about their numbers", |world| {
        let writer = &world.repository.writer;
        for kind in [Kind::DataPack, Kind::ListingPack] {
            for numbers in [u32::MAX, 1 << 31, 16_385] {
                for body in [u64::MAX, 1 << 40, 0] {
                    let [footer, chunks] = [numbers.wrapping_mul(44).wrapping_add(16), numbers];
                    let mut trailer = body.to_le_bytes().to_vec();
                    trailer.extend([footer.to_le_bytes(), chunks.to_le_bytes()].concat());
                    trailer.extend([0; 8]);
                    let pack = sealed::pack(writer, kind, &[7; 1_000], &[0; 440], &trailer);
                    world.put_bytes(kind, pack);
                }
            }
        }
    }),
    ("key slots of absurd costs", |world| {
        let id = world.repository.id();
        for (memory, passes, lanes) in [
            (u32::MAX, 1, 1),
            (1 << 30, 3, 4),
            (64, u32::MAX, 1),
            (1 << 24, 1, u32::MAX),
            (0, 0, 0),
        ] {
            for number in 0..4 {
                let costs = encode_costs(memory, passes, lanes);
                let mut slot = Header::unfinished(Kind::KeySlot, id, [number; 32], &costs);
                slot.extend([1; 64 + 48 + 30]);
                world.put_bytes(Kind::KeySlot, slot);
            }
        }
    }),
    ("ten plans of a million packs", |world| {
        for number in 0..10 {
            let plan = Plan {
                host: "mallory".to_owned(),
                created: Timestamp::from_seconds(1_790_000_000 + number),
                grace_seconds: 72 * 3600,
                packs: vec![ObjectId::new([number as u8; 32]); 1_000_000].into(),
                segments: Vec::new().into(),
                snapshots: Vec::new().into(),
                forgets: Vec::new().into(),
            };
            put_payload(world, Kind::Plan, &cbor::encode(&plan));
        }
    }),
    ("ten forget records of a million snapshots", |world| {
        for number in 0..10 {
            let forget = Forget {
                host: "mallory".to_owned(),
                created: Timestamp::from_seconds(1_790_000_000 + number),
                snapshots: vec![ObjectId::new([number as u8; 32]); 1_000_000].into(),
                reason: String::new(),
                sessions: Vec::new().into(),
            };
            put_payload(world, Kind::Forget, &cbor::encode(&forget));
        }
    }),
];

/// What every verb that reads is asked. `latest` is the honest snapshot.
fn verbs(target: &Path) -> Vec<Vec<&str>> {
    let target = target.to_str().unwrap();
    vec![
        vec!["snapshots"],
        vec!["ls", "--recursive", "latest"],
        vec!["find", "*.jpg"],
        vec!["stats", "latest"],
        vec!["stats"],
        vec!["status"],
        vec!["verify"],
        vec!["verify", "--data"],
        vec!["audit", "latest"],
        vec!["forget", "--keep-last", "1", "--dry-run"],
        vec!["prune", "--dry-run"],
        vec!["key", "list"],
        vec!["index", "rebuild"],
        vec!["restore", "latest", "--quiet", "--target", target],
    ]
}

/// Gives the most memory that a run took, in KiB, and how many runs there were.
fn survive(world: &World, name: &str) -> (u64, usize) {
    let machine = Machine::with_folder(world);
    let target = machine.path("back");
    let verbs = verbs(&target);
    let mut peak = 0;
    for verb in &verbs {
        let ended = machine.run(verb);
        peak = peak.max(ended.peak_kib);
        if verb[0] == "restore" {
            assert_eq!(ended.code, Some(0), "{name}");
        }
    }
    world.assert_same(&target);
    (peak, verbs.len())
}

#[test]
fn records_that_swell_cost_no_more_than_others() {
    let (mut runs, mut peak) = (0, 0);
    let mut note = |(kib, more): (u64, usize)| {
        peak = peak.max(kib);
        runs += more;
    };
    let all = World::new();
    all.backup().unwrap();
    for (name, put) in BOMBS {
        put(&all);
        if is_full() {
            let world = World::new();
            world.backup().unwrap();
            put(&world);
            note(survive(&world, name));
        }
    }
    note(survive(&all, "all"));
    let peak = peak.div_ceil(1024);
    println!(
        "counted: bombs: {} kinds of swelling records, read by {runs} runs",
        BOMBS.len()
    );
    println!("counted: bombs: {peak} MiB at the most, of the runs that read records");
}
