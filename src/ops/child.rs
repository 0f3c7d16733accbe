//! A program that the dump is fed to: a child in a process group of its own, which never outlives
//! its [`Feed`], and whose input is never closed as if whole unless it was.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Pid;

use super::said::{SAID_BYTES_MAX, Said, plain, said_in};
use super::{OpsError, Result};
use crate::seams::{Clock, end_group, has_ended};
use crate::seams::{GroupEnds, Interrupt};

/// So many errors of psql are kept, each a line.
const ERRORS_MAX: usize = 20;
const ERROR_BYTES_MAX: usize = 400;
/// How long to wait for the rest of standard error once the program ended.
const SAID_PATIENCE: Duration = Duration::from_secs(1);
/// How long a program may take to give up by itself when the dump breaks off.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take to end when it is asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
const STOP_STEP: Duration = Duration::from_millis(10);
/// How often a wait looks up to see whether it is to stop, in nanoseconds.
const WAIT_STEP_NANOSECONDS: i64 = 200_000_000;

/// What a server calls an error that speaks another language (the catalogues of PostgreSQL 18): psql
/// says it as it comes, and ends with success all the same.
const ERRORS_ELSEWHERE: [&str; 16] = [
    "CHYBA:",
    "FEHLER:",
    "ΣΦΑΛΜΑ:",
    "ERREUR:",
    "ERRORE:",
    "შეცდომა:",
    "오류:",
    "BŁĄD:",
    "ERRO:",
    "ОШИБКА:",
    "FEL:",
    "HATA:",
    "ПОМИЛКА:",
    "错误:",
    "錯誤:",
    "Lỗi:",
];

/// What a program said while it ran.
#[derive(Debug, Default)]
struct Heard {
    tail: VecDeque<u8>,
    line: Vec<u8>,
    /// Lines with an `ERROR:` or `FATAL:` that are no part of a normal restore.
    errors: Vec<String>,
    errors_total: u64,
}

/// How a program ended that was fed to the end.
#[derive(Debug)]
pub(super) struct Ended {
    pub status: ExitStatus,
    pub said: Option<Said>,
    /// The first errors of psql, those aside that belong to every restore of a cluster.
    pub errors: Vec<String>,
    pub errors_total: u64,
}

/// The program, its input and its standard error.
pub(super) struct Feed {
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    ended: Option<ExitStatus>,
    heard: Arc<Mutex<Heard>>,
    heard_all: Receiver<()>,
    clock: Arc<dyn Clock>,
    interrupt: Interrupt,
    watched: Option<GroupEnds>,
}

impl Feed {
    /// Starts the program. It has no business with the passphrase of the repository.
    pub fn start(
        command: &mut Command,
        clock: &Arc<dyn Clock>,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let mut child = command
            .env_remove("OFFSITE_PASSPHRASE")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&child);
        let stdin = child.stdin.take();
        let stderr = child.stderr.take();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (at_end, heard_all) = channel();
        let feed = Self {
            child,
            group,
            stdin,
            ended: None,
            heard: Arc::clone(&heard),
            heard_all,
            clock: Arc::clone(clock),
            watched: None,
            interrupt: interrupt.clone(),
        };
        // Both were asked for above; should they be missing, dropping `feed` ends the child.
        let (Some(pipe), Some(stderr)) = (&feed.stdin, stderr) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        // So that a program which takes its time over a table does not hold up Ctrl-C.
        fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        thread::Builder::new()
            .name("what a program says".to_owned())
            .spawn(move || listen(stderr, &heard, at_end))?;
        Ok(feed)
    }

    /// From now on the program is ended at once when the work is to stop: for what needs no
    /// farewell.
    pub fn end_with_interrupt(mut self) -> Self {
        self.watched = Some(self.interrupt.ends_group(self.group));
        self
    }

    /// Hands over all of the bytes. `false`: the program does not read any more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        let interrupt = self.interrupt.clone();
        self.write_while(bytes, &|| Ok(interrupt.check()?))
    }

    fn write_while(&mut self, bytes: &[u8], check: &dyn Fn() -> Result<()>) -> Result<bool> {
        let Some(pipe) = &self.stdin else {
            return Ok(false);
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            check()?;
            match rustix::io::write(pipe, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN) => {
                    let step = Timespec {
                        tv_sec: 0,
                        tv_nsec: WAIT_STEP_NANOSECONDS,
                    };
                    let mut waits = [PollFd::new(pipe, PollFlags::OUT)];
                    match poll(&mut waits, Some(&step)) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(OpsError::Output(error.into())),
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) => return Ok(false),
                Err(error) => return Err(OpsError::Output(error.into())),
            }
        }
        Ok(true)
    }

    /// Everything was handed over: closes the input and waits for the end.
    pub fn finish(mut self) -> Result<Ended> {
        self.interrupt.check()?;
        drop(self.stdin.take());
        while !has_ended(self.group) {
            self.interrupt.check()?;
            self.clock.sleep(STOP_STEP);
        }
        self.watched = None;
        let status = self.child.wait().map_err(OpsError::Output)?;
        self.ended = Some(status);
        self.interrupt.check()?;
        // Nothing is ever sent: the end of the listener is the message.
        let _ = self.heard_all.recv_timeout(SAID_PATIENCE);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut heard = std::mem::take(&mut *heard);
        Ok(Ended {
            status,
            said: said_in(heard.tail.make_contiguous()),
            errors: heard.errors,
            errors_total: heard.errors_total,
        })
    }

    /// What was handed over is not whole. The program is told so by `mark`, which psql takes for an
    /// error, so that it rolls back even where it runs elsewhere and would see no more than the end
    /// of its input; then it is ended.
    pub fn break_off(mut self, mark: &[u8]) {
        let deadline = self.clock.since_boot() + FAREWELL_PATIENCE;
        let clock = Arc::clone(&self.clock);
        let in_time = || match clock.since_boot() < deadline {
            true => Ok(()),
            false => Err(OpsError::Interrupted),
        };
        if matches!(self.write_while(mark, &in_time), Ok(true)) {
            while self.clock.since_boot() < deadline && !has_ended(self.group) {
                self.clock.sleep(STOP_STEP);
            }
        }
        self.stop();
    }

    /// Ends the program and all it started: first asked, then forced. Its input is still open then.
    fn stop(&mut self) {
        self.watched = None;
        if self.ended.is_some() {
            return;
        }
        self.ended = end_group(
            self.group,
            &mut self.child,
            STOP_PATIENCE,
            self.clock.as_ref(),
        );
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How a program ended, as a sentence goes on about it.
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(127), _) => "a program it names was not found (exit status 127)".to_owned(),
        (Some(code), _) => format!("it ended with exit status {code}"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    }
}

