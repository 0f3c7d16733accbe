//! What an audit found: `finding_list.json`, a metadata chunk of role 5, and key 18 of a snapshot.

use offsite::format::cbor::{decode, encode};
use offsite::format::finding::{
    Finding, Findings, append_finding, begin_finding_list, decode_finding_list,
};
use offsite::format::listing::decode_problem_list;
use offsite::id::ChunkId;

use crate::cbor::Cbor::{self, Text, Uint};
use crate::keys::reader;
use crate::page::Keys;
use crate::tape::run;
use crate::vector::Vector;

/// An array of 11, in which an absent value is null.
fn finding(fields: [Option<Cbor>; 11]) -> Vec<u8> {
    let fields = fields.iter().flat_map(|field| match field {
        Some(value) => value.encode(),
        None => vec![0xf6],
    });
    std::iter::once(0x8b).chain(fields).collect()
}

fn list_by_hand() -> Vec<u8> {
    let sha1 = |byte| Some(Cbor::Bytes(vec![byte; 20]));
    let uuid = |byte| Some(Cbor::Bytes(vec![byte; 16]));
    let altered = [
        Some(Text("checksum_mismatch")),
        uuid(0xa1),
        uuid(0xb0),
        Some(Text("Zoë")),
        Some(Uint(1)),
        Some(Cbor::bytes(b"library/F\xff\xe9.jpg")),
        sha1(0x5a),
        Some(Uint(1333)),
        sha1(0x5b),
        Some(Uint(1333)),
        Some(Text("the same bytes are at upload/a.jpg")),
    ];
    let nowhere = [
        Some(Text("missing")),
        uuid(0xa2),
        uuid(0xb0),
        None,
        None,
        Some(Cbor::bytes(b"/srv/elsewhere/a.jpg")),
        sha1(0x3b),
        None,
        None,
        None,
        Some(Text("")),
    ];
    [vec![5], finding(altered), finding(nowhere)].concat()
}

fn list_by_library() -> Vec<Finding> {
    let altered = Finding {
        verdict: "checksum_mismatch".to_owned(),
        asset: Some([0xa1; 16].into()),
        owner: Some([0xb0; 16].into()),
        owner_name: Some("Zoë".to_owned()),
        root: Some(1),
        path: b"library/F\xff\xe9.jpg".to_vec(),
        expected_sha1: Some([0x5a; 20].into()),
        expected_size: Some(1333),
        found_sha1: Some([0x5b; 20].into()),
        found_size: Some(1333),
        detail: "the same bytes are at upload/a.jpg".to_owned(),
    };
    let nowhere = Finding {
        verdict: "missing".to_owned(),
        asset: Some([0xa2; 16].into()),
        owner: Some([0xb0; 16].into()),
        path: b"/srv/elsewhere/a.jpg".to_vec(),
        expected_sha1: Some([0x3b; 20].into()),
        ..Finding::default()
    };
    vec![altered, nowhere]
}

#[test]
fn a_finding_list_is_read_and_its_role_demanded() {
    let list = list_by_hand();
    let committed = Vector::new(
        "finding_list",
        "A finding list: an altered original with every field, and one whose place is none of the snapshot.",
    )
    .bytes("id", &Keys::of_the_vectors().chunk_id(3, &list))
    .bytes("chunk", &list)
    .settle();
    let chunk = committed.bytes("chunk");
    assert_eq!(decode_finding_list(&chunk).unwrap(), list_by_library());
    assert!(decode_problem_list(&chunk).is_err());
    let id = reader().writer().metadata_id(&chunk);
    assert_eq!(id.as_bytes().as_slice(), committed.bytes("id"));
    let mut again = begin_finding_list();
    let findings = list_by_library();
    findings
        .iter()
        .for_each(|one| append_finding(&mut again, one));
    assert_eq!(again, chunk);
}

#[test]
fn a_snapshot_names_its_finding_lists() {
    let findings = Findings {
        count: 70_000,
        chunks: vec![ChunkId::new(run(0x90)), ChunkId::new(run(0xa0))].into(),
    };
    let ids = [run(0x90), run(0xa0)].concat();
    let by_hand = Cbor::record(vec![(0, Uint(70_000)), (1, Cbor::Bytes(ids))]);
    assert_eq!(encode(&findings), by_hand.encode());
    assert_eq!(decode::<Findings>(&by_hand.encode()).unwrap(), findings);
}
