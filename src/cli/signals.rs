//! Ctrl-C and a polite kill, for commands that have something to put away before they go.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::Failure;
use crate::ops::Interrupt;

/// From now on these signals do not end the program, but ask its work to stop.
///
/// # Errors
/// When the system refuses.
pub fn interrupts() -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::default();
    let failed = |error: std::io::Error| Failure::failed(error, "run it again");
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed)?;
    let raised = interrupt.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| raised.raise()))
        .map_err(failed)?;
    Ok(interrupt)
}
