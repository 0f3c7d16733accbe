//! What to do when the place where objects live fails, and the exit code of it.

use crate::cli::exit::{FAILED, NO_REPOSITORY};
use crate::store::{ErrorKind, StoreError};

/// The exit code and the hint.
pub fn meaning(error: &StoreError) -> (u8, &'static str) {
    match error.kind {
        ErrorKind::Credentials => (
            FAILED,
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and check them; cron, \
                 systemd and sudo do not know the variables of your own shell",
        ),
        ErrorKind::Denied => (
            FAILED,
            "check the address; a backup needs the rights to put, get and list objects, in a \
                 folder to read and write",
        ),
        ErrorKind::NoContainer => (
            NO_REPOSITORY,
            "check the address; make the bucket at your provider first, for offsite makes none",
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
        ErrorKind::InUse => (
            FAILED,
            "a backup or a prune of the same folder is under way: wait for it to end",
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
    }
}