/// Keeps the end of what comes, and the errors of psql. Dropping the sender tells that there is no
/// more.
fn listen(mut stderr: ChildStderr, heard: &Mutex<Heard>, at_end: Sender<()>) {
    let mut buffer = [0; 4096];
    loop {
        match stderr.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) => {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.take(buffer.get(..count).unwrap_or_default());
            }
        }
    }
    drop(at_end);
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        self.tail.extend(bytes);
        let surplus = self.tail.len().saturating_sub(SAID_BYTES_MAX);
        self.tail.drain(..surplus);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() < ERROR_BYTES_MAX {
                self.line.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line_ends(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn line_ends(&mut self, line: &str) {
        let markers = ["ERROR:", "FATAL:", "PANIC:"];
        let plain_at = markers.iter().filter_map(|it| line.find(it)).min();
        let Some(at) = plain_at.or_else(|| error_elsewhere(line)) else {
            return;
        };
        let error = line.get(at..).unwrap_or_default();
        if is_normal(error) {
            return;
        }
        self.errors_total += 1;
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(plain(error.trim()));
        }
    }
}

/// Where an error begins in `psql:<stdin>:3: FEHLER:  …`, or in the same line without its beginning.
fn error_elsewhere(line: &str) -> Option<usize> {
    let begins = |at: usize| {
        let rest = line.get(at..).unwrap_or_default();
        ERRORS_ELSEWHERE.iter().any(|word| rest.starts_with(word))
    };
    let after_colon = line.match_indices(": ").map(|(at, _)| at + 2);
    std::iter::once(0).chain(after_colon).find(|at| begins(*at))
}

/// What psql always says when a dump of a whole server meets a server: it cannot drop the role that
/// it speaks as, nor make it again.
fn is_normal(error: &str) -> bool {
    let error = error.trim_end();
    error.ends_with("current user cannot be dropped")
        || (error.contains("role \"") && error.ends_with("\" already exists"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemClock;

    fn start(script: &str, interrupt: &Interrupt) -> Feed {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Feed::start(&mut command, &clock, interrupt).unwrap()
    }

    #[test]
    fn errors_are_told_apart_and_what_is_said_is_kept() {
        let script = "cat >/dev/null; echo 'psql:<stdin>:3: ERROR:  current user cannot be dropped' \
                      >&2; echo 'ERROR:  role \"x\" already exists' >&2; echo 'ERROR:  no room' >&2; exit 3";
        let mut feed = start(script, &Interrupt::default());
        assert!(feed.write(&vec![b'x'; 300_000]).unwrap());
        let ended = feed.finish().unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.errors_total, 1);
        assert_eq!(ended.errors, ["ERROR:  no room"]);
        assert!(ended.said.unwrap().0.contains("no room"));
    }

    #[test]
    fn errors_in_other_languages_are_errors() {
        let mut heard = Heard::default();
        for line in [
            "psql:<stdin>:3: FEHLER:  Relation \u{bb}x\u{ab} existiert nicht\n",
            "ОШИБКА:  нет\n",
            "psql:<stdin>:4: HINWEIS:  ein FEL: nicht da\n",
            "HINT:  Lies nach.\n",
        ] {
            heard.take(line.as_bytes());
        }
        assert_eq!(heard.errors_total, 2, "{:?}", heard.errors);
        assert!(heard.errors[0].starts_with("FEHLER:"), "{:?}", heard.errors);
    }

    #[test]
    fn what_breaks_off_is_told_so_and_never_closed_as_if_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seen");
        // Ends by itself at the mark, as psql does; says "whole" only at the end of its input.
        let script = format!(
            "while read -r line; do echo \"$line\" >> {0}; [ \"$line\" = stop ] && exit 1; done; echo whole >> {0}",
            file.display()
        );
        let mut feed = start(&script, &Interrupt::default());
        assert!(feed.write(b"one\n").unwrap());
        feed.break_off(b"stop\n");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\nstop\n");
    }

    #[test]
    fn an_interrupt_reaches_a_program_that_does_not_read() {
        let interrupt = Interrupt::default();
        let mut feed = start("sleep 600", &interrupt).end_with_interrupt();
        let raiser = interrupt.clone();
        let raised = thread::spawn(move || raiser.raise());
        let written = (0..1000).try_for_each(|_| match feed.write(&[0; 65_536]) {
            Ok(true) => Ok(()),
            other => Err(other),
        });
        raised.join().unwrap();
        assert!(matches!(
            written,
            Err(Ok(false) | Err(OpsError::Interrupted))
        ));
    }
}
