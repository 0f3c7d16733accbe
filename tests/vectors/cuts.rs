//! Where things are cut, ordered and padded: `cut_files.json`, `cut_dumps.json`,
//! `listing_order.json`, `listing_cut.json`, `id_list_cut.json`, `padme.json`.

use std::io;

use offsite::chunker::{ChunkSizes, Chunker};
use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType, key_order};
use offsite::format::listing::id_list_length;
use offsite::format::padme::padded;
use offsite::id::ChunkId;
use offsite::repository::{ListingWriter, RepositoryError, store_ids};
use serde_json::{Value, json};

use crate::cbor::Cbor::{self, Array, Uint};
use crate::keys::{gear_bytes, reader};
use crate::page::{self, Keys};
use crate::tape::noise;
use crate::vector::{Vector, hex};

/// §8, "Cutting contents": the length of the next chunk.
fn cut_by_hand(sizes: ChunkSizes, (strict, loose): (u64, u64), gear: &[u64], s: &[u8]) -> usize {
    let minimum = sizes.minimum as usize;
    if s.len() <= minimum {
        return s.len();
    }
    let end = s.len().min(sizes.maximum as usize);
    let center = s.len().min(sizes.average as usize);
    let mut h = 0_u64;
    for i in minimum / 2..end / 2 {
        let mask = if i < center / 2 { strict } else { loose };
        let twice = gear[usize::from(s[2 * i])].wrapping_mul(2);
        h = h.wrapping_mul(4).wrapping_add(twice);
        if h & (2 * mask) == 0 {
            return 2 * i;
        }
        h = h.wrapping_add(gear[usize::from(s[2 * i + 1])]);
        if h & mask == 0 {
            return 2 * i + 1;
        }
    }
    end
}

fn cuts(name: &'static str, shows: &str, sizes: ChunkSizes, masks: (u64, u64), bytes: usize) {
    let gear: Vec<u64> = gear_bytes(&Keys::of_the_vectors())
        .as_chunks()
        .0
        .iter()
        .map(|entry| u64::from_le_bytes(*entry))
        .collect();
    let chunker = Chunker::new(sizes, reader().writer().gear()).unwrap();
    let seed = b"offsite test vector";
    let streams = [noise(seed, bytes), vec![0; bytes]];
    let lengths = streams.each_ref().map(|stream| {
        let (mut rest, mut lengths) = (stream.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = cut_by_hand(sizes, masks, &gear, rest);
            lengths.push(length);
            rest = &rest[length..];
        }
        lengths
    });
    for (stream, expected) in streams.iter().zip(&lengths) {
        let mut found = Vec::new();
        let mut visit = |chunk: &mut [u8]| {
            found.push(chunk.len());
            io::Result::Ok(())
        };
        let mut source = stream.as_slice();
        chunker
            .each_chunk(&mut source, &mut Vec::new(), &mut visit)
            .unwrap();
        assert_eq!(&found, expected);
    }
    let [of_noise, of_zeros] = lengths;
    assert!(of_noise.len() > 5, "cuts are seen");
    Vector::new(name, shows)
        .with("minimum", sizes.minimum)
        .with("average", sizes.average)
        .with("maximum", sizes.maximum)
        .with("strict_mask", format!("{:016x}", masks.0))
        .with("loose_mask", format!("{:016x}", masks.1))
        .with(
            "stream",
            "the first `bytes` bytes of the BLAKE3 output stream (plain hash mode) of `seed`",
        )
        .bytes("seed", seed)
        .with("bytes", bytes)
        .with("lengths", of_noise)
        .with("lengths_of_as_many_zero_bytes", of_zeros)
        .settle();
}

#[test]
fn files_are_cut_where_the_page_says() {
    let shows = "Lengths of the chunks of a file under the gear key of keys.json.";
    let masks = (0x0000_d917_6753_7000, 0x0000_d917_0753_7000);
    cuts("cut_files", shows, ChunkSizes::FILES, masks, 16_000_001);
}

#[test]
fn dumps_are_cut_where_the_page_says() {
    let shows = "Lengths of the chunks of a dump under the gear key of keys.json.";
    let masks = (0x0000_d90f_0353_0000, 0x0000_d903_0353_0000);
    cuts("cut_dumps", shows, ChunkSizes::DUMPS, masks, 1_000_001);
}

