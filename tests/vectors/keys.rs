//! `keys.json`: every key of §3 from the master secret of the bytes 0 … 31.

use std::sync::LazyLock;

use offsite::crypto::{ReadKey, Secret};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::page::Keys;
use crate::rfc9180::public_of;
use crate::tape::run;
use crate::vector::{Vector, hex};

/// The read key of all vectors.
pub fn reader() -> &'static ReadKey {
    static READER: LazyLock<ReadKey> = LazyLock::new(|| ReadKey::from_master(Secret::new(&run(0))));
    &READER
}

#[test]
fn every_key_is_derived_as_the_page_says() {
    let keys = Keys::of_the_vectors();
    let content_public = public_of(keys.content_private);
    let owner_public = ed25519_dalek::SigningKey::from_bytes(&keys.owner_seed).verifying_key();
    let subkeys = (0..=8_u8).map(|kind| (format!("{kind}"), Value::from(hex(&keys.subkey(kind)))));
    let words = words_of(&keys.master);
    let vector = Vector::new(
        "keys",
        "Every key of format.md §3, derived from the master secret of the bytes 0 to 31 for epoch 0.",
    )
    .bytes("master_secret", &keys.master)
    .with("words", words.clone())
    .bytes("repository_id", &keys.repository_id)
    .bytes("content_id_key", &keys.content_id)
    .bytes("metadata_id_key", &keys.metadata_id)
    .bytes("gear_key", &keys.gear)
    .bytes("gear_table_first_32_bytes", &gear_bytes(&keys)[..32])
    .bytes("cut_key", &keys.cut)
    .bytes("metadata_key", &keys.metadata)
    .with("subkeys_by_kind", subkeys.collect::<Map<_, _>>())
    .bytes("session_psk", &keys.psk)
    .bytes("content_private_key", &keys.content_private)
    .bytes("content_public_key", &content_public)
    .bytes("owner_seed", &keys.owner_seed)
    .bytes("owner_public_key", owner_public.as_bytes());
    vector.settle();

    let reader = reader();
    let writer = reader.writer();
    assert_eq!(*reader.words().unwrap(), words);
    let again = ReadKey::from_words(&words).ok().unwrap();
    assert_eq!(again.master().expose(), &keys.master);
    // The file of the writer key holds all of its parts in the order of the page.
    let parts = [
        keys.repository_id.as_slice(),
        &keys.content_id,
        &keys.metadata_id,
        &keys.gear,
        &keys.cut,
        &keys.metadata,
        &keys.psk,
        &content_public,
        owner_public.as_bytes(),
    ]
    .concat();
    let file = writer.to_bytes();
    assert_eq!(file[4..file.len() - 8], parts);
    for kind in 0..=8 {
        assert_eq!(writer.subkey(kind).expose(), &keys.subkey(kind));
    }
    let gear: Vec<u8> = writer
        .gear()
        .iter()
        .flat_map(|entry| entry.to_le_bytes())
        .collect();
    assert_eq!(gear, gear_bytes(&keys));
}

/// The gear table as its 2,048 bytes.
pub fn gear_bytes(keys: &Keys) -> Vec<u8> {
    let mut bytes = vec![0; 2048];
    blake3::Hasher::new_keyed(&keys.gear)
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// BIP-39 by hand: 256 bits and 8 of their SHA-256, eleven a word.
fn words_of(entropy: &[u8; 32]) -> String {
    let list = bip39::Language::English.word_list();
    let bytes = [entropy.as_slice(), &Sha256::digest(entropy)[..1]].concat();
    let bit = |place: usize| usize::from(bytes[place / 8] >> (7 - place % 8) & 1);
    let word = |number: usize| (0..11).fold(0, |sum, place| sum << 1 | bit(11 * number + place));
    (0..24)
        .map(|number| list[word(number)])
        .collect::<Vec<_>>()
        .join(" ")
}
