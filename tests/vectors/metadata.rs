//! Metadata chunks: `listing_leaf.json`, with an entry of every type.

use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType};
use offsite::format::listing::{append_entry, begin_leaf, decode_leaf};
use offsite::id::ChunkId;
use offsite::seams::Timestamp;

use crate::cbor::Cbor::{self, Array, Int, Uint};
use crate::keys::reader;
use crate::page::Keys;
use crate::tape::run;
use crate::vector::Vector;

fn ids32(firsts: &[u8]) -> Cbor {
    Cbor::Bytes(firsts.iter().flat_map(|first| run(*first)).collect())
}

fn sha1(byte: u8) -> Cbor {
    Cbor::Bytes(vec![byte; 20])
}

fn entry(root: u64, path: &[u8], kind: u64, rest: Vec<(u64, Cbor)>) -> Cbor {
    let mut fields = vec![(0, Uint(root)), (1, Cbor::bytes(path)), (2, Uint(kind))];
    fields.extend(rest);
    Cbor::record(fields)
}

/// Entries of every type, and one of a type of tomorrow.
fn entries_by_hand() -> Vec<Cbor> {
    let bytes = Cbor::bytes;
    let attribute = |name: &[u8], value: &[u8]| Array(vec![bytes(name), bytes(value)]);
    let database = vec![
        (11, Uint(70_000)),
        (14, sha1(0xda)),
        (15, ids32(&[1, 2, 3])),
    ];
    let folder = vec![
        (3, Uint(0o2775)),
        (4, Uint(1000)),
        (5, Uint(4_294_967_294)),
        (6, bytes(b"immich")),
        (7, bytes(b"gr\xfcppe")),
        (8, Int(1_790_000_000_123_456_789)),
        (9, Int(1_790_000_001_000_000_000)),
        (10, Uint(u64::MAX)),
    ];
    let attributes = vec![attribute(b"user.a", b"\x00\xff"), attribute(b"user.b", b"")];
    let file = vec![
        (3, Uint(0o640)),
        (8, Int(-1)),
        (10, Uint(42)),
        (11, Uint(1333)),
        (13, Array(attributes)),
        (14, sha1(0x5a)),
        (15, ids32(&[0x10, 0x20])),
    ];
    let hard = vec![
        (11, Uint(1333)),
        (14, sha1(0x5a)),
        (15, ids32(&[0x10, 0x20])),
        (17, Array(vec![Uint(1), bytes(b"library/F\xff\xe9.jpg")])),
    ];
    let movie = vec![
        (11, Uint(5_000_000_000)),
        (14, sha1(0x3b)),
        (16, Array(vec![Uint(2), ids32(&[0x30])])),
    ];
    let tomorrow = vec![(99, Cbor::Text("of a later version"))];
    vec![
        entry(0, b"database.sql", 0, database),
        entry(1, b"library", 1, folder),
        entry(1, b"library/F\xff\xe9.jpg", 0, file),
        entry(1, b"library/hard link", 3, hard),
        entry(
            1,
            b"library/link",
            2,
            vec![(12, bytes(b"../\xfe/elsewhere"))],
        ),
        entry(1, b"library/movie.mp4", 0, movie),
        entry(1, b"library.socket", 9, tomorrow),
    ]
}

pub fn leaf_by_hand() -> Vec<u8> {
    let mut leaf = vec![1];
    leaf.extend(entries_by_hand().iter().flat_map(Cbor::encode));
    leaf
}

/// A node of level 1 with one child.
pub fn node_by_hand(leaf: &[u8; 32]) -> Vec<u8> {
    let child = Array(vec![
        Uint(0),
        Cbor::bytes(b"database.sql"),
        Cbor::bytes(leaf),
    ]);
    [vec![2, 1], child.encode()].concat()
}

/// An id list of level 1 with three ids.
pub fn id_list_by_hand() -> Vec<u8> {
    [vec![3, 1], [0x40, 0x50, 0x60].map(run).concat()].concat()
}

fn entries_by_library() -> Vec<Entry> {
    let text = |bytes: &[u8]| Some(bytes.to_vec().into());
    let ids = |firsts: &[u8]| {
        Joined(
            firsts
                .iter()
                .map(|first| ChunkId::new(run(*first)))
                .collect(),
        )
    };
    let mut database = Entry::new(0, b"database.sql".to_vec(), EntryType::File);
    database.size = Some(70_000);
    database.sha1 = Some([0xda; 20].into());
    database.chunks = Some(ids(&[1, 2, 3]));
    let mut folder = Entry::new(1, b"library".to_vec(), EntryType::Folder);
    folder.mode = Some(0o2775);
    folder.owner = Some(1000);
    folder.group = Some(4_294_967_294);
    folder.owner_name = text(b"immich");
    folder.group_name = text(b"gr\xfcppe");
    folder.modified = Some(Timestamp::from_nanoseconds(1_790_000_000_123_456_789));
    folder.changed = Some(Timestamp::from_seconds(1_790_000_001));
    folder.inode = Some(u64::MAX);
    let mut file = Entry::new(1, b"library/F\xff\xe9.jpg".to_vec(), EntryType::File);
    file.mode = Some(0o640);
    file.modified = Some(Timestamp::from_nanoseconds(-1));
    file.inode = Some(42);
    file.size = Some(1333);
    file.attributes = Some(vec![
        (b"user.a".to_vec().into(), b"\x00\xff".to_vec().into()),
        (b"user.b".to_vec().into(), b"".to_vec().into()),
    ]);
    file.sha1 = Some([0x5a; 20].into());
    file.chunks = Some(ids(&[0x10, 0x20]));
    let mut hard = Entry::new(1, b"library/hard link".to_vec(), EntryType::HardLink);
    hard.size = Some(1333);
    hard.sha1 = file.sha1;
    hard.chunks = file.chunks.clone();
    hard.first = Some((1, file.path.clone().into()));
    let mut link = Entry::new(1, b"library/link".to_vec(), EntryType::Link);
    link.target = text(b"../\xfe/elsewhere");
    let mut movie = Entry::new(1, b"library/movie.mp4".to_vec(), EntryType::File);
    movie.size = Some(5_000_000_000);
    movie.sha1 = Some([0x3b; 20].into());
    movie.lists = Some((2, ids(&[0x30])));
    let socket = Entry::new(1, b"library.socket".to_vec(), EntryType::Unknown(9));
    vec![database, folder, file, hard, link, movie, socket]
}

#[test]
fn a_leaf_holds_entries_of_every_type() {
    let keys = Keys::of_the_vectors();
    let leaf = leaf_by_hand();
    let entries = entries_by_hand();
    let shown: Vec<_> = entries.iter().map(Cbor::notation).collect();
    let committed = Vector::new(
        "listing_leaf",
        "A leaf with entries of every type, names that are not UTF-8, a type and a key of a later version.",
    )
    .with("entries_in_diagnostic_notation", shown)
    .bytes("id", &keys.chunk_id(3, &leaf))
    .bytes("chunk", &leaf)
    .settle();

    let chunk = committed.bytes("chunk");
    let expected = entries_by_library();
    assert_eq!(decode_leaf(&chunk).unwrap(), expected);
    assert_eq!(
        reader().writer().metadata_id(&chunk).as_bytes().as_slice(),
        committed.bytes("id")
    );
    // Without the key of a later version, which the library does not know.
    let mut again = begin_leaf();
    expected
        .iter()
        .for_each(|entry| append_entry(&mut again, entry));
    let known = chunk.len() - entries[6].encode().len();
    assert_eq!(again[..known], chunk[..known]);
}
