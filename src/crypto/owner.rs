//! The owner key: signs what was proven (format.md §6, proofs). Only who holds the read key can
//! sign; whoever holds the writer key can check.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::keys::EPOCH;
use super::{ReadKey, Secret, WriterKey};

/// An Ed25519 signature (RFC 8032 §5.1.6).
pub const SIGNATURE_BYTES: usize = 64;

impl ReadKey {
    /// Signs as the owner of the repository.
    pub fn sign_as_owner(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let parts = [self.master().expose().as_slice(), &EPOCH.to_le_bytes()];
        let seed = Secret::derive("offsite format 1 owner key", &parts);
        SigningKey::from_bytes(seed.expose())
            .sign(message)
            .to_bytes()
    }
}

impl WriterKey {
    /// Whether the owner of the repository signed this, by the strict rules of RFC 8032 §5.1.7.
    pub fn is_signed_by_owner(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        VerifyingKey::from_bytes(&self.owner_public).is_ok_and(|key| {
            let signature = Signature::from_bytes(signature);
            key.verify_strict(message, &signature).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_alone_signs() {
        let owner = ReadKey::from_master(Secret::new(&[7; 32]));
        let another = ReadKey::from_master(Secret::new(&[8; 32]));
        let signature = owner.sign_as_owner(b"it restores");
        assert!(
            owner
                .writer()
                .is_signed_by_owner(b"it restores", &signature)
        );
        assert!(
            !owner
                .writer()
                .is_signed_by_owner(b"it restored", &signature)
        );
        assert!(
            !another
                .writer()
                .is_signed_by_owner(b"it restores", &signature)
        );
        for place in 0..SIGNATURE_BYTES {
            let mut altered = signature;
            altered[place] ^= 1;
            assert!(!owner.writer().is_signed_by_owner(b"it restores", &altered));
        }
    }
}
