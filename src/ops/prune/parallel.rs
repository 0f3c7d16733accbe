//! The same work on many packs, most of which is waiting for the store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::ops::Result;
use crate::seams::Threads;

/// Does the work on each; on one thread where there are no workers. The results come in any order.
///
/// # Errors
/// The first that any of the work gives; what was not begun then is left.
pub fn each<T: Sync, R: Send>(
    threads: Threads,
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if threads.workers.is_none() {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Ok(Vec::with_capacity(items.len())));
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *results, result) {
                (Ok(results), Ok(result)) => results.push(result),
                (Ok(_), Err(error)) => {
                    *results = Err(error);
                    next.store(items.len(), Ordering::Relaxed);
                }
                (Err(_), _) => {}
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.transfers.get() {
            scope.spawn(run);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
