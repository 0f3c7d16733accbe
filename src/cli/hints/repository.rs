//! What to do when there is something wrong with the repository, and the exit code of it.

use crate::cli::exit::{DAMAGE, FAILED, KEY, NO_REPOSITORY};
use crate::index::IndexError;
use crate::repository::RepositoryError;

const AWAY: &str = "mount the disk and run again: nothing is made in its place; only if it is lost for \
                    good, offsite init --repo URL --replica-of OTHER makes a new copy there";

/// The exit code and the hint.
pub fn meaning(error: &RepositoryError) -> (u8, &'static str) {
    match error {
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
        RepositoryError::Away { .. } => (NO_REPOSITORY, AWAY),
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
        RepositoryError::NoSuchSnapshot { .. } | RepositoryError::AmbiguousSnapshot { .. } => {
            (FAILED, "offsite snapshots lists what there is")
        }
        RepositoryError::NoSnapshots => (FAILED, "offsite backup makes one"),
        RepositoryError::Index(IndexError::Trust { .. }) => (
            FAILED,
            "check that it can be written and has room; if it is damaged, move it away: from then on \
             this host remembers anew, and cannot tell what vanished before",
        ),
        RepositoryError::Index(IndexError::Unsound { .. }) => (
            FAILED,
            "run the same command again; if this happens again, check the disk of the state folder",
        ),
        RepositoryError::Index(_) => (
            FAILED,
            "check that the state folder can be written and has room, or name another with \
             --state-dir; what was stored is kept, and the index can be made again",
        ),
        RepositoryError::Store(error) => super::store::meaning(error),
        error if error.is_damage() => (
            DAMAGE,
            "offsite verify --data shows what is damaged and what still restores",
        ),
        _ => (
            FAILED,
            "a newer version of offsite may know it; nothing was changed",
        ),
    }
}
