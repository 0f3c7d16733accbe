//! What to do when a verb failed, and the exit code of it.

use super::{drill, forget, prune, source};
use crate::cli::exit::{DAMAGE, FAILED, KEY, USAGE};
use crate::cli::interrupt::INTERRUPTED;
use crate::ops::{ForgetError, OpsError};

/// The exit code and the hint; what a repository or a source says goes to `repository`, `source`.
pub fn meaning(error: &OpsError) -> (u8, &'static str) {
    if let OpsError::Prune(error) = error {
        return prune::meaning(error);
    }
    let code = match error {
        OpsError::NoWriterKey { .. } | OpsError::ForeignWriterKey { .. } => KEY,
        OpsError::Interrupted => INTERRUPTED,
        OpsError::Forget(ForgetError::NothingAsked) => USAGE,
        OpsError::RolledBack { .. }
        | OpsError::OtherStands { .. }
        | OpsError::HeadReplaced { .. } => DAMAGE,
        _ => FAILED,
    };
    (code, hint(error))
}

fn hint(error: &OpsError) -> &'static str {
    match error {
        OpsError::NoWriterKey { .. } => {
            "run it as the user who ran offsite init, with the same --state-dir; or run it once \
             with the passphrase (OFFSITE_PASSPHRASE, --passphrase-file), which leaves the key here; \
             or bring the key from another host: offsite key writer --import FILE"
        }
        OpsError::Drill(error) => drill::hint(error),
        OpsError::Forget(error) => forget::hint(error),
        OpsError::Source(error) => source::hint(error),
        OpsError::Busy => "wait for it to end; if it was killed, just run again",
        OpsError::Overtaken | OpsError::CommittedLate => {
            "run the backup again: it sends those pieces anew, and what was sent is kept"
        }
        OpsError::RootsOverlap { .. } => "back the two up apart, each with a command of its own",
        OpsError::RolledBack { .. } => {
            "somebody deleted or hid them, or an older copy of the store was put back: look there, and \
             until you know more delete nothing; offsite sync brings back what another copy has; if \
             you deleted them yourself, say so with offsite forget ID"
        }
        OpsError::OtherStands { .. } | OpsError::HeadReplaced { .. } => {
            "check the address, and which disk is mounted there; if somebody else may have changed it, \
             look there first; if you did, delete the file named above and run again"
        }
        OpsError::OriginalsAbsent { .. } => {
            "mount the disk that it is on and run again; if it was moved or removed on purpose, \
             run it once with --accept-changes"
        }
        OpsError::File { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "see whose it is: run it as that user, or name another; a state folder is for one user \
             (--state-dir)"
        }
        OpsError::File { .. } => {
            "check that the path is right, that it may be written, and that there is room"
        }
        OpsError::Interrupted => {
            "what was done so far is kept; run it again, and it goes on from there"
        }
        _ => of_looking(error)
            .or_else(|| of_keys(error))
            .unwrap_or("run it again: what was committed is kept"),
    }
}

/// Of what is read from a snapshot or brought back.
fn of_looking(error: &OpsError) -> Option<&'static str> {
    let hint = match error {
        OpsError::CommandFailed { .. } | OpsError::CommandComplained { .. } => {
            "load it into a database that the server has never touched; without \
             --single-transaction, empty it first, for a part of the dump may be in it"
        }
        OpsError::CommandStart(_) => "it is run by sh -c: check that there is a shell",
        OpsError::NotForImmich { .. } => {
            "pipe it into psql with offsite database --into, or name another version with \
             --immich-version"
        }
        OpsError::NoSuchFile { .. } | OpsError::NotAFile { .. } => {
            "give the whole path, as offsite ls SNAPSHOT --recursive or offsite find PATTERN shows it"
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
        OpsError::NoDatabase => {
            "offsite snapshots shows which ones hold a database; a backup takes one with \
             --database-command CMD or --database-file FILE"
        }
        OpsError::NoAudit => {
            "backup --immich DIR audits what it saves, if it has the database dump; older \
             snapshots may have no audit"
        }
        OpsError::Output(_) => "check where standard output leads: its disk may be full",
        _ => return None,
    };
    Some(hint)
}

fn of_keys(error: &OpsError) -> Option<&'static str> {
    let hint = match error {
        OpsError::TooManyKeys { .. } => "remove one first with offsite key remove ID",
        OpsError::NoSuchKey { .. } | OpsError::AmbiguousKey { .. } => {
            "offsite key list shows them; four letters or more of the id are enough"
        }
        OpsError::LastKey => {
            "add another with offsite key add; or say --even-the-last, and from then on only the \
             24 words of the recovery kit open the repository"
        }
        OpsError::ForeignWriterKey { .. } => {
            "make it on a host of this repository, with offsite key writer --export"
        }
        _ => return None,
    };
    Some(hint)
}
