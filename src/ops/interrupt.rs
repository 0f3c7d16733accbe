//! How a person's Ctrl-C reaches work that waits for a child process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{OpsError, Result};

/// Raised once, for good. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    raised: AtomicBool,
    groups: Mutex<Vec<Pid>>,
}

impl Interrupt {
    /// Asks all work to stop: what only waits for a child is woken by ending the child.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::SeqCst);
        for group in self.groups().iter() {
            // It may have ended by itself.
            let _ = kill_process_group(*group, Signal::TERM);
        }
    }

    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// # Errors
    /// `Interrupted`, once raised.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            return Err(OpsError::Interrupted);
        }
        Ok(())
    }

    /// From now on until the guard goes, this process group ends when the work is to stop.
    pub(super) fn watch(&self, group: Pid) -> Watched {
        self.groups().push(group);
        if self.is_raised() {
            let _ = kill_process_group(group, Signal::TERM);
        }
        Watched {
            interrupt: self.clone(),
            group,
        }
    }

    fn groups(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped before the number of the group can be another's.
#[derive(Debug)]
pub(super) struct Watched {
    interrupt: Interrupt,
    group: Pid,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.interrupt.groups().retain(|group| *group != self.group);
    }
}
