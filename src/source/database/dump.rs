//! One dump on its way into a snapshot.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use super::child::DatabaseCommand;
use super::decompress::{Decompress, Unreadable};
use super::{DatabaseSource, DumpFacts, Gate, GateError, RowObserver};
use crate::source::SourceError;

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
    /// A file that cannot be read, a folder, a command that cannot be started, a terminal as
    /// standard input.
    pub fn open(source: &DatabaseSource) -> Result<Self, SourceError> {
        Self::open_observed(source, None)
    }

    /// As [`Dump::open`]; the observer sees the rows it wants while they stream by. After its first
    /// error `read` and `finish` fail.
    ///
    /// # Errors
    /// As for [`Dump::open`].
    pub fn open_observed(
        source: &DatabaseSource,
        observer: Option<Box<dyn RowObserver + 'o>>,
    ) -> Result<Self, SourceError> {
        match source {
            DatabaseSource::File(path) => {
                let failed = |source| SourceError::DumpFile {
                    path: path.clone(),
                    source,
                };
                let file = File::open(path).map_err(failed)?;
                if file.metadata().map_err(failed)?.is_dir() {
                    return Err(SourceError::DumpIsFolder { path: path.clone() });
                }
                Self::from_reader(Box::new(file), None, observer)
            }
            DatabaseSource::Command(command) => {
                let (command, stdout) = DatabaseCommand::start(command)?;
                Self::from_reader(Box::new(stdout), Some(command), observer)
            }
            DatabaseSource::Stdin => {
                let stdin = io::stdin();
                if stdin.is_terminal() {
                    return Err(SourceError::DumpFromTerminal);
                }
                Self::from_reader(Box::new(stdin), None, observer)
            }
        }
    }

    fn from_reader(
        reader: Box<dyn Read + Send>,
        command: Option<DatabaseCommand>,
        observer: Option<Box<dyn RowObserver + 'o>>,
    ) -> Result<Self, SourceError> {
        let bytes = Decompress::new(reader).map_err(|error| unreadable(error, None))?;
        Ok(Self {
            bytes,
            command,
            gate: Gate::observed(observer),
            at_end: false,
            failure: None,
        })
    }

    /// Judges the dump. A command that failed is told first, because it is the cause of the rest.
    ///
    /// # Errors
    /// Whatever is wrong with the dump; then it must not be kept.
    pub fn finish(self) -> Result<DumpFacts, SourceError> {
        let Self {
            bytes,
            mut command,
            gate,
            at_end,
            failure,
        } = self;
        if failure.is_none() && !at_end {
            return Err(SourceError::DumpNotRead);
        }
        let below_at_end = bytes.below_at_end();
        drop(bytes);
        if let Some(command) = &mut command {
            if below_at_end {
                command.wait()?;
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

fn refused(error: GateError, output: Option<crate::source::CommandOutput>) -> SourceError {
    match error {
        GateError::Fault(fault) => SourceError::Dump { fault, output },
        GateError::Observer(source) => SourceError::DumpRows { source },
    }
}

fn unreadable(error: Unreadable, output: Option<crate::source::CommandOutput>) -> SourceError {
    match error {
        Unreadable::Below(source) => SourceError::DumpRead { source },
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
