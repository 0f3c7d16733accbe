//! The session key: drawn by each run of a writer, sealed to the content public key, so that the
//! host which wrote a pack cannot read it back later (format.md §5; HPKE is RFC 9180, mode PSK).

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeR, OpModeS, PskBundle, Serializable};
use zeroize::Zeroizing;

use super::keys::{EPOCH, ReadKey, WriterKey};
use super::{CryptoError, Secret};
use crate::id::SessionId;
use crate::seams::Random;

/// `enc`, then the sealed key with its tag.
pub const SEALED_SESSION_BYTES: usize = 32 + 48;

/// What every pack of a run carries in its header.
pub type SealedSession = [u8; SEALED_SESSION_BYTES];

/// The identity of a run, from the 84 bytes of its header extension.
pub fn session_id(extension: &[u8]) -> SessionId {
    let hash = Secret::derive("offsite format 1 session id", &[extension]);
    let mut id = [0; SessionId::LEN];
    id.copy_from_slice(hash.expose().split_at(SessionId::LEN).0);
    SessionId::new(id)
}

impl WriterKey {
    /// Draws a session key and seals it for whoever holds the read key.
    ///
    /// # Errors
    /// `NoRandomness`; `SealSession` for a content public key that is no point of the curve.
    pub fn new_session(&self, random: &dyn Random) -> Result<(Secret, SealedSession), CryptoError> {
        let key = Secret::random(random)?;
        let seed = Secret::random(random)?;
        let psk = PskBundle::new(self.psk.expose(), self.repository.as_bytes())
            .map_err(|_| CryptoError::SealSession)?;
        let recipient =
            <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&self.content_public)
                .map_err(|_| CryptoError::SealSession)?;
        let (enc, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Psk(psk),
                &recipient,
                &self.session_info(),
                key.expose(),
                &[],
                &mut Expand::from(&seed),
            )
            .map_err(|_| CryptoError::SealSession)?;
        let mut sealed = [0; SEALED_SESSION_BYTES];
        let (first, second) = sealed.split_at_mut(32);
        first.copy_from_slice(&enc.to_bytes());
        second.copy_from_slice(&ciphertext);
        Ok((key, sealed))
    }

    fn session_info(&self) -> Vec<u8> {
        [
            b"offsite session 1".as_slice(),
            self.repository.as_bytes(),
            &EPOCH.to_le_bytes(),
        ]
        .concat()
    }
}

impl ReadKey {
    /// # Errors
    /// `Forged` when the sealed session is not of this repository or was altered.
    pub fn open_session(&self, sealed: &SealedSession) -> Result<Secret, CryptoError> {
        let writer = self.writer();
        let psk = PskBundle::new(writer.psk.expose(), writer.repository.as_bytes())
            .map_err(|_| CryptoError::Forged)?;
        let private =
            <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(self.content_private.expose())
                .map_err(|_| CryptoError::Forged)?;
        let (enc, ciphertext) = sealed.split_at(32);
        let enc = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(enc)
            .map_err(|_| CryptoError::Forged)?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Psk(psk),
            &private,
            &enc,
            &writer.session_info(),
            ciphertext,
            &[],
        )
        .map_err(|_| CryptoError::Forged)?;
        let key = Zeroizing::new(key);
        key.as_slice()
            .try_into()
            .map(Secret::new)
            .map_err(|_| CryptoError::Forged)
    }
}

/// Stretches one random secret to as many bytes as the library asks for: BLAKE3's output stream,
/// so that randomness comes through the seam alone.
struct Expand(blake3::OutputReader);

impl From<&Secret> for Expand {
    fn from(seed: &Secret) -> Self {
        Self(blake3::Hasher::new_keyed(seed.expose()).finalize_xof())
    }
}

impl TryRng for Expand {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Expand {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemRandom;

    #[test]
    fn only_the_read_key_opens_a_session() {
        let alice = ReadKey::from_master(Secret::new(&[1; 32]));
        let bob = ReadKey::from_master(Secret::new(&[2; 32]));
        let (key, sealed) = alice.writer().new_session(&SystemRandom).ok().unwrap();
        let opened = alice.open_session(&sealed).ok().unwrap();
        assert_eq!(opened.expose(), key.expose());
        assert!(bob.open_session(&sealed).is_err());
        for place in [0, 31, 32, 79] {
            let mut altered = sealed;
            altered[place] ^= 1;
            assert!(alice.open_session(&altered).is_err());
        }
    }

    #[test]
    fn each_session_is_new() {
        let key = ReadKey::from_master(Secret::new(&[1; 32]));
        let one = key.writer().new_session(&SystemRandom).ok().unwrap().1;
        let two = key.writer().new_session(&SystemRandom).ok().unwrap().1;
        assert_ne!(one, two);
        assert_ne!(session_id(&one), session_id(&two));
    }
}
