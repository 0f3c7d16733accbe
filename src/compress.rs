//! Floor 1: zstd where it pays (format.md §4, codec 1).
//!
//! Photos and videos do not shrink. A compressor that has seen that on a file's first chunk does
//! not try the rest of the file.

use std::cell::RefCell;

use zstd::zstd_safe::{DCtx, find_frame_compressed_size, get_frame_content_size};

/// Speed of the compressor: 3 is the library's default and costs about 3 ms a MB of text.
const LEVEL: i32 = 3;
/// Compressed bytes are kept only below this share of the plain ones, in percent.
const KEPT_BELOW_PERCENT: usize = 97;
/// How much of a large chunk is tried before all of it is.
const PROBE_BYTES: usize = 64 * 1024;

thread_local! {
    /// To make one takes longer than to decompress what is small.
    static CONTEXT: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Compressed bytes that do not decompress to what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompressError {
    #[error("the compressed bytes are damaged")]
    Damaged,
    #[error("the compressed bytes do not hold the {expected} bytes they promise")]
    WrongLength { expected: usize },
    #[error("no memory for the compressor")]
    NoMemory,
}

/// One thread's compressor; keeps its memory from chunk to chunk.
pub struct Compressor {
    context: zstd::bulk::Compressor<'static>,
    output: Vec<u8>,
    /// The running file has shown that it does not shrink.
    hopeless: bool,
}

impl Compressor {
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Self, CompressError> {
        let context = zstd::bulk::Compressor::new(LEVEL).map_err(|_| CompressError::NoMemory)?;
        Ok(Self {
            context,
            output: Vec::new(),
            hopeless: false,
        })
    }

    /// A new file begins: hope again.
    pub fn begin_file(&mut self) {
        self.hopeless = false;
    }

    /// The compressed form, if it saves at least 3 %.
    pub fn compress(&mut self, plain: &[u8]) -> Option<&mut [u8]> {
        if self.hopeless {
            return None;
        }
        if plain.len() > 4 * PROBE_BYTES && !self.pays(probe_of(plain)) {
            self.hopeless = true;
            return None;
        }
        self.pays(plain).then_some(self.output.as_mut_slice())
    }

    fn pays(&mut self, plain: &[u8]) -> bool {
        let limit = plain.len() * KEPT_BELOW_PERCENT / 100;
        self.output.clear();
        self.output
            .reserve(zstd::zstd_safe::compress_bound(plain.len()));
        match self.context.compress_to_buffer(plain, &mut self.output) {
            Ok(length) => length < limit,
            Err(_) => false,
        }
    }
}

/// A part from the middle: the beginning of a photo is its compressible header.
fn probe_of(plain: &[u8]) -> &[u8] {
    let start = plain.len() / 2;
    plain.get(start..start + PROBE_BYTES).unwrap_or(plain)
}

/// Decompresses one zstd frame that must hold exactly `plain_bytes` bytes; never takes more memory
/// than that, whatever the frame says.
///
/// # Errors
/// `Damaged`, `WrongLength`, `NoMemory`.
pub fn decompress(stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>, CompressError> {
    let mut plain = Vec::new();
    decompress_into(stored, plain_bytes, &mut plain)?;
    Ok(plain)
}

/// As [`decompress`], into `plain`, which is empty.
///
/// # Errors
/// As [`decompress`]; then what `plain` holds is of no use.
pub fn decompress_into(
    stored: &[u8],
    plain_bytes: usize,
    plain: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let wrong = CompressError::WrongLength {
        expected: plain_bytes,
    };
    // One frame, and nothing behind it: the writer never makes anything else.
    if find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err(CompressError::Damaged);
    }
    if let Ok(Some(bytes)) = get_frame_content_size(stored)
        && bytes != plain_bytes as u64
    {
        return Err(wrong);
    }
    plain.resize(plain_bytes, 0);
    CONTEXT.with_borrow_mut(|context| {
        if context.is_none() {
            *context = DCtx::try_create();
        }
        let context = context.as_mut().ok_or(CompressError::NoMemory)?;
        match context.decompress(plain.as_mut_slice(), stored) {
            Ok(length) if length == plain_bytes => Ok(()),
            Ok(_) => Err(wrong),
            Err(_) => Err(CompressError::Damaged),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn text_shrinks_and_comes_back() {
        let text = b"COPY public.asset FROM stdin;\n".repeat(1000);
        let mut compressor = Compressor::new().unwrap();
        let stored = compressor.compress(&text).unwrap().to_vec();
        assert!(stored.len() < text.len() / 20);
        assert_eq!(decompress(&stored, text.len()).unwrap(), text);
    }

    #[test]
    fn noise_is_left_as_it_is_for_the_rest_of_the_file() {
        let mut compressor = Compressor::new().unwrap();
        assert!(compressor.compress(&noise(1_000_000)).is_none());
        assert!(compressor.compress(&[0; 1000]).is_none());
        compressor.begin_file();
        assert!(compressor.compress(&[0; 1000]).is_some());
    }

    #[test]
    fn a_bomb_or_a_lie_costs_no_more_than_the_promise() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
        assert_eq!(
            decompress(&bomb, 1000),
            Err(CompressError::WrongLength { expected: 1000 })
        );
        let small = zstd::bulk::compress(b"photo", 3).unwrap();
        assert_eq!(
            decompress(&small, 6),
            Err(CompressError::WrongLength { expected: 6 })
        );
        assert_eq!(
            decompress(&small, 4),
            Err(CompressError::WrongLength { expected: 4 })
        );
        assert!(decompress(&small[..small.len() - 1], 5).is_err());
        assert!(decompress(b"not zstd at all", 5).is_err());
        assert!(decompress(&[small.as_slice(), b"more"].concat(), 5).is_err());
    }
}
