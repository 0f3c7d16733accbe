//! Randomness that was written down beforehand.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

use offsite::seams::Random;

/// Hands out the given bytes in order; fails when more is asked for.
pub struct Tape(Mutex<VecDeque<u8>>);

impl Tape {
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(Mutex::new(parts.concat().into()))
    }

    /// Whether all of it was used: a vector says nothing of bytes that nobody asked for.
    pub fn is_used_up(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

impl Random for Tape {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut tape = self.0.lock().unwrap();
        for byte in bytes {
            *byte = tape
                .pop_front()
                .ok_or_else(|| io::Error::other("the tape is at its end"))?;
        }
        Ok(())
    }
}

/// Thirty-two bytes that count up from `first`.
pub fn run(first: u8) -> [u8; 32] {
    std::array::from_fn(|place| first.wrapping_add(place as u8))
}

/// As many bytes of noise: the BLAKE3 output stream of a seed.
pub fn noise(seed: &[u8], bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(seed).finalize_xof().fill(&mut noise);
    noise
}
