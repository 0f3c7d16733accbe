//! Records whole: `repository.json`, `segment.json`, `snapshot.json`, `plan.json`, `forget.json`,
//! `proof.json`. Payloads are encoded by hand as §6 numbers their fields, and by the library.

use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use offsite::compress::Compressor;
use offsite::format::cbor::{Counts, decode, encode};
use offsite::format::frame::{Codec, Shape};
use offsite::format::housekeeping::{Finding, Forget, Plan, Proof, signed_bytes};
use offsite::format::pack::{Class, FooterEntry};
use offsite::format::parameters::Parameters;
use offsite::format::segment::{PackRow, Segment};
use offsite::format::snapshot::{Database, Problems, Root, Snapshot, Statistics};
use offsite::format::{Kind, name};
use offsite::id::{ChunkId, ObjectId, RepositoryId, SessionId};
use offsite::repository::{open, open_record, seal_record};
use offsite::seams::{Seams, SystemClock, Timestamp};
use offsite::store::Store;
use offsite::store::memory::Memory;

use crate::cbor::Cbor::{self, Array, Bool, Int, Map, Text, Uint};
use crate::keys::reader;
use crate::page::{self, BODY, Keys, Payloads, object_key, record_header};
use crate::tape::{Tape, run};
use crate::vector::{Committed, Vector};

/// Makes the vector of a record from its payload, twice, and opens what is committed; gives the
/// payload in it.
fn settle(
    name: &'static str,
    shows: &str,
    kind: Kind,
    first: u8,
    payload_in_cbor: &Cbor,
) -> Vec<u8> {
    let payload = payload_in_cbor.encode();
    let payload = payload.as_slice();
    let keys = Keys::of_the_vectors();
    let (codec, content) = content_of(name, payload);
    let salt = run(first);
    let before = record_header(&keys, kind.number(), salt);
    let secret = keys.subkey(kind.number());
    let payloads = Payloads {
        codec,
        plain_bytes: payload.len(),
        content: &content,
    };
    let object = page::record(kind.number(), &before, &secret, &payloads);
    let (key, commitment) = object_key(BODY, &secret, &before);
    let id = *blake3::hash(&object).as_bytes();
    let committed = Vector::new(name, shows)
        .with("kind", kind.number())
        .with("name", name::of(kind, &ObjectId::new(id)))
        .bytes("salt", &salt)
        .bytes("subkey", &secret)
        .bytes("header_before_commitment", &before)
        .bytes("body_key", &key)
        .bytes("commitment", &commitment)
        .with("payload_in_diagnostic_notation", payload_in_cbor.notation())
        .bytes("payload", payload)
        .with("codec", codec)
        .bytes("content", &content)
        .bytes("object", &object)
        .settle();

    let writer = reader().writer().clone();
    let tape = Tape::of(&[&salt]);
    let sealed = seal_record(&writer, &tape, kind, payload).unwrap();
    assert!(tape.is_used_up());
    if compress(payload) == (codec, content) {
        assert_eq!(sealed.bytes, object, "{name} is sealed otherwise");
    }
    assert_eq!(open_record(&writer, kind, &sealed.bytes).unwrap(), payload);
    let opened = open_record(&writer, kind, &committed.bytes("object")).unwrap();
    assert_eq!(opened, payload);
    opened
}

/// Codec and content: those that are committed, because another zstd may compress otherwise.
fn content_of(name: &str, payload: &[u8]) -> (u8, Vec<u8>) {
    let Some(committed) = Committed::find(name) else {
        return compress(payload);
    };
    let codec = committed.value("codec").as_u64().unwrap() as u8;
    let content = committed.bytes("content");
    let plain = match codec {
        0 => content.clone(),
        _ => zstd::decode_all(content.as_slice()).unwrap(),
    };
    assert_eq!(
        plain, payload,
        "{name}: the payload is no longer what was committed"
    );
    (codec, content)
}

/// As the library would today.
pub fn compress(plain: &[u8]) -> (u8, Vec<u8>) {
    match Compressor::new().unwrap().compress(plain) {
        Some(compressed) => (1, compressed.to_vec()),
        None => (0, plain.to_vec()),
    }
}

fn time(seconds: i64) -> (Timestamp, Cbor) {
    let nanoseconds = seconds * 1_000_000_000 + 123_456_789;
    (Timestamp::from_nanoseconds(nanoseconds), Int(nanoseconds))
}

fn object_id(first: u8) -> ObjectId {
    ObjectId::new(run(first))
}

fn session(first: u8) -> SessionId {
    SessionId::from_slice(&run(first)[..16]).unwrap()
}

