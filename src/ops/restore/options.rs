//! What a restore is asked to do, and what it says it did.

use std::path::PathBuf;

/// What happens to files that stand in the target already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Contents are compared; what differs is replaced.
    #[default]
    Always,
    /// What has the right size and time is taken for right; all else is replaced.
    Changed,
    /// Whatever exists stays as it is.
    Never,
}

#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    pub target: PathBuf,
    pub files: bool,
    pub database: bool,
    /// Only this path of the snapshot and what is beneath it; empty: all.
    pub path: Vec<u8>,
    /// Only what one of these globs matches, and what is beneath it; empty: all. As those of a
    /// backup.
    pub include: Vec<String>,
    /// Not what one of these globs matches.
    pub exclude: Vec<String>,
    pub overwrite: Overwrite,
    /// Removes from archived folders what the snapshot does not hold.
    pub delete: bool,
    /// Changes nothing, and says what would be changed.
    pub dry_run: bool,
    /// Writes into a folder that looks like that of an Immich at work.
    pub into_live: bool,
    /// Owners by number, although their names are known here.
    pub numeric_owners: bool,
}

/// What a restore did, or would do.
#[derive(Debug, Default)]
pub struct RestoreReport {
    pub files_restored: u64,
    /// Of those, files that took the place of something else.
    pub files_replaced: u64,
    /// They were there already, with the right content, or were to be left as they are.
    pub files_skipped: u64,
    pub bytes_restored: u64,
    /// In a dry run: bytes that would be fetched of packs.
    pub bytes_to_fetch: u64,
    /// In a dry run: how many packs that are.
    pub packs_to_fetch: u64,
    /// In a dry run: in how many requests they would be fetched.
    pub fetches: u64,
    /// Files, folders and links that were removed because the snapshot does not hold them.
    pub deleted: u64,
    /// The first of them, at most [`LISTED_MAX`] and [`LISTED_BYTES_MAX`].
    pub deleted_paths: Vec<Vec<u8>>,
    /// Why nothing was removed, or not all, although it was asked for.
    pub delete_refused: Option<String>,
    /// Path and reason of what is not as it should be; at most [`LISTED_MAX`]
    /// and [`LISTED_BYTES_MAX`].
    pub problems: Vec<(Vec<u8>, String)>,
    /// More than are in `problems` on a very bad day.
    pub problems_total: u64,
    /// Entries whose owner could not be set, as for everybody but root.
    pub owners_not_set: u64,
    /// Extended attributes that could not be set.
    pub attributes_not_set: u64,
}

/// Paths that a report holds: memory does not grow with the library.
pub const LISTED_MAX: usize = 50_000;
/// Bytes of these paths, and of what is said of them: a forged listing can have long ones.
pub const LISTED_BYTES_MAX: usize = 16 * 1024 * 1024;
