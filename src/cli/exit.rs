//! From an error to what a person reads, a hint, and the exit code that scripts rely on.

use std::error::Error;
use std::process::ExitCode;

use super::interrupt::INTERRUPTED;
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
    /// The audit found rows whose original is missing or altered.
    Unproven,
    /// The snapshot is saved, and must not be taken for a replacement of older ones.
    Suspect,
}

impl Status {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeUnreadable => 3,
            Self::Damage => 4,
            Self::Unproven => 5,
            Self::Suspect => 8,
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

    /// An argument is wrong, for a reason that has a type.
    pub fn usage_error(error: impl Into<Box<dyn Error + Send + Sync>>, hint: &str) -> Self {
        Self {
            error: error.into(),
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
            OpsError::NothingMatches { .. } => {
                "offsite find PATTERN shows what a pattern matches; one with a slash begins at the \
                 top of the snapshot"
            }
            OpsError::LiveInstallation { .. } => {
                "restore into an empty folder and move it there; or stop Immich and say --into-live"
            }
            OpsError::DeleteRefused { .. } => {
                "restore without --delete, or from a snapshot that is complete"
            }
            OpsError::DatabaseNameTaken { .. } => {
                "restore the two apart: with --files-only, then with --database-only"
            }
            OpsError::Source(error) => after_source(error),
            OpsError::NoDatabase => {
                "offsite snapshots shows which ones hold a database; a backup takes one with \
                 --database-command CMD or --database-file FILE"
            }
            OpsError::OriginalsAbsent { .. } => {
                "mount the disk that it is on and run again; if it was moved or removed on purpose, \
                 run it once with --accept-changes"
            }
            OpsError::NoAudit => {
                "backup --immich DIR audits what it saves, if it has the database dump; older \
                 snapshots may have no audit"
            }
            OpsError::RootsOverlap { .. } => {
                "back the two up apart, each with a command of its own"
            }
            OpsError::File { .. } => {
                "check that the path is right, that it may be written, and that there is room"
            }
            OpsError::TooManyKeys { .. } => "remove one first with offsite key remove ID",
            OpsError::NoSuchKey { .. } | OpsError::AmbiguousKey { .. } => {
                "offsite key list shows them; four letters or more of the id are enough"
            }
            OpsError::LastKey => {
                "add another with offsite key add; or say --even-the-last, and from then on only the \
                 24 words of the recovery kit open the repository"
            }
            OpsError::ForeignWriterKey { .. } => {
                let hint = "make it on a host of this repository, with offsite key writer --export";
                return Self::of(error, (KEY, hint));
            }
            OpsError::Interrupted => {
                let hint = "what was done so far is kept; run it again, and it goes on from there";
                return Self::of(error, (INTERRUPTED, hint));
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

/// What to do when there is something wrong with what is to be backed up.
fn after_source(error: &SourceError) -> &'static str {
    match error {
        SourceError::Shrunk { .. } => {
            "nothing was committed; if that much was removed on purpose, run it once with \
             --accept-shrunk"
        }
        SourceError::RootGone { .. } => {
            "nothing was committed; see that the disk is plugged in and mounted, and run again: \
             what was stored so far is not sent twice"
        }
        SourceError::ServerVersion { .. } => {
            "nothing was committed; check the address, and that the server runs; its password \
             comes from PGPASSWORD, ~/.pgpass or the file that PGPASSFILE names"
        }
        SourceError::DumpOverdue { .. } => {
            "nothing was committed; run the command by hand to see what it waits for, or give it \
             longer with --database-timeout"
        }
        SourceError::Pattern { .. } => {
            "patterns are like those of .gitignore: '*.jpg' anywhere, 'upload/*/x' from the top"
        }
        _ => "nothing was committed; what was saved before stands",
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
                "check the address, above all what comes after the bucket or the mounted folder, or \
                 make one there with offsite init --repo URL",
            ),
            RepositoryError::NoPlace { .. } => (
                NO_REPOSITORY,
                "check the address, and whether the disk is mounted; offsite init --repo URL makes a \
                 repository in a new folder, but no bucket",
            ),
            RepositoryError::HeadLost { .. } => (
                NO_REPOSITORY,
                "put it back: the recovery kit holds a copy; the packs were not touched",
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
                "check that the state folder can be written and has room, or name another with \
                 --state-dir; what was stored is kept, and the index can be made again",
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
                "check the address; a backup needs the rights to put, get and list objects, in a \
                 folder to read and write",
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
