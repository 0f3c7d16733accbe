//! Finding lists: what the audit found, in metadata chunks of a role of their own (format.md §8).

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Decoder, Encode};

use super::FormatError;
use super::cbor::{Joined, encode};
use crate::id::ChunkId;

const FINDING_LIST: u8 = 5;

/// Where a snapshot keeps what its audit found.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Findings {
    /// How many there were, which may be more than the lists hold.
    #[cbor(n(0), default)]
    pub count: u64,
    /// Finding lists, the gravest findings first.
    #[cbor(n(1), default, skip_if = "Joined::is_empty")]
    pub chunks: Joined<ChunkId>,
}

/// One finding: what the database says, and what the snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Finding {
    /// The verdict's name, such as `missing`.
    #[n(0)]
    pub verdict: String,
    /// The UUID of the asset, if it is of one.
    #[n(1)]
    pub asset: Option<ByteArray<16>>,
    #[n(2)]
    pub owner: Option<ByteArray<16>>,
    #[n(3)]
    pub owner_name: Option<String>,
    /// Root of the place; absent where the place is none of the snapshot.
    #[n(4)]
    pub root: Option<u32>,
    /// Path in the snapshot; without a root the path that the database has.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub path: Vec<u8>,
    /// SHA-1 and size that the database has.
    #[n(6)]
    pub expected_sha1: Option<ByteArray<20>>,
    #[n(7)]
    pub expected_size: Option<u64>,
    /// SHA-1 and size of what lies there.
    #[n(8)]
    pub found_sha1: Option<ByteArray<20>>,
    #[n(9)]
    pub found_size: Option<u64>,
    /// A sentence that says more, or nothing.
    #[n(10)]
    pub detail: String,
}

/// An empty list, to which findings are appended.
pub fn begin_finding_list() -> Vec<u8> {
    vec![FINDING_LIST]
}

pub fn append_finding(list: &mut Vec<u8>, finding: &Finding) {
    list.extend_from_slice(&encode(finding));
}

/// # Errors
/// `WrongRole`, `Cbor`.
pub fn decode_finding_list(bytes: &[u8]) -> Result<Vec<Finding>, FormatError> {
    let rest = bytes.strip_prefix(&[FINDING_LIST]);
    let mut decoder = Decoder::new(rest.ok_or(FormatError::WrongRole)?);
    let mut findings = Vec::new();
    while decoder.position() < decoder.input().len() {
        findings.push(decoder.decode()?);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_go_there_and_back_and_the_role_is_demanded() {
        let whole = Finding {
            verdict: "checksum_mismatch".to_owned(),
            asset: Some([1; 16].into()),
            owner: Some([2; 16].into()),
            owner_name: Some("Zoë".to_owned()),
            root: Some(1),
            path: b"library/\xff.jpg".to_vec(),
            expected_sha1: Some([3; 20].into()),
            expected_size: Some(5),
            found_sha1: Some([4; 20].into()),
            found_size: Some(5),
            detail: "the same bytes are at library/b.jpg".to_owned(),
        };
        let bare = Finding {
            verdict: "untracked".to_owned(),
            ..Finding::default()
        };
        let mut list = begin_finding_list();
        append_finding(&mut list, &whole);
        append_finding(&mut list, &bare);
        assert_eq!(decode_finding_list(&list), Ok(vec![whole, bare]));
        list[0] = 4;
        assert_eq!(decode_finding_list(&list), Err(FormatError::WrongRole));
        assert!(decode_finding_list(&[5, 0x8b, 0x61]).is_err());
    }
}
