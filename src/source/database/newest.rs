//! The newest dump of a folder, or of those that a glob matches.
//!
//! A dump is as old as the time in its name says, where it has a name of Immich's; else as its last
//! change. What is still being written (`.tmp`) is never taken.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::seams::Timestamp;
use crate::source::SourceError;

const ENDINGS: [&str; 3] = [".sql", ".sql.gz", ".sql.zst"];
/// What Immich, and most others, add to the name while they write.
const UNFINISHED: &str = ".tmp";
/// In Immich's folder of dumps, but not what its nightly job made: states before a restore, and
/// whatever somebody uploaded.
const OF_OTHER_TIMES: [&str; 2] = ["restore-point-", "uploaded-"];
/// Names of Immich's dumps go on with milliseconds since 1970 (v1.120 to v1.135) or with the local
/// time of the server, as in `20250729T114018-v1.136.0-pg14.17.sql.gz`.
const IMMICH: &str = "immich-db-backup-";
/// No dump of a photo library takes longer.
const DUMPED_WITHIN: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// A file that may hold a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// When its dump began, as far as can be told.
    pub(super) made: Timestamp,
    /// Its last change: when its dump ended, unless the file was copied.
    pub(super) modified: Timestamp,
}

/// Candidates, the newest first.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) dumps: Vec<Candidate>,
    /// The newest that is being written, or was never finished.
    pub(super) unfinished: Option<Candidate>,
}

impl Candidate {
    pub(super) fn of(path: &Path, metadata: &Metadata, zone: &TimeZone) -> Self {
        let modified = match metadata.modified() {
            Ok(time) => moment(time),
            // A system that does not tell: as old as can be.
            Err(_) => Timestamp::default(),
        };
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        Self {
            path: path.to_owned(),
            made: named(name, modified, zone).unwrap_or(modified),
            modified,
        }
    }
}

fn moment(time: std::time::SystemTime) -> Timestamp {
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => Timestamp::default().plus(after),
        Err(before) => Timestamp::default().minus(before.duration()),
    }
}

/// Whether a path that is no file is meant as a glob.
pub(super) fn is_pattern(path: &Path) -> bool {
    let wildcard = |byte: &u8| b"*?[".contains(byte);
    path.as_os_str().as_bytes().iter().any(wildcard) && fs::symlink_metadata(path).is_err()
}

/// The dumps directly in a folder.
///
/// # Errors
/// It cannot be read, or holds none.
pub(super) fn in_folder(folder: &Path, zone: &TimeZone) -> Result<Candidates, SourceError> {
    let failed = |source| SourceError::DumpFile {
        path: folder.into(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_dump(&path) || is_unfinished(&path) {
            paths.push(path);
        }
    }
    let none = || SourceError::NoDumpInFolder {
        path: folder.into(),
    };
    sorted(paths, zone).ok_or_else(none)
}

/// The files that a glob matches.
///
/// # Errors
/// It is malformed, a folder on the way cannot be read, or nothing matches.
pub(super) fn matching(pattern: &Path, zone: &TimeZone) -> Result<Candidates, SourceError> {
    let bad = |reason| SourceError::DumpPattern {
        pattern: pattern.into(),
        reason,
    };
    let text = pattern.to_str().ok_or_else(|| bad("it is not UTF-8"))?;
    let matches = glob::glob(text).map_err(|error| bad(error.msg))?;
    let mut paths = Vec::new();
    for path in matches {
        // What cannot be looked at may be the newest.
        paths.push(path.map_err(|error| SourceError::DumpFile {
            path: error.path().into(),
            source: error.into(),
        })?);
    }
    let none = || SourceError::NoDumpMatches {
        pattern: pattern.into(),
    };
    sorted(paths, zone).ok_or_else(none)
}

/// `None` where there is no dump.
fn sorted(paths: Vec<PathBuf>, zone: &TimeZone) -> Option<Candidates> {
    let mut dumps = Vec::new();
    let mut unfinished: Option<Candidate> = None;
    for path in paths {
        // Gone meanwhile, or a link to nowhere: not there.
        let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) else {
            continue;
        };
        let one = Candidate::of(&path, &metadata, zone);
        if !is_unfinished(&path) {
            dumps.push(one);
        } else if unfinished
            .as_ref()
            .is_none_or(|other| other.modified < one.modified)
        {
            unfinished = Some(one);
        }
    }
    dumps.sort_by(|a, b| (b.made, &b.path).cmp(&(a.made, &a.path)));
    (!dumps.is_empty()).then_some(Candidates { dumps, unfinished })
}

fn is_dump(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return false;
    };
    // Names with a dot in front are what file managers leave behind.
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        && !name.starts_with('.')
        && !OF_OTHER_TIMES.iter().any(|it| name.starts_with(it))
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let whole = name.strip_suffix(UNFINISHED);
    whole.is_some_and(|whole| ENDINGS.iter().any(|ending| whole.ends_with(ending)))
}

/// The time in a name of Immich's.
///
/// Its local time is that of Immich's server, in a container whose zone is often UTC: the reading
/// that fits the file's last change is the right one; where neither fits, that of this machine.
fn named(name: &str, modified: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let (_, rest) = name.split_once(IMMICH)?;
    let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
    if after.starts_with(".sql") {
        let milliseconds: i64 = digits.parse().ok()?;
        return Some(Timestamp::from_nanoseconds(
            milliseconds.checked_mul(1_000_000)?,
        ));
    }
    let written = rest
        .get(.."20250729T114018".len())
        .filter(|_| rest.contains("-v"))?;
    let written = DateTime::strptime("%Y%m%dT%H%M%S", written).ok()?;
    let read_in = |zone: &TimeZone| {
        let zoned = written.to_zoned(zone.clone()).ok()?;
        let nanoseconds = i64::try_from(zoned.timestamp().as_nanosecond()).ok()?;
        Some(Timestamp::from_nanoseconds(nanoseconds))
    };
    let local = read_in(zone)?;
    let readings = [Some(local), read_in(&TimeZone::UTC)];
    let fits = |made: &Timestamp| *made <= modified && modified.since(*made) <= DUMPED_WITHIN;
    let fitting = readings.into_iter().flatten().find(fits);
    Some(fitting.unwrap_or_else(|| local.min(modified)))
}

#[cfg(test)]
#[path = "newest_tests.rs"]
mod tests;
