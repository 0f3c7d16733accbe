//! How a person's Ctrl-C, or a system that shuts down, reaches the work.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// The wish that the work end. Raised once, for good; clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    is_raised: AtomicBool,
    heeded_by: AtomicUsize,
    groups: Mutex<Vec<Pid>>,
}

/// The work was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// While it is held, an interrupt is a request that will be answered soon. While nobody holds one,
/// whoever raises an interrupt may end the process instead: nothing needs to be put in order.
#[must_use]
#[derive(Debug)]
pub struct Heeding(Interrupt);

/// Dropped before the number of the process group can be another's.
#[must_use]
#[derive(Debug)]
pub struct GroupEnds {
    interrupt: Interrupt,
    group: Pid,
}

impl Interrupt {
    /// Asks all work to end: what only waits for a child is woken by ending the child.
    pub fn raise(&self) {
        self.0.is_raised.store(true, Ordering::SeqCst);
        for group in self.groups().iter() {
            // It may have ended by itself.
            let _ = kill_process_group(*group, Signal::TERM);
        }
    }

    pub fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::SeqCst)
    }

    /// # Errors
    /// Once raised.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_raised() {
            return Err(Interrupted);
        }
        Ok(())
    }

    /// Promises to look at [`Interrupt::is_raised`] often, and to end in order when it says so.
    pub fn heed(&self) -> Heeding {
        self.0.heeded_by.fetch_add(1, Ordering::SeqCst);
        Heeding(self.clone())
    }

    pub fn is_heeded(&self) -> bool {
        self.0.heeded_by.load(Ordering::SeqCst) > 0
    }

    /// From now on until the guard goes, this process group ends when the work is to end.
    pub fn ends_group(&self, group: Pid) -> GroupEnds {
        self.groups().push(group);
        if self.is_raised() {
            let _ = kill_process_group(group, Signal::TERM);
        }
        GroupEnds {
            interrupt: self.clone(),
            group,
        }
    }

    fn groups(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Heeding {
    fn drop(&mut self) {
        self.0.0.heeded_by.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for GroupEnds {
    fn drop(&mut self) {
        self.interrupt.groups().retain(|group| *group != self.group);
    }
}
