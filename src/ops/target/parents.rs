//! Folders that were opened lately: the files of a folder come one after the other, and each would
//! go the whole way to it again.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads work in few folders at a time, and each of these lies in a few others.
const REMEMBERED: usize = 16;

/// The last few folders, by their path in the target. Shared by threads.
#[derive(Default)]
pub(super) struct Parents {
    /// The one used last stands last.
    lately: Mutex<Vec<(Vec<u8>, Arc<OwnedFd>)>>,
}

impl Parents {
    pub(super) fn find(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        let mut lately = self.lock();
        let place = lately.iter().rposition(|(known, _)| known == path)?;
        let found = lately.remove(place);
        let folder = Arc::clone(&found.1);
        lately.push(found);
        Some(folder)
    }

    pub(super) fn remember(&self, path: &[u8], folder: &Arc<OwnedFd>) {
        let mut lately = self.lock();
        if lately.len() >= REMEMBERED {
            lately.remove(0);
        }
        lately.push((path.to_vec(), Arc::clone(folder)));
    }

    /// A folder may be gone, or another one of its name be there.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Vec<u8>, Arc<OwnedFd>)>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
