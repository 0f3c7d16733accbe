//! Ctrl-C and SIGTERM: a verb that heeds interrupts is asked to end in order, any other ends at
//! once. A second signal ends everything at once, except what a [`Farewell`] still has to do. Either
//! way the exit code is 130.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::progress::TerminalProgress;
use crate::progress::Progress;
use crate::seams::Interrupt;

pub const INTERRUPTED: u8 = 130;

type Act = Box<dyn FnOnce() + Send>;

/// What must be done before the process ends, whoever ends it: such as starting again what was
/// stopped. Clones are one.
#[derive(Clone, Default)]
pub struct Farewell(Arc<Mutex<Option<Act>>>);

impl Farewell {
    /// From now on `act` is done by whoever ends the process at once.
    pub fn promise(&self, act: impl FnOnce() + Send + 'static) {
        self.lock().replace(Box::new(act));
    }

    /// Does `act`, in the place of what was promised. Meanwhile nobody ends the process; and if
    /// somebody does that already, this does not return.
    pub fn keep(&self, act: impl FnOnce()) {
        let mut due = self.lock();
        due.take();
        act();
    }

    /// Ends the process, when what is due is done; returns if that is being done.
    fn exit(&self) {
        let mut due = match self.0.try_lock() {
            Ok(due) => due,
            Err(TryLockError::Poisoned(due)) => due.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(act) = due.take() {
            act();
        }
        // Still locked: who comes to it now does not do it once more.
        std::process::exit(i32::from(INTERRUPTED));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Act>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens from now on, in a thread of its own.
///
/// # Errors
/// When the system gives no thread or no handler.
pub fn listen(
    interrupt: Interrupt,
    progress: Arc<TerminalProgress>,
    farewell: Farewell,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let listener = std::thread::Builder::new().name("signals".to_owned());
    listener.spawn(move || {
        for _ in signals.forever() {
            let is_second = interrupt.is_raised();
            interrupt.raise();
            if is_second || !interrupt.is_heeded() {
                progress.finish();
                // Where nobody heeds, nothing is left half done that the next run would mind.
                farewell.exit();
                progress.notice("interrupted: the command `after` still has to end");
                continue;
            }
            progress.notice(
                "interrupted: ending in order, which takes a moment; once more ends at once",
            );
        }
    })?;
    Ok(())
}
