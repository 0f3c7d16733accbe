//! Everything that can go wrong with a source, said to a person who runs a photo server at home.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::database::{Compression, DumpFault};

/// What stops a backup before anything is committed. A single file that cannot be read does not:
/// that is a [`Problem`](super::Problem).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error("nothing to back up was named")]
    NoPaths,
    #[error("{} cannot be backed up because it cannot be read", .path.display())]
    Root { path: PathBuf, source: io::Error },
    #[error("{} cannot be backed up because it is neither a file nor a folder", .path.display())]
    RootIsSpecial { path: PathBuf },
    #[error("the pattern '{pattern}' cannot be used: {reason}")]
    Pattern { pattern: String, reason: String },

    #[error("{} could not be read", .path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is no longer a regular file", .path.display())]
    NotAFile { path: PathBuf },

    #[error(
        "{} does not look like an Immich upload location: it holds none of the folders library, \
         upload and profile (give the folder that is UPLOAD_LOCATION in Immich's .env)",
        .path.display()
    )]
    NotImmich { path: PathBuf },
    #[error(
        "{} is the data folder of a Postgres server: files copied while the server runs cannot be \
         restored, only a dump made with pg_dump can (leave this folder out, and give the dump with \
         --database-command)",
        .path.display()
    )]
    PostgresFolder { path: PathBuf },

    #[error("the database dump {} could not be read", .path.display())]
    DumpFile { path: PathBuf, source: io::Error },
    #[error(
        "the database dump {} is a folder, not a file: give the newest file in it instead",
        .path.display()
    )]
    DumpIsFolder { path: PathBuf },
    #[error(
        "standard input is a terminal: pipe the database dump into this command, as in \
         'pg_dump … | offsite backup --database-stdin'"
    )]
    DumpFromTerminal,
    #[error("the database command could not be started")]
    CommandStart { source: io::Error },
    #[error("the database command failed: {status}")]
    CommandFailed {
        status: CommandStatus,
        #[source]
        output: Option<CommandOutput>,
    },
    #[error("the database dump could not be read to its end")]
    DumpRead { source: io::Error },
    #[error(
        "the database dump is incomplete: its {compression} data is cut short, so whatever wrote \
         it was stopped before it was done; make a new dump"
    )]
    DumpCutShort {
        compression: Compression,
        #[source]
        output: Option<CommandOutput>,
    },
    #[error(
        "the database dump is damaged: its {compression} data is not what was once compressed \
         ({detail}); make a new dump and check the disk it was on"
    )]
    DumpDamaged {
        compression: Compression,
        detail: String,
        #[source]
        output: Option<CommandOutput>,
    },
    #[error("the database dump was not read to its end, so nothing can be said about it")]
    DumpNotRead,
    #[error("{fault}")]
    Dump {
        fault: DumpFault,
        #[source]
        output: Option<CommandOutput>,
    },

    #[error(
        "the database dump holds no photos table of Immich (asset or assets): perhaps it is of \
         another database{}",
        if *.inserts { ", or made with --inserts, which this cannot look into" } else { "" }
    )]
    NoImmichTables { inserts: bool },
    #[error(
        "the database dump shrank from {before} to {now} {unit} since the last good backup: less \
         than half is left, so it is not taken for good; look into the database, and if you did \
         remove that much, allow it once"
    )]
    Shrunk {
        before: u64,
        now: u64,
        unit: &'static str,
    },
}

/// How a command ended that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStatus {
    Exit(i32),
    Signal(i32),
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What the shell says for these two (POSIX, "Exit Status for Commands").
            Self::Exit(127) => f.write_str("the program it names was not found (exit status 127)"),
            Self::Exit(126) => f.write_str("the program it names may not be run (exit status 126)"),
            Self::Exit(status) => write!(f, "it ended with exit status {status}"),
            Self::Signal(9) => f.write_str(
                "it was killed (signal 9), perhaps because the machine ran out of memory",
            ),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
        }
    }
}

/// The end of what a command wrote to standard error, fit for a terminal. It stands in an error's
/// chain of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput(pub(super) String);

impl fmt::Display for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the command said: {}", self.0)
    }
}

impl Error for CommandOutput {}
