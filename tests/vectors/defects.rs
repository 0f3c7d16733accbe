//! Vectors named by their defect, each of which a reader must refuse: sealed by hand with the
//! right keys, so that nothing but the defect stands in the way.

use offsite::compress::CompressError;
use offsite::crypto::CryptoError;
use offsite::format::listing::{decode_leaf, decode_node};
use offsite::format::{FormatError, Kind};
use offsite::id::RepositoryId;
use offsite::repository::{ObjectProblem, RepositoryError, open_record, unlock};

use crate::cbor::Cbor::{self, Uint};
use crate::keys::reader;
use crate::metadata::node_by_hand;
use crate::packs::{open_pack, pack_by_hand};
use crate::page::{self, BODY, Frame, Header, Keys, PackChunk, Payloads, TAIL, object_key};
use crate::slots::{PASSPHRASE, slot_header, store_of};
use crate::tape::{noise, run};
use crate::vector::Vector;

/// A snapshot record as `header` says, whose payload is sealed as it is said to be.
fn record(version: u16, epoch: u16, first: u8, payload: &Payloads<'_>) -> Vec<u8> {
    let keys = Keys::of_the_vectors();
    let before = Header {
        version,
        kind: 5,
        epoch,
        repository_id: keys.repository_id,
        salt: run(first),
        extension: &[],
        commitments: 1,
    }
    .before_commitments();
    // What an epoch secret after E(0) would be, kind 9 will say; any will do here.
    let metadata = blake3::derive_key(
        "offsite format 1 metadata key",
        &[keys.master.as_slice(), &epoch.to_le_bytes()].concat(),
    );
    let secret = [metadata.as_slice(), &[5]].concat();
    let subkey = blake3::derive_key("offsite format 1 metadata subkey", &secret);
    page::record(5, &before, &subkey, payload)
}

fn plain(content: &[u8]) -> Payloads<'_> {
    Payloads {
        codec: 0,
        plain_bytes: content.len(),
        content,
    }
}

/// What the library says of a committed record.
fn refusal(name: &'static str, shows: &str, object: &[u8]) -> ObjectProblem {
    let committed = Vector::new(name, shows)
        .with("kind", 5)
        .bytes("object", object)
        .settle();
    open_record(
        reader().writer(),
        Kind::Snapshot,
        &committed.bytes("object"),
    )
    .unwrap_err()
}

#[test]
fn a_wrong_commitment() {
    let mut object = record(1, 0, 0x50, &plain(b"\xa0"));
    object[64] ^= 1;
    let shows = "A record whose commitment is wrong in one bit, although its frames authenticate.";
    let problem = refusal("record_commitment_wrong", shows, &object);
    assert_eq!(problem, CryptoError::WrongKey.into());
}

#[test]
fn a_pad_that_does_not_authenticate() {
    let mut object = record(1, 0, 0x51, &plain(b"\xa0"));
    *object.last_mut().unwrap() ^= 1;
    let shows = "A record whose pad frame does not authenticate.";
    let problem = refusal("record_pad_not_authentic", shows, &object);
    assert_eq!(problem, CryptoError::Forged.into());
}

#[test]
fn a_zstd_frame_longer_than_promised() {
    // Incompressible, so that every zstd makes one raw block of it and the vector stays the same:
    // magic, one byte of frame header, one of content size, block header, content.
    let noise = noise(b"zstd", 200);
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 200];
    let block = (200_u32 << 3 | 1).to_le_bytes();
    let frame = [&head, &block[..3], &noise].concat();
    assert_eq!(zstd::decode_all(frame.as_slice()).unwrap(), noise);
    let payload = Payloads {
        codec: 1,
        plain_bytes: 199,
        content: &frame,
    };
    let object = record(1, 0, 0x52, &payload);
    let shows = "A record whose zstd frame holds 200 bytes where its preface promises 199.";
    let problem = refusal("zstd_longer_than_promised", shows, &object);
    assert_eq!(problem, CompressError::WrongLength { expected: 199 }.into());
}

#[test]
fn version_2() {
    let object = record(2, 0, 0x53, &plain(b"\xa0"));
    let shows = "A record of format version 2: unsupported, not corrupt.";
    let problem = refusal("version_2", shows, &object);
    assert_eq!(
        problem,
        FormatError::UnsupportedVersion { version: 2 }.into()
    );
}

#[test]
fn epoch_1() {
    let object = record(1, 1, 0x54, &plain(b"\xa0"));
    let shows = "A record of key epoch 1, which this version cannot have a key for: unsupported, not corrupt.";
    let problem = refusal("epoch_1", shows, &object);
    let what = "key epoch 1".to_owned();
    assert_eq!(problem, FormatError::Unsupported { what }.into());
}

