//! `database` on its way into a server: for psql, into a command, or as a file that Immich's own
//! restore page takes. Every chunk is authenticated before its bytes go on.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::child::{Ended, Feed, ending};
use super::read::find_dump;
use super::said::Said;
use super::target::{NewFile, Target, TargetOptions};
use super::{OpsError, Result};
use crate::format::entry::{Entry, EntryType};
use crate::format::snapshot::{Database, Snapshot};
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, Repository, read_content, read_ids};
use crate::seams::NO_TERMINAL;
use crate::source::database::{Changes, DumpContents, Replay};

/// What Immich 2.4 and before wrote by themselves was of the whole server. Its restore page goes by
/// the version in the file name.
const LAST_CLUSTER_VERSION: (u64, u64) = (2, 4);

/// The command that takes the dump.
pub struct DumpTarget<'a> {
    /// Run through `sh -c`. May hold a password: never shown.
    pub command: &'a str,
    /// Where its standard output goes.
    pub stdout: Stdio,
    /// As it was made, without the `search_path` fix.
    pub raw: bool,
}

/// What went into a command.
#[derive(Debug)]
pub struct IntoReport {
    /// Plain bytes of the dump.
    pub bytes: u64,
    pub tables: u64,
    pub rows: u64,
    /// The end of what the command said on standard error.
    pub said: Option<Said>,
}

/// A file for Immich's restore page.
#[derive(Debug)]
pub struct NamedDump {
    pub path: PathBuf,
    /// Plain bytes of the dump.
    pub bytes: u64,
}

/// Writes the dump to `out` with the `search_path` fix of Immich's documentation, else byte for byte
/// as it was made.
///
/// # Errors
/// `NoDatabase`, `Output`; of reading the archive.
pub fn database_for_psql(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    out: &mut dyn Write,
) -> Result<()> {
    let dump = StoredDump::find(repository, index, snapshot)?;
    let mut replay = Replay::new(for_psql());
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(OpsError::Output);
    dump.read(&mut |chunk| replay.feed(chunk, &mut write))?;
    replay.finish(&mut write)?;
    out.flush().map_err(OpsError::Output)
}

/// Pipes the dump into a command. Before it is started, every chunk of the dump must be there; if
/// one turns out to be damaged all the same, the command is told by an SQL error and then ended.
///
/// # Errors
/// `NoDatabase`, `CommandStart`, `CommandFailed`, `CommandComplained`, `Interrupted`; of reading the
/// archive.
pub fn database_into(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    target: DumpTarget<'_>,
    progress: &dyn Progress,
) -> Result<IntoReport> {
    let interrupt = &repository.seams.interrupt;
    let _heeding = interrupt.heed();
    let dump = StoredDump::find(repository, index, snapshot)?;
    progress.stage("Looking for every part of the dump", None);
    dump.check_presence()?;
    progress.stage("Restoring the database", dump.entry.size);
    let changes = if target.raw {
        Changes::default()
    } else {
        for_psql()
    };
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{NO_TERMINAL}\n{}", target.command))
        .stdout(target.stdout);
    let feed = Feed::start(&mut command, &repository.seams.clock, interrupt)
        .map_err(OpsError::CommandStart)?;
    let (contents, ended) = feed_all(&dump, changes, feed, progress)?;
    progress.finish();
    let said = ended.said;
    if !ended.status.success() {
        let ending = ending(ended.status);
        return Err(OpsError::CommandFailed { ending, said });
    }
    if let Some(first) = ended.errors.first() {
        let said = Some(Said(first.clone()));
        let errors = match ended.errors_total {
            1 => "an error".to_owned(),
            many => format!("{many} errors"),
        };
        return Err(OpsError::CommandComplained { errors, said });
    }
    Ok(IntoReport {
        bytes: dump.entry.size.unwrap_or(0),
        tables: contents.tables(),
        rows: contents.rows(),
        said,
    })
}

/// Hands the dump over, whole or not as if whole, and waits for the command's end.
fn feed_all(
    dump: &StoredDump<'_>,
    changes: Changes,
    mut feed: Feed,
    progress: &dyn Progress,
) -> Result<(DumpContents, Ended)> {
    let mut replay = Replay::new(changes);
    let mut reads_on = true;
    let fed = dump.read(&mut |chunk| {
        progress.advance(chunk.len() as u64);
        replay.feed(chunk, &mut |bytes| {
            hand_over(&mut feed, &mut reads_on, bytes)
        })
    });
    let mark = replay.stop_mark();
    let fed =
        fed.and_then(|()| replay.finish(&mut |bytes| hand_over(&mut feed, &mut reads_on, bytes)));
    match fed {
        Ok(contents) => Ok((contents, feed.finish()?)),
        // It does not read any more: why, its end tells.
        Err(OpsError::Stopped) if !reads_on => {
            let ended = feed.finish()?;
            let ending = match ended.status.success() {
                true => "it ended before it had read the whole dump".to_owned(),
                false => ending(ended.status),
            };
            Err(OpsError::CommandFailed {
                ending,
                said: ended.said,
            })
        }
        Err(error) => {
            feed.break_off(&mark);
            Err(error)
        }
    }
}

fn hand_over(feed: &mut Feed, reads_on: &mut bool, bytes: &[u8]) -> Result<()> {
    *reads_on = feed.write(bytes)?;
    match reads_on {
        true => Ok(()),
        false => Err(OpsError::Stopped),
    }
}

