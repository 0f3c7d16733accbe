//! What is known of a dump before its first byte: where it comes from, how old it is, and what
//! could be had instead.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::newest::{Candidate, Candidates};
use crate::seams::{Interrupt, Timestamp};

/// Nightly dumps are older than this when one night was missed.
const OLD_AFTER: Duration = Duration::from_secs(48 * 60 * 60);
/// A file that changed so recently may still be written to.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// A dump that grew so recently is under way; else it was given up.
const UNDER_WAY_FOR: Duration = Duration::from_secs(10 * 60);

/// How dumps are waited for, and how their names are read.
#[derive(Debug, Clone)]
pub struct DumpRules {
    /// How long a dump may take in all; without it, it must not be silent for half an hour.
    pub timeout: Option<Duration>,
    /// In which local time Immich names its dumps.
    pub zone: TimeZone,
    /// Ends the waiting.
    pub interrupt: Interrupt,
}

impl Default for DumpRules {
    fn default() -> Self {
        Self {
            timeout: None,
            zone: TimeZone::UTC,
            interrupt: Interrupt::default(),
        }
    }
}

/// Where a dump comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// In words: a path, an address without its password, `command` or `standard input`.
    pub source: String,
    /// Begin and end of a dump that was made before: of a file.
    pub made: Option<(Timestamp, Timestamp)>,
    pub(super) file: Option<FileOrigin>,
}

#[derive(Debug, Clone)]
pub(super) struct FileOrigin {
    pub(super) path: PathBuf,
    /// It was chosen among others, of which these are older, the newest first.
    pub(super) older: Option<Vec<PathBuf>>,
    /// It changed a moment before it was opened.
    pub(super) fresh: bool,
    /// As it was when it was opened.
    pub(super) stamp: Stamp,
}

/// What changes when a file is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Device and inode.
    place: (u64, u64),
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

impl FileOrigin {
    /// Whether it was written to since it was opened. One that was removed, or replaced by another
    /// as rotation does it, was not.
    pub(super) fn has_changed(&self) -> bool {
        let now = fs::metadata(&self.path).ok();
        let now = now.map(|metadata| Stamp::of(&metadata));
        now.is_some_and(|now| now.place == self.stamp.place && now != self.stamp)
    }
}

impl Origin {
    pub(super) fn of_stream(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn of_file(
        file: Candidate,
        older: Option<Vec<PathBuf>>,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Self {
        let begin = file.made.min(now);
        Self {
            source: file.path.display().to_string(),
            made: Some((begin, file.modified.clamp(begin, now))),
            file: Some(FileOrigin {
                path: file.path,
                older,
                fresh: now.since(file.modified) < FRESH_FOR,
                stamp: Stamp::of(metadata),
            }),
        }
    }

    /// What a person should know of a dump that was made before.
    pub(super) fn notices(&self, unfinished: Option<&Candidate>, now: Timestamp) -> Vec<String> {
        let mut notices = Vec::new();
        let Some((began, ended)) = self.made else {
            return notices;
        };
        if let Some(other) = unfinished.filter(|other| other.modified >= ended) {
            let path = other.path.display();
            let source = &self.source;
            notices.push(if now.since(other.modified) < UNDER_WAY_FOR {
                format!(
                    "note: a dump is being written right now ({path}); the newest that is finished \
                     is taken, {source}"
                )
            } else {
                format!(
                    "warning: the dump {path} was begun and never finished; the newest that is \
                     finished is taken, {source}"
                )
            });
        }
        let age = now.since(began);
        if age > OLD_AFTER {
            notices.push(format!(
                "warning: the database dump {} is {} days old; check that new ones are being made",
                self.source,
                age.as_secs() / (24 * 60 * 60)
            ));
        }
        notices
    }
}

/// The newest, and the paths of the others.
pub(super) fn first(candidates: &mut Candidates) -> Option<(Candidate, Vec<PathBuf>)> {
    let mut dumps = candidates.dumps.drain(..);
    let first = dumps.next()?;
    Some((first, dumps.map(|one| one.path).collect()))
}
