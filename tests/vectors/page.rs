//! docs/format.md, §2 to §6, by hand: written from the page with the primitives alone. Nothing
//! here calls the library, so that page and library can contradict each other.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

pub const BODY: &str = "offsite format 1 body key";
pub const TAIL: &str = "offsite format 1 tail key";

/// Every key of §3, for epoch 0.
pub struct Keys {
    pub master: [u8; 32],
    pub repository_id: [u8; 16],
    pub content_id: [u8; 32],
    pub metadata_id: [u8; 32],
    pub gear: [u8; 32],
    pub cut: [u8; 32],
    pub metadata: [u8; 32],
    pub psk: [u8; 32],
    pub content_private: [u8; 32],
    pub owner_seed: [u8; 32],
}

impl Keys {
    pub fn of(master: [u8; 32]) -> Self {
        let key = |name: &str| {
            let context = format!("offsite format 1 {name}");
            blake3::derive_key(&context, &[master.as_slice(), &[0, 0]].concat())
        };
        Self {
            master,
            repository_id: *key("repository id").first_chunk().unwrap(),
            content_id: key("content id key"),
            metadata_id: key("metadata id key"),
            gear: key("gear key"),
            cut: key("cut key"),
            metadata: key("metadata key"),
            psk: key("session psk"),
            content_private: key("content private key"),
            owner_seed: key("owner key"),
        }
    }

    /// Those of all vectors: the master secret is the bytes 0 … 31.
    pub fn of_the_vectors() -> Self {
        Self::of(crate::tape::run(0))
    }

    pub fn subkey(&self, kind: u8) -> [u8; 32] {
        let secret = [self.metadata.as_slice(), &[kind]].concat();
        blake3::derive_key("offsite format 1 metadata subkey", &secret)
    }

    pub fn chunk_id(&self, kind: u8, plain: &[u8]) -> [u8; 32] {
        let key = if kind == 3 {
            &self.metadata_id
        } else {
            &self.content_id
        };
        *blake3::keyed_hash(key, plain).as_bytes()
    }

    /// The info of HPKE, §5.
    pub fn session_info(&self) -> Vec<u8> {
        [b"offsite session 1", self.repository_id.as_slice(), &[0, 0]].concat()
    }
}

/// §2: the header's bytes before its first commitment.
pub struct Header<'a> {
    pub version: u16,
    pub kind: u8,
    pub epoch: u16,
    pub repository_id: [u8; 16],
    pub salt: [u8; 32],
    pub extension: &'a [u8],
    pub commitments: u16,
}

impl Header<'_> {
    pub fn before_commitments(&self) -> Vec<u8> {
        let length = 64 + self.extension.len() as u16 + 32 * self.commitments;
        [
            &[0x6f, 0x66, 0x66, 0x73, 0x69, 0x74, 0x65, 0x0a],
            self.version.to_le_bytes().as_slice(),
            &[self.kind, 0],
            &self.epoch.to_le_bytes(),
            &length.to_le_bytes(),
            &self.repository_id,
            &self.salt,
            self.extension,
        ]
        .concat()
    }
}

/// The header of a record of version 1 and epoch 0.
pub fn record_header(keys: &Keys, kind: u8, salt: [u8; 32]) -> Vec<u8> {
    Header {
        version: 1,
        kind,
        epoch: 0,
        repository_id: keys.repository_id,
        salt,
        extension: &[],
        commitments: 1,
    }
    .before_commitments()
}

/// §4: key and commitment.
pub fn object_key(context: &str, secret: &[u8; 32], header: &[u8]) -> ([u8; 32], [u8; 32]) {
    let mut output = [0; 64];
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(secret).update(header);
    hasher.finalize_xof().fill(&mut output);
    let [key, commitment] = output.as_chunks::<32>().0 else {
        unreachable!("64 bytes are two keys")
    };
    (*key, *commitment)
}

/// One frame before it is sealed.
pub struct Frame<'a> {
    pub kind: u8,
    pub role: u8,
    pub codec: u8,
    pub position: u32,
    pub plain_bytes: usize,
    /// Compressed or not, as the codec says.
    pub content: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame of codec 0.
    pub fn plain(kind: u8, role: u8, position: u32, content: &'a [u8]) -> Self {
        Self {
            kind,
            role,
            codec: 0,
            position,
            plain_bytes: content.len(),
            content,
        }
    }

    pub fn seal(&self, key: &[u8; 32]) -> Vec<u8> {
        let additional = self.additional(self.content.len() + 16);
        chacha20_poly1305_seal(key, nonce(self.position), &additional, self.content)
    }

    /// Opens `sealed` as this frame; the content is not looked at.
    pub fn open(&self, key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
        let additional = self.additional(sealed.len());
        chacha20_poly1305_open(key, nonce(self.position), &additional, sealed)
    }

    fn additional(&self, stored_bytes: usize) -> Vec<u8> {
        [
            [self.kind, self.role, self.codec, 0],
            self.position.to_le_bytes(),
            (self.plain_bytes as u32).to_le_bytes(),
            (stored_bytes as u32).to_le_bytes(),
        ]
        .concat()
    }
}

