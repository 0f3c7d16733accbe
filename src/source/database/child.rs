//! The command that makes a dump: a child process in a process group of its own, which never
//! outlives its [`DatabaseCommand`].

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use super::recognise::printable;
use super::watch::Watch;
use crate::seams::{NO_TERMINAL, SystemClock, end_group, has_ended};
use crate::source::error::CommandStatus;
use crate::source::{CommandOutput, SourceError};

/// So much of what a command says on standard error is kept: the end.
const OUTPUT_BYTES_MAX: usize = 4096;
/// How long to wait for the rest of standard error once the command ended: something it left behind
/// may hold it open for ever.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(1);
/// How long a command has to clean up after itself when it is stopped.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct DatabaseCommand {
    child: Child,
    group: Pid,
    ended: Option<ExitStatus>,
    output: Arc<Mutex<VecDeque<u8>>>,
    output_ended: Receiver<()>,
}

impl DatabaseCommand {
    /// Runs a command through the shell; gives its standard output. It has no business with the
    /// passphrase of the repository, and what it says may end up in a log: it does not inherit it.
    pub(super) fn start(command: &str) -> Result<(Self, ChildStdout), SourceError> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{NO_TERMINAL}\n{command}"));
        Self::spawn(shell)
    }

    /// Runs a program of PostgreSQL, which the shell finds where only its name is given; a password
    /// reaches it in its environment, where only its own user can see it.
    pub(super) fn start_program(
        program: &Path,
        arguments: &[OsString],
        password: Option<&str>,
    ) -> Result<(Self, ChildStdout), SourceError> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("{NO_TERMINAL}\nexec \"$0\" \"$@\""))
            .arg(program)
            .args(arguments)
            .envs(password.map(|password| ("PGPASSWORD", password)));
        Self::spawn(shell)
    }

    fn spawn(mut shell: Command) -> Result<(Self, ChildStdout), SourceError> {
        let failed = |source| SourceError::CommandStart { source };
        let mut child = shell
            .env_remove("OFFSITE_PASSPHRASE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let group = Pid::from_child(&child);
        let pipes = child.stdout.take().zip(child.stderr.take());
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let (at_end, output_ended) = channel();
        let command = Self {
            child,
            group,
            ended: None,
            output: output.clone(),
            output_ended,
        };
        // Both were asked for above; should they be missing, dropping `command` ends the child.
        let (stdout, stderr) = pipes.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        thread::Builder::new()
            .name("database command output".to_owned())
            .spawn(move || listen(stderr, &output, at_end))
            .map_err(failed)?;
        Ok((command, stdout))
    }

    /// Waits for the command, whose standard output came to its end.
    pub(super) fn wait(&mut self, watch: &Watch) -> Result<(), SourceError> {
        if let Err(overdue) = watch.wait(|| has_ended(self.group)) {
            self.stop();
            return Err(SourceError::DumpOverdue {
                overdue,
                output: self.output(),
            });
        }
        let status = self
            .child
            .wait()
            .map_err(|source| SourceError::DumpRead { source })?;
        self.ended = Some(status);
        let status = match (status.code(), status.signal()) {
            (Some(0), _) => return Ok(()),
            (Some(code), _) => CommandStatus::Exit(code),
            (None, signal) => CommandStatus::Signal(signal.unwrap_or_default()),
        };
        Err(SourceError::CommandFailed {
            status,
            output: self.output(),
        })
    }

    /// What the command said, once it ended or was stopped.
    pub(super) fn output(&self) -> Option<CommandOutput> {
        // Nothing is ever sent: the end of the listener is the message.
        let _ = self.output_ended.recv_timeout(OUTPUT_PATIENCE);
        let mut kept = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(kept.make_contiguous());
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let text = lines
            .map(|line| printable(line.chars()))
            .collect::<Vec<_>>()
            .join("; ");
        (!text.is_empty()).then_some(CommandOutput(text))
    }

    /// Ends the command and all it started: first asked, then forced.
    pub(super) fn stop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.ended = end_group(self.group, &mut self.child, STOP_PATIENCE, &SystemClock);
    }
}

impl Drop for DatabaseCommand {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Keeps the end of what comes. Dropping the sender tells that there is no more.
fn listen(mut stderr: ChildStderr, kept: &Mutex<VecDeque<u8>>, at_end: Sender<()>) {
    let mut buffer = [0; 1024];
    loop {
        match stderr.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(buffer.iter().take(count));
                let surplus = kept.len().saturating_sub(OUTPUT_BYTES_MAX);
                kept.drain(..surplus);
            }
        }
    }
    drop(at_end);
}
