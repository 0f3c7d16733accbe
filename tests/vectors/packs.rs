//! Packs whole: `pack_data.json` and `pack_listing.json`.

use offsite::buffers::{Buffer, Buffers};
use offsite::crypto::{CryptoError, ObjectKey, Purpose, Secret, Tag, session_id};
use offsite::format::frame::{Codec, Shape};
use offsite::format::header::{pack_extension, sealed_session};
use offsite::format::listing::{decode_id_list, decode_leaf, decode_node};
use offsite::format::pack::{Class, FooterEntry};
use offsite::format::{FormatError, Kind};
use offsite::id::{ChunkId, ObjectId};
use offsite::repository::{
    FinishedPack, Held, ObjectProblem, PackBuilder, PackKeys, check_whole_pack, chunk_rows,
    open_frame,
};
use serde_json::{Value, json};

use crate::keys::reader;
use crate::metadata::{id_list_by_hand, leaf_by_hand, node_by_hand};
use crate::page::{self, BODY, Header, Keys, PackChunk, TAIL, object_key};
use crate::records::compress;
use crate::rfc9180::{Psk, derive_private, open, public_of, seal};
use crate::tape::{Tape, noise, run};
use crate::vector::{Committed, Vector, hex, unhex};

/// What a run of a writer draws for its session: the key, and the seed of the ephemeral key.
const SESSION_KEY: [u8; 32] = [0x5e; 32];
const SESSION_SEED: [u8; 32] = [0xed; 32];

/// The session of all packs, sealed by hand.
pub struct Session {
    pub ephemeral: [u8; 32],
    pub extension: [u8; 84],
}

impl Session {
    pub fn by_hand(keys: &Keys) -> Self {
        // How the library stretches its randomness is its own affair; that it is a key pair of
        // RFC 9180 §7.1.3 is checked here because the vectors need the same one.
        let mut ikm = [0; 32];
        blake3::Hasher::new_keyed(&SESSION_SEED)
            .finalize_xof()
            .fill(&mut ikm);
        let ephemeral = derive_private(&ikm);
        let recipient = public_of(keys.content_private);
        let info = keys.session_info();
        let psk = Psk {
            psk: &keys.psk,
            psk_id: &keys.repository_id,
            info: &info,
        };
        let (enc, sealed) = seal(ephemeral, recipient, &psk, &[], &SESSION_KEY);
        let extension = [[1, 0, 0, 0].as_slice(), &enc, &sealed].concat();
        Self {
            ephemeral,
            extension: extension.try_into().unwrap(),
        }
    }
}

pub fn pack_header(keys: &Keys, kind: u8, salt: [u8; 32]) -> Vec<u8> {
    Header {
        version: 1,
        kind,
        epoch: 0,
        repository_id: keys.repository_id,
        salt,
        extension: &Session::by_hand(keys).extension,
        commitments: 2,
    }
    .before_commitments()
}

/// A whole pack by hand.
pub fn pack_by_hand(keys: &Keys, class: u8, salt: [u8; 32], chunks: &[PackChunk]) -> Vec<u8> {
    let kind = if class == 2 { 3 } else { 2 };
    let tail = keys.subkey(kind);
    let body = if class == 2 { tail } else { SESSION_KEY };
    let before = pack_header(keys, kind, salt);
    page::pack((kind, class), &before, &body, &tail, chunks)
}

/// All plaintexts of a pack, in the order of its body; checks everything on the way.
pub fn open_pack(kind: Kind, object: &[u8]) -> Result<Vec<Vec<u8>>, ObjectProblem> {
    let reader = reader();
    let writer = reader.writer();
    let id = ObjectId::new(*blake3::hash(object).as_bytes());
    let contents = check_whole_pack(writer, kind, &id, object)?;
    let header = &contents.header;
    let secret = match kind {
        Kind::DataPack => {
            let sealed = sealed_session(header.extension()).ok_or(FormatError::TooShort)?;
            reader.open_session(&sealed)?
        }
        _ => writer.subkey(kind.number()),
    };
    let commitment = header.body_commitment();
    let key = ObjectKey::opening(
        Purpose::Body,
        &secret,
        header.before_commitments(),
        &commitment,
    )?;
    chunk_rows(&contents.entries)
        .map(|row| {
            let start = row.start as usize;
            let frame = object.get(start..start + row.stored as usize);
            open_frame(
                writer,
                kind,
                &key,
                &row,
                frame.ok_or(FormatError::TooShort)?,
                &Buffers::default(),
            )
            .map(|plain| plain.to_vec())
        })
        .collect()
}

