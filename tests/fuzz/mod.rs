//! What is done with bytes that somebody else chose: one target for each parser. A fuzzer brings new
//! bytes (`run.rs`), and every run of the tests goes over those that were kept (`corpus/`, replayed by
//! `tests/vectors/corpora.rs`).
//!
//! What is sealed in a store is parsed behind its seal: `objects` has `sealed` make the object around
//! plaintexts that are the fuzzer's, with a key that is always the same. A target panics where the code does, or
//! where what was understood does not go there and back.

mod dumps;
mod objects;
mod sealed;
mod texts;

use offsite::crypto::KdfCost;
use offsite::format::cbor::{self, decode, encode};
use offsite::format::finding::decode_finding_list;
use offsite::format::frame::decode_preface;
use offsite::format::header::{Header, sealed_session};
use offsite::format::housekeeping::{Finding, Forget, Plan, Proof};
use offsite::format::parameters::Parameters;
use offsite::format::segment::Segment;
use offsite::format::slot::{Label, decode_costs};
use offsite::format::snapshot::Snapshot;
use offsite::format::{Kind, entry, listing};

/// A parser and what is asked of it.
pub struct Target {
    pub name: &'static str,
    /// Whether the bytes were taken for what they should be.
    pub run: fn(&[u8]) -> bool,
}

pub const TARGETS: [Target; 17] = [
    target("header", header),
    target("pack", objects::pack),
    target("segment", segment),
    target("snapshot", cbor_value::<Snapshot>),
    target("listing", metadata_chunk),
    target("plan", cbor_value::<Plan>),
    target("housekeeping", housekeeping),
    target("key_slot", key_slot),
    target("record", objects::record),
    target("compressed", compressed),
    target("dump", dumps::dump),
    target("dump_file", dumps::dump_file),
    target("replay", dumps::replay),
    target("config", texts::config),
    target("mounts", texts::mounts),
    target("typed", texts::typed),
    target("shown", texts::shown),
];

const fn target(name: &'static str, run: fn(&[u8]) -> bool) -> Target {
    Target { name, run }
}

pub fn named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Where bytes begin with a choice.
fn choice(bytes: &[u8]) -> (u8, &[u8]) {
    bytes
        .split_first()
        .map_or((0, bytes), |(first, rest)| (*first, rest))
}

/// The header of any kind of object.
fn header(bytes: &[u8]) -> bool {
    let headers = Kind::ALL.map(|kind| Header::decode(bytes, kind, None).ok());
    let mut any = false;
    for header in headers.into_iter().flatten() {
        any = true;
        assert!(bytes.starts_with(header.bytes()));
        assert!(header.bytes().starts_with(header.before_commitments()));
        assert_eq!(header.extension().len(), header.kind.extension_bytes());
        let _ = (header.body_commitment(), header.tail_commitment());
        let _ = sealed_session(header.extension());
    }
    let _ = decode_preface(bytes, 1 << 20);
    any
}

/// One record that goes there and back.
fn cbor_value<T>(bytes: &[u8]) -> bool
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()> + PartialEq + std::fmt::Debug,
{
    let Ok(value) = decode::<T>(bytes) else {
        return false;
    };
    let again = encode(&value);
    assert_eq!(decode::<T>(&again).as_ref(), Ok(&value));
    true
}

/// An index segment, and what its rows say.
fn segment(bytes: &[u8]) -> bool {
    let Ok(segment) = decode::<Segment>(bytes) else {
        return false;
    };
    let mut is_sound = cbor_value::<Segment>(bytes);
    for row in &segment.packs {
        let (class, entries) = (row.class(), row.entries());
        let _ = row.encoded_bytes();
        is_sound &= class.is_ok() && entries.is_ok();
        if let Ok(class) = class {
            let header = Header::decode(&row.header, class.kind(), None);
            is_sound &= header.is_ok();
        }
        for entry in entries.iter().flatten() {
            assert!(entry.position < offsite::format::PACK_CHUNKS_MAX);
        }
    }
    is_sound
}

/// Leaf, node, id list, problem list, finding list: by its role.
fn metadata_chunk(bytes: &[u8]) -> bool {
    let level = bytes.get(1).copied().unwrap_or(0);
    let leaf = listing::decode_leaf(bytes);
    if let Ok(entries) = &leaf {
        let mut again = listing::begin_leaf();
        for one in entries {
            assert!(entry::check_path(&one.path).is_ok());
            listing::append_entry(&mut again, one);
        }
        assert_eq!(listing::decode_leaf(&again).as_ref(), Ok(entries));
    }
    let node = listing::decode_node(bytes, level);
    if let Ok(children) = &node {
        let mut again = listing::begin_node(level);
        for child in children {
            listing::append_child(&mut again, child);
        }
        assert_eq!(listing::decode_node(&again, level).as_ref(), Ok(children));
    }
    let ids = listing::decode_id_list(bytes, level);
    if let Ok(ids) = &ids {
        assert_eq!(listing::encode_id_list(level, ids), bytes);
        assert!((1..=ids.len()).contains(&listing::id_list_length(ids)));
    }
    let problems = listing::decode_problem_list(bytes);
    let findings = decode_finding_list(bytes);
    leaf.is_ok() || node.is_ok() || ids.is_ok() || problems.is_ok() || findings.is_ok()
}

/// The smaller records, by the first byte.
fn housekeeping(bytes: &[u8]) -> bool {
    match choice(bytes) {
        (0, rest) => cbor_value::<Forget>(rest),
        (1, rest) => cbor_value::<Finding>(rest),
        (2, rest) => cbor_value::<Parameters>(rest),
        (_, rest) => {
            let proof = decode::<Proof>(rest);
            cbor_value::<Proof>(rest)
                && proof.is_ok_and(|proof| cbor::decode::<Finding>(&proof.finding).is_ok())
        }
    }
}

/// A key slot as it lies there, and its label, which follows its secret in the clear here.
fn key_slot(bytes: &[u8]) -> bool {
    let Ok(header) = Header::decode(bytes, Kind::KeySlot, None) else {
        return false;
    };
    let costs = decode_costs(header.extension());
    let label = bytes.get(header.bytes().len()..).unwrap_or_default();
    let is_label = cbor_value::<Label>(label);
    let Ok((memory_kib, passes, lanes)) = costs else {
        return false;
    };
    let cost = KdfCost {
        memory_kib,
        passes,
        lanes,
    };
    let checked = cost.check();
    if checked.is_ok() {
        // What Argon2 would then be asked for: memory of this machine, and time.
        assert!(memory_kib <= 1 << 20 && passes <= 16 && lanes <= 16);
    }
    is_label && checked.is_ok()
}

/// Compressed bytes behind the length that they promise.
fn compressed(bytes: &[u8]) -> bool {
    let Some((length, stored)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    // Of a length that costs little: what is long enough is long.
    let length = u32::from_le_bytes(*length).min(1 << 16) as usize;
    let plain = offsite::compress::decompress(stored, length);
    if let Ok(plain) = &plain {
        assert_eq!(plain.len(), length);
    }
    plain.is_ok()
}
