//! What can be wrong with a repository.

use crate::chunker::ChunkSizesError;
use crate::compress::CompressError;
use crate::crypto::CryptoError;
use crate::format::FormatError;
use crate::id::{ChunkId, ObjectId};
use crate::index::IndexError;
use crate::store::{ErrorKind, StoreError};

pub type Result<T, E = RepositoryError> = std::result::Result<T, E>;

/// Why an object cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectProblem {
    #[error("its bytes do not hash to its name, so they were altered or cut short")]
    WrongName,
    #[error("it is missing")]
    Missing,
    #[error("it is larger than it can rightly be")]
    TooLarge,
    #[error("the store does not give it out: {reason}")]
    Withheld { reason: String },
    #[error("it has {found} bytes, not {expected}")]
    WrongSize { expected: u64, found: u64 },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Compress(#[from] CompressError),
    #[error("a chunk in it is not the one it claims to be")]
    WrongChunk,
}

impl ObjectProblem {
    /// What a failed fetch says of the object itself, whatever is the matter with it: a bad sector,
    /// a size that nobody could have meant, another's encryption. One such object, which whoever can
    /// put anything can put, must not hold up the others.
    ///
    /// # Errors
    /// The error itself where the store as a whole is out of reach.
    pub fn of_failed_fetch(error: StoreError) -> Result<Self, StoreError> {
        match error.kind {
            ErrorKind::NotFound => Ok(Self::Missing),
            ErrorKind::Incomplete => Ok(FormatError::TooShort.into()),
            ErrorKind::TooLarge => Ok(Self::TooLarge),
            ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Retained | ErrorKind::Other => {
                let reason = match &error.source {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                Ok(Self::Withheld { reason })
            }
            _ => Err(error),
        }
    }

    /// Whether the object may well be sound, but was written by a later version than this.
    pub fn is_unsupported(&self) -> bool {
        use FormatError::{Unsupported, UnsupportedVersion};
        matches!(
            self,
            Self::Format(UnsupportedVersion { .. } | Unsupported { .. })
        )
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("a key could not be used")]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    ChunkSizes(#[from] ChunkSizesError),
    #[error("there is no repository at {url}")]
    NoRepository { url: String },
    #[error("there is no folder or bucket at {url}")]
    NoPlace { url: String },
    #[error(
        "the repository that this host knows at {url} is not there: its disk may not be mounted"
    )]
    Away { url: String },
    /// Everything else may well be there.
    #[error("the file named repository is missing at {url}, though there are packs")]
    HeadLost { url: String },
    #[error("{url} is not empty: it holds {example}")]
    NotEmpty { url: String, example: String },
    #[error("the passphrase is wrong: it {}", opens_none(*slots))]
    WrongPassphrase { slots: usize },
    #[error("the repository has no key slot")]
    NoSlots,
    #[error("this key is not the key of the repository at {url}")]
    OtherRepository { url: String },
    #[error("the read key is needed {what}")]
    ReadKeyNeeded { what: &'static str },
    #[error("the object {name} cannot be used")]
    Object {
        name: String,
        #[source]
        problem: ObjectProblem,
    },
    #[error("the chunk {id} is nowhere in the repository")]
    ChunkMissing { id: ChunkId },
    #[error("a piece of it, the chunk {id}, is damaged wherever it lies")]
    ChunkDamaged {
        id: ChunkId,
        /// The pack that was tried last.
        pack: ObjectId,
        #[source]
        problem: ObjectProblem,
    },
    #[error("a metadata chunk of the listing cannot be used")]
    Listing(#[from] FormatError),
    #[error("a part of the listing, from {} on, cannot be read", shown(first))]
    ListingLost {
        /// The path of the first entry of that part; empty for the whole listing.
        first: Vec<u8>,
        #[source]
        cause: Box<RepositoryError>,
    },
    #[error("no snapshot is called {name}")]
    NoSuchSnapshot { name: String },
    #[error("{name} is the beginning of several snapshots' names")]
    AmbiguousSnapshot { name: String },
    #[error("the repository holds no snapshot yet")]
    NoSnapshots,
    #[error("what was seen of the repository is over a day old, by its own clock")]
    SeenLongAgo,
}

impl RepositoryError {
    /// The error of an object that was fetched under `name`.
    pub fn object(name: &str, problem: impl Into<ObjectProblem>) -> Self {
        Self::Object {
            name: name.to_owned(),
            problem: problem.into(),
        }
    }

    /// The name of an object that cannot be used, and why: it is damaged, missing, or of a later
    /// version. Anybody who can put objects can put such a one, so it must hold up nothing else.
    ///
    /// # Errors
    /// Itself, when it says anything else: then the work cannot go on.
    pub fn into_unusable(self) -> Result<(String, ObjectProblem)> {
        match self {
            Self::Object { name, problem } => Ok((name, problem)),
            other => Err(other),
        }
    }

    /// Whether it says that stored data is damaged or missing, as opposed to out of reach.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::ChunkMissing { .. } | Self::ChunkDamaged { .. } | Self::Listing(_) => true,
            Self::ListingLost { cause, .. } => cause.is_damage(),
            Self::Object { problem, .. } => !problem.is_unsupported(),
            _ => false,
        }
    }
}

fn opens_none(slots: usize) -> String {
    match slots {
        1 => "does not open the one key slot there is".to_owned(),
        _ => format!("opens none of the {slots} key slots"),
    }
}

fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return "its beginning".to_owned();
    }
    String::from_utf8_lossy(path).escape_debug().to_string()
}
