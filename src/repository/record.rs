//! Sealing and opening of records: everything but packs and key slots (format.md §6).

use bytes::Bytes;

use super::{ObjectProblem, fixed_frame};
use crate::compress::{Compressor, decompress};
use crate::crypto::{CryptoError, ObjectKey, Purpose, WriterKey, draw_salt};
use crate::format::frame::{Codec, PREFACE_BYTES, Role, Shape, decode_preface, encode_preface};
use crate::format::header::Header;
use crate::format::{FormatError, Kind, TAG_BYTES, name, padme};
use crate::id::ObjectId;
use crate::seams::Random;

/// An object that is ready to be stored.
#[derive(Debug, Clone)]
pub struct SealedObject {
    pub id: ObjectId,
    pub name: String,
    pub bytes: Bytes,
}

impl SealedObject {
    pub(super) fn new(kind: Kind, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let id = ObjectId::of(&bytes);
        Self {
            id,
            name: name::of(kind, &id),
            bytes,
        }
    }
}

/// Seals a record with a salt of its own.
///
/// # Errors
/// `Crypto`; `Format` for a payload over 32 MiB, or 1 MiB of a snapshot.
pub fn seal_record(
    writer: &WriterKey,
    random: &dyn Random,
    kind: Kind,
    payload: &[u8],
) -> Result<SealedObject, ObjectProblem> {
    let too_large = FormatError::Contradiction {
        what: "the size of a record",
    };
    let plain = u32::try_from(payload.len()).map_err(|_| too_large.clone())?;
    if plain > kind.plain_bytes_max() {
        return Err(too_large.into());
    }
    let (mut object, key) = begin(writer, random, kind)?;
    let mut compressor = Compressor::new()?;
    let (codec, content) = match compressor.compress(payload) {
        Some(compressed) => (Codec::Zstd, &*compressed),
        None => (Codec::Plain, payload),
    };
    // Compressed or not, it is no longer than the payload, which was checked.
    let stored = u32::try_from(content.len()).map_err(|_| too_large)? + TAG_BYTES;
    let shape = Shape {
        stored,
        plain,
        codec,
    };

    let preface = encode_preface(shape);
    let preface_shape = Shape::plain(PREFACE_BYTES);
    fixed_frame::seal(
        &key,
        kind,
        Role::Preface,
        preface_shape,
        &preface,
        &mut object,
    )?;
    fixed_frame::seal(&key, kind, Role::Payload, shape, content, &mut object)?;
    let pad = pad_bytes(kind, object.len());
    let zeros = vec![0; pad as usize];
    fixed_frame::seal(
        &key,
        kind,
        Role::RecordPad,
        Shape::plain(pad),
        &zeros,
        &mut object,
    )?;
    Ok(SealedObject::new(kind, object))
}

/// Plain bytes of the pad frame that follows `length` bytes.
fn pad_bytes(kind: Kind, length: usize) -> u32 {
    let least = length as u64 + u64::from(TAG_BYTES);
    let padded = kind
        .padded_bytes_min()
        .map_or(least, |minimum| padme::padded(least, minimum));
    // At most an eighth of a record, or the minimum.
    u32::try_from(padded - least).unwrap_or(0)
}

fn begin(
    writer: &WriterKey,
    random: &dyn Random,
    kind: Kind,
) -> Result<(Vec<u8>, ObjectKey), CryptoError> {
    let salt = draw_salt(random)?;
    let mut header = Header::unfinished(kind, writer.repository(), salt, &[]);
    let secret = writer.subkey(kind.number());
    let (key, commitment) = ObjectKey::derive(Purpose::Body, &secret, &header)?;
    header.extend_from_slice(&commitment);
    Ok((header, key))
}

