//! Originals, picked at random from the restored database, restored from the archive, and held
//! against the SHA-1 in their rows.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use sha1::{Digest, Sha1};

use super::places::Places;
use super::server::{Server, from_hex, is_answer, query, single_number};
use super::{AssetProblem, DrillError, DrillOptions, DrillReport, SAMPLE_MAX};
use crate::format::entry::Entry;
use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::ops::target::{Target, TargetOptions};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, ListingReader, Repository, read_content};
use crate::seams::Random;
use crate::source::database::{DumpTable, DumpedDatabase};

/// A row that says what an original must be.
struct Row {
    path: Vec<u8>,
    sha1: Vec<u8>,
}

/// Where rows and originals are.
pub(super) struct Originals<'a> {
    pub repository: &'a Repository,
    pub index: &'a Index,
    pub snapshot: &'a Snapshot,
    pub server: &'a dyn Server,
    pub immich: &'a DumpedDatabase,
    /// The assets.
    pub table: &'a DumpTable,
    pub options: &'a DrillOptions,
}

impl Originals<'_> {
    /// Checks up to `options.sample` originals.
    pub fn check(&self, report: &mut DrillReport, progress: &dyn Progress) -> Result<()> {
        let Self {
            repository,
            index,
            snapshot,
            server,
            immich,
            table: assets,
            options,
        } = *self;
        let database = immich.name.as_deref().unwrap_or(server.database());
        let rows = match pick(repository, server, database, assets, options, report) {
            Ok(rows) => rows,
            Err(error) if is_answer(&error) => {
                let problem = "the table of assets could not be asked for originals";
                report.problems.push(problem.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let location = media_location(server, database, immich, assets, options)?;
        let (roots, recorded) = (&snapshot.roots, &snapshot.mounts);
        let places = Places::new(roots, recorded, location.as_deref(), &options.mounts);
        progress.stage("Restoring originals", None);
        let folder = tempfile::Builder::new().prefix("offsite-drill-").tempdir();
        let folder = folder.map_err(DrillError::Folder)?;
        let target = Target::open(folder.path(), &repository.seams, TargetOptions::default())
            .map_err(|error| OpsError::file("could not open the folder", folder.path(), error))?;
        let chunks = ChunkReader::new(repository, index, Fetch::Windows);
        for (number, row) in rows.iter().enumerate() {
            options.interrupt.check()?;
            progress.item(&row.path);
            let restored = format!("original-{number}");
            let checked = match find(&chunks, snapshot, &places, &row.path)? {
                Some(entry) => restore(&chunks, &entry, &target, &restored, progress)
                    .and_then(|()| compare(&folder.path().join(&restored), &row.sha1)),
                None => Ok(Some("it is not in the snapshot".to_owned())),
            };
            report.assets_checked += 1;
            let problem = match checked {
                Ok(problem) => problem,
                Err(OpsError::Repository(error)) if error.is_damage() => {
                    Some(crate::ops::error::with_causes(&error))
                }
                Err(error) => return Err(error),
            };
            if let Some(problem) = problem {
                let path = row.path.clone();
                report.asset_problems.push(AssetProblem { path, problem });
            }
        }
        progress.finish();
        Ok(())
    }
}

/// Rows of originals that must be in the archive: managed by Immich, not being deleted, with the
/// SHA-1 of the content; videos inside photos that Immich extracts are derived.
fn pick(
    repository: &Repository,
    server: &dyn Server,
    database: &str,
    assets: &DumpTable,
    options: &DrillOptions,
    report: &mut DrillReport,
) -> Result<Vec<Row>> {
    let interrupt = &options.interrupt;
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let sql = format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = {} AND table_name = {}",
        literal(&assets.schema),
        literal(&assets.name)
    );
    let columns: BTreeSet<String> = query(server, database, &sql, interrupt)?
        .into_iter()
        .flatten()
        .collect();
    let mut conditions = vec![
        "length(checksum) = 20".to_owned(),
        "\"originalPath\" NOT LIKE '%/encoded-video/%'".to_owned(),
    ];
    for (column, condition) in [
        ("isExternal", "NOT \"isExternal\""),
        ("isOffline", "NOT \"isOffline\""),
        ("status", "status::text <> 'deleted'"),
        ("checksumAlgorithm", "\"checksumAlgorithm\"::text = 'sha1'"),
    ] {
        if columns.contains(column) {
            conditions.push(condition.to_owned());
        }
    }
    let table = format!("{} WHERE {}", assets.quoted(), conditions.join(" AND "));
    let sql = format!("SELECT count(*) FROM {table}");
    report.assets = single_number(&query(server, database, &sql, interrupt)?);
    let wanted = options.sample.min(SAMPLE_MAX);
    let numbers = draw(repository.seams.random.as_ref(), report.assets, wanted)
        .map_err(DrillError::Folder)?;
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let sql = format!(
        "SELECT path, sha1 FROM (SELECT row_number() OVER (ORDER BY id) - 1 AS number, \
         encode(convert_to(\"originalPath\", 'UTF8'), 'hex') AS path, \
         encode(checksum, 'hex') AS sha1 FROM {table}) rows WHERE number IN ({}) ORDER BY number",
        numbers.join(",")
    );
    let rows = query(server, database, &sql, interrupt)?;
    let row = |cells: &Vec<String>| {
        Some(Row {
            path: from_hex(cells.first()?),
            sha1: from_hex(cells.get(1)?),
        })
    };
    Ok(rows.iter().filter_map(row).collect())
}

/// Distinct numbers below `total`, at random.
fn draw(random: &dyn Random, total: u64, wanted: u32) -> io::Result<BTreeSet<u64>> {
    if total <= u64::from(wanted) {
        return Ok((0..total).collect());
    }
    let mut numbers = BTreeSet::new();
    while (numbers.len() as u64) < u64::from(wanted) {
        let mut bytes = [0; 8];
        random.fill(&mut bytes)?;
        numbers.insert(u64::from_le_bytes(bytes) % total);
    }
    Ok(numbers)
}

/// Where Immich says that its files are (since 1.136).
fn media_location(
    server: &dyn Server,
    database: &str,
    immich: &DumpedDatabase,
    assets: &DumpTable,
    options: &DrillOptions,
) -> Result<Option<Vec<u8>>> {
    let table = DumpTable {
        schema: assets.schema.clone(),
        name: "system_metadata".to_owned(),
    };
    if !immich.tables.contains_key(&table) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT encode(convert_to(value->>'location', 'UTF8'), 'hex') FROM {} \
         WHERE key = 'MediaLocation'",
        table.quoted()
    );
    match query(server, database, &sql, &options.interrupt) {
        Ok(rows) => Ok(rows.into_iter().flatten().next().map(|it| from_hex(&it))),
        Err(error) if is_answer(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The original of a row.
fn find(
    chunks: &ChunkReader<'_>,
    snapshot: &Snapshot,
    places: &Places,
    path: &[u8],
) -> Result<Option<Entry>> {
    let listing = ListingReader::new(chunks, snapshot.listing);
    for candidate in places.candidates(path) {
        let entry = listing.find(&candidate)?;
        if let Some(entry) = entry.filter(Entry::has_content) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn restore(
    chunks: &ChunkReader<'_>,
    entry: &Entry,
    target: &Target,
    name: &str,
    progress: &dyn Progress,
) -> Result<()> {
    let failed = |error| OpsError::file("could not write", Path::new(name), error);
    let mut file = target.begin_file(name.as_bytes()).map_err(failed)?;
    read_content::<OpsError>(chunks, entry, &mut |chunk| {
        progress.advance(chunk.len() as u64);
        file.write(chunk).map_err(failed)
    })?;
    let mut plain = entry.clone();
    // It is looked at here and thrown away: owner and attributes do not matter.
    plain.mode = Some(0o600);
    (plain.owner, plain.group, plain.attributes) = (None, None, None);
    file.commit(&plain).map_err(failed)
}

/// Reads the restored file again, and removes it.
fn compare(file: &Path, expected: &[u8]) -> Result<Option<String>> {
    let failed = |error| OpsError::file("could not read", file, error);
    let mut sha1 = Sha1::new();
    io::copy(
        &mut File::open(file).map_err(failed)?,
        &mut Hashing(&mut sha1),
    )
    .map_err(failed)?;
    std::fs::remove_file(file).map_err(failed)?;
    let found = sha1.finalize();
    if found.as_slice() == expected {
        return Ok(None);
    }
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    Ok(Some(format!(
        "its SHA-1 is {}, but the database says {}",
        hex(&found),
        hex(expected)
    )))
}

struct Hashing<'h>(&'h mut Sha1);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::SystemRandom;

    #[test]
    fn numbers_are_distinct_and_never_more_than_there_are() {
        for (total, wanted, count) in [(0, 20, 0), (5, 20, 5), (21, 20, 20), (1_000_000, 20, 20)] {
            let numbers = draw(&SystemRandom, total, wanted).unwrap();
            assert_eq!(numbers.len(), count);
            assert!(numbers.iter().all(|number| *number < total));
        }
    }
}
