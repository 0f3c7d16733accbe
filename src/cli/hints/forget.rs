//! What to do when snapshots were not forgotten.

use crate::ops::ForgetError;

pub fn hint(error: &ForgetError) -> &'static str {
    match error {
        ForgetError::NothingAsked => {
            "say what to keep, such as --keep-daily 14 --keep-monthly 12, or name snapshots; \
             --dry-run shows what would go"
        }
        ForgetError::Protected { .. } => {
            "say --even-protected if it is to go all the same; nothing was removed"
        }
        ForgetError::AllOfThem { .. } => {
            "make another with offsite backup first; to give the whole repository up, remove its \
             folder or prefix with the tools of the store"
        }
        ForgetError::Denied { .. } => {
            "that is how the credentials of a backup host should be: run offsite forget with those \
             for maintenance, and it goes on from here"
        }
    }
}
