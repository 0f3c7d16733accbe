//! Floor 1: where to cut (format.md §8). FastCDC through the `fastcdc` crate, with a gear table
//! from the repository's key, so that chunk lengths do not fingerprint known files.

use std::fmt;
use std::io::{self, Read};

use fastcdc::v2020::cut_gear;

/// Chunk sizes in bytes: even, and minimum ≤ average ≤ maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizes {
    pub minimum: u32,
    pub average: u32,
    pub maximum: u32,
}

impl ChunkSizes {
    /// For files: photos change as a whole, so chunks are large.
    pub const FILES: Self = Self {
        minimum: 524_288,
        average: 1_048_576,
        maximum: 4_194_304,
    };
    /// For database dumps: rows change here and there, so chunks are small.
    pub const DUMPS: Self = Self {
        minimum: 4_096,
        average: 16_384,
        maximum: 65_536,
    };
}

/// Sizes that no chunker of format 1 works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "chunk sizes of {minimum}, {average} and {maximum} bytes are not ones this version can cut"
)]
pub struct ChunkSizesError {
    pub minimum: u32,
    pub average: u32,
    pub maximum: u32,
}

/// Small chunks are read many at once, in bytes.
const READ_AT_ONCE: usize = 1024 * 1024;

/// Cuts byte streams where their content says.
#[derive(Clone)]
pub struct Chunker {
    sizes: ChunkSizes,
    strict: u64,
    loose: u64,
    gear: Box<[u64; 256]>,
    gear_shifted: Box<[u64; 256]>,
}

impl Chunker {
    /// # Errors
    /// Sizes that are odd, out of order, over 8 MiB, or whose average has no masks in format 1.
    pub fn new(sizes: ChunkSizes, gear: Box<[u64; 256]>) -> Result<Self, ChunkSizesError> {
        let ChunkSizes {
            minimum,
            average,
            maximum,
        } = sizes;
        // Normalization level 1: the strict mask is that of twice the average, the loose one that
        // of half of it. Written out, because they are part of the format.
        let masks = match average {
            1_048_576 => Some((0x0000_d917_6753_7000, 0x0000_d917_0753_7000)),
            16_384 => Some((0x0000_d90f_0353_0000, 0x0000_d903_0353_0000)),
            _ => None,
        };
        let ordered = 64 <= minimum && minimum <= average && average <= maximum;
        let even = [minimum, average, maximum].iter().all(|size| size % 2 == 0);
        let bounded = maximum <= 8 * 1024 * 1024;
        match masks {
            Some((strict, loose)) if ordered && even && bounded => {
                let gear_shifted = Box::new(gear.map(|entry| entry << 1));
                Ok(Self {
                    sizes,
                    strict,
                    loose,
                    gear,
                    gear_shifted,
                })
            }
            _ => Err(ChunkSizesError {
                minimum,
                average,
                maximum,
            }),
        }
    }

    /// Length in bytes of the first chunk of `bytes`, which must hold `maximum` bytes or all that
    /// is left of the stream. Where they hold less, a cut before their end stands all the same. Zero
    /// only for no bytes.
    pub fn cut(&self, bytes: &[u8]) -> usize {
        let size = |size: u32| size as usize;
        cut_gear(
            bytes,
            size(self.sizes.minimum),
            size(self.sizes.average),
            size(self.sizes.maximum),
            self.strict,
            self.loose,
            self.strict << 1,
            self.loose << 1,
            self.gear.as_slice(),
            self.gear_shifted.as_slice(),
        )
        .1
    }

