//! What to do when a drill could not be held; for `exit`.

use crate::ops::DrillError;

/// One for each way it can fail.
pub fn hint(error: &DrillError) -> &'static str {
    match error {
        DrillError::NoPrograms | DrillError::NotPrograms { .. } => {
            "install postgresql (the version of the dump or newer), name its folder with \
             --postgres-bin, or use --docker IMAGE"
        }
        DrillError::NoUser { .. } => {
            "name an ordinary user with --postgres-user, or run the drill as one"
        }
        DrillError::MissingExtensions {
            can_be_left_out: true,
            ..
        } => {
            "install what is named, use --docker with Immich's own database image, or go on without \
             with --skip-missing-extensions: embeddings are then loaded as text"
        }
        DrillError::MissingExtensions { .. } => {
            "install what is named, or use --docker with Immich's own database image"
        }
        DrillError::MissingRoles { .. } => {
            "make them there with CREATE ROLE, or leave out --postgres-url"
        }
        DrillError::WouldReplace => {
            "leave out --postgres-url: a server that is started for the drill may be replaced"
        }
        DrillError::Address { .. } => {
            "write postgresql://user@host/database; give the password in PGPASSWORD or ~/.pgpass"
        }
        DrillError::Folder(_) => "check that TMPDIR can be written and has room for the database",
        DrillError::Program { .. } | DrillError::Server { .. } => {
            "check that the server can be started and has room; --docker IMAGE and --postgres-url \
             are the other ways"
        }
    }
}