/// The pack as the library makes it, from the chunks of `by_hand`; positions between theirs are
/// handed out and left as gaps.
fn pack_by_library(class: Class, salt: [u8; 32], chunks: &[PackChunk]) -> FinishedPack {
    let reader = reader();
    let tape = Tape::of(&[&SESSION_KEY, &SESSION_SEED, &salt]);
    let (session, sealed) = reader.writer().new_session(&tape).ok().unwrap();
    let extension = pack_extension(&sealed);
    let keys = PackKeys::new(reader.writer(), &tape, class, &session, &extension)
        .ok()
        .unwrap();
    assert!(tape.is_used_up());
    let mut builder = PackBuilder::new(class, keys, Buffer::default(), Held::default());
    let mut sealed: Vec<(FooterEntry, Vec<u8>, Tag)> = Vec::new();
    let last = chunks.iter().map(|chunk| chunk.position).max().unwrap();
    for number in 0..=last {
        let position = builder.take_position().unwrap();
        assert_eq!(position.number(), u32::from(number));
        let Some(chunk) = chunks.iter().find(|chunk| chunk.position == number) else {
            continue;
        };
        let shape = Shape {
            stored: chunk.content.len() as u32 + 16,
            plain: chunk.plain_bytes as u32,
            codec: Codec::from_number(chunk.codec).unwrap(),
        };
        let mut content = chunk.content.clone();
        let tag = builder
            .keys()
            .seal_chunk(position, shape, &mut content)
            .unwrap();
        let id = ChunkId::new(chunk.id);
        let position = u32::from(number);
        sealed.push((
            FooterEntry {
                id,
                shape,
                position,
            },
            content,
            tag,
        ));
    }
    for chunk in chunks {
        let position = u32::from(chunk.position);
        let (entry, content, tag) = sealed
            .iter()
            .find(|(entry, ..)| entry.position == position)
            .unwrap();
        builder.append(*entry, content, tag);
    }
    builder.finish().unwrap()
}

fn chunk(
    keys: &Keys,
    kind: u8,
    position: u16,
    plain: &[u8],
    (codec, content): (u8, Vec<u8>),
) -> PackChunk {
    PackChunk {
        id: keys.chunk_id(kind, plain),
        position,
        codec,
        plain_bytes: plain.len(),
        content,
    }
}

fn shown(plains: &[Vec<u8>], chunks: &[PackChunk]) -> Value {
    let shown = chunks.iter().zip(plains).map(|(chunk, plain)| {
        json!({
            "id": hex(&chunk.id),
            "position": chunk.position,
            "codec": chunk.codec,
            "plain": hex(plain),
            "content": hex(&chunk.content),
        })
    });
    shown.collect()
}

/// Makes the vector of a pack and opens what is committed.
fn settle(vector: Vector, class: Class, salt: [u8; 32], plains: &[Vec<u8>], chunks: &[PackChunk]) {
    let keys = Keys::of_the_vectors();
    let kind = class.kind();
    let session = Session::by_hand(&keys);
    let before = pack_header(&keys, kind.number(), salt);
    let tail_secret = keys.subkey(kind.number());
    let body_secret = if class == Class::Metadata {
        tail_secret
    } else {
        SESSION_KEY
    };
    let (body, body_commitment) = object_key(BODY, &body_secret, &before);
    let (tail, tail_commitment) = object_key(TAIL, &tail_secret, &before);
    let object = pack_by_hand(&keys, class as u8, salt, chunks);
    let hash = blake3::hash(&object).to_hex();
    let finished = pack_by_library(class, salt, chunks);
    let committed = vector
        .with("kind", kind.number())
        .with("class", class as u8)
        .with(
            "name",
            format!(
                "{}{}/{hash}",
                if kind == Kind::DataPack {
                    "packs/"
                } else {
                    "listings/"
                },
                &hash[..2]
            ),
        )
        .bytes("salt", &salt)
        .bytes("session_key", &SESSION_KEY)
        .bytes("hpke_ephemeral_private_key", &session.ephemeral)
        .bytes("hpke_enc", &session.extension[4..36])
        .bytes("sealed_session_key", &session.extension[36..])
        .bytes("session_id", session_id(&session.extension).as_bytes())
        .bytes("header_before_commitments", &before)
        .bytes("body_key", &body)
        .bytes("body_commitment", &body_commitment)
        .bytes("tail_key", &tail)
        .bytes("tail_commitment", &tail_commitment)
        .with("chunks_in_order_of_the_body", shown(plains, chunks))
        .with("crc64_nvme", format!("{:016x}", finished.crc))
        .bytes("object", &object)
        .settle();
    assert_eq!(finished.bytes().as_ref(), object);
    assert_eq!(finished.row().header, object[..212]);

    let object = committed.bytes("object");
    assert_eq!(open_pack(kind, &object).unwrap(), plains);
    let sealed = sealed_session(&object[64..148]).unwrap();
    let opened = reader().open_session(&sealed).ok().unwrap();
    assert_eq!(opened.expose(), &SESSION_KEY);
    let by_page = blake3::derive_key("offsite format 1 session id", &object[64..148]);
    assert_eq!(session_id(&object[64..148]).as_bytes(), &by_page[..16]);
    let info = keys.session_info();
    let psk = Psk {
        psk: &keys.psk,
        psk_id: &keys.repository_id,
        info: &info,
    };
    let enc = object[68..100].try_into().unwrap();
    let opened = open(keys.content_private, enc, &psk, &[], &object[100..148]);
    assert_eq!(opened.as_deref(), Some(SESSION_KEY.as_slice()));
}

