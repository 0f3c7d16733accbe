//! `slot.json`: a key slot whole.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use offsite::crypto::KdfCost;
use offsite::format::slot::Label;
use offsite::id::RepositoryId;
use offsite::repository::{RepositoryError, add_slot, unlock};
use offsite::seams::{SystemClock, Timestamp};
use offsite::store::Store;
use offsite::store::memory::Memory;

use crate::cbor::Cbor::{self, Int, Text};
use crate::keys::reader;
use crate::page::{BODY, Frame, Header, Keys, TAIL, object_key};
use crate::tape::{Tape, run};
use crate::vector::Vector;

pub const PASSPHRASE: &str = "correct horse battery staple";

pub fn slot_header(keys: &Keys, salt: [u8; 32], memory_kib: u32) -> Vec<u8> {
    let extension = [
        [1, 0, 0, 0],
        memory_kib.to_le_bytes(),
        1_u32.to_le_bytes(),
        1_u32.to_le_bytes(),
    ]
    .concat();
    Header {
        version: 1,
        kind: 1,
        epoch: 0,
        repository_id: keys.repository_id,
        salt,
        extension: &extension,
        commitments: 2,
    }
    .before_commitments()
}

/// A store that holds one slot.
pub fn store_of(slot: &[u8]) -> Memory {
    let store = Memory::new(Arc::new(SystemClock));
    let name = format!("keys/{}", blake3::hash(slot).to_hex());
    store.put(&name, slot.to_vec().into()).unwrap();
    store
}

/// Whether the label of a slot authenticates, by the page.
pub fn label_opens(slot: &[u8]) -> Option<Vec<u8>> {
    let keys = Keys::of_the_vectors();
    let (tail, commitment) = object_key(TAIL, &keys.subkey(1), slot.get(..80)?);
    if slot.get(112..144)? != commitment {
        return None;
    }
    let frame = slot.get(192..)?;
    let content = vec![0; frame.len().checked_sub(16)?];
    Frame::plain(1, 8, 0, &content).open(&tail, frame)
}

/// §7: the output of Argon2id for the one passphrase.
fn stretch_by_hand(salt: &[u8; 32]) -> [u8; 32] {
    let mut stretched = [0; 32];
    Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(65_536, 1, 1, Some(32)).unwrap(),
    )
    .hash_password_into(PASSPHRASE.as_bytes(), salt, &mut stretched)
    .unwrap();
    stretched
}

#[test]
fn a_slot_is_opened_by_its_passphrase_alone() {
    let keys = Keys::of_the_vectors();
    let salt = run(0x80);
    let before = slot_header(&keys, salt, 65_536);
    let stretched = stretch_by_hand(&salt);
    let label = Cbor::record(vec![
        (0, Text("kitchen drawer")),
        (1, Int(1_790_000_000_000_000_000)),
        (2, Text("nas")),
    ])
    .encode();
    let (body, body_commitment) = object_key(BODY, &stretched, &before);
    let (tail, tail_commitment) = object_key(TAIL, &keys.subkey(1), &before);
    let object = [
        before.as_slice(),
        &body_commitment,
        &tail_commitment,
        &Frame::plain(1, 7, 0, &keys.master).seal(&body),
        &Frame::plain(1, 8, 0, &label).seal(&tail),
    ]
    .concat();
    let committed = Vector::new(
        "slot",
        "A key slot, whole: Argon2id with 65,536 KiB, 1 pass and 1 lane wraps the master secret of keys.json.",
    )
    .with("kind", 1)
    .with("name", format!("keys/{}", blake3::hash(&object).to_hex()))
    .with("passphrase", PASSPHRASE)
    .with("memory_kib", 65_536)
    .with("passes", 1)
    .with("lanes", 1)
    .bytes("salt", &salt)
    .bytes("argon2id_output", &stretched)
    .bytes("header_before_commitments", &before)
    .bytes("body_key", &body)
    .bytes("body_commitment", &body_commitment)
    .bytes("tail_key", &tail)
    .bytes("tail_commitment", &tail_commitment)
    .bytes("secret", &keys.master)
    .bytes("label", &label)
    .bytes("object", &object)
    .settle();

    let label = Label {
        label: "kitchen drawer".to_owned(),
        created: Timestamp::from_seconds(1_790_000_000),
        host: "nas".to_owned(),
    };
    let store = Memory::new(Arc::new(SystemClock));
    let tape = Tape::of(&[&salt]);
    let slot = add_slot(&store, &tape, reader(), PASSPHRASE, KdfCost::LEAST, &label).unwrap();
    assert!(tape.is_used_up());
    assert_eq!(slot.bytes, object);

    let object = committed.bytes("object");
    let id = RepositoryId::new(keys.repository_id);
    let opened = unlock(&store_of(&object), id, PASSPHRASE).ok().unwrap();
    assert_eq!(opened.master().expose(), &keys.master);
    let wrong = unlock(&store_of(&object), id, "correct horse battery stable").err();
    assert!(matches!(
        wrong,
        Some(RepositoryError::WrongPassphrase { slots: 1 })
    ));
    assert_eq!(label_opens(&object), Some(committed.bytes("label")));
}
