//! Everything that can go wrong with a source, said to a person who runs a photo server at home.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::database::{Compression, DumpFault, Overdue};

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
    #[error(
        "the disk with {} went away while it was read: the folder there is no longer the one that \
         the backup began with",
        .path.display()
    )]
    RootGone {
        path: PathBuf,
        source: Option<io::Error>,
    },
    #[error("the pattern '{pattern}' cannot be used: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("the file of exclude patterns {} could not be read", .path.display())]
    ExcludeFile { path: PathBuf, source: io::Error },
    #[error("line {line} of {} is no exclude pattern: {reason}", .path.display())]
    ExcludeLine {
        path: PathBuf,
        line: usize,
        reason: String,
    },

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
         restored, only a dump made with pg_dump can (leave this folder out, with --exclude, and give \
         the dump with --database-command)",
        .path.display()
    )]
    PostgresFolder { path: PathBuf },

    #[error(
        "{} is not Immich's upload location, but {}, which lies in it, is: give that one with \
         --immich",
        .path.display(), .found.display()
    )]
    ImmichBelow { path: PathBuf, found: PathBuf },

    #[error(
        "there is no .env and no docker-compose.yml in {}: name the folder where they are with \
         --compose-folder",
        .path.display()
    )]
    NoConfig { path: PathBuf },

    #[error("the database dump {} could not be read", .path.display())]
    DumpFile { path: PathBuf, source: io::Error },
    #[error(
        "there is no database dump in {}: no file that is directly in it ends in .sql, .sql.gz or \
         .sql.zst",
        .path.display()
    )]
    NoDumpInFolder { path: PathBuf },
    #[error("no file matches {}, so there is no database dump", .pattern.display())]
    NoDumpMatches { pattern: PathBuf },
    #[error("{} cannot be used to find database dumps: {reason}", .pattern.display())]
    DumpPattern {
        pattern: PathBuf,
        reason: &'static str,
    },
    #[error(
        "the newest database dump, {}, is no good{}; {instead}",
        .path.display(),
        if *.fresh { " (it was written to a moment ago, so it may not be finished yet)" } else { "" }
    )]
    NewestDump {
        path: PathBuf,
        fresh: bool,
        instead: Instead,
        source: Box<SourceError>,
    },
    #[error(
        "the database dump {} was written to while it was read: wait until it is finished",
        .path.display()
    )]
    DumpChanged {
        path: PathBuf,
        source: Option<Box<SourceError>>,
    },
    #[error("the database dump was given up: {overdue}")]
    DumpOverdue {
        overdue: Overdue,
        #[source]
        output: Option<CommandOutput>,
    },
    #[error("the database server could not be asked for its version")]
    ServerVersion { source: Box<SourceError> },
    #[error(
        "pg_dump was not found, which makes the database dump: install the client programs of \
         PostgreSQL (on Debian and Ubuntu the package postgresql-client)"
    )]
    NoPgDump,
    #[error(
        "the database server is PostgreSQL {server}, but the newest pg_dump found here is of \
         version {newest}, which cannot read it: install the client programs of PostgreSQL {server} \
         (on Debian and Ubuntu the package postgresql-client-{server}), or give --database-command \
         with docker exec, which runs the pg_dump beside the server"
    )]
    ServerNewer { server: u32, newest: u32 },
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
    #[error("the rows of the database dump could not be kept to hold them against the photos")]
    DumpRows { source: io::Error },
    #[error("{fault}")]
    Dump {
        fault: DumpFault,
        #[source]
        output: Option<CommandOutput>,
    },

    #[error(
        "{}",
        if *.inserts {
            "the database dump was made with INSERT statements (--inserts, --column-inserts or \
             --rows-per-insert), whose rows cannot be held against the photos: make it without"
        } else {
            "the database dump holds no photos table of Immich (asset or assets): perhaps it is of \
             another database"
        }
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

impl SourceError {
    /// A pipe could not be read to its end.
    pub(super) fn of_pipe(error: io::Error, output: Option<CommandOutput>) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(overdue) => Self::DumpOverdue {
                overdue: *overdue,
                output,
            },
            None => Self::DumpRead { source: error },
        }
    }
}

/// What can be had instead of the newest dump, which is no good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// This one was read to its end, and is whole.
    Whole(PathBuf),
    /// So many older ones were read; none is whole.
    NoneOf(usize),
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(path) => write!(
                f,
                "the newest whole one is {}: to take that, name it with --database-file",
                path.display()
            ),
            Self::NoneOf(0) => f.write_str("there is no older one"),
            Self::NoneOf(1) => f.write_str("the one before it is not whole either"),
            Self::NoneOf(number) => write!(f, "none of the {number} before it is whole either"),
        }
    }
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