    /// Reads `source` to its end and gives each chunk to `visit`, in order, which may do with its
    /// bytes what it likes; holds at most one and a quarter of the maximum size, or 1 MiB. Returns how
    /// many bytes there were.
    ///
    /// # Errors
    /// The first error of `source` or `visit`.
    pub fn each_chunk<E: From<io::Error>>(
        &self,
        source: &mut dyn Read,
        buffer: &mut Vec<u8>,
        visit: &mut dyn FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let window = self.sizes.maximum as usize;
        buffer.resize((window + window / 4).max(READ_AT_ONCE), 0);
        let (mut start, mut end, mut total) = (0, 0, 0);
        let mut more = true;
        loop {
            let rest = buffer.get(start..end).unwrap_or_default();
            let length = self.cut(rest);
            // It may be the end of what was read that stopped the chunk. To keep a whole window ahead
            // instead would move each byte four times.
            if more && length == rest.len() && length < window {
                buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
                while more && end < buffer.len() {
                    let room = buffer.get_mut(end..).unwrap_or_default();
                    match source.read(room) {
                        Ok(0) => more = false,
                        Ok(count) => end += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                continue;
            }
            if length == 0 {
                return Ok(total);
            }
            visit(buffer.get_mut(start..start + length).unwrap_or_default())?;
            start += length;
            total += length as u64;
        }
    }
}

impl fmt::Debug for Chunker {
    /// Without the gear table, which is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunker")
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gear(seed: u8) -> Box<[u64; 256]> {
        let mut bytes = [0; 2048];
        blake3::Hasher::new_keyed(&[seed; 32])
            .finalize_xof()
            .fill(&mut bytes);
        Box::new(std::array::from_fn(|i| {
            u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap())
        }))
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn lengths(chunker: &Chunker, mut source: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        let total = chunker
            .each_chunk::<io::Error>(&mut source, &mut Vec::new(), &mut |chunk| {
                lengths.push(chunk.len());
                Ok(())
            })
            .unwrap();
        assert_eq!(total, lengths.iter().sum::<usize>() as u64);
        lengths
    }

    /// The rule as format.md §8 writes it, byte by byte.
    fn cut_by_the_page(
        sizes: ChunkSizes,
        strict: u64,
        loose: u64,
        gear: &[u64],
        s: &[u8],
    ) -> usize {
        let (n, min, avg, max) = (
            s.len(),
            sizes.minimum as usize,
            sizes.average as usize,
            sizes.maximum as usize,
        );
        if n <= min {
            return n;
        }
        let (end, center) = (n.min(max), n.min(avg));
        let (mut h, mut i) = (0_u64, min / 2);
        while i < end / 2 {
            let mask = if i < center / 2 { strict } else { loose };
            h = h
                .wrapping_mul(4)
                .wrapping_add(gear[s[2 * i] as usize].wrapping_mul(2));
            if h & (2 * mask) == 0 {
                return 2 * i;
            }
            h = h.wrapping_add(gear[s[2 * i + 1] as usize]);
            if h & mask == 0 {
                return 2 * i + 1;
            }
            i += 1;
        }
        end
    }

    #[test]
    fn the_crate_cuts_where_the_format_page_says() {
        let sizes = ChunkSizes::DUMPS;
        let chunker = Chunker::new(sizes, gear(1)).unwrap();
        let source = noise(1_000_003);
        let mut start = 0;
        for length in lengths(&chunker, &source) {
            let expected = cut_by_the_page(
                sizes,
                0x0000_d90f_0353_0000,
                0x0000_d903_0353_0000,
                gear(1).as_slice(),
                &source[start..],
            );
            assert_eq!(length, expected, "at {start}");
            start += length;
        }
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let source = noise(1_000_000);
        let one = Chunker::new(ChunkSizes::DUMPS, gear(1)).unwrap();
        let two = Chunker::new(ChunkSizes::DUMPS, gear(2)).unwrap();
        assert_ne!(lengths(&one, &source), lengths(&two, &source));
    }

    #[test]
    fn an_insertion_moves_few_cuts() {
        let chunker = Chunker::new(ChunkSizes::DUMPS, gear(1)).unwrap();
        let source = noise(2_000_000);
        let mut changed = source.clone();
        changed.splice(500_000..500_000, *b"one more row");
        let before = lengths(&chunker, &source);
        let after = lengths(&chunker, &changed);
        assert_eq!(before.last(), after.last());
        let shared = before
            .iter()
            .rev()
            .zip(after.iter().rev())
            .take_while(|(a, b)| a == b);
        assert!(shared.count() > before.len() / 2);
    }

    #[test]
    fn small_and_empty_sources() {
        let chunker = Chunker::new(ChunkSizes::FILES, gear(1)).unwrap();
        assert!(lengths(&chunker, &[]).is_empty());
        assert_eq!(lengths(&chunker, &[7]), [1]);
        assert_eq!(lengths(&chunker, &vec![0; 524_288]), [524_288]);
        assert_eq!(
            lengths(&chunker, &vec![0; 9_000_000]),
            [4_194_304, 4_194_304, 611_392]
        );
    }

    #[test]
    fn sizes_that_cannot_work_are_refused() {
        for (minimum, average, maximum) in [
            (0, 16_384, 65_536),
            (4_097, 16_384, 65_536),
            (4_096, 16_384, 8_192),
            (4, 5, 6),
        ] {
            assert!(
                Chunker::new(
                    ChunkSizes {
                        minimum,
                        average,
                        maximum
                    },
                    gear(0)
                )
                .is_err()
            );
        }
    }
}
