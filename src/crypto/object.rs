//! Sealing inside one object: a key of its own with a commitment, and positions that are used once
//! (format.md §4). ChaCha20-Poly1305 is RFC 8439; it does not commit to its key, so the header
//! carries a commitment that is compared before anything is decrypted (cf. RFC 9771 §4.3.3).
//!
//! Every stored byte passes through here, so the assembly of AWS-LC does it; tests hold it against
//! the `chacha20poly1305` crate at every length of a block (docs/decisions/0009).

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, Secret};
use crate::seams::Random;

/// Bytes that sealing adds to a plaintext.
pub const TAG_BYTES: usize = 16;
/// Length of a commitment.
pub const COMMITMENT_BYTES: usize = 32;

/// Stands in the clear in a header and says which key the object was sealed with.
pub type Commitment = [u8; COMMITMENT_BYTES];

/// The salt of an object, from which its keys are derived: no two objects share one.
///
/// # Errors
/// `NoRandomness`.
pub fn draw_salt(random: &dyn Random) -> Result<[u8; 32], CryptoError> {
    let mut salt = [0; 32];
    random
        .fill(&mut salt)
        .map_err(|_| CryptoError::NoRandomness)?;
    Ok(salt)
}

/// Which of an object's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Chunks of a pack, everything in a record, the secret of a key slot.
    Body,
    /// Footer, trailer and pad of a pack, the label of a key slot.
    Tail,
}

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Self::Body => "offsite format 1 body key",
            Self::Tail => "offsite format 1 tail key",
        }
    }
}

/// What a frame is authenticated by, behind its bytes.
pub type Tag = [u8; TAG_BYTES];

/// A place in the sequence of nonces of one key. Handed out once, consumed by sealing: not `Clone`.
#[must_use = "a position that is not used stays a gap for ever"]
pub struct Position(u32);

impl Position {
    pub fn number(&self) -> u32 {
        self.0
    }

    /// A place that the layout fixes, such as that of a trailer. The caller seals there once.
    pub fn fixed(number: u32) -> Self {
        Self(number)
    }
}

/// Hands out the positions of one key, each once. Not `Clone`, so that two owners cannot exist.
pub struct Positions {
    next: u32,
    end: u32,
}

impl Positions {
    /// Positions 0 to `end`, exclusive.
    pub fn up_to(end: u32) -> Self {
        Self { next: 0, end }
    }

    /// # Errors
    /// `PositionsUsedUp`.
    pub fn take(&mut self) -> Result<Position, CryptoError> {
        if self.next >= self.end {
            return Err(CryptoError::PositionsUsedUp);
        }
        let position = Position(self.next);
        self.next += 1;
        Ok(position)
    }

    pub fn left(&self) -> u32 {
        self.end - self.next
    }
}

/// The key of one object's body or tail. AWS-LC wipes it when it is dropped.
pub struct ObjectKey(LessSafeKey);

impl ObjectKey {
    /// The key and its commitment, from the secret and all header bytes before the commitments.
    ///
    /// # Errors
    /// `NoMemory`, for the some hundred bytes of a key.
    pub fn derive(
        purpose: Purpose,
        secret: &Secret,
        header: &[u8],
    ) -> Result<(Self, Commitment), CryptoError> {
        let mut hasher = blake3::Hasher::new_derive_key(purpose.context());
        hasher.update(secret.expose()).update(header);
        let mut output = Zeroizing::new([0; 64]);
        hasher.finalize_xof().fill(output.as_mut_slice());
        hasher.zeroize();
        let mut commitment = [0; COMMITMENT_BYTES];
        let (key, rest) = output.split_at(32);
        commitment.copy_from_slice(rest);
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| CryptoError::NoMemory)?;
        Ok((Self(LessSafeKey::new(key)), commitment))
    }

    /// The key, if `commitment` says that it is the right one.
    ///
    /// # Errors
    /// `WrongKey`, `NoMemory`.
    pub fn opening(
        purpose: Purpose,
        secret: &Secret,
        header: &[u8],
        commitment: &Commitment,
    ) -> Result<Self, CryptoError> {
        let (key, expected) = Self::derive(purpose, secret, header)?;
        // `blake3::Hash` compares in constant time.
        if blake3::Hash::from(expected) != blake3::Hash::from(*commitment) {
            return Err(CryptoError::WrongKey);
        }
        Ok(key)
    }

    /// Seals the bytes of `buffer` from `start` on in place and appends the tag.
    ///
    /// # Errors
    /// `Forged` only beyond the 256 GiB that one message may have.
    pub fn seal(
        &self,
        position: Position,
        additional: &[u8],
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), CryptoError> {
        let plaintext = buffer.get_mut(start..).ok_or(CryptoError::Forged)?;
        let tag = self.seal_in_place(position, additional, plaintext)?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Seals where the bytes stand. Gives the tag, which belongs behind them.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_in_place(
        &self,
        position: Position,
        additional: &[u8],
        plaintext: &mut [u8],
    ) -> Result<Tag, CryptoError> {
        let sealed =
            self.0
                .seal_in_place_separate_tag(nonce(position.0), Aad::from(additional), plaintext);
        let tag = sealed.map_err(|_| CryptoError::Forged)?;
        tag.as_ref().try_into().map_err(|_| CryptoError::Forged)
    }

    /// Opens a frame in place: authenticates it, and leaves the plaintext in `frame`, shortened by
    /// the tag.
    ///
    /// # Errors
    /// `Forged`; then `frame` holds nothing to be used.
    pub fn open(
        &self,
        position: u32,
        additional: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let plaintext = self
            .0
            .open_in_place(nonce(position), Aad::from(additional), frame)
            .map_err(|_| CryptoError::Forged)?;
        let length = plaintext.len();
        frame.truncate(length);
        Ok(())
    }
}

