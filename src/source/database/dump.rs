//! One dump on its way into a snapshot.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use memchr::memchr;
use rustix::fs::OFlags;

use super::child::DatabaseCommand;
use super::decompress::{Decompress, Unreadable};
use super::newest::{self, Candidate};
use super::origin::{self, DumpRules, Origin};
use super::watch::{Watch, Watched};
use super::{DatabaseSource, DumpFacts, Gate, GateError, RowObserver, server};
use crate::seams::{Clock, SystemClock};
use crate::source::{Instead, SourceError};

/// So many older dumps are read to find one that is whole: as many as Immich keeps.
const OLDER_READ_MAX: usize = 14;

/// Gives the plain bytes of a dump. Read it to its end, then ask [`Dump::finish`] whether it is
/// good; nothing may be committed before. After an error from `read`, `finish` says why.
///
/// Dropping it stops the command that makes the dump.
pub struct Dump<'o> {
    // Before `command`, so that a command that is stopped finds its pipe closed.
    bytes: Decompress,
    command: Option<DatabaseCommand>,
    gate: Gate<'o>,
    at_end: bool,
    failure: Option<Failure>,
    watch: Watch,
    origin: Origin,
    notices: Vec<String>,
    first_line: FirstLine,
}

/// How the first line ends, which tells how all do.
#[derive(Debug, Clone, Copy)]
enum FirstLine {
    /// It goes on after this byte.
    After(u8),
    Ended,
}

enum Failure {
    Unreadable(Unreadable),
    Refused(GateError),
}

impl<'o> Dump<'o> {
    /// Opens the file or starts the command. Waits for the first bytes, to see whether they are
    /// compressed.
    ///
    /// # Errors
    /// A file that cannot be read, a folder or glob without a dump, a command that cannot be
    /// started, a terminal as standard input.
    pub fn open(source: &DatabaseSource) -> Result<Self, SourceError> {
        Self::open_with(source, &DumpRules::default(), &(Arc::new(SystemClock) as _))
    }

    /// As [`Dump::open`], by other rules than the usual ones.
    ///
    /// # Errors
    /// As for [`Dump::open`].
    pub fn open_with(
        source: &DatabaseSource,
        rules: &DumpRules,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let watch = Watch::start(clock.clone(), rules.timeout).heeding(&rules.interrupt);
        match source {
            DatabaseSource::File(path) => Self::of_path(path, rules, clock, watch),
            DatabaseSource::Server(server) => {
                let (command, stdout) = server::start(server, &watch)?;
                let origin = Origin::of_stream(server.url());
                Self::from_reader(stdout, Some(command), watch, origin)
            }
            DatabaseSource::Command(command) => {
                let (command, stdout) = DatabaseCommand::start(command)?;
                let origin = Origin::of_stream("command");
                Self::from_reader(stdout, Some(command), watch, origin)
            }
            DatabaseSource::Stdin => {
                let stdin = io::stdin();
                if stdin.is_terminal() {
                    return Err(SourceError::DumpFromTerminal);
                }
                let failed = |source| SourceError::DumpRead { source };
                // Past the buffer, of which nobody could tell whether it is empty.
                let stdin: OwnedFd = stdin.as_fd().try_clone_to_owned().map_err(failed)?;
                let origin = Origin::of_stream("standard input");
                Self::from_reader(File::from(stdin), None, watch, origin)
            }
        }
    }

    /// A file, or the newest of several.
    fn of_path(
        path: &Path,
        rules: &DumpRules,
        clock: &Arc<dyn Clock>,
        watch: Watch,
    ) -> Result<Self, SourceError> {
        let mut candidates = if path.is_dir() {
            Some(newest::in_folder(path, &rules.zone)?)
        } else if newest::is_pattern(path) {
            Some(newest::matching(path, &rules.zone)?)
        } else {
            None
        };
        let (chosen, older) = candidates.as_mut().and_then(origin::first).unzip();
        let path = chosen.as_ref().map_or(path, |one: &Candidate| &one.path);
        let failed = |source| SourceError::DumpFile {
            path: path.into(),
            source,
        };
        // A named pipe that nobody writes to must not be waited for for ever.
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let mut options = File::options();
        let options = options.read(true).custom_flags(nonblocking);
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let now = clock.now();
        let one = Candidate::of(path, &metadata, &rules.zone);
        let mut origin = Origin::of_file(one, older, &metadata, now);
        if !metadata.is_file() {
            // A pipe, such as bash makes of `<(…)`: it has no age, and its times change.
            origin.made = None;
            origin.file = None;
        }
        let unfinished = candidates.as_ref().and_then(|all| all.unfinished.as_ref());
        let notices = origin.notices(unfinished, now);
        let opened = Self::from_reader(file, None, watch, origin.clone());
        let mut dump = opened.map_err(|error| blame(&origin, error))?;
        dump.notices = notices;
        Ok(dump)
    }