fn nonce(position: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&position.to_le_bytes());
    nonce
}

pub fn chacha20_poly1305_seal(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.encrypt(&nonce.into(), Payload { msg, aad }).unwrap()
}

pub fn chacha20_poly1305_open(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    msg: &[u8],
) -> Option<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(key.into());
    cipher.decrypt(&nonce.into(), Payload { msg, aad }).ok()
}

/// §4, padding: the total length.
pub fn padme(length: u64, minimum: u64) -> u64 {
    if length <= minimum {
        return minimum;
    }
    let e = 63 - u64::from(length.leading_zeros());
    let s = 63 - u64::from(e.leading_zeros()) + 1;
    let m = (1 << (e - s)) - 1;
    (length + m) & !m
}

/// §6: a whole record; `content` is the payload, compressed or not, as the codec says.
pub fn record(kind: u8, before: &[u8], secret: &[u8; 32], payload: &Payloads<'_>) -> Vec<u8> {
    let (key, commitment) = object_key(BODY, secret, before);
    let preface = [
        &(payload.content.len() as u32 + 16).to_le_bytes(),
        (payload.plain_bytes as u32).to_le_bytes().as_slice(),
        &[payload.codec, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let mut object = [before, &commitment].concat();
    object.extend(Frame::plain(kind, 4, 0, &preface).seal(&key));
    let payload = Frame {
        kind,
        role: 5,
        codec: payload.codec,
        position: 1,
        plain_bytes: payload.plain_bytes,
        content: payload.content,
    };
    object.extend(payload.seal(&key));
    let least = object.len() as u64 + 16;
    let total = if kind == 0 { least } else { padme(least, 4096) };
    let pad = vec![0; (total - least) as usize];
    object.extend(Frame::plain(kind, 6, 2, &pad).seal(&key));
    object
}

/// A payload and how it is coded.
pub struct Payloads<'a> {
    pub codec: u8,
    pub plain_bytes: usize,
    pub content: &'a [u8],
}

/// A chunk on its way into a pack.
pub struct PackChunk {
    pub id: [u8; 32],
    pub position: u16,
    pub codec: u8,
    pub plain_bytes: usize,
    pub content: Vec<u8>,
}

/// §5: a whole pack.
pub fn pack(
    (kind, class): (u8, u8),
    before: &[u8],
    body_secret: &[u8; 32],
    tail_secret: &[u8; 32],
    chunks: &[PackChunk],
) -> Vec<u8> {
    let (body, body_commitment) = object_key(BODY, body_secret, before);
    let (tail, tail_commitment) = object_key(TAIL, tail_secret, before);
    let header = [before, &body_commitment, &tail_commitment].concat();
    let mut object = header.clone();
    let mut footer = Vec::new();
    for chunk in chunks {
        let frame = Frame {
            kind,
            role: 0,
            codec: chunk.codec,
            position: u32::from(chunk.position),
            plain_bytes: chunk.plain_bytes,
            content: &chunk.content,
        };
        let sealed = frame.seal(&body);
        footer.extend(chunk.id);
        footer.extend((sealed.len() as u32).to_le_bytes());
        footer.extend((chunk.plain_bytes as u32).to_le_bytes());
        footer.extend(chunk.position.to_le_bytes());
        footer.extend([chunk.codec, 0]);
        object.extend(sealed);
    }
    let body_bytes = object.len() as u64 - 212;
    let footer = Frame::plain(kind, 1, 1, &footer).seal(&tail);
    let trailer = [
        body_bytes.to_le_bytes().as_slice(),
        &(footer.len() as u32).to_le_bytes(),
        &(chunks.len() as u32).to_le_bytes(),
        &[class, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let least = object.len() + 16 + footer.len() + 212 + 40;
    let pad = vec![0; padme(least as u64, 65_536) as usize - least];
    object.extend(Frame::plain(kind, 3, 2, &pad).seal(&tail));
    object.extend(footer);
    object.extend(header);
    object.extend(Frame::plain(kind, 2, 0, &trailer).seal(&tail));
    object
}