fn nonce(position: u32) -> Nonce {
    let mut nonce = [0; 12];
    let (low, _) = nonce.split_at_mut(4);
    low.copy_from_slice(&position.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_purpose_header_or_secret_is_noticed_before_decryption() {
        let secret = Secret::new(&[7; 32]);
        let (_, commitment) = ObjectKey::derive(Purpose::Body, &secret, b"header").unwrap();
        let open = |purpose, secret: &Secret, header: &[u8]| {
            ObjectKey::opening(purpose, secret, header, &commitment).is_ok()
        };
        assert!(open(Purpose::Body, &secret, b"header"));
        assert!(!open(Purpose::Tail, &secret, b"header"));
        assert!(!open(Purpose::Body, &secret, b"headex"));
        assert!(!open(Purpose::Body, &Secret::new(&[8; 32]), b"header"));
    }

    #[test]
    fn a_frame_opens_only_as_it_was_sealed() {
        let (key, _) = ObjectKey::derive(Purpose::Body, &Secret::new(&[1; 32]), b"h").unwrap();
        let mut positions = Positions::up_to(2);
        let _gap = positions.take().unwrap();
        let mut frame = b"clear|photo".to_vec();
        key.seal(positions.take().unwrap(), b"aad", &mut frame, 6)
            .unwrap();
        assert!(frame.starts_with(b"clear|"));
        let sealed = frame.split_off(6);
        let open = |position, additional: &[u8], bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            key.open(position, additional, &mut bytes).map(|()| bytes)
        };
        assert_eq!(open(1, b"aad", &sealed).unwrap(), b"photo");
        assert!(open(0, b"aad", &sealed).is_err());
        assert!(open(1, b"aae", &sealed).is_err());
        assert!(open(1, b"aad", &sealed[..15]).is_err());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 0x80;
            assert!(open(1, b"aad", &altered).is_err());
        }
    }

    /// AWS-LC takes other paths for short messages, for those that end inside a block and for runs
    /// of eight and sixteen blocks: each must give the bytes of RFC 8439, as another hand wrote it.
    #[test]
    fn sealing_agrees_with_another_implementation_at_every_length() {
        use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
        let secret = Secret::new(&[9; 32]);
        let (key, _) = ObjectKey::derive(Purpose::Body, &secret, b"h").unwrap();
        let mut output = [0; 32];
        let mut hasher = blake3::Hasher::new_derive_key(Purpose::Body.context());
        hasher.update(secret.expose()).update(b"h");
        hasher.finalize_xof().fill(&mut output);
        let other = ChaCha20Poly1305::new(&output.into());

        let photo: Vec<u8> = (0..70_000_u32).map(|it| ((it * 7) >> 3) as u8).collect();
        let lengths = (0..2_100).chain([4_095, 16_384, 65_537, 70_000]);
        for (position, length) in (0..).zip(lengths) {
            let additional = &photo[..length % 40];
            let mut frame = photo[..length].to_vec();
            key.seal(Position::fixed(position), additional, &mut frame, 0)
                .unwrap();
            let mut expected = photo[..length].to_vec();
            let mut nonce = [0; 12];
            nonce[..4].copy_from_slice(&position.to_le_bytes());
            let tag = other
                .encrypt_inout_detached(&nonce.into(), additional, expected.as_mut_slice().into())
                .unwrap();
            expected.extend_from_slice(&tag);
            assert!(frame == expected, "{length} bytes");
            key.open(position, additional, &mut frame).unwrap();
            assert!(frame == photo[..length], "{length} bytes");
        }
    }

    #[test]
    fn positions_end() {
        let mut positions = Positions::up_to(3);
        for number in 0..3 {
            assert_eq!(positions.left(), 3 - number);
            assert_eq!(positions.take().unwrap().number(), number);
        }
        assert_eq!(positions.left(), 0);
        assert!(positions.take().is_err());
    }
}
