//! From what cannot be read to the end of a prune.

use super::error::PruneError;
use crate::ops::OpsError;
use crate::repository::RepositoryError;

/// What stops a prune: a store that is out of reach is that, anything else is in the way of knowing
/// what is needed.
pub fn stop(what: &str, error: RepositoryError) -> OpsError {
    match error {
        RepositoryError::Store(_) | RepositoryError::Index(_) => error.into(),
        other => PruneError::Unreadable {
            what: what.to_owned(),
            source: Box::new(other),
        }
        .into(),
    }
}