fn ids32(firsts: &[u8]) -> Cbor {
    Cbor::Bytes(firsts.iter().flat_map(|first| run(*first)).collect())
}

fn ids16(firsts: &[u8]) -> Cbor {
    let ids = firsts.iter().map(|first| run(*first)[..16].to_vec());
    Cbor::Bytes(ids.flatten().collect())
}

#[test]
fn a_repository_is_opened() {
    let parameters = Parameters {
        created: time(1_790_000_000).0,
        files: (524_288, 1_048_576, 4_194_304),
        dumps: (4_096, 16_384, 65_536),
        pack_bytes: Parameters::PACK_BYTES,
    };
    let by_hand = Cbor::record(vec![
        (0, time(1_790_000_000).1),
        (1, Array([524_288, 1_048_576, 4_194_304].map(Uint).to_vec())),
        (2, Array([4_096, 16_384, 65_536].map(Uint).to_vec())),
        (3, Uint(16_777_216)),
    ]);
    assert_eq!(encode(&parameters), by_hand.encode());
    let shows = "The object `repository`, whole: not padded, but with an empty pad frame.";
    let payload = settle("repository", shows, Kind::Repository, 0x40, &by_hand);
    assert_eq!(decode::<Parameters>(&payload).unwrap(), parameters);

    let store = Arc::new(Memory::new(Arc::new(SystemClock)));
    let object = Committed::find("repository").unwrap().bytes("object");
    store.put("repository", object.into()).unwrap();
    let repository = open(store, Seams::real(), reader().writer().clone(), None).unwrap();
    assert_eq!(repository.parameters, parameters);
}

#[test]
fn a_segment_is_opened() {
    let entry = |first: u8, position, codec| FooterEntry {
        id: ChunkId::new(run(first)),
        shape: Shape {
            stored: 1016,
            plain: if codec == Codec::Zstd { 5000 } else { 1000 },
            codec,
        },
        position,
    };
    let entries = [entry(0x01, 0, Codec::Plain), entry(0x02, 7, Codec::Zstd)];
    let header: Vec<u8> = (0..212).map(|place| place as u8).collect();
    let id = object_id(0x90);
    let crc = 0xfedc_ba98_7654_3210;
    let row = PackRow::new(id, 65_536, Class::Dump, Some(crc), header.clone(), &entries);
    let segment = Segment {
        session: session(0x10),
        continues: vec![session(0x20), session(0x30)].into(),
        replaces: vec![object_id(0x50)].into(),
        packs: vec![row],
    };
    let footer = [
        run(0x01).as_slice(),
        &[0xf8, 0x03, 0, 0, 0xe8, 0x03, 0, 0, 0, 0, 0, 0],
        &run(0x02),
        &[0xf8, 0x03, 0, 0, 0x88, 0x13, 0, 0, 7, 0, 1, 0],
    ]
    .concat();
    let pack = Cbor::record(vec![
        (0, Cbor::bytes(&run(0x90))),
        (1, Uint(65_536)),
        (2, Uint(1)),
        (3, Uint(crc)),
        (4, Cbor::Bytes(header)),
        (5, Cbor::Bytes(footer)),
    ]);
    let by_hand = Cbor::record(vec![
        (0, ids16(&[0x10])),
        (1, ids16(&[0x20, 0x30])),
        (2, ids32(&[0x50])),
        (3, Array(vec![pack])),
    ]);
    assert_eq!(encode(&segment), by_hand.encode());
    let shows = "An index segment with one pack of two chunks, every field in use.";
    let payload = settle("segment", shows, Kind::Segment, 0x41, &by_hand);
    let opened: Segment = decode(&payload).unwrap();
    assert_eq!(opened, segment);
    assert_eq!(opened.packs[0].entries().unwrap(), entries);
    assert_eq!(opened.packs[0].class().unwrap(), Class::Dump);
}

