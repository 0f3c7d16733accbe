//! From an error to what a person reads, a hint, and the exit code that scripts rely on.

use std::error::Error;
use std::process::ExitCode;

use super::hints;
use super::secret::SecretError;
use super::when::WhenError;
use crate::ops::OpsError;
use crate::repository::RepositoryError;
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
    /// The board shows something that a person has to see to.
    Attention,
    /// A copy of the repository is not level with the others.
    Behind,
    /// The snapshot is saved, and must not be taken for a replacement of older ones.
    Suspect,
    /// The snapshot is saved, and the command that has to follow it failed: something may be left
    /// stopped.
    HookFailed,
    /// What was examined is not as it must be.
    Unsound,
}

impl Status {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeUnreadable => 3,
            Self::Damage => 4,
            Self::Unproven => 5,
            Self::Attention => 6,
            Self::Behind => 7,
            Self::Suspect => 8,
            Self::HookFailed => FAILED,
            Self::Unsound => 1,
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

// What scripts rely on (`offsite help`); `Status` has the others.
pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const DAMAGE: u8 = 4;
pub const NO_REPOSITORY: u8 = 10;
pub const KEY: u8 = 12;

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

    /// A passphrase, the words or a key do not do.
    pub fn key(error: impl Into<Box<dyn Error + Send + Sync>>, hint: &str) -> Self {
        Self {
            error: error.into(),
            code: KEY,
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

    /// The error with its causes, where there is one line for it.
    pub fn in_one_line(&self) -> String {
        let first: &(dyn Error + 'static) = self.error.as_ref();
        let errors = std::iter::successors(Some(first), |error| (**error).source());
        let texts: Vec<String> = errors.map(ToString::to_string).collect();
        texts.join(": ")
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
        match error {
            OpsError::Repository(error) => error.into(),
            error => {
                let meaning = hints::ops::meaning(&error);
                Self::of(error, meaning)
            }
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Store(error) => error.into(),
            error => {
                let meaning = hints::repository::meaning(&error);
                Self::of(error, meaning)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let meaning = hints::store::meaning(&error);
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
        Self::of(error, (USAGE, "put it in quotes if there is a space in it"))
    }
}
