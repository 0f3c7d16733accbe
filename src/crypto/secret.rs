//! Thirty-two bytes that nobody else may see.

use zeroize::Zeroizing;

use super::CryptoError;
use crate::seams::Random;

/// A 32-byte secret on the heap, erased when dropped. Not `Copy`, no `Debug`, no comparison.
#[derive(Clone)]
pub struct Secret(Box<Zeroizing<[u8; 32]>>);

impl Secret {
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Box::new(Zeroizing::new(*bytes)))
    }

    /// # Errors
    /// `NoRandomness`.
    pub fn random(random: &dyn Random) -> Result<Self, CryptoError> {
        let mut secret = Self::new(&[0; 32]);
        random
            .fill(secret.0.as_mut_slice())
            .map_err(|_| CryptoError::NoRandomness)?;
        Ok(secret)
    }

    /// BLAKE3 in derive-key mode over joined, fixed-width parts.
    pub(super) fn derive(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        let mut secret = Self::new(&[0; 32]);
        hasher.finalize_xof().fill(secret.0.as_mut_slice());
        zeroize::Zeroize::zeroize(&mut hasher);
        secret
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
