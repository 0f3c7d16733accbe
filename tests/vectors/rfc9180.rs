//! HPKE by hand (RFC 9180), for the one suite and mode of format 1: DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, ChaCha20-Poly1305, mode PSK. Checked against the vector of the RFC, A.2.2.

use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use crate::page::{chacha20_poly1305_open, chacha20_poly1305_seal};

const KEM: &[u8] = b"KEM\x00\x20";
const SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";
const MODE_PSK: u8 = 1;

pub struct Psk<'a> {
    pub psk: &'a [u8],
    pub psk_id: &'a [u8],
    pub info: &'a [u8],
}

/// Key and first nonce of a context.
pub struct Context {
    pub key: [u8; 32],
    pub nonce: [u8; 12],
}

pub fn public_of(private: [u8; 32]) -> [u8; 32] {
    x25519(private, X25519_BASEPOINT_BYTES)
}

/// §7.1.3, DeriveKeyPair: the private key.
pub fn derive_private(ikm: &[u8]) -> [u8; 32] {
    let prk = extract(KEM, b"", b"dkp_prk", ikm);
    expand(KEM, &prk, b"sk", b"")
}

/// §4.1, Decap: what the recipient and the sender share. The sender gives its ephemeral private
/// key and the recipient's public key as `private` and `other`.
pub fn shared_secret(
    private: [u8; 32],
    other: [u8; 32],
    enc: [u8; 32],
    recipient: [u8; 32],
) -> [u8; 32] {
    let prk = extract(KEM, b"", b"eae_prk", &x25519(private, other));
    expand(KEM, &prk, b"shared_secret", &[enc, recipient].concat())
}

/// §5.1, KeySchedule.
pub fn key_schedule(shared_secret: [u8; 32], psk: &Psk<'_>) -> Context {
    let psk_id_hash = extract(SUITE, b"", b"psk_id_hash", psk.psk_id);
    let info_hash = extract(SUITE, b"", b"info_hash", psk.info);
    let context = [&[MODE_PSK], psk_id_hash.as_slice(), &info_hash].concat();
    let secret = extract(SUITE, &shared_secret, b"secret", psk.psk);
    Context {
        key: expand(SUITE, &secret, b"key", &context),
        nonce: expand(SUITE, &secret, b"base_nonce", &context),
    }
}

/// Opens the first message of a context: §5.2, with sequence number 0.
pub fn open(
    private: [u8; 32],
    enc: [u8; 32],
    psk: &Psk<'_>,
    additional: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let shared = shared_secret(private, enc, enc, public_of(private));
    let context = key_schedule(shared, psk);
    chacha20_poly1305_open(&context.key, context.nonce, additional, sealed)
}

/// Seals the first message of a context; gives `enc` and the sealed message.
pub fn seal(
    ephemeral: [u8; 32],
    recipient: [u8; 32],
    psk: &Psk<'_>,
    additional: &[u8],
    plain: &[u8],
) -> ([u8; 32], Vec<u8>) {
    let enc = public_of(ephemeral);
    let context = key_schedule(shared_secret(ephemeral, recipient, enc, recipient), psk);
    let sealed = chacha20_poly1305_seal(&context.key, context.nonce, additional, plain);
    (enc, sealed)
}

/// §4, LabeledExtract.
fn extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> [u8; 32] {
    let labeled = [b"HPKE-v1", suite, label, ikm].concat();
    Hkdf::<Sha256>::extract(Some(salt), &labeled).0.into()
}

/// §4, LabeledExpand.
fn expand<const N: usize>(suite: &[u8], prk: &[u8; 32], label: &[u8], info: &[u8]) -> [u8; N] {
    let length = (N as u16).to_be_bytes();
    let labeled = [&length, b"HPKE-v1".as_slice(), suite, label, info].concat();
    let mut output = [0; N];
    let hkdf = Hkdf::<Sha256>::from_prk(prk).unwrap();
    hkdf.expand(&labeled, &mut output).unwrap();
    output
}

#[test]
fn the_vector_of_rfc_9180_a_2_2_comes_out() {
    let hex = |text: &str| crate::vector::unhex(text);
    let key = |text: &str| <[u8; 32]>::try_from(hex(text)).unwrap();
    let recipient = key("77d114e0212be51cb1d76fa99dd41cfd4d0166b08caa09074430a6c59ef17879");
    let ephemeral = key("0c35fdf49df7aa01cd330049332c40411ebba36e0c718ebc3edf5845795f6321");
    let enc = key("2261299c3f40a9afc133b969a97f05e95be2c514e54f3de26cbe5644ac735b04");
    let public = key("13640af826b722fc04feaa4de2f28fbd5ecc03623b317834e7ff4120dbe73062");
    assert_eq!(public_of(recipient), public);
    assert_eq!(public_of(ephemeral), enc);
    let shared = shared_secret(recipient, enc, enc, public);
    assert_eq!(
        shared,
        key("4be079c5e77779d0215b3f689595d59e3e9b0455d55662d1f3666ec606e50ea7")
    );
    let psk = Psk {
        psk: &hex("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82"),
        psk_id: &hex("456e6e796e20447572696e206172616e204d6f726961"),
        info: &hex("4f6465206f6e2061204772656369616e2055726e"),
    };
    let context = key_schedule(shared, &psk);
    assert_eq!(
        context.key,
        key("600d2fdb0313a7e5c86a9ce9221cd95bed069862421744cfb4ab9d7203a9c019")
    );
    assert_eq!(context.nonce, *hex("112e0465562045b7368653e7"));
    let plain = b"Beauty is truth, truth beauty";
    let sealed = hex(
        "4a177f9c0d6f15cfdf533fb65bf84aecdc6ab16b8b85b4cf65a370e07fc1d78d28fb073214525276f4a89608ff",
    );
    let opened = open(recipient, enc, &psk, b"Count-0", &sealed);
    assert_eq!(opened.as_deref(), Some(plain.as_slice()));
    assert_eq!(
        seal(ephemeral, public, &psk, b"Count-0", plain),
        (enc, sealed)
    );
}
