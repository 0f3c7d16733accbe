//! A restore from beginning to end.

use super::finish::{Finish, IGNORES_CASE, UNREADABLE};
use super::immich::refuse_live;
use super::options::{Overwrite, RestoreOptions, RestoreReport};
use super::queue::Queue;
use super::selection::Selection;
use super::verdict::{Judge, Verdict};
use super::work::Work;
use crate::format::entry::{DATABASE_PATH, Entry, EntryType};
use crate::format::snapshot::Snapshot;
use crate::index::Index;
use crate::ops::error::shown;
use crate::ops::target::{Target, TargetOptions};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, ListingReader, Repository};

/// Restores a snapshot.
///
/// # Errors
/// `NoSuchFile`, `NothingMatches`, `NoDatabase` when what was asked for is not in the snapshot;
/// `LiveInstallation`, `DeleteRefused`; of the store or the target as a whole; what is wrong with
/// single files is in the report.
pub fn restore(
    repository: &Repository,
    index: &Index,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<RestoreReport> {
    if !options.dry_run {
        // What would be restored is said without it.
        repository.read_key("to restore")?;
    }
    let chunks = ChunkReader::new(repository, index, fetch_for(options));
    let listing = ListingReader::new(&chunks, snapshot.listing);
    let selection = Selection::new(options)?;
    let bytes = refuse_nothing(&listing, snapshot, options, &selection, progress)?;
    if options.database && options.files {
        refuse_taken_name(&listing)?;
    }
    let lacking = snapshot.problems.as_ref().map_or(0, |them| them.count);
    if options.delete && lacking > 0 {
        let count = match lacking {
            1 => "one file".to_owned(),
            more => format!("{more} files"),
        };
        return Err(OpsError::DeleteRefused { count });
    }
    let target = open_target(repository, options)?;
    let is_immich = snapshot.profile == "immich" && options.files;
    if is_immich && !options.into_live && !options.dry_run {
        refuse_live(&target, &options.target)?;
    }
    // Who may not write there, only further down, is not kept from that.
    let ignores_case = match options.dry_run {
        true => target.seems_to_ignore_case(),
        false => target
            .ignores_case()
            .unwrap_or_else(|_| target.seems_to_ignore_case()),
    };
    let verb = match options.dry_run {
        true => "Comparing",
        false => "Restoring",
    };
    progress.stage(verb, bytes);
    let work = Work::new(repository, options, progress, &chunks, target)?;
    let judge = || Judge::new(&selection, ignores_case);
    let is_whole = first_pass(&work, &listing, snapshot, &selection, judge())?;
    let marks = is_immich && options.path.is_empty() && !selection.has_globs() && !options.dry_run;
    if marks {
        work.mark_immich_folders();
    }
    let is_known = options.files && !selection.has_globs() && is_whole;
    let deletes = options.delete && is_known && !ignores_case;
    if options.delete && !deletes {
        work.refuse_delete(if is_known { IGNORES_CASE } else { UNREADABLE });
    }
    Finish::new(&work, &listing, &selection, judge(), deletes).run()?;
    if marks {
        work.give_immich_folders();
    }
    if !options.dry_run {
        let synced = work.target.sync();
        synced
            .map_err(|error| OpsError::file("could not bring to disk", &options.target, error))?;
    }
    progress.finish();
    Ok(work.report())
}

/// Of the listing all is read, or only what leads to a path.
fn fetch_for(options: &RestoreOptions) -> Fetch {
    match options.path.is_empty() {
        true => Fetch::Packs,
        false => Fetch::Windows,
    }
}

fn open_target(repository: &Repository, options: &RestoreOptions) -> Result<Target> {
    let how = TargetOptions {
        keep_existing: options.overwrite == Overwrite::Never,
        numeric_owners: options.numeric_owners,
    };
    let target = match options.dry_run {
        true => Target::look(&options.target, &repository.seams, how),
        false => Target::open(&options.target, &repository.seams, how),
    };
    target.map_err(|error| OpsError::file("could not open the folder", &options.target, error))
}

/// Who asks for what the snapshot does not hold must not be told that all is well. Gives the bytes
/// to restore, where they are known or somebody wants to know.
fn refuse_nothing(
    listing: &ListingReader<'_>,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    selection: &Selection,
    progress: &dyn Progress,
) -> Result<Option<u64>> {
    let dump = snapshot.database.as_ref().map(|it| it.bytes);
    if options.database && !options.files && dump.is_none() {
        return Err(OpsError::NoDatabase);
    }
    let path = &options.path;
    if path.is_empty() && !selection.has_globs() {
        let all = snapshot.statistics.bytes;
        let dump = dump.unwrap_or(0);
        return Ok(Some(match (options.files, options.database) {
            (true, true) => all,
            (true, false) => all.saturating_sub(dump),
            _ => dump,
        }));
    }
    if !path.is_empty() && listing.beneath(path).next().is_none() {
        return Err(OpsError::NoSuchFile { path: shown(path) });
    }
    if !selection.has_globs() && !progress.wants_totals() {
        return Ok(None);
    }
    let (mut bytes, mut is_whole, mut selection) = (0_u64, true, selection.clone());
    for entry in listing.beneath(path) {
        match entry {
            Ok(entry) if selection.wants(&entry) => {
                bytes = bytes.saturating_add(entry.size.unwrap_or(0));
            }
            Ok(_) => {}
            Err(error) if error.is_damage() => is_whole = false,
            Err(error) => return Err(error.into()),
        }
    }
    let unused = selection.unused().filter(|_| is_whole);
    match unused.and_then(|place| options.include.get(place)) {
        Some(pattern) => Err(OpsError::NothingMatches {
            pattern: shown(pattern.as_bytes()),
        }),
        None => Ok(Some(bytes)),
    }
}

/// The dump goes to `database.sql`: no archived file may have that name.
fn refuse_taken_name(listing: &ListingReader<'_>) -> Result<()> {
    for entry in listing.beneath(DATABASE_PATH) {
        match entry {
            Ok(entry) if !entry.is_database() => {
                return Err(OpsError::DatabaseNameTaken {
                    name: shown(&entry.path),
                });
            }
            Ok(_) => {}
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Folders and links here, then files in the order of packs. Gives whether the listing could be read whole.
fn first_pass(
    work: &Work<'_>,
    listing: &ListingReader<'_>,
    snapshot: &Snapshot,
    selection: &Selection,
    mut judge: Judge,
) -> Result<bool> {
    let options = work.options;
    let (mut is_whole, mut is_found, mut is_dump_found) = (true, false, false);
    let mut queue = Queue::new(work);
    for entry in listing.beneath(&options.path) {
        is_found = true;
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                is_whole = false;
                work.damage(Vec::new(), error)?;
                continue;
            }
        };
        is_dump_found |= entry.is_database();
        match judge.judge(&entry) {
            Verdict::Take => take(work, entry, &mut queue)?,
            Verdict::Leave => {}
            Verdict::Refuse(reason) => work.problem(entry.path, reason.to_owned()),
        }
    }
    queue.restore()?;
    let is_dump_wanted = options.database && options.path.is_empty() && !selection.has_globs();
    if is_dump_wanted && snapshot.database.is_some() && !is_dump_found {
        let error = "the listing does not hold the dump that the snapshot is said to have";
        work.problem(DATABASE_PATH.to_vec(), error.to_owned());
    }
    let path = shown(&options.path);
    if is_found || path.is_empty() {
        Ok(is_whole)
    } else {
        Err(OpsError::NoSuchFile { path })
    }
}

fn take(work: &Work<'_>, entry: Entry, queue: &mut Queue<'_, '_>) -> Result<()> {
    match entry.entry_type() {
        // In the second pass, when its first name is there.
        EntryType::HardLink if entry.first.is_some() => {}
        EntryType::File | EntryType::HardLink => {
            queue.push(entry)?;
        }
        _ if work.options.dry_run => {}
        EntryType::Folder => {
            let made = work.target.make_folder(&entry.path);
            work.note(&entry.path, made)?;
        }
        EntryType::Link => {
            let kept = work.options.overwrite == Overwrite::Never
                && work.target.standing(&entry.path).is_some();
            if !kept {
                let destination = entry.target.as_deref().map_or(&[] as &[u8], Vec::as_slice);
                let made = work.target.make_link(&entry.path, destination, &entry);
                work.note(&entry.path, made)?;
            }
        }
        EntryType::Unknown(number) => {
            let error = format!("it is of type {number}, which this version cannot restore");
            work.problem(entry.path, error);
        }
    }
    Ok(())
}