    fn from_reader(
        reader: impl Read + AsFd + Send + 'static,
        command: Option<DatabaseCommand>,
        watch: Watch,
        origin: Origin,
    ) -> Result<Self, SourceError> {
        let bytes = Decompress::new(Box::new(Watched::new(reader, watch.clone())));
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                let said = command.and_then(|mut command| {
                    command.stop();
                    command.output()
                });
                return Err(unreadable(error, said));
            }
        };
        Ok(Self {
            bytes,
            command,
            gate: Gate::observed(None),
            at_end: false,
            failure: None,
            watch,
            origin,
            notices: Vec::new(),
            first_line: FirstLine::After(b'\n'),
        })
    }

    /// Lets the observer see the rows it wants while they stream by, from the first byte that is
    /// read. After its first error `read` and `finish` fail.
    #[must_use]
    pub fn observed(mut self, observer: Option<Box<dyn RowObserver + 'o>>) -> Self {
        self.gate = Gate::observed(observer);
        self
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What a person should know although the dump is good, a sentence each; once.
    pub fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Judges the dump. A command that failed is told first, because it is the cause of the rest.
    ///
    /// # Errors
    /// Whatever is wrong with the dump; then it must not be kept.
    pub fn finish(self) -> Result<DumpFacts, SourceError> {
        let origin = self.origin.clone();
        let judged = self.judge().map_err(|error| blame(&origin, error));
        judged.and_then(|facts| match &origin.file {
            Some(file) if file.has_changed() => Err(SourceError::DumpChanged {
                path: file.path.clone(),
                source: None,
            }),
            _ => Ok(facts),
        })
    }

    fn judge(self) -> Result<DumpFacts, SourceError> {
        let Self {
            bytes,
            mut command,
            gate,
            at_end,
            failure,
            watch,
            ..
        } = self;
        if failure.is_none() && !at_end {
            return Err(SourceError::DumpNotRead);
        }
        let below_at_end = bytes.below_at_end();
        drop(bytes);
        if let Some(command) = &mut command {
            if below_at_end {
                command.wait(&watch)?;
            } else {
                command.stop();
            }
        }
        let output = || command.as_ref().and_then(DatabaseCommand::output);
        match failure {
            Some(Failure::Unreadable(error)) => Err(unreadable(error, output())),
            Some(Failure::Refused(error)) => Err(refused(error, output())),
            None => gate.finish().map_err(|error| refused(error, output())),
        }
    }
}

impl Dump<'_> {
    /// A terminal in between, or Windows, ends lines in two characters.
    fn look_at_first_line(&mut self, bytes: &[u8]) {
        let FirstLine::After(byte) = self.first_line else {
            return;
        };
        let Some(end) = memchr(b'\n', bytes) else {
            self.first_line = FirstLine::After(*bytes.last().unwrap_or(&byte));
            return;
        };
        self.first_line = FirstLine::Ended;
        let before = bytes.get(..end).and_then(<[u8]>::last).unwrap_or(&byte);
        if *before == b'\r' {
            self.notices.push(
                "warning: the dump has Windows line ends, as docker exec -t makes them: Postgres \
                 may not take it back; use docker exec without -t"
                    .to_owned(),
            );
        }
    }
}

impl Read for Dump<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("reading the database dump failed before"));
        }
        let count = match self.bytes.read(buffer) {
            Ok(count) => count,
            Err(error) => {
                self.failure = Some(Failure::Unreadable(error));
                return Err(io::Error::other(
                    "the database dump could not be read to its end",
                ));
            }
        };
        self.at_end |= count == 0 && !buffer.is_empty();
        self.look_at_first_line(buffer.get(..count).unwrap_or_default());
        if let Err(refusal) = self.gate.feed(buffer.get(..count).unwrap_or_default()) {
            let error = io::Error::other(refusal.to_string());
            self.failure = Some(Failure::Refused(refusal));
            return Err(error);
        }
        Ok(count)
    }
}

impl std::fmt::Debug for Dump<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never its bytes: a dump holds hashes of passwords and keys.
        f.debug_struct("Dump")
            .field("at_end", &self.at_end)
            .finish_non_exhaustive()
    }
}

/// What went wrong with a file is told with its name, and with what can be had instead.
fn blame(origin: &Origin, error: SourceError) -> SourceError {
    let Some(file) = &origin.file else {
        return error;
    };
    if file.has_changed() {
        return SourceError::DumpChanged {
            path: file.path.clone(),
            source: Some(Box::new(error)),
        };
    }
    let Some(older) = &file.older else {
        return error;
    };
    let mut tried = older.iter().take(OLDER_READ_MAX);
    let whole = tried.find(|path| is_whole(path));
    SourceError::NewestDump {
        path: file.path.clone(),
        fresh: file.fresh,
        instead: match whole {
            Some(path) => Instead::Whole(path.clone()),
            None => Instead::NoneOf(older.len().min(OLDER_READ_MAX)),
        },
        source: Box::new(error),
    }
}

/// Reads a dump to its end.
fn is_whole(path: &Path) -> bool {
    Dump::open(&DatabaseSource::File(path.to_owned())).is_ok_and(|mut dump| {
        // An error here is told by `finish`.
        let _ = io::copy(&mut dump, &mut io::sink());
        dump.finish().is_ok()
    })
}

fn refused(error: GateError, output: Option<crate::source::CommandOutput>) -> SourceError {
    match error {
        GateError::Fault(fault) => SourceError::Dump { fault, output },
        GateError::Observer(source) => SourceError::DumpRows { source },
    }
}

fn unreadable(error: Unreadable, output: Option<crate::source::CommandOutput>) -> SourceError {
    match error {
        Unreadable::Below(error) => SourceError::of_pipe(error, output),
        Unreadable::CutShort(compression) => SourceError::DumpCutShort {
            compression,
            output,
        },
        Unreadable::Damaged {
            compression,
            detail,
        } => SourceError::DumpDamaged {
            compression,
            detail,
            output,
        },
    }
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
