//! Pseudo-random bytes from a seed: the output stream of BLAKE3, the same on every machine.
//!
//! Every picture, video and vector throws dice of its own, named by what they are for, so that one
//! more picture changes nothing about the others.

/// A stream of bytes that depends on nothing but its seed and name.
#[derive(Debug, Clone)]
pub struct Dice {
    stream: blake3::OutputReader,
    buffer: [u8; 256],
    used: usize,
}

impl Dice {
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("offsite demo library dice 1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Self {
            stream: hasher.finalize_xof(),
            buffer: [0; 256],
            used: 256,
        }
    }

    /// Fills a large buffer straight from the stream.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.stream.fill(bytes);
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.used == self.buffer.len() {
                self.stream.fill(&mut self.buffer);
                self.used = 0;
            }
            *byte = self.buffer[self.used];
            self.used += 1;
        }
        bytes
    }

    /// A number below `limit`, which must not be 0. Slightly uneven, which nobody sees here.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::from_le_bytes(self.bytes()) % limit
    }

    /// A number from `low` up to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits fit a float exactly, so that every machine computes the same.
        let unit = (u32::from_le_bytes(self.bytes()) >> 8) as f32 / (1_u32 << 24) as f32;
        low + (high - low) * unit
    }

    /// A random UUID (version 4, RFC 9562) in its usual form.
    pub fn uuid(&mut self) -> String {
        let mut bits = u128::from_be_bytes(self.bytes());
        bits = bits & !(0xf << 76) | 0x4 << 76;
        bits = bits & !(0x3 << 62) | 0x2 << 62;
        let digits = format!("{bits:032x}");
        let (a, rest) = digits.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        format!("{a}-{b}-{c}-{d}-{e}")
    }
}