#[test]
fn lengths_are_padded() {
    let lengths = [
        0,
        1,
        4_095,
        4_096,
        4_097,
        4_159,
        4_160,
        4_224,
        4_225,
        8_191,
        8_192,
        8_193,
        10_000,
        65_535,
        65_536,
        65_537,
        67_584,
        67_585,
        1_000_000,
        16_777_216,
        16_777_217,
        100_000_000,
    ];
    let pairs = |minimum: u64| -> Value {
        let pair = |length: u64| {
            assert_eq!(padded(length, minimum), page::padme(length, minimum));
            json!([length, page::padme(length, minimum)])
        };
        lengths.into_iter().map(pair).collect()
    };
    Vector::new(
        "padme",
        "Lengths and their padded lengths, for both minimums.",
    )
    .with("minimum_4096", pairs(4_096))
    .with("minimum_65536", pairs(65_536))
    .settle();
}

#[test]
fn paths_are_in_order() {
    let sorted: [(u32, &[u8]); 17] = [
        (0, b"database.sql"),
        (1, b"A"),
        (1, b"a"),
        (1, b"a/\x01"),
        (1, b"a/b"),
        (1, b"a/b/c"),
        (1, b"a/b/c/d"),
        (1, b"a/b c"),
        (1, b"a/b.c"),
        (1, b"a\x01"),
        (1, b"a b"),
        (1, b"a-b"),
        (1, b"a.jpg"),
        (1, b"aa"),
        (1, b"\xc3\xa9"),
        (1, b"\xff"),
        (2, b"A"),
    ];
    for pair in sorted.windows(2) {
        assert!(key_order(pair[0], pair[1]).is_lt(), "{pair:?}");
        assert!(key_order(pair[1], pair[0]).is_gt(), "{pair:?}");
    }
    // By the page: `/` becomes the least of 257 values.
    let by_page = |(root, path): &(u32, &[u8])| {
        let values = path.iter().map(|byte| {
            if *byte == b'/' {
                0
            } else {
                u16::from(*byte) + 1
            }
        });
        (*root, values.collect::<Vec<_>>())
    };
    assert!(sorted.is_sorted_by_key(by_page));
    let shown: Value = sorted
        .iter()
        .map(|(root, path)| json!([root, hex(path)]))
        .collect();
    Vector::new(
        "listing_order",
        "Keys of entries in ascending order: root number, and path in hex.",
    )
    .with("keys", shown)
    .settle();
}

const ENTRIES: u32 = 3000;

fn path_of(number: u32) -> Vec<u8> {
    format!("library/{number:05}.jpg").into_bytes()
}

/// A chunk of a tree: the key of its first entry, its id, its length, how many it holds.
struct Made {
    root: u32,
    path: Vec<u8>,
    id: [u8; 32],
    bytes: usize,
    children: usize,
}

/// §8, leaves and nodes: cuts a run of encoded entries or children.
fn level_by_hand(keys: &Keys, role: &[u8], items: &[(u32, Vec<u8>, Vec<u8>)]) -> Vec<Made> {
    let mut made = Vec::new();
    let (mut chunk, mut first) = (role.to_vec(), 0);
    for (number, (root, path, encoded)) in items.iter().enumerate() {
        chunk.extend(encoded);
        let key = [root.to_le_bytes().as_slice(), path].concat();
        let is_cut = blake3::keyed_hash(&keys.cut, &key).as_bytes()[0] == 0;
        let is_last = number + 1 == items.len();
        if is_last || chunk.len() >= 262_144 || chunk.len() >= 65_536 && is_cut {
            made.push(Made {
                root: items[first].0,
                path: items[first].1.clone(),
                id: keys.chunk_id(3, &chunk),
                bytes: chunk.len(),
                children: number + 1 - first,
            });
            (chunk, first) = (role.to_vec(), number + 1);
        }
    }
    made
}

/// Long enough that several leaves come of it.
fn content_of(number: u32) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn leaves_by_hand(keys: &Keys) -> Vec<Made> {
    let by_hand = |number: u32| {
        Cbor::record(vec![
            (0, Uint(1)),
            (1, Cbor::Bytes(path_of(number))),
            (2, Uint(0)),
            (11, Uint(u64::from(number))),
            (14, Cbor::bytes(&content_of(number)[..20])),
            (15, Cbor::bytes(&content_of(number))),
        ])
        .encode()
    };
    let items: Vec<_> = (0..ENTRIES).map(|n| (1, path_of(n), by_hand(n))).collect();
    level_by_hand(keys, &[1], &items)
}

fn children_by_hand(leaves: &[Made]) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    leaves
        .iter()
        .map(|leaf| {
            let child = Array(vec![
                Uint(u64::from(leaf.root)),
                Cbor::bytes(&leaf.path),
                Cbor::bytes(&leaf.id),
            ]);
            (leaf.root, leaf.path.clone(), child.encode())
        })
        .collect()
}

