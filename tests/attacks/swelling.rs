//! Snapshots whose parts swell: leaves, nodes, findings, contents, and folders that carry much.

use std::path::Path;

use offsite::format::cbor::{Counts, Joined, encode};
use offsite::format::entry::{Entry, EntryType, Key};
use offsite::format::finding::{Finding, Findings, append_finding, begin_finding_list};
use offsite::format::frame::Codec;
use offsite::format::listing::{
    Child, append_child, append_entry, begin_leaf, begin_node, begin_problem_list,
};
use offsite::format::pack::Class;
use offsite::format::snapshot::{Problems, Snapshot};
use offsite::format::{CHUNK_PLAIN_BYTES_MAX, METADATA_PLAIN_BYTES_MAX};
use offsite::id::ChunkId;
use offsite::repository::{PackWriter, Plaintext};

use crate::bombs::{GIGABYTE, is_full, zstd};
use crate::program::Machine;
use crate::world::World;

/// Stores a chunk under the id that it should have, or one that it has not, and says this of its
/// length.
fn put_chunk(world: &World, class: Class, plain_bytes: u32, content: &[u8], id: ChunkId) {
    let writer = PackWriter::new(&world.repository).unwrap();
    let chunk = Plaintext {
        id,
        plain_bytes,
        codec: Codec::Zstd,
        content: &mut content.to_vec(),
    };
    let full = writer.add(class, chunk).unwrap();
    let left = writer.finish(class).unwrap();
    full.iter()
        .chain(&left)
        .for_each(|pack| world.put_pack(pack));
}

fn put_metadata(world: &World, plain: &[u8]) -> ChunkId {
    let id = world.repository.writer.metadata_id(plain);
    put_chunk(world, Class::Metadata, plain.len() as u32, &zstd(plain), id);
    id
}

fn full(mut list: Vec<u8>, one: &[u8]) -> Vec<u8> {
    while list.len() + one.len() <= METADATA_PLAIN_BYTES_MAX as usize {
        list.extend_from_slice(one);
    }
    list
}

/// As many entries as a leaf can have, in order.
fn full_leaf(make: impl Fn(Vec<u8>) -> Entry) -> Vec<u8> {
    let mut leaf = begin_leaf();
    for number in 0_u32.. {
        let mut more = Vec::new();
        append_entry(&mut more, &make(format!("{number:05x}").into_bytes()));
        if leaf.len() + more.len() > METADATA_PLAIN_BYTES_MAX as usize {
            return leaf;
        }
        leaf.extend(more);
    }
    leaf
}

fn bare(path: Vec<u8>) -> Entry {
    Entry::new(11, path, EntryType::Folder)
}

/// Six hundred folders, each in the one before, each with all the attributes that fit.
fn laden_folders(world: &World) -> (u8, ChunkId) {
    let (mut path, mut node) = (b"d".to_vec(), begin_node(1));
    let writer = PackWriter::new(&world.repository).unwrap();
    for _ in 0..600 {
        let mut entry = bare(path.clone());
        let value = vec![0; 380_000].into();
        (entry.mode, entry.attributes) =
            (Some(0o755), Some(vec![(b"user.x".to_vec().into(), value)]));
        let leaf = [begin_leaf(), encode(&entry)].concat();
        let id = world.repository.writer.metadata_id(&leaf);
        let chunk = Plaintext {
            id,
            plain_bytes: leaf.len() as u32,
            codec: Codec::Zstd,
            content: &mut zstd(&leaf),
        };
        assert!(writer.add(Class::Metadata, chunk).unwrap().is_none());
        let key = Key {
            root: 11,
            path: path.clone(),
        };
        append_child(&mut node, &Child { key, id });
        path.extend(b"/d");
    }
    let packs = writer.finish(Class::Metadata).unwrap();
    packs.iter().for_each(|pack| world.put_pack(pack));
    (1, put_metadata(world, &node))
}