fn snapshot() -> Snapshot {
    let root = |number, kind: &str, source: &[u8]| Root {
        number,
        kind: kind.to_owned(),
        source: source.to_vec(),
    };
    let counts = |counts: &[(&str, u64)]| {
        let counts = counts.iter();
        Counts(
            counts
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        )
    };
    Snapshot {
        time: time(1_790_000_100).0,
        started: time(1_790_000_099).0,
        finished: time(1_790_003_600).0,
        store_time: Some(time(1_790_000_101).0),
        host: "nas".to_owned(),
        tags: vec!["nightly".to_owned(), "ümläut".to_owned()],
        profile: "immich".to_owned(),
        tool: "offsite 0.1.0".to_owned(),
        roots: vec![
            root(0, "database", b"docker exec immich_postgres pg_dump"),
            root(1, "immich", b"/srv/immich/upl\xf6ad"),
        ],
        session: session(0x10),
        continues: vec![session(0x20)].into(),
        parent: Some(object_id(0x60)),
        listing: (2, ChunkId::new(run(0x70))),
        database: Some(Database {
            kind: "pg_dump".to_owned(),
            server_version: Some("14.19".to_owned()),
            immich_version: Some("3.0.1".to_owned()),
            bytes: 123_456_789,
            began: time(1_790_000_100).0,
            ended: time(1_790_000_160).0,
            rows: counts(&[("asset", 70_000), ("user", 3), ("album_asset", 0)]),
        }),
        statistics: Statistics {
            files: 70_001,
            folders: 12,
            links: 1,
            bytes: 5_000_000_000_000,
            files_new: 20,
            files_changed: 2,
            files_unmodified: 69_979,
            bytes_read: 300_000_000,
            bytes_added: 200_000_000,
            bytes_stored: 190_000_000,
        },
        audit: counts(&[("ok", 69_999), ("missing", 1)]),
        problems: Some(Problems {
            count: 3,
            chunks: vec![ChunkId::new(run(0x80))].into(),
        }),
        suspect: Some("the dump has less than half the rows of the last one".to_owned()),
        findings: None,
        mounts: Vec::new(),
    }
}

fn snapshot_by_hand() -> Cbor {
    let root = |number, kind, source: &[u8]| {
        Cbor::record(vec![
            (0, Uint(number)),
            (1, Text(kind)),
            (2, Cbor::bytes(source)),
        ])
    };
    let database = Cbor::record(vec![
        (0, Text("pg_dump")),
        (1, Text("14.19")),
        (2, Text("3.0.1")),
        (3, Uint(123_456_789)),
        (4, time(1_790_000_100).1),
        (5, time(1_790_000_160).1),
        (
            6,
            Cbor::counts(&[("asset", 70_000), ("user", 3), ("album_asset", 0)]),
        ),
    ]);
    let statistics: [u64; 10] = [
        70_001,
        12,
        1,
        5_000_000_000_000,
        20,
        2,
        69_979,
        300_000_000,
        200_000_000,
        190_000_000,
    ];
    let statistics = (0..).zip(statistics.map(Uint)).collect();
    let roots = vec![
        root(0, "database", b"docker exec immich_postgres pg_dump"),
        root(1, "immich", b"/srv/immich/upl\xf6ad"),
    ];
    Cbor::record(vec![
        (0, time(1_790_000_100).1),
        (1, time(1_790_000_099).1),
        (2, time(1_790_003_600).1),
        (3, time(1_790_000_101).1),
        (4, Text("nas")),
        (5, Array(vec![Text("nightly"), Text("ümläut")])),
        (6, Text("immich")),
        (7, Text("offsite 0.1.0")),
        (8, Array(roots)),
        (9, ids16(&[0x10])),
        (10, ids16(&[0x20])),
        (11, ids32(&[0x60])),
        (12, Array(vec![Uint(2), ids32(&[0x70])])),
        (13, database),
        (14, Cbor::record(statistics)),
        (15, Cbor::counts(&[("ok", 69_999), ("missing", 1)])),
        (16, Cbor::record(vec![(0, Uint(3)), (1, ids32(&[0x80]))])),
        (
            17,
            Text("the dump has less than half the rows of the last one"),
        ),
    ])
}

#[test]
fn a_snapshot_is_opened() {
    let by_hand = snapshot_by_hand();
    assert_eq!(encode(&snapshot()), by_hand.encode());
    let shows = "A snapshot record with every field in use.";
    // But for the findings, which came later: a vector that is committed never changes.
    let payload = settle("snapshot", shows, Kind::Snapshot, 0x42, &by_hand);
    assert_eq!(decode::<Snapshot>(&payload).unwrap(), snapshot());
}

#[test]
fn keys_that_are_absent_have_their_defaults() {
    let by_hand = Cbor::record(vec![
        (0, Int(1)),
        (1, Int(2)),
        (2, Int(-3)),
        (4, Text("")),
        (7, Text("")),
        (8, Array(vec![])),
        (9, ids16(&[0])),
        (12, Array(vec![Uint(0), ids32(&[0])])),
        (14, Map(vec![])),
        (16, Map(vec![])),
        (99, Text("of a later version")),
    ]);
    let snapshot: Snapshot = decode(&by_hand.encode()).unwrap();
    assert_eq!(snapshot.statistics, Statistics::default());
    assert_eq!(snapshot.finished, Timestamp::from_nanoseconds(-3));
    assert!(snapshot.tags.is_empty() && snapshot.suspect.is_none());
    assert!(snapshot.findings.is_none());
    assert_eq!(snapshot.problems.unwrap().count, 0);
    let finding: Finding = decode(&Map(vec![]).encode()).unwrap();
    assert!(!finding.ok && finding.kind.is_empty());
}

