//! Locking others out of a directory while something is deleted; other stores have no such thing.

use super::error::PruneError;
use crate::ops::Result;
use crate::store::{ErrorKind, Store};

/// Held until it is dropped; the kernel releases it, whatever happens to the process.
pub type Hold = Box<dyn Send>;

/// What came of the attempt.
pub enum Attempt {
    Held(Hold),
    /// Somebody else is at work.
    Busy,
    /// The store cannot be locked, and need not be: writers there go by the plans.
    NoSuchThing,
}

/// Locks everybody else out, if that can be done now.
///
/// # Errors
/// `Store`.
pub fn attempt(store: &dyn Store) -> Result<Attempt> {
    match store.hold(true) {
        Ok(Some(hold)) => Ok(Attempt::Held(hold)),
        Ok(None) => Ok(Attempt::NoSuchThing),
        Err(error) if error.kind == ErrorKind::InUse => Ok(Attempt::Busy),
        Err(error) => Err(error.into()),
    }
}

/// As [`attempt`], where nothing else will do.
///
/// # Errors
/// `Busy`, `NoLock`, `Store`.
pub fn demand(store: &dyn Store) -> Result<Hold> {
    match attempt(store)? {
        Attempt::Held(hold) => Ok(hold),
        Attempt::Busy => Err(PruneError::Busy.into()),
        Attempt::NoSuchThing => Err(PruneError::NoLock.into()),
    }
}