/// Writes the dump into `folder/backups/` under the name that Immich's own automatic dumps have.
/// `stamp` is its time as `YYYYMMDDTHHMMSS`; the versions are those of Immich and of Postgres.
///
/// # Errors
/// `NotForImmich` where the page would take the dump for one of the other kind; `NoDatabase`,
/// `File`; of reading the archive.
pub fn database_for_immich(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    folder: &Path,
    stamp: &str,
    (immich, postgres): (&str, &str),
) -> Result<NamedDump> {
    let dump = StoredDump::find(repository, index, snapshot)?;
    let name = immich_name(&dump.database.kind, stamp, immich, postgres)?;
    let inside = format!("backups/{name}");
    let failed = |error| OpsError::file("could not write", &folder.join(&inside), error);
    let target =
        Target::open(folder, &repository.seams, TargetOptions::default()).map_err(failed)?;
    let file = target.begin_file(inside.as_bytes()).map_err(failed)?;
    let mut gzip = GzEncoder::new(Sink(file), Compression::default());
    dump.read(&mut |chunk| gzip.write_all(chunk).map_err(failed))?;
    let Sink(file) = gzip.finish().map_err(failed)?;
    let mut entry = Entry::new(0, inside.clone().into_bytes(), EntryType::File);
    // The dump holds password hashes and tokens.
    entry.mode = Some(0o600);
    entry.modified = Some(dump.database.began);
    file.commit(&entry).map_err(failed)?;
    target.sync().map_err(failed)?;
    Ok(NamedDump {
        path: folder.join(inside),
        bytes: dump.entry.size.unwrap_or(0),
    })
}

/// `immich-db-backup-20260401T020000-v2.7.5-pg14.19.sql.gz`.
fn immich_name(kind: &str, stamp: &str, immich: &str, postgres: &str) -> Result<String> {
    let immich = immich.trim().trim_start_matches('v');
    let misread = |reason: String| Err(OpsError::NotForImmich { reason });
    for version in [immich, postgres] {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if !version.starts_with(|c: char| c.is_ascii_digit()) || !version.chars().all(is_plain) {
            return misread(format!("'{}' is no version", version.escape_debug()));
        }
    }
    let mut numbers = immich.split('.').map(|part| part.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let is_cluster_name = version <= LAST_CLUSTER_VERSION;
    match (kind, is_cluster_name) {
        ("pg_dump", true) => misread(format!(
            "it goes by the version in the file name, and takes a dump of version {immich} for one of \
             the whole server (pg_dumpall), which this is not"
        )),
        ("pg_dumpall", false) => misread(format!(
            "it goes by the version in the file name, and takes a dump of version {immich} for one of \
             a single database, but this is of the whole server (pg_dumpall)"
        )),
        _ => Ok(format!(
            "immich-db-backup-{stamp}-v{immich}-pg{postgres}.sql.gz"
        )),
    }
}

pub(super) fn for_psql() -> Changes {
    Changes {
        search_path: true,
        ..Changes::default()
    }
}

/// The dump of a snapshot, found in its listing.
pub(super) struct StoredDump<'a> {
    chunks: ChunkReader<'a>,
    index: &'a Index,
    pub entry: Entry,
    pub database: &'a Database,
}

impl<'a> StoredDump<'a> {
    pub fn find(
        repository: &'a Repository,
        index: &'a Index,
        snapshot: &'a Snapshot,
    ) -> Result<Self> {
        repository.read_key("to read the database dump")?;
        let database = snapshot.database.as_ref().ok_or(OpsError::NoDatabase)?;
        let chunks = ChunkReader::new(repository, index, Fetch::Windows);
        let entry = find_dump(&chunks, snapshot)?;
        Ok(Self {
            chunks,
            index,
            entry,
            database,
        })
    }

    /// Whether the store has, as far as the index and its list of packs tell, every chunk of it.
    ///
    /// # Errors
    /// `ChunkMissing` and what else reading a chunk gives.
    pub fn check_presence(&self) -> Result<()> {
        read_ids::<OpsError>(&self.chunks, &self.entry, &mut |id| {
            if !self.index.is_stored(id)? {
                // Perhaps in a pack that no segment names: reading looks there too.
                self.chunks.content(id)?;
            }
            Ok(())
        })
    }

    /// Visits its plain bytes, each chunk after it was authenticated.
    pub fn read(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        read_content::<OpsError>(&self.chunks, &self.entry, visit)
    }
}

struct Sink<'t>(NewFile<'t>);

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_immich_and_never_of_the_other_kind() {
        let name = |kind, immich, postgres| immich_name(kind, "20260401T020000", immich, postgres);
        assert_eq!(
            name("pg_dump", "v2.7.5", "14.19").unwrap(),
            "immich-db-backup-20260401T020000-v2.7.5-pg14.19.sql.gz"
        );
        assert!(name("pg_dumpall", "1.135.3", "14.17").is_ok());
        assert!(name("pg_dumpall", "2.4.1", "14.17").is_ok());
        assert!(name("pg_dump", "2.5.0", "14.17").is_ok());
        assert!(name("pg_dump", "2.4.1", "14.17").is_err());
        assert!(name("pg_dumpall", "2.10.0", "14.17").is_err());
        for wrong in ["", "../x", "2.5/..", "latest", "2.5.0\n"] {
            assert!(name("pg_dump", "2.5.0", wrong).is_err(), "{wrong}");
        }
    }
}