#[test]
fn a_plan_is_opened() {
    let plan = Plan {
        host: "nas".to_owned(),
        created: time(1_790_000_000).0,
        grace_seconds: 259_200,
        packs: vec![object_id(1), object_id(2)].into(),
        segments: vec![object_id(3)].into(),
        snapshots: vec![object_id(4)].into(),
        forgets: vec![object_id(5)].into(),
    };
    let by_hand = Cbor::record(vec![
        (0, Text("nas")),
        (1, time(1_790_000_000).1),
        (2, Uint(259_200)),
        (3, ids32(&[1, 2])),
        (4, ids32(&[3])),
        (5, ids32(&[4])),
        (6, ids32(&[5])),
    ]);
    assert_eq!(encode(&plan), by_hand.encode());
    let shows = "A prune plan with every field in use.";
    let payload = settle("plan", shows, Kind::Plan, 0x43, &by_hand);
    assert_eq!(decode::<Plan>(&payload).unwrap(), plan);
}

#[test]
fn a_forget_record_is_opened() {
    let forget = Forget {
        host: "nas".to_owned(),
        created: time(1_790_000_000).0,
        snapshots: vec![object_id(4), object_id(6)].into(),
        reason: "keep-daily 7".to_owned(),
        sessions: vec![session(8), session(9)].into(),
    };
    let by_hand = Cbor::record(vec![
        (0, Text("nas")),
        (1, time(1_790_000_000).1),
        (2, ids32(&[4, 6])),
        (3, Text("keep-daily 7")),
        (4, ids16(&[8, 9])),
    ]);
    assert_eq!(encode(&forget), by_hand.encode());
    let shows = "A forget record with every field in use.";
    let payload = settle("forget", shows, Kind::Forget, 0x44, &by_hand);
    assert_eq!(decode::<Forget>(&payload).unwrap(), forget);
}

#[test]
fn a_proof_is_opened_and_its_signature_is_the_owners() {
    let keys = Keys::of_the_vectors();
    let finding = Finding {
        kind: "drill".to_owned(),
        host: "nas".to_owned(),
        began: time(1_790_000_000).0,
        ended: time(1_790_000_600).0,
        snapshot: Some(object_id(4)),
        ok: true,
        figures: Counts(
            [
                ("assets".to_owned(), 70_000),
                ("bytes".to_owned(), 5_000_000),
            ]
            .into(),
        ),
        summary: "70000 of 70000 assets are whole".to_owned(),
    };
    let by_hand = Cbor::record(vec![
        (0, Text("drill")),
        (1, Text("nas")),
        (2, time(1_790_000_000).1),
        (3, time(1_790_000_600).1),
        (4, ids32(&[4])),
        (5, Bool(true)),
        (6, Cbor::counts(&[("assets", 70_000), ("bytes", 5_000_000)])),
        (7, Text("70000 of 70000 assets are whole")),
    ])
    .encode();
    assert_eq!(encode(&finding), by_hand);
    let signed = [
        b"offsite format 1 proof",
        keys.repository_id.as_slice(),
        &by_hand,
    ]
    .concat();
    let id = RepositoryId::new(keys.repository_id);
    assert_eq!(signed_bytes(id, &by_hand), signed);
    let signature = SigningKey::from_bytes(&keys.owner_seed).sign(&signed);
    let by_hand = Cbor::record(vec![
        (0, Cbor::bytes(&by_hand)),
        (1, Cbor::bytes(&signature.to_bytes())),
    ]);
    let proof = Proof {
        finding: encode(&finding),
        signature: Some(signature.to_bytes().into()),
    };
    assert_eq!(encode(&proof), by_hand.encode());

    let shows = "The proof of a drill, signed by the owner key.";
    let payload = settle("proof", shows, Kind::Proof, 0x45, &by_hand);
    let opened: Proof = decode(&payload).unwrap();
    assert_eq!(decode::<Finding>(&opened.finding).unwrap(), finding);
    let file = reader().writer().to_bytes();
    let owner = file[..file.len() - 8].last_chunk::<32>().unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&opened.signature.unwrap());
    let owner = VerifyingKey::from_bytes(owner).unwrap();
    owner
        .verify(&signed_bytes(id, &opened.finding), &signature)
        .unwrap();
}
