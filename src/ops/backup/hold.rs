//! In a folder a writer keeps sweeps away while it is at work.

use std::time::Duration;

use super::notices::Notices;
use crate::ops::Result;
use crate::progress::Progress;
use crate::repository::{Repository, RepositoryError};
use crate::store::ErrorKind;

/// How long to wait for a sweep of the same folder to end, where there is no other copy: it is at work
/// as long as the kernel keeps its lock, and a backup that gives up is one that night lacks.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// The same where other copies wait as well: this one is left out, and brought level after the run.
const SWEEP_WAIT_AMONG_MAX: Duration = Duration::from_secs(10 * 60);
const SWEEP_WAIT_STEP: Duration = Duration::from_secs(1);

/// Keeps a sweep of the same folder away; waits for one that is under way.
pub fn hold(repository: &Repository, notices: &Notices<'_>) -> Result<Option<Box<dyn Send>>> {
    let seams = &repository.seams;
    let wait_max = match notices.is_of_the_only_one() {
        true => SWEEP_WAIT_MAX,
        false => SWEEP_WAIT_AMONG_MAX,
    };
    let began = seams.clock.since_boot();
    loop {
        match repository.store.hold(false) {
            Err(error) if error.kind == ErrorKind::InUse => {
                let waited = seams.clock.since_boot().saturating_sub(began);
                if waited.is_zero() {
                    notices.notice("waiting for a prune of the same folder to end");
                }
                if waited >= wait_max || !seams.sleep(SWEEP_WAIT_STEP) {
                    return Err(RepositoryError::from(error).into());
                }
            }
            held => return Ok(held?),
        }
    }
}