#[test]
fn a_slot_that_asks_for_four_terabytes() {
    let keys = Keys::of_the_vectors();
    let before = slot_header(&keys, run(0x55), u32::MAX);
    let (tail, tail_commitment) = object_key(TAIL, &keys.subkey(1), &before);
    // Nobody can know the output of that Argon2id; the reader must not try.
    let (body, body_commitment) = object_key(BODY, &[0; 32], &before);
    let object = [
        before.as_slice(),
        &body_commitment,
        &tail_commitment,
        &Frame::plain(1, 7, 0, &keys.master).seal(&body),
        &Frame::plain(1, 8, 0, &Cbor::record(vec![]).encode()).seal(&tail),
    ]
    .concat();
    let committed = Vector::new(
        "slot_absurd_memory",
        "A key slot that asks for 4,294,967,295 KiB of memory.",
    )
    .with("kind", 1)
    .with("passphrase", PASSPHRASE)
    .bytes("object", &object)
    .settle();
    let store = store_of(&committed.bytes("object"));
    let refused = unlock(&store, RepositoryId::new(keys.repository_id), PASSPHRASE).err();
    let Some(RepositoryError::Object { problem, .. }) = refused else {
        panic!("not refused as an object");
    };
    assert!(matches!(
        problem,
        ObjectProblem::Crypto(CryptoError::AbsurdCost { .. })
    ));
}

fn pack_chunk(keys: &Keys, position: u16, content: Vec<u8>) -> PackChunk {
    PackChunk {
        id: keys.chunk_id(2, &content),
        position,
        codec: 0,
        plain_bytes: content.len(),
        content,
    }
}

fn pack_refusal(name: &'static str, shows: &str, object: &[u8]) -> ObjectProblem {
    let committed = Vector::new(name, shows)
        .with("kind", 2)
        .bytes("object", object)
        .settle();
    open_pack(Kind::DataPack, &committed.bytes("object")).unwrap_err()
}

#[test]
fn a_header_copy_that_differs() {
    let keys = Keys::of_the_vectors();
    let chunks = [pack_chunk(&keys, 0, noise(b"one", 100))];
    let mut object = pack_by_hand(&keys, 0, run(0x56), &chunks);
    object[32] ^= 1;
    let shows = "A data pack whose first header differs from the copy at its end in one bit of the salt; the copy is the right one.";
    let problem = pack_refusal("pack_header_copy_differs", shows, &object);
    let what = "the two headers of a pack";
    assert_eq!(problem, FormatError::Contradiction { what }.into());
}

#[test]
fn a_position_that_occurs_twice() {
    let keys = Keys::of_the_vectors();
    let chunks = [
        pack_chunk(&keys, 0, noise(b"one", 100)),
        pack_chunk(&keys, 0, noise(b"two", 100)),
    ];
    let object = pack_by_hand(&keys, 0, run(0x57), &chunks);
    let shows = "A data pack of two chunks at one position.";
    let problem = pack_refusal("pack_position_twice", shows, &object);
    let what = "the positions of a footer";
    assert_eq!(problem, FormatError::Contradiction { what }.into());
}

#[test]
fn a_chunk_under_the_id_of_another() {
    let keys = Keys::of_the_vectors();
    let mut chunk = pack_chunk(&keys, 0, noise(b"one", 100));
    chunk.id = keys.chunk_id(2, b"another");
    let object = pack_by_hand(&keys, 0, run(0x58), &[chunk]);
    let shows = "A data pack whose one chunk has the id of other content.";
    let problem = pack_refusal("chunk_id_wrong", shows, &object);
    assert_eq!(problem, ObjectProblem::WrongChunk);
}

fn leaf(paths: &[&[u8]]) -> Vec<u8> {
    let entry = |path: &&[u8]| {
        let fields = vec![(0, Uint(1)), (1, Cbor::bytes(path)), (2, Uint(1))];
        Cbor::record(fields).encode()
    };
    [vec![1], paths.iter().flat_map(entry).collect()].concat()
}

fn leaf_refusal(name: &'static str, shows: &str, chunk: &[u8]) -> FormatError {
    let committed = Vector::new(name, shows).bytes("chunk", chunk).settle();
    decode_leaf(&committed.bytes("chunk")).unwrap_err()
}

#[test]
fn leaves_that_no_honest_writer_makes() {
    let shows = "A leaf whose entries are in byte order, `a.jpg` before `a/b`, which is not the order of a listing.";
    let problem = leaf_refusal("leaf_out_of_order", shows, &leaf(&[b"a", b"a.jpg", b"a/b"]));
    assert_eq!(problem, FormatError::OutOfOrder);
    let shows = "A leaf with a path that leads out of the folder one restores to.";
    let problem = leaf_refusal("leaf_path_dotdot", shows, &leaf(&[b"a", b"a/../../etc"]));
    assert_eq!(problem, FormatError::BadPath);
    let shows = "A node of level 1 where a leaf is expected.";
    let node = node_by_hand(&run(0x70));
    let problem = leaf_refusal("node_role_as_leaf", shows, &node);
    assert_eq!(problem, FormatError::WrongRole);
    assert!(decode_node(&node, 1).is_ok(), "as a node it is in order");
}
