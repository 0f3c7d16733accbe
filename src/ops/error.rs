//! What can go wrong with a verb.

use std::error::Error;
use std::path::Path;

use super::drill::DrillError;
use super::forget::ForgetError;
use super::prune::PruneError;
use super::said::Said;
use super::trust::{NotedIn, VanishedList};
use crate::id::RepositoryId;
use crate::index::IndexError;
use crate::repository::{ObjectProblem, RepositoryError};
use crate::seams::Interrupted;
use crate::source::SourceError;
use crate::store::StoreError;

pub type Result<T, E = OpsError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{what} {path}")]
    File {
        /// Such as "could not write".
        what: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("could not seal a chunk")]
    Seal(#[source] ObjectProblem),
    #[error("there is no writer key for this repository in {folder}, and no passphrase was given")]
    NoWriterKey { folder: String },
    #[error("another backup of the same source is under way on this host")]
    Busy,
    #[error("{first} and {second} would be stored under the same path")]
    RootsOverlap { first: String, second: String },
    #[error("the snapshot holds no database dump")]
    NoDatabase,
    #[error("the snapshot holds no file or folder {path}")]
    NoSuchFile { path: String },
    #[error("{path} is a folder or a link, not a file")]
    NotAFile { path: String },
    #[error("the archive holds a file called {name}, where the database dump should go")]
    DatabaseNameTaken { name: String },
    #[error("the pattern '{pattern}' matches nothing in the snapshot")]
    NothingMatches { pattern: String },
    #[error("{path} looks like the folder of an Immich at work, whose files would be replaced")]
    LiveInstallation { path: String },
    #[error(
        "nothing can be deleted by this snapshot: it lacks {count} that could not be read when it \
         was made"
    )]
    DeleteRefused {
        /// In words: how many files.
        count: String,
    },
    #[error("{folder} was in the last good snapshot, and now it {what}")]
    OriginalsAbsent { folder: String, what: &'static str },
    #[error("the snapshot holds no audit")]
    NoAudit,
    #[error(transparent)]
    Drill(#[from] DrillError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Forget(#[from] ForgetError),
    #[error("the command that the dump was piped into failed: {ending}")]
    CommandFailed {
        ending: String,
        #[source]
        said: Option<Said>,
    },
    #[error("the command that the dump was piped into could not be started")]
    CommandStart(#[source] std::io::Error),
    #[error(
        "the command that the dump was piped into ended well but reported {errors}, so the database \
         may not be whole"
    )]
    CommandComplained {
        /// Such as "3 errors".
        errors: String,
        #[source]
        said: Option<Said>,
    },
    #[error("Immich's restore page would misread this dump: {reason}")]
    NotForImmich { reason: String },
    #[error("could not write the output")]
    Output(#[source] std::io::Error),
    #[error("there are {count} passphrases already, and no more are ever tried")]
    TooManyKeys { count: usize },
    #[error("there is no passphrase {wanted}")]
    NoSuchKey { wanted: String },
    #[error("more than one passphrase has an id that begins with {wanted}")]
    AmbiguousKey { wanted: String },
    #[error("this is the last passphrase that opens the repository")]
    LastKey,
    #[error("{path} holds the writer key of another repository")]
    ForeignWriterKey { path: String },
    #[error(
        "the backup took so long that a prune may soon delete pieces of it that were stored before"
    )]
    Overtaken,
    #[error(
        "the snapshot was saved so late that a prune may have deleted pieces of it that were \
         stored before"
    )]
    CommittedLate,
    #[error("{sentence}")]
    RolledBack {
        /// How many are gone, and where.
        sentence: String,
        #[source]
        vanished: VanishedList,
    },
    #[error("another repository stands at {url}: {is}, where {was} was")]
    OtherStands {
        url: String,
        was: RepositoryId,
        is: RepositoryId,
        #[source]
        noted: NotedIn,
    },
    #[error("the file named repository at {url} is another one than it was")]
    HeadReplaced {
        url: String,
        #[source]
        noted: NotedIn,
    },
    #[error("interrupted")]
    Interrupted,
    /// A thread stopped because another one failed: never the error that a person sees.
    #[error("stopped because another part of the work failed")]
    Stopped,
}

impl OpsError {
    pub fn file(what: &'static str, path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::File {
            what,
            path: path.display().to_string(),
            source: source.into(),
        }
    }
}

impl From<StoreError> for OpsError {
    fn from(error: StoreError) -> Self {
        Self::Repository(error.into())
    }
}

impl From<Interrupted> for OpsError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl OpsError {
    /// Whether the state folder is the trouble, such as its full disk, and not the repository.
    pub fn is_about_state(&self) -> bool {
        matches!(
            self,
            Self::Repository(RepositoryError::Index(_)) | Self::File { .. }
        )
    }
}

impl From<IndexError> for OpsError {
    fn from(error: IndexError) -> Self {
        Self::Repository(error.into())
    }
}

/// An error with its causes, in one line.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| (**error).source());
    let texts: Vec<String> = errors.map(ToString::to_string).collect();
    texts.join(": ")
}

/// A path that does not come from this program, for a message.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}