/// Opens a record whose bytes were fetched: checks header, commitment, every frame and the pad.
/// That the bytes hash to the name is the caller's to check.
///
/// # Errors
/// `Format`, `Crypto`, `Compress`.
pub fn open_record(
    writer: &WriterKey,
    kind: Kind,
    object: &[u8],
) -> Result<Vec<u8>, ObjectProblem> {
    let header = Header::decode(object, kind, Some(writer.repository()))?;
    let secret = writer.subkey(kind.number());
    let key = ObjectKey::opening(
        Purpose::Body,
        &secret,
        header.before_commitments(),
        &header.body_commitment(),
    )?;
    let rest = object.get(header.bytes().len()..).unwrap_or_default();
    let mut frames = Frames { kind, key, rest };
    let preface = frames.next(Role::Preface, Shape::plain(PREFACE_BYTES))?;
    let shape = decode_preface(&preface, kind.plain_bytes_max())?;
    let payload = frames.next(Role::Payload, shape)?;
    fixed_frame::open_plain(&frames.key, kind, Role::RecordPad, frames.rest)?;
    match shape.codec {
        Codec::Plain => Ok(payload),
        Codec::Zstd => Ok(decompress(&payload, shape.plain as usize)?),
    }
}

struct Frames<'a> {
    kind: Kind,
    key: ObjectKey,
    rest: &'a [u8],
}

impl Frames<'_> {
    fn next(&mut self, role: Role, shape: Shape) -> Result<Vec<u8>, ObjectProblem> {
        let split = self.rest.split_at_checked(shape.stored as usize);
        let (frame, rest) = split.ok_or(FormatError::TooShort)?;
        self.rest = rest;
        Ok(fixed_frame::open(&self.key, self.kind, role, shape, frame)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ReadKey, Secret};
    use crate::seams::SystemRandom;

    fn writer(seed: u8) -> WriterKey {
        ReadKey::from_master(Secret::new(&[seed; 32]))
            .writer()
            .clone()
    }

    #[test]
    fn records_open_only_with_their_key_kind_and_bytes() {
        let payload = b"photo library ".repeat(100);
        let sealed = seal_record(&writer(1), &SystemRandom, Kind::Snapshot, &payload).unwrap();
        assert_eq!(sealed.bytes.len(), 4096);
        assert_eq!(
            open_record(&writer(1), Kind::Snapshot, &sealed.bytes).unwrap(),
            payload
        );
        assert!(open_record(&writer(2), Kind::Snapshot, &sealed.bytes).is_err());
        assert!(open_record(&writer(1), Kind::Segment, &sealed.bytes).is_err());
        for place in 0..sealed.bytes.len() {
            let mut altered = sealed.bytes.to_vec();
            altered[place] ^= 1;
            assert!(
                open_record(&writer(1), Kind::Snapshot, &altered).is_err(),
                "byte {place}"
            );
        }
        for length in [0, 95, 96, 127, 128, 4095] {
            assert!(open_record(&writer(1), Kind::Snapshot, &sealed.bytes[..length]).is_err());
        }
        let longer = [sealed.bytes.as_ref(), b"x"].concat();
        assert!(open_record(&writer(1), Kind::Snapshot, &longer).is_err());
    }

    #[test]
    fn sizes_are_padded_and_no_two_sealings_are_alike() {
        let mut noise = vec![0; 100_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let sealed = seal_record(&writer(1), &SystemRandom, Kind::Segment, &noise).unwrap();
        assert_eq!(
            sealed.bytes.len() as u64,
            padme::padded(sealed.bytes.len() as u64, 4096)
        );
        assert_eq!(
            open_record(&writer(1), Kind::Segment, &sealed.bytes).unwrap(),
            noise
        );
        let again = seal_record(&writer(1), &SystemRandom, Kind::Segment, &noise).unwrap();
        assert_ne!(again.id, sealed.id);
        let small = seal_record(&writer(1), &SystemRandom, Kind::Repository, b"x").unwrap();
        assert!(small.bytes.len() < 1024, "repository is not padded");
    }
}
