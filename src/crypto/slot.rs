//! From passphrase to key: Argon2id (RFC 9106), with bounds on what a hostile store may ask for.

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{CryptoError, Secret};

/// How hard it is to try one passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KdfCost {
    /// What new slots use: 256 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Self = Self {
        memory_kib: 256 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// The least that a new slot may use.
    pub const LEAST: Self = Self {
        memory_kib: 64 * 1024,
        passes: 1,
        lanes: 1,
    };

    /// # Errors
    /// `AbsurdCost` over 1 GiB, 16 passes or 16 lanes, or under what Argon2 can work with.
    pub fn check(self) -> Result<Self, CryptoError> {
        let Self {
            memory_kib,
            passes,
            lanes,
        } = self;
        let absurd = |what: String| Err(CryptoError::AbsurdCost { what });
        if memory_kib > 1024 * 1024 {
            return absurd(format!("{memory_kib} KiB of memory"));
        }
        if passes == 0 || passes > 16 {
            return absurd(format!("{passes} passes"));
        }
        if lanes == 0 || lanes > 16 {
            return absurd(format!("{lanes} lanes"));
        }
        if memory_kib < 8 * lanes {
            return absurd(format!("only {memory_kib} KiB of memory"));
        }
        Ok(self)
    }
}

/// Stretches a passphrase, after Unicode normalization form C, to the secret of a slot's body.
///
/// # Errors
/// `AbsurdCost`; `Stretch` when the memory cannot be had.
pub fn stretch(passphrase: &str, salt: &[u8; 32], cost: KdfCost) -> Result<Secret, CryptoError> {
    let KdfCost {
        memory_kib,
        passes,
        lanes,
    } = cost.check()?;
    let failed = |_| CryptoError::Stretch { memory_kib };
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(failed)?;
    let normal: Zeroizing<String> = Zeroizing::new(passphrase.nfc().collect());
    let mut output = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(normal.as_bytes(), salt, output.as_mut_slice())
        .map_err(failed)?;
    Ok(Secret::new(&output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: KdfCost = KdfCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    #[test]
    fn the_same_accent_typed_two_ways_is_the_same_passphrase() {
        let composed = stretch("caf\u{e9}", &[0; 32], QUICK).ok().unwrap();
        let decomposed = stretch("cafe\u{301}", &[0; 32], QUICK).ok().unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
        let other = stretch("cafe", &[0; 32], QUICK).ok().unwrap();
        assert_ne!(composed.expose(), other.expose());
    }

    /// Whoever made a slot with the most that is allowed must be let in again.
    #[test]
    fn the_bounds_of_a_cost_are_where_the_format_says() {
        let cost = |memory_kib, passes, lanes| KdfCost {
            memory_kib,
            passes,
            lanes,
        };
        let most = 1024 * 1024;
        for good in [cost(most, 16, 16), cost(8, 1, 1), cost(128, 1, 16)] {
            assert!(good.check().is_ok(), "{good:?}");
        }
        for bad in [
            cost(most + 1, 1, 1),
            cost(most, 17, 1),
            cost(most, 0, 1),
            cost(most, 1, 17),
            cost(most, 1, 32),
            cost(most, 1, 0),
            cost(7, 1, 1),
            cost(127, 1, 16),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn absurd_costs_are_refused_before_any_memory_is_taken() {
        for cost in [
            KdfCost {
                memory_kib: u32::MAX,
                ..QUICK
            },
            KdfCost {
                passes: u32::MAX,
                ..QUICK
            },
            KdfCost { passes: 0, ..QUICK },
            KdfCost { lanes: 17, ..QUICK },
            KdfCost { lanes: 0, ..QUICK },
            KdfCost {
                memory_kib: 7,
                ..QUICK
            },
        ] {
            let refused = stretch("x", &[0; 32], cost).err();
            assert!(
                matches!(refused, Some(CryptoError::AbsurdCost { .. })),
                "{cost:?}"
            );
        }
    }
}
