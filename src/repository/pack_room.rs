//! Room for packs: counted from a pack's first byte until the store has acknowledged it, in memory that
//! is used again for the next one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::buffers::{Buffer, Buffers};

/// So many buffers wait to be used again.
const SPARE_MAX: usize = 6;

/// The packs of a run. Clones are one.
#[derive(Clone)]
pub struct PackRoom(Arc<Shared>);

struct Shared {
    buffers: Buffers,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    held_bytes: usize,
    closed: bool,
}

/// Counts as so many bytes until it is dropped. Apart from the buffer, which a store may keep: one
/// in memory does.
#[derive(Default)]
pub struct Held {
    bytes: usize,
    room: Option<PackRoom>,
}

impl PackRoom {
    /// Room for packs of about so many bytes.
    pub(super) fn new(pack_bytes: usize) -> Self {
        Self(Arc::new(Shared {
            buffers: Buffers::new(SPARE_MAX * room_of(pack_bytes)),
            state: Mutex::default(),
            freed: Condvar::new(),
        }))
    }

    /// A buffer for a pack of about `bytes`; never waits.
    pub(super) fn take(&self, bytes: usize) -> Buffer {
        self.0.buffers.take(room_of(bytes))
    }

    /// Counts a pack of so many bytes.
    pub(super) fn hold(&self, bytes: usize) -> Held {
        self.lock().held_bytes += bytes;
        Held {
            bytes,
            room: Some(self.clone()),
        }
    }

    /// Waits while packs hold `bytes_max` or more, or until the room is closed.
    pub(super) fn wait_below(&self, bytes_max: usize) {
        let mut state = self.lock();
        while state.held_bytes >= bytes_max && !state.closed {
            state = self
                .0
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether packs hold less than `bytes_max` now.
    pub(super) fn is_below(&self, bytes_max: usize) -> bool {
        self.lock().held_bytes < bytes_max
    }

    /// Nobody waits any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.freed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(room) = &self.room else { return };
        room.lock().held_bytes -= self.bytes;
        room.0.freed.notify_all();
    }
}

/// A pack takes one more chunk when it is nearly full.
fn room_of(pack_bytes: usize) -> usize {
    pack_bytes + pack_bytes / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_is_gone_wakes_those_who_wait() {
        let room = PackRoom::new(1000);
        let held = room.hold(1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait_below(1000));
            drop(held);
            waiting.join().unwrap();
        });
    }

    #[test]
    fn a_closed_room_keeps_nobody_waiting() {
        let room = PackRoom::new(1000);
        let _held = room.hold(1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait_below(1));
            room.close();
            waiting.join().unwrap();
        });
    }
}
