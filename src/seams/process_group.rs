//! A program that was started in a process group of its own, and how it is ended with all that it
//! started.

use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Clock;

const STEP: Duration = Duration::from_millis(10);

/// Goes before a command of the shell. It does not own the terminal, so a program that asks for a
/// password there would be halted for ever; ignoring these signals, it meets an error instead.
pub const NO_TERMINAL: &str = "trap '' TTIN TTOU";

/// Whether the leader of a group, a child that nobody has waited for, ended. Leaves its number
/// taken, so that the group can still be signalled without hitting another.
pub fn has_ended(group: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(group), options), Ok(None))
}

/// Ends `child`, which leads `group`, and all it started: first asked, then, when it had `patience`
/// to clean up after itself, forced.
pub fn end_group(
    group: Pid,
    child: &mut Child,
    patience: Duration,
    clock: &dyn Clock,
) -> Option<ExitStatus> {
    // Nothing more can be done about a failure here, which means that it is gone already.
    let _ = kill_process_group(group, Signal::TERM);
    let mut waited = Duration::ZERO;
    while waited < patience && !has_ended(group) {
        clock.sleep(STEP);
        waited += STEP;
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().ok()
}
