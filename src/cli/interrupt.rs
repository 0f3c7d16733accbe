//! Ctrl-C and SIGTERM: a verb that heeds interrupts is asked to end in order, any other ends at
//! once. A second signal ends everything at once. Either way the exit code is 130.

use std::io;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::progress::TerminalProgress;
use crate::progress::Progress;
use crate::seams::Interrupt;

pub const INTERRUPTED: u8 = 130;

/// Listens from now on, in a thread of its own.
///
/// # Errors
/// When the system gives no thread or no handler.
pub fn listen(interrupt: Interrupt, progress: Arc<TerminalProgress>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let listener = std::thread::Builder::new().name("signals".to_owned());
    listener.spawn(move || {
        for _ in signals.forever() {
            let is_second = interrupt.is_raised();
            interrupt.raise();
            if is_second || !interrupt.is_heeded() {
                progress.finish();
                // Where nobody heeds, nothing is left half done that the next run would mind.
                std::process::exit(i32::from(INTERRUPTED));
            }
            progress.notice(
                "interrupted: ending in order, which takes a moment; once more ends at once",
            );
        }
    })?;
    Ok(())
}
