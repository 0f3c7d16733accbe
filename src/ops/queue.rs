//! A queue between threads, bounded by weight: bytes for packs and batches, pieces for entries.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Blocks whoever brings more than the bound allows, and whoever finds it empty.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    weight_max: usize,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    /// Of what waits and of what was taken and is not done.
    weight: usize,
    /// Threads that wait for room.
    pressing: usize,
    closed: bool,
    /// What is under way brings nothing more either.
    abandoned: bool,
}

/// What was taken from a queue.
pub struct Taken<'q, T> {
    pub item: T,
    weight: Weight<'q, T>,
}

impl<'q, T> Taken<'q, T> {
    /// The item, and its weight, which counts until that is dropped.
    pub fn into_parts(self) -> (T, Weight<'q, T>) {
        (self.item, self.weight)
    }
}

/// Counts in its queue until it is dropped.
pub struct Weight<'q, T> {
    weight: usize,
    queue: &'q Queue<T>,
}

impl<T> Queue<T> {
    /// A queue that holds at most `weight_max`; one item always fits.
    pub fn new(weight_max: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            weight: 0,
            pressing: 0,
            closed: false,
            abandoned: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            weight_max,
        }
    }

    /// Waits until there is room; gives the item back if the queue was closed.
    pub fn push(&self, item: T, weight: usize) -> Result<(), T> {
        let mut state = self.lock();
        state.pressing += 1;
        while !state.closed && state.weight > 0 && state.weight + weight > self.weight_max {
            state = self.wait(state);
        }
        state.pressing -= 1;
        if state.closed {
            return Err(item);
        }
        state.weight += weight;
        state.items.push_back((item, weight));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Puts a part of what was taken before all others, if there is room under `weight_max` (which
    /// may differ from the queue's own) now; else gives it back. Also after the queue was closed: the
    /// others wait until all that was taken is done.
    pub fn try_push_first(&self, item: T, weight: usize, weight_max: usize) -> Result<(), T> {
        let mut state = self.lock();
        if state.abandoned || state.weight > 0 && state.weight + weight > weight_max {
            return Err(item);
        }
        state.weight += weight;
        state.items.push_front((item, weight));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The next item; `None` once the queue is closed and empty, and all that was taken is done.
    pub fn pop(&self) -> Option<Taken<'_, T>> {
        let mut state = self.lock();
        loop {
            if let Some((item, weight)) = state.items.pop_front() {
                return Some(Taken {
                    item,
                    weight: Weight {
                        weight,
                        queue: self,
                    },
                });
            }
            if state.abandoned || state.closed && state.weight == 0 {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// The next item, if there is one now and it is of the wanted kind.
    pub fn try_pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<Taken<'_, T>> {
        let mut state = self.lock();
        if !state.items.front().is_some_and(|(item, _)| wanted(item)) {
            return None;
        }
        let (item, weight) = state.items.pop_front()?;
        Some(Taken {
            item,
            weight: Weight {
                weight,
                queue: self,
            },
        })
    }

    /// Whether nothing waits, and all that was taken is done.
    pub fn is_idle(&self) -> bool {
        self.lock().weight == 0
    }

    /// Whether somebody waits for room.
    pub fn is_pressed(&self) -> bool {
        self.lock().pressing > 0
    }

    /// No further items but parts of those that were taken: those who wait to push get theirs back,
    /// what waits is still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closes, and drops what waits.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.abandoned = true;
        let dropped: usize = state.items.drain(..).map(|(_, weight)| weight).sum();
        state.weight -= dropped;
        drop(state);
        self.changed.notify_all();
    }

    /// Abandons the queue if the thread that holds the guard panics: those on the other side would
    /// wait for it for ever.
    pub fn abandon_on_panic(&self) -> impl Drop + use<'_, T> {
        Guard(self)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&'q self, state: MutexGuard<'q, State<T>>) -> MutexGuard<'q, State<T>> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

struct Guard<'q, T>(&'q Queue<T>);

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

impl<T> Drop for Weight<'_, T> {
    fn drop(&mut self) {
        self.queue.lock().weight -= self.weight;
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_counts_until_the_work_is_done() {
        let queue = Queue::new(10);
        assert!(
            queue.try_push_first('a', 100, 10).is_ok(),
            "one item always fits"
        );
        assert!(queue.try_push_first('b', 1, 10).is_err());
        let taken = queue.pop().unwrap();
        assert!(
            queue.try_push_first('b', 1, 10).is_err(),
            "it is taken, but not done"
        );
        drop(taken);
        assert!(queue.try_push_first('b', 1, 10).is_ok());
        queue.close();
        assert_eq!(queue.push('c', 1), Err('c'));
        assert_eq!(queue.pop().unwrap().item, 'b');
        assert!(queue.pop().is_none());
    }

    /// The last file of a library is a film of 4 GB, and nothing follows: one thread took it, and
    /// the others went home. It read, compressed and sealed alone.
    #[test]
    fn nobody_leaves_while_somebody_may_hand_over_a_part_of_the_last_item() {
        let queue = Queue::new(10);
        queue.push("film", 1).unwrap();
        let film = queue.pop().unwrap();
        queue.close();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let part = queue.pop().map(|taken| taken.item);
                (part, queue.pop().is_none())
            });
            queue.try_push_first("part", 1, 10).unwrap();
            while !queue.lock().items.is_empty() {
                std::thread::yield_now();
            }
            drop(film);
            assert_eq!(other.join().unwrap(), (Some("part"), true));
        });
    }

    #[test]
    fn an_abandoned_queue_keeps_nobody_for_what_is_under_way() {
        let queue = Queue::new(10);
        queue.push('a', 1).unwrap();
        let _under_way = queue.pop().unwrap();
        queue.abandon();
        assert!(queue.pop().is_none());
        assert!(queue.try_push_first('b', 1, 10).is_err());
    }

    #[test]
    fn closing_wakes_those_who_wait() {
        let queue = Queue::new(1);
        queue.push(1, 1).unwrap();
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| queue.push(2, 1));
            queue.abandon();
            assert_eq!(blocked.join().unwrap(), Err(2));
        });
        assert!(queue.pop().is_none());
    }

    #[test]
    fn a_panic_wakes_the_other_side() {
        let queue = Queue::new(1);
        queue.push(1, 1).unwrap();
        let panicked = std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let _guard = queue.abandon_on_panic();
                let _taken = queue.pop();
                panic!("planted");
            });
            while queue.push(2, 1).is_ok() {}
            taker.join().is_err()
        });
        assert!(panicked);
    }
}