/// What a zstd chunk was compressed to when the vector was written.
fn committed_content(name: &str, number: usize, plain: &[u8]) -> (u8, Vec<u8>) {
    let Some(committed) = Committed::find(name) else {
        return compress(plain);
    };
    let chunk = &committed.value("chunks_in_order_of_the_body")[number];
    let content = unhex(chunk["content"].as_str().unwrap());
    assert_eq!(zstd::decode_all(content.as_slice()).unwrap(), plain);
    (1, content)
}

#[test]
fn a_data_pack_is_opened_with_the_read_key_alone() {
    let keys = Keys::of_the_vectors();
    let text = b"COPY public.asset (id, checksum) FROM stdin;\n".repeat(40);
    let plains = [noise(b"photo", 1000), noise(b"film", 333), text];
    let zstd = committed_content("pack_data", 2, &plains[2]);
    let chunks = [
        chunk(&keys, 2, 0, &plains[0], (0, plains[0].clone())),
        chunk(&keys, 2, 3, &plains[1], (0, plains[1].clone())),
        chunk(&keys, 2, 2, &plains[2], zstd),
    ];
    let vector = Vector::new(
        "pack_data",
        "A data pack of three chunks, whole: the last is one zstd frame, position 1 was never used, and the order of the body is not that of the positions.",
    );
    settle(vector, Class::Files, run(0xa0), &plains, &chunks);

    // Whoever holds the writer key alone has no session key: nothing else fits the commitment.
    let object = Committed::find("pack_data").unwrap().bytes("object");
    let header = offsite::format::header::Header::decode(&object, Kind::DataPack, None).unwrap();
    let commitment = header.body_commitment();
    for secret in [keys.subkey(2), keys.psk, keys.metadata] {
        let before = header.before_commitments();
        let key = ObjectKey::opening(Purpose::Body, &Secret::new(&secret), before, &commitment);
        assert_eq!(key.err(), Some(CryptoError::WrongKey));
    }
}

#[test]
fn a_listing_pack_is_opened() {
    let keys = Keys::of_the_vectors();
    let leaf = leaf_by_hand();
    let node = node_by_hand(&keys.chunk_id(3, &leaf));
    let plains = [leaf, node, id_list_by_hand()];
    let chunks = [0, 1, 2].map(|number: usize| {
        let plain = &plains[number];
        chunk(&keys, 3, number as u16, plain, (0, plain.clone()))
    });
    let vector = Vector::new(
        "pack_listing",
        "A listing pack, whole: a leaf, the node above it, and an id list.",
    );
    settle(vector, Class::Metadata, run(0xc0), &plains, &chunks);

    let object = Committed::find("pack_listing").unwrap().bytes("object");
    let opened = open_pack(Kind::ListingPack, &object).unwrap();
    assert_eq!(decode_leaf(&opened[0]).unwrap().len(), 7);
    let children = decode_node(&opened[1], 1).unwrap();
    assert_eq!(children[0].id.as_bytes(), &keys.chunk_id(3, &opened[0]));
    assert_eq!(decode_id_list(&opened[2], 1).unwrap().len(), 3);
}
