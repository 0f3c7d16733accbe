//! Unpacks gzip and zstd, told by their first bytes, and says whether it was all there.

use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const MAGIC_BYTES_MAX: usize = 4;
const BUFFER_BYTES: usize = 128 * 1024;

/// How a dump is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Marks an error of the bytes below, as against one of the compressed format.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BelowError(io::Error);

/// Tells apart what the reader below says, and remembers whether it came to its end.
struct Below {
    inner: Box<dyn Read + Send>,
    at_end: bool,
}

impl Read for Below {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::other(BelowError(error))),
                Ok(count) => break count,
            }
        };
        self.at_end |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

type Buffered = BufReader<Chain<Cursor<Vec<u8>>, Below>>;

enum Decoder {
    Plain(Buffered),
    Gzip(MultiGzDecoder<Buffered>),
    Zstd(zstd::stream::read::Decoder<'static, Buffered>),
}

/// A reader of plain bytes, whatever lies below.
pub(super) struct Decompress(Decoder);

/// Why no more plain bytes come.
#[derive(Debug)]
pub(super) enum Unreadable {
    Below(io::Error),
    CutShort(Compression),
    Damaged {
        compression: Compression,
        detail: String,
    },
}

impl Decompress {
    /// Looks at the first bytes; waits until they are there.
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Result<Self, Unreadable> {
        let mut below = Below {
            inner,
            at_end: false,
        };
        let mut magic = Vec::with_capacity(MAGIC_BYTES_MAX);
        below
            .by_ref()
            .take(MAGIC_BYTES_MAX as u64)
            .read_to_end(&mut magic)
            .map_err(|error| Unreadable::Below(unmarked(error)))?;
        let is_gzip = magic.starts_with(GZIP_MAGIC);
        let is_zstd = magic.starts_with(ZSTD_MAGIC);
        let bytes = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(below));
        Ok(Self(if is_gzip {
            Decoder::Gzip(MultiGzDecoder::new(bytes))
        } else if is_zstd {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes);
            Decoder::Zstd(decoder.map_err(Unreadable::Below)?)
        } else {
            Decoder::Plain(bytes)
        }))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let (result, compression) = match &mut self.0 {
            Decoder::Plain(reader) => {
                return reader
                    .read(buffer)
                    .map_err(|error| Unreadable::Below(unmarked(error)));
            }
            Decoder::Gzip(reader) => (reader.read(buffer), Compression::Gzip),
            Decoder::Zstd(reader) => (reader.read(buffer), Compression::Zstd),
        };
        result.map_err(|error| match error.kind() {
            _ if error
                .get_ref()
                .is_some_and(|inner| inner.is::<BelowError>()) =>
            {
                Unreadable::Below(unmarked(error))
            }
            io::ErrorKind::UnexpectedEof => Unreadable::CutShort(compression),
            _ => Unreadable::Damaged {
                compression,
                detail: error.to_string(),
            },
        })
    }

    /// Whether the reader below was read to its end, so that a command that wrote it may end by
    /// itself.
    pub(super) fn below_at_end(&self) -> bool {
        let buffered = match &self.0 {
            Decoder::Plain(reader) => reader,
            Decoder::Gzip(reader) => reader.get_ref(),
            Decoder::Zstd(reader) => reader.get_ref(),
        };
        buffered.get_ref().get_ref().1.at_end
    }
}

/// The error itself, without its mark.
fn unmarked(error: io::Error) -> io::Error {
    match error.downcast::<BelowError>() {
        Ok(BelowError(inner)) => inner,
        Err(error) => error,
    }
}