#[test]
fn a_listing_is_cut_where_its_paths_say() {
    let keys = Keys::of_the_vectors();
    let leaves = leaves_by_hand(&keys);
    let children = children_by_hand(&leaves);
    let nodes = level_by_hand(&keys, &[2, 1], &children);
    assert!(
        leaves.len() > 2 && nodes.len() == 1,
        "one node above several leaves"
    );
    let ends = (0..ENTRIES)
        .map(path_of)
        .filter(|path| reader().writer().cuts_after(1, path));
    let ends: Vec<_> = ends.map(|path| String::from_utf8(path).unwrap()).collect();
    let shown = |made: &[Made]| -> Value {
        let shown = made.iter().map(|made| {
            json!({
                "first_path": String::from_utf8(made.path.clone()).unwrap(),
                "holds": made.children,
                "bytes": made.bytes,
                "id": hex(&made.id),
            })
        });
        shown.collect()
    };
    Vector::new("listing_cut", "Which paths may end a leaf, and the leaves and the node of a listing of 3,000 files.")
        .with("entries", "for n from 0 to 2999, h = BLAKE3(u32 n): root 1, path `library/<n in five decimal digits>.jpg`, type 0, size n, SHA-1 = first 20 bytes of h, one chunk id = h; no other keys")
        .with("paths_whose_keyed_hash_begins_with_0", ends)
        .with("leaves", shown(&leaves))
        .with("topmost_level", 1)
        .with("topmost", shown(&nodes))
        .settle();

    let writer = reader().writer().clone();
    let mut listing = ListingWriter::new(&writer);
    let mut stored = Vec::new();
    let mut store = |bytes: &[u8]| {
        stored.push((*writer.metadata_id(bytes).as_bytes(), bytes.len()));
        Ok::<_, RepositoryError>(writer.metadata_id(bytes))
    };
    for number in 0..ENTRIES {
        let content = content_of(number);
        let mut entry = Entry::new(1, path_of(number), EntryType::File);
        entry.size = Some(u64::from(number));
        entry.sha1 = Some((*content.first_chunk::<20>().unwrap()).into());
        entry.chunks = Some(Joined(vec![ChunkId::new(content)]));
        listing.push(&entry, &mut store).unwrap();
    }
    let top = listing.finish(&mut store).unwrap();
    assert_eq!(top, (1, ChunkId::new(nodes[0].id)));
    let expected: Vec<_> = leaves
        .iter()
        .chain(&nodes)
        .map(|made| (made.id, made.bytes))
        .collect();
    assert_eq!(stored, expected);
}

/// §8, id lists: how many ids the next list takes.
fn id_list_by_hand(ids: &[[u8; 32]]) -> usize {
    let mut length = 0;
    for id in ids {
        length += 1;
        let value = u16::from_le_bytes([id[0], id[1]]);
        if length == 4_096 || length >= 256 && value & 0x03ff == 0 {
            break;
        }
    }
    length
}

#[test]
fn id_lists_are_cut_where_their_ids_say() {
    let keys = Keys::of_the_vectors();
    let ids: Vec<[u8; 32]> = (0..40_000).map(content_of).collect();
    let (mut rest, mut lists) = (ids.as_slice(), Vec::new());
    while !rest.is_empty() {
        let (list, after) = rest.split_at(id_list_by_hand(rest));
        let chunk = [&[3, 1], list.concat().as_slice()].concat();
        lists.push((list.len(), keys.chunk_id(3, &chunk)));
        rest = after;
    }
    let shown = lists
        .iter()
        .map(|(length, id)| json!({ "ids": length, "id": hex(id) }));
    Vector::new("id_list_cut", "The id lists of a file of 40,000 chunks.")
        .with("ids", "for n from 0 to 39999: BLAKE3(u32 n)")
        .with("level", 1)
        .with("lists", shown.collect::<Value>())
        .settle();

    let writer = reader().writer().clone();
    let ids: Vec<_> = ids.into_iter().map(ChunkId::new).collect();
    assert_eq!(id_list_length(&ids), lists[0].0);
    let mut entry = Entry::new(1, b"movie".to_vec(), EntryType::File);
    let mut store = |bytes: &[u8]| Ok::<_, RepositoryError>(writer.metadata_id(bytes));
    store_ids(&mut entry, ids, &mut store).unwrap();
    let expected = lists.iter().map(|(_, id)| ChunkId::new(*id)).collect();
    assert_eq!(entry.lists, Some((1, Joined(expected))));
}
