//! From an error to what a person reads, a hint, and the exit code that scripts rely on.

use std::error::Error;
use std::process::ExitCode;

use super::secret::SecretError;
use super::when::WhenError;
use crate::ops::OpsError;
use crate::repository::RepositoryError;
use crate::source::SourceError;
use crate::store::{ErrorKind, StoreError};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Done,
    /// The snapshot is saved, some of the source could not be read.
    SomeUnreadable,
    /// Damage was found, or a restore is not complete.
    Damage,
}

impl Status {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeUnreadable => 3,
            Self::Damage => 4,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// What a command returns.
pub type Result = std::result::Result<Status, Failure>;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const DAMAGE: u8 = 4;
const NO_REPOSITORY: u8 = 10;
const KEY: u8 = 12;
const INTERRUPTED: u8 = 130;

/// An error with the code it ends in and what to do next.
#[derive(Debug)]
pub struct Failure {
    pub error: Box<dyn Error + Send + Sync>,
    pub code: u8,
    pub hint: String,
}

impl Failure {
    /// The command line asks for something that makes no sense.
    pub fn usage(sentence: &str, hint: &str) -> Self {
        Self {
            error: sentence.into(),
            code: USAGE,
            hint: hint.to_owned(),
        }
    }

    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>, hint: &str) -> Self {
        Self {
            error: error.into(),
            code: FAILED,
            hint: hint.to_owned(),
        }
    }

    /// What kind of failure of the store it was, if it was one.
    pub fn store_kind(&self) -> Option<ErrorKind> {
        self.error
            .downcast_ref::<StoreError>()
            .map(|error| error.kind)
    }

    fn of(error: impl Error + Send + Sync + 'static, (code, hint): (u8, &str)) -> Self {
        Self {
            error: Box::new(error),
            code,
            hint: hint.to_owned(),
        }
    }
}

impl From<OpsError> for Failure {
    fn from(error: OpsError) -> Self {
        let hint = match &error {
            OpsError::NoWriterKey => {
                let hint =
                    "give the passphrase, or --words-file with the 24 words of the recovery kit";
                return Self::of(error, (KEY, hint));
            }
            OpsError::Interrupted => {
                return Self::of(error, (INTERRUPTED, "run it again: nothing is half done"));
            }
            OpsError::Drill(error) => super::drill_hints::hint(error),
            OpsError::CommandFailed { .. } | OpsError::CommandComplained { .. } => {
                "load it into a database that the server has never touched; without \
                 --single-transaction, empty it first, for a part of the dump may be in it"
            }
            OpsError::CommandStart(_) => "it is run by sh -c: check that there is a shell",
            OpsError::NotForImmich { .. } => {
                "pipe it into psql with offsite database --into, or name another version with \
                 --immich-version"
            }
            OpsError::Busy => "wait for it to end; if it was killed, just run again",
            OpsError::NoSuchFile { .. } | OpsError::NotAFile { .. } => {
                "offsite ls SNAPSHOT shows what is in a snapshot"
            }
            OpsError::DatabaseNameTaken { .. } => {
                "restore the two apart: with --files-only, then with --database-only"
            }
            OpsError::Source(SourceError::Shrunk { .. }) => {
                "nothing was committed; if that much was removed on purpose, run it once with \
                 --accept-shrunk"
            }
            OpsError::Source(_) => "nothing was committed; what was saved before stands",
            OpsError::NoDatabase => {
                "offsite snapshots shows which ones hold a database; a backup takes one with \
                 --database-command CMD or --database-file FILE"
            }
            OpsError::RootsOverlap { .. } => {
                "back the two up apart, each with a command of its own"
            }
            OpsError::File { .. } => {
                "check that the path is right, that it may be written, and that there is room"
            }
            OpsError::Output(_) => "check where standard output leads: its disk may be full",
            _ => "run it again: what was committed is kept",
        };
        match error {
            OpsError::Repository(error) => error.into(),
            error => Self::of(error, (FAILED, hint)),
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let meaning = match &error {
            RepositoryError::Store(_) => {
                let RepositoryError::Store(error) = error else {
                    unreachable!("just matched")
                };
                return error.into();
            }
            RepositoryError::NoRepository { .. } => (
                NO_REPOSITORY,
                "check the address, or make one there with offsite init --repo URL; if only the file \
                 named repository is lost, the recovery kit holds a copy",
            ),
            RepositoryError::NotEmpty { .. } => (
                FAILED,
                "choose an empty folder or another prefix; if a repository is there already, use \
                 it as it is",
            ),
            RepositoryError::WrongPassphrase { .. } => (
                KEY,
                "try again, or use the 24 words of the recovery kit with --words-file FILE",
            ),
            RepositoryError::NoSlots => (
                KEY,
                "use the 24 words of the recovery kit with --words-file FILE",
            ),
            RepositoryError::OtherRepository { .. } => {
                (KEY, "these words or this key belong to another repository")
            }
            RepositoryError::ReadKeyNeeded { .. } => (
                KEY,
                "give the passphrase, or --words-file with the 24 words",
            ),
            RepositoryError::Crypto(_) => (KEY, "check the 24 words, one by one"),
            RepositoryError::NoSuchSnapshot { .. }
            | RepositoryError::AmbiguousSnapshot { .. }
            | RepositoryError::NoSnapshots => (FAILED, "offsite snapshots lists what there is"),
            RepositoryError::Index(_) => (
                FAILED,
                "check that the state folder can be written and has room; offsite index rebuild \
                 makes a new index",
            ),
            error if error.is_damage() => (
                DAMAGE,
                "offsite verify --data shows what is damaged and what still restores",
            ),
            _ => (
                FAILED,
                "a newer version of offsite may know it; nothing was changed",
            ),
        };
        Self::of(error, meaning)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let meaning = match error.kind {
            ErrorKind::Credentials => (
                FAILED,
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile",
            ),
            ErrorKind::Denied => (
                FAILED,
                "a backup needs the rights to put, get and list objects",
            ),
            ErrorKind::NoContainer => (
                NO_REPOSITORY,
                "check the address; buckets are not made by offsite",
            ),
            ErrorKind::Transient | ErrorKind::Throttled => (
                FAILED,
                "check network, endpoint and credentials, and run again: nothing done so far is lost",
            ),
            ErrorKind::Full => (FAILED, "make room and run again: what was stored is kept"),
            ErrorKind::ClockSkew => (FAILED, "set the clock of this machine"),
            ErrorKind::Invalid => (
                FAILED,
                "check the address: a folder, file:///folder, or s3://bucket/prefix with --region at \
                 Amazon's and --endpoint URL elsewhere",
            ),
            ErrorKind::Retained => (FAILED, "wait until that date; nothing is wrong"),
            ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::TooLarge
            | ErrorKind::Incomplete
            | ErrorKind::Other => (
                FAILED,
                "run it again; if it stays so, the log of the store may say more",
            ),
        };
        Self::of(error, meaning)
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        let hint = error.hint();
        Self::of(error, (KEY, hint))
    }
}

impl From<WhenError> for Failure {
    fn from(error: WhenError) -> Self {
        Self::of(
            error,
            (
                USAGE,
                "for example 2026-11-01, '2026-11-01 03:00' or '3 days ago'",
            ),
        )
    }
}
