//! Memory for large pieces of data, used again and again: to take it from the system anew each time
//! costs as much as hashing what is put there, and leaves holes in the heap.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Larger buffers have a capacity that is a multiple of this, so that those for packs of about one
/// size can take each other's place. Address space, not memory: pages are taken as they are written
/// to.
const STEP_BYTES: usize = 4 * 1024 * 1024;

/// Buffers that are shared by threads. Clones are one.
#[derive(Clone)]
pub struct Buffers(Arc<Shared>);

struct Shared {
    least_bytes: usize,
    idle_bytes_max: usize,
    /// That wait to be used again, those that have waited longest first.
    idle: Mutex<Vec<Vec<u8>>>,
}

/// Bytes in the memory of [`Buffers`], to which it goes back when this is dropped.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    home: Option<Buffers>,
}

impl Default for Buffers {
    /// For chunks, of which each thread has one or two at a time: all of about one size, so that each
    /// fits into the memory of any other.
    fn default() -> Self {
        Self::of_least(STEP_BYTES, 4 * STEP_BYTES)
    }
}

impl Buffers {
    /// Keeps idle buffers of at most so many bytes in all.
    pub fn new(idle_bytes_max: usize) -> Self {
        Self::of_least(0, idle_bytes_max)
    }

    fn of_least(least_bytes: usize, idle_bytes_max: usize) -> Self {
        Self(Arc::new(Shared {
            least_bytes,
            idle_bytes_max,
            idle: Mutex::default(),
        }))
    }

    /// An empty buffer with room for at least so many bytes.
    pub fn take(&self, bytes: usize) -> Buffer {
        let capacity = capacity_for(bytes.max(self.0.least_bytes));
        let fits = |idle: &Vec<u8>| idle.capacity() >= bytes && idle.capacity() / 2 <= capacity;
        let mut idle = self.lock();
        let place = idle.iter().rposition(fits);
        let found = place.map(|place| idle.remove(place));
        if found.is_none() {
            // What nobody could use makes way, so that there is never more than was once in use.
            let mut dropped = 0;
            while dropped < capacity && !idle.is_empty() {
                dropped += idle.remove(0).capacity();
            }
        }
        drop(idle);
        Buffer {
            bytes: found.unwrap_or_else(|| Vec::with_capacity(capacity)),
            home: Some(self.clone()),
        }
    }

    /// Gives back to the system what lies idle.
    pub fn release(&self) {
        self.lock().clear();
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut idle = self.lock();
        idle.push(bytes);
        let mut total: usize = idle.iter().map(Vec::capacity).sum();
        while total > self.0.idle_bytes_max && !idle.is_empty() {
            total -= idle.remove(0).capacity();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn capacity_for(bytes: usize) -> usize {
    match bytes < STEP_BYTES {
        true => bytes.next_power_of_two(),
        false => bytes.next_multiple_of(STEP_BYTES),
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_by_what_is_about_as_large() {
        let buffers = Buffers::new(64 * 1024);
        let mut first = buffers.take(1000);
        first.extend_from_slice(&[1; 900]);
        let place = first.as_ptr();
        drop(bytes::Bytes::from_owner(first));
        let second = buffers.take(800);
        assert!(second.is_empty());
        assert_eq!(second.as_ptr(), place);
        drop(second);
        // A much smaller one does not take it, and a larger one cannot.
        assert_ne!(buffers.take(100).as_ptr(), place);
        assert!(buffers.take(5000).capacity() >= 5000);
    }

    #[test]
    fn no_more_than_so_much_lies_idle() {
        let buffers = Buffers::new(4096);
        let some: Vec<_> = (0..10).map(|_| buffers.take(1024)).collect();
        drop(some);
        assert_eq!(buffers.lock().len(), 4);
        drop(buffers.take(100_000));
        assert!(
            buffers.lock().is_empty(),
            "one that is too large is not kept"
        );
        drop((buffers.take(1024), buffers.take(512)));
        let _large = buffers.take(2048);
        assert!(buffers.lock().is_empty(), "what did not fit made way");
        drop(buffers.take(1024));
        buffers.release();
        assert!(buffers.lock().is_empty());
    }
}
