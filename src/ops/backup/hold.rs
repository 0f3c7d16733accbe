//! In a folder a writer keeps sweeps away while it is at work.

use std::time::Duration;

use crate::ops::Result;
use crate::progress::Progress;
use crate::repository::{Repository, RepositoryError};
use crate::store::ErrorKind;

/// How long to wait for a sweep of the same folder to end.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10 * 60);
const SWEEP_WAIT_STEP: Duration = Duration::from_secs(1);

/// Keeps a sweep of the same folder away; waits for one that is under way.
pub fn hold(repository: &Repository, progress: &dyn Progress) -> Result<Option<Box<dyn Send>>> {
    let seams = &repository.seams;
    let began = seams.clock.since_boot();
    loop {
        match repository.store.hold(false) {
            Err(error) if error.kind == ErrorKind::InUse => {
                let waited = seams.clock.since_boot().saturating_sub(began);
                if waited.is_zero() {
                    progress.notice("waiting for a prune of the same folder to end");
                }
                if waited >= SWEEP_WAIT_MAX || !seams.sleep(SWEEP_WAIT_STEP) {
                    return Err(RepositoryError::from(error).into());
                }
            }
            held => return Ok(held?),
        }
    }
}
