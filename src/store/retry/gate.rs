//! How many calls may be under way at once: halved when the store asks for patience, grown back
//! slowly while it is content (additive increase, multiplicative decrease, as TCP does).

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls under way together are throttled together: that counts as one request for patience.
const CUT_INTERVAL: Duration = Duration::from_secs(1);

/// Successful calls that earn one more at once.
const CALLS_TO_GROW: u32 = 16;

pub(super) struct Gate {
    calls_max: usize,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    allowed: usize,
    busy: usize,
    successes: u32,
    last_cut: Option<Duration>,
}

/// Leave to make one call; given back when dropped.
pub(super) struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
        self.0.freed.notify_one();
    }
}

impl Gate {
    pub(super) fn new(calls_max: NonZeroUsize) -> Self {
        let state = State {
            allowed: calls_max.get(),
            busy: 0,
            successes: 0,
            last_cut: None,
        };
        Self {
            calls_max: calls_max.get(),
            state: Mutex::new(state),
            freed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain counters: a panic elsewhere leaves them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn. A call must not be made from within a call: it could wait for itself.
    pub(super) fn enter(&self) -> Pass<'_> {
        let is_full = |state: &mut State| state.busy >= state.allowed;
        let mut state = self
            .freed
            .wait_while(self.state(), is_full)
            .unwrap_or_else(PoisonError::into_inner);
        state.busy += 1;
        Pass(self)
    }

    pub(super) fn allowed(&self) -> usize {
        self.state().allowed
    }

    pub(super) fn went_well(&self) {
        let mut state = self.state();
        state.successes += 1;
        if state.successes >= CALLS_TO_GROW {
            state.successes = 0;
            if state.allowed < self.calls_max {
                state.allowed += 1;
                self.freed.notify_one();
            }
        }
    }

    /// `now`: time since boot.
    pub(super) fn was_throttled(&self, now: Duration) {
        let mut state = self.state();
        state.successes = 0;
        let is_same_event = state
            .last_cut
            .is_some_and(|cut| now.saturating_sub(cut) < CUT_INTERVAL);
        if !is_same_event {
            state.last_cut = Some(now);
            // Half of what was really under way: half of an allowance nobody uses changes nothing.
            state.allowed = (state.allowed.min(state.busy.max(1)) / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_halves_what_is_under_way_and_grows_back_slowly() {
        let gate = Gate::new(NonZeroUsize::new(16).unwrap());
        let passes: Vec<_> = (0..8).map(|_| gate.enter()).collect();
        for _ in 0..8 {
            gate.was_throttled(Duration::from_secs(5));
        }
        assert_eq!(
            gate.allowed(),
            4,
            "eight answers at one time are one request for patience"
        );
        drop(passes);
        gate.was_throttled(Duration::from_secs(7));
        assert_eq!(gate.allowed(), 1);
        for _ in 0..16 * 40 {
            gate.went_well();
        }
        assert_eq!(gate.allowed(), 16);
    }

    #[test]
    fn no_more_calls_than_allowed_are_under_way() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let gate = Gate::new(NonZeroUsize::new(3).unwrap());
        let (busy, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _pass = gate.enter();
                        most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        busy.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
    }
}
