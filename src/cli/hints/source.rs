//! What to do when there is something wrong with what is to be backed up.

use crate::source::SourceError;

/// Nothing was committed, and what was saved before stands: that is said where nothing else is.
pub fn hint(error: &SourceError) -> &'static str {
    match error {
        SourceError::Shrunk { .. } => {
            "nothing was committed; if that much was removed on purpose, run it once with \
             --accept-shrunk"
        }
        SourceError::Root { .. } => {
            "nothing was committed; check the path, that its disk is mounted, and that this user \
             may read it"
        }
        SourceError::RootGone { .. } => {
            "nothing was committed; see that the disk is plugged in and mounted, and run again: \
             what was stored so far is not sent twice"
        }
        SourceError::DumpFile { .. }
        | SourceError::NoDumpInFolder { .. }
        | SourceError::NoDumpMatches { .. } => {
            "nothing was committed; check the path: Immich's own nightly dumps are in the folder \
             backups of its upload location"
        }
        SourceError::CommandFailed { .. } => {
            "nothing was committed; run the command by hand, as the same user, until it works"
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
