//! One hook: a command of the shell in a process group of its own, ended at its time limit with all
//! it started.
//!
//! What it says goes to a nameless file, not a pipe: a program that it leaves running, such as a
//! server it starts, must not be ended by a pipe that breaks when the backup is over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Pid;

use crate::cli::config::Hook;
use crate::cli::show;
use crate::seams::{Clock, Interrupt, NO_TERMINAL, end_group, has_ended};

/// So much of what a hook says is told: the end.
const SAID_BYTES_MAX: u64 = 4096;
/// How long a hook has to clean up after itself when it is ended.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(20);

/// Why a hook did not do what it was for. The command itself is not repeated: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("the command `{hook}` could not be started")]
    Start {
        hook: &'static str,
        source: io::Error,
    },
    #[error("the command `{hook}` failed: {}", ending(*.status))]
    Failed {
        hook: &'static str,
        status: ExitStatus,
        source: Option<Said>,
    },
    #[error(
        "the command `{hook}` took longer than {} and was ended, with all it started",
        show::duration(*.limit)
    )]
    Overdue {
        hook: &'static str,
        limit: Duration,
        source: Option<Said>,
    },
    #[error("the command `{hook}` was interrupted")]
    Interrupted { hook: &'static str },
}

/// The end of what a hook said; stands in an error's chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it said: {0}")]
pub struct Said(pub String);

/// Runs a hook to its end; gives what it said. With an interrupt, that ends it too: not for a hook
/// that has to run whatever happens.
///
/// # Errors
/// [`HookError`]
pub fn run(
    name: &'static str,
    hook: &Hook,
    variables: &[(&'static str, String)],
    clock: &dyn Clock,
    interrupt: Option<&Interrupt>,
) -> Result<Option<Said>, HookError> {
    let start = |source| HookError::Start { hook: name, source };
    // Where there is no room for what it says, it says it to nobody.
    let output = tempfile::tempfile().ok();
    let pipe = || match output.as_ref().map(File::try_clone) {
        Some(Ok(file)) => Stdio::from(file),
        _ => Stdio::null(),
    };
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{NO_TERMINAL}\n{}", hook.command))
        // It has no business with the passphrase of the repository.
        .env_remove("OFFSITE_PASSPHRASE")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(pipe())
        .stderr(pipe())
        .process_group(0)
        .spawn()
        .map_err(start)?;
    let group = Pid::from_child(&child);
    let ends = interrupt.map(|interrupt| interrupt.ends_group(group));
    let deadline = clock.since_boot().saturating_add(hook.timeout);
    let is_raised = || interrupt.is_some_and(Interrupt::is_raised);
    while !has_ended(group) {
        let is_overdue = clock.since_boot() >= deadline;
        if is_overdue || is_raised() {
            drop(ends);
            end_group(group, &mut child, STOP_PATIENCE, clock);
            return Err(match is_overdue {
                true => HookError::Overdue {
                    hook: name,
                    limit: hook.timeout,
                    source: output.and_then(said_in),
                },
                false => HookError::Interrupted { hook: name },
            });
        }
        clock.sleep(STEP);
    }
    drop(ends);
    let status = child.wait().map_err(start)?;
    let said = output.and_then(said_in);
    if is_raised() {
        return Err(HookError::Interrupted { hook: name });
    }
    match status.success() {
        true => Ok(said),
        false => Err(HookError::Failed {
            hook: name,
            status,
            source: said,
        }),
    }
}

fn said_in(mut output: File) -> Option<Said> {
    let length = output.seek(SeekFrom::End(0)).ok()?;
    let start = length.saturating_sub(SAID_BYTES_MAX);
    output.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    output.take(SAID_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines
        .map(show::harmless_sentence)
        .collect::<Vec<_>>()
        .join("; ");
    (!text.is_empty()).then_some(Said(text))
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(127), _) => "a program it names was not found (exit status 127)".to_owned(),
        (Some(code), _) => format!("it ended with exit status {code}"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemClock;

    fn run_for(command: &str, timeout: Duration) -> Result<Option<Said>, HookError> {
        let hook = Hook {
            command: command.to_owned(),
            timeout,
        };
        let variables = [("OFFSITE_OUTCOME", "done".to_owned())];
        run("after", &hook, &variables, &SystemClock, None)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_sees_the_outcome_and_what_it_says_is_told() {
        let said = run_for("echo \"$OFFSITE_OUTCOME\"; echo no >&2", LONG).unwrap();
        assert_eq!(said, Some(Said("done; no".to_owned())));
        assert_eq!(run_for("true", LONG).unwrap(), None);
        let error = run_for("echo 'no such \u{1b}[2J container'; exit 3", LONG).unwrap_err();
        assert!(error.to_string().contains("exit status 3"), "{error}");
        let said = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            said.contains("no such") && !said.contains('\u{1b}'),
            "{said}"
        );
    }

    #[test]
    fn one_that_hangs_is_ended_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        // The grandchild does not listen to a request to end.
        let command = format!(
            "(trap '' TERM; sh -c 'echo $$' >> {0}; exec sleep 600) & echo $! >> {0}; wait",
            file.display()
        );
        let error = run_for(&command, Duration::from_millis(500)).unwrap_err();
        assert!(matches!(error, HookError::Overdue { .. }), "{error}");
        let pids = std::fs::read_to_string(file).unwrap();
        for pid in pids.lines() {
            // One that was killed may take its time, and wait for a parent that never asks.
            let is_gone = (0..600).any(|_| {
                SystemClock.sleep(Duration::from_millis(50));
                let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                status.map_or(true, |status| status.contains(") Z "))
            });
            assert!(is_gone, "{pid}");
        }
    }

    #[test]
    fn what_it_leaves_running_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let [go, done] = ["go", "done"].map(|name| folder.path().join(name));
        let command = format!(
            "(while [ ! -e {0} ]; do sleep 0.05; done; echo is; echo up >&2; echo > {1}) &",
            go.display(),
            done.display()
        );
        run_for(&command, LONG).unwrap();
        std::fs::write(go, "").unwrap();
        let is_done = (0..600).any(|_| {
            SystemClock.sleep(Duration::from_millis(50));
            done.exists()
        });
        assert!(is_done);
    }
}