/// By name, what each makes of an honest record.
fn swollen(world: &World, honest: &Snapshot) -> Vec<(&'static str, Snapshot)> {
    let with = |name, listing| {
        (
            name,
            Snapshot {
                listing,
                ..honest.clone()
            },
        )
    };
    let lie = |class, plain: u32| {
        let id = ChunkId::new([plain as u8; 32]);
        put_chunk(world, class, plain, &GIGABYTE, id);
        id
    };
    let leaf = |plain: &[u8]| (0, put_metadata(world, plain));
    let attributes = |path| {
        let mut entry = bare(path);
        entry.attributes = Some(vec![(Vec::new().into(), Vec::new().into()); 100_000]);
        entry
    };
    let empty = put_metadata(world, &begin_leaf());
    let mut node = begin_node(1);
    for number in 0..20_000 {
        let key = Key::from((11, format!("{number:05}").as_bytes()));
        append_child(&mut node, &Child { key, id: empty });
    }
    let content = |name, plain| {
        let mut entry = Entry::new(11, b"bomb.jpg".to_vec(), EntryType::File);
        entry.size = Some(u64::from(plain));
        entry.chunks = Some(Joined(vec![lie(Class::Files, plain)]));
        with(name, leaf(&[begin_leaf(), encode(&entry)].concat()))
    };
    let mut one = Vec::new();
    append_finding(&mut one, &Finding::default());
    let findings = put_metadata(world, &full(begin_finding_list(), &one[..]));
    let problems = put_metadata(world, &full(begin_problem_list(), &[0x83, 1, 0x40, 0x60]));
    let mut told = honest.clone();
    told.audit = Counts([("missing".to_owned(), 1)].into());
    told.findings = Some(Findings {
        count: 1 << 40,
        chunks: Joined(vec![findings; 2_000]),
    });
    told.problems = Some(Problems {
        count: 1 << 40,
        chunks: Joined(vec![problems; 2_000]),
    });
    vec![
        with("a leaf of a gigabyte", (0, lie(Class::Metadata, 1 << 20))),
        with(
            "a leaf of a gigabyte that says a kilobyte",
            (0, lie(Class::Metadata, 1_001)),
        ),
        with("a leaf of the smallest entries", leaf(&full_leaf(bare))),
        with(
            "a leaf of nothing but attributes",
            leaf(&full_leaf(attributes)),
        ),
        with("a node of empty leaves", (1, put_metadata(world, &node))),
        with("folders that carry much", laden_folders(world)),
        content("a file of a gigabyte that says a kilobyte", 1_002),
        content(
            "a file of a gigabyte that says what is allowed",
            CHUNK_PLAIN_BYTES_MAX,
        ),
        ("findings and problems without end", told),
    ]
}

#[test]
fn snapshots_whose_parts_swell_cost_no_more_than_others() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let record = world.record(&honest);
    let honest = honest.to_string();
    let swollen = swollen(&world, &record);
    let ids: Vec<_> = swollen
        .iter()
        .map(|(name, record)| (*name, world.put_snapshot(record).to_string()))
        .collect();
    let machine = Machine::with_folder(&world);
    let (mut runs, mut peak) = (0, 0);
    let mut run = |verb: &[&str], wanted: Option<i32>| {
        let ended = machine.run(verb);
        assert!(
            wanted.is_none() || ended.code == wanted,
            "{verb:?}: {:?}",
            ended.code
        );
        peak = peak.max(ended.peak_kib);
        runs += 1;
    };
    for (number, (_, id)) in ids.iter().enumerate() {
        let target = machine.path(id);
        let target = target.to_str().unwrap();
        run(&["restore", id, "--quiet", "--target", target], None);
        let verbs = [
            &["ls", "--recursive", id][..],
            &["stats", id],
            &["diff", honest.as_str(), id],
            &["cat", id, "bomb.jpg"],
        ];
        for (place, verb) in verbs.iter().enumerate() {
            if is_full() || place == number % verbs.len() {
                run(verb, None);
            }
        }
    }
    run(&["audit", &ids.last().unwrap().1], None);
    run(&["cat", &ids[ids.len() - 2].1, "bomb.jpg"], None);
    run(&["find", "*.jpg"], None);
    run(&["verify", "--data"], Some(4));
    let back = machine.path("back");
    run(
        &[
            "restore",
            &honest,
            "--quiet",
            "--target",
            back.to_str().unwrap(),
        ],
        Some(0),
    );
    world.assert_same(Path::new(&back));
    let (kinds, peak) = (ids.len(), peak.div_ceil(1024));
    println!("counted: bombs: {kinds} kinds of swelling snapshots, read by {runs} runs");
    println!("counted: bombs: {peak} MiB at the most, of the runs that read snapshots");
}
