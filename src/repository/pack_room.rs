//! Memory for packs: counted from a pack's first byte until the store has acknowledged it, and used
//! again for the next one. To give it back to the system each time would cost as much as hashing
//! it, and would leave holes in the heap.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many buffers wait to be used again.
const SPARE_MAX: usize = 6;

/// The packs of a run, in bytes. Clones are one.
#[derive(Clone, Default)]
pub struct PackRoom(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    spare: Vec<Vec<u8>>,
    held_bytes: usize,
    closed: bool,
}

/// The bytes of one pack; returned to its room when it is dropped.
#[derive(Default)]
pub struct PackBuffer {
    bytes: Vec<u8>,
    room: Option<PackRoom>,
}

/// Counts as so many bytes until it is dropped. Apart from the buffer, which a store may keep: one
/// in memory does.
#[derive(Default)]
pub struct Held {
    bytes: usize,
    room: Option<PackRoom>,
}

impl PackRoom {
    /// A buffer for a pack of about `bytes`; never waits.
    pub(super) fn take(&self, bytes: usize) -> PackBuffer {
        let mut state = self.lock();
        let fits = |spare: &Vec<u8>| spare.capacity() >= bytes && spare.capacity() < 4 * bytes;
        let place = state.spare.iter().position(fits);
        let spare = place.map(|place| state.spare.swap_remove(place));
        drop(state);
        // Address space, not memory: pages are taken as they are written to.
        let buffer = spare.unwrap_or_else(|| Vec::with_capacity(bytes + bytes / 2));
        PackBuffer {
            bytes: buffer,
            room: Some(self.clone()),
        }
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

impl Deref for PackBuffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for PackBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for PackBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PackBuffer {
    fn drop(&mut self) {
        let Some(room) = &self.room else { return };
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut state = room.lock();
        if state.spare.len() < SPARE_MAX {
            state.spare.push(bytes);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(room) = &self.room else { return };
        room.lock().held_bytes -= self.bytes;
        room.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_wakes_those_who_wait() {
        let room = PackRoom::default();
        let mut first = room.take(1000);
        first.extend_from_slice(&[1; 900]);
        let place = first.as_ptr();
        let held = room.hold(1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait_below(1000));
            drop(held);
            waiting.join().unwrap();
        });
        drop(bytes::Bytes::from_owner(first));
        let second = room.take(1000);
        assert!(second.is_empty());
        assert_eq!(second.as_ptr(), place);
        // A much smaller one does not take it.
        drop(second);
        assert_ne!(room.take(100).as_ptr(), place);
    }

    #[test]
    fn a_closed_room_keeps_nobody_waiting() {
        let room = PackRoom::default();
        let _held = room.hold(1000);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait_below(1));
            room.close();
            waiting.join().unwrap();
        });
    }
}
