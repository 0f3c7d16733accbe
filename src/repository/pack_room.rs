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
    /// Of packs that those who were let in may begin.
    coming_bytes: usize,
    closed: bool,
}

impl State {
    fn has_room(&self, bytes: usize, bytes_max: usize) -> bool {
        self.held_bytes + self.coming_bytes + bytes <= bytes_max
    }
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

    /// Gives back to the system what no pack stands in.
    pub(super) fn release_memory(&self) {
        self.0.buffers.release();
    }

    /// Counts a pack of so many bytes.
    pub(super) fn hold(&self, bytes: usize) -> Held {
        self.lock().held_bytes += bytes;
        Held {
            bytes,
            room: Some(self.clone()),
        }
    }

    /// Waits until there is room for one more pack of `bytes` under `bytes_max`, which is kept for
    /// whoever holds what this gives; or until the room is closed.
    pub(super) fn enter(&self, bytes: usize, bytes_max: usize) -> Admission<'_> {
        let mut state = self.lock();
        while !state.has_room(bytes, bytes_max) && !state.closed {
            state = self
                .0
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.coming_bytes += bytes;
        Admission { bytes, room: self }
    }

    /// Whether one more pack of `bytes` would find room under `bytes_max` now.
    pub(super) fn has_room(&self, bytes: usize, bytes_max: usize) -> bool {
        self.lock().has_room(bytes, bytes_max)
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

/// Leave to begin a pack, until it is dropped.
#[must_use]
pub struct Admission<'r> {
    bytes: usize,
    room: &'r PackRoom,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.room.lock().coming_bytes -= self.bytes;
        self.room.0.freed.notify_all();
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
            let waiting = scope.spawn(|| drop(room.enter(1000, 1000)));
            drop(held);
            waiting.join().unwrap();
        });
    }

    /// Two threads asked while there was room for one more pack, and each began one.
    #[test]
    fn what_may_still_be_begun_counts() {
        let room = PackRoom::new(1000);
        let first = room.enter(1000, 2000);
        assert!(room.has_room(1000, 2000));
        let held = room.hold(1000);
        assert!(!room.has_room(1000, 2000));
        drop(first);
        assert!(room.has_room(1000, 2000));
        drop(held);
    }

    #[test]
    fn a_closed_room_keeps_nobody_waiting() {
        let room = PackRoom::new(1000);
        let _held = room.hold(1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(room.enter(1, 1000)));
            room.close();
            waiting.join().unwrap();
        });
    }
}
