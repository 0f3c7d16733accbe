//! `find`: what a path held in which snapshots. Snapshots of one host and the same roots are a
//! series; each is held against the one before, so that four hundred nights cost one listing and
//! what changed since.
//!
//! Memory: none that grows with what is found; that waits in a temporary file until it is in order.

use super::diff::{is_same_content, is_same_type};
use super::{OpsError, Result};
use crate::format::cbor;
use crate::format::entry::{Entry, EntryType};
use crate::format::snapshot::{Root, Snapshot};
use crate::id::ObjectId;
use crate::index::{Index, VersionRow, VersionTable};
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, ListingDiff, Repository, StoredSnapshot};
use crate::source::filter::Filter;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct FindOptions {
    /// As the patterns of `backup --exclude`; a path that matches any of them is found.
    pub patterns: Vec<String>,
    /// `IMG_1.JPG` is `img_1.jpg` too.
    pub ignore_case: bool,
    /// Only at and beneath this path; empty: everywhere.
    pub path: Vec<u8>,
}

/// A path in one series of snapshots.
#[derive(Debug)]
pub struct FoundPath<'s> {
    pub path: Vec<u8>,
    pub host: &'s str,
    /// Oldest first; what follows each other is not the same.
    pub versions: Vec<Version<'s>>,
}

/// What a path held from one snapshot of the series to another.
#[derive(Debug)]
pub struct Version<'s> {
    pub since: &'s StoredSnapshot,
    /// The last snapshot that has it.
    pub until: &'s StoredSnapshot,
    /// Without chunk ids and attributes. `None`: there was nothing of that name.
    pub entry: Option<Entry>,
}

/// What a search comes to.
#[derive(Debug, Default)]
pub struct FindReport {
    pub snapshots: u64,
    pub paths: u64,
    /// Snapshots that were passed over because their listing is damaged, and how.
    pub unreadable: Vec<(ObjectId, String)>,
}

/// Visits what matches, in the order of paths. `snapshots` are oldest first.
///
/// # Errors
/// `Source` for a pattern that cannot work; `Store`, `Index`; of `visit`.
pub fn find<'s>(
    repository: &Repository,
    index: &Index,
    snapshots: &[&'s StoredSnapshot],
    options: &FindOptions,
    progress: &dyn Progress,
    visit: &mut dyn FnMut(FoundPath<'s>) -> Result<()>,
) -> Result<FindReport> {
    let wanted = Wanted::new(options)?;
    let search = Search {
        chunks: ChunkReader::new(repository, index, Fetch::Packs),
        table: VersionTable::temporary()?,
        wanted,
        path: &options.path,
    };
    let mut report = FindReport::default();
    let mut all = series(snapshots);
    progress.stage("Looking through the snapshots", None);
    for (number, nights) in all.iter_mut().enumerate() {
        search.look_through(number as u32, nights, &mut report, progress)?;
    }
    progress.finish();
    let mut open: Option<(VersionKey, FoundPath<'s>)> = None;
    search.table.visit::<OpsError>(&mut |row| {
        let Some(nights) = all.get(row.series as usize) else {
            return Ok(());
        };
        let key = (row.path.clone(), row.series, row.root);
        if open.as_ref().is_none_or(|(last, _)| *last != key) {
            if let Some((_, found)) = open.take() {
                report.paths += 1;
                visit(found)?;
            }
            let host = nights.first().map_or("", |one| one.record.host.as_str());
            let found = FoundPath {
                path: row.path.clone(),
                host,
                versions: Vec::new(),
            };
            open = Some((key, found));
        }
        if let Some((_, found)) = &mut open {
            found.push(nights, &row)?;
        }
        Ok(())
    })?;
    if let Some((_, found)) = open {
        report.paths += 1;
        visit(found)?;
    }
    Ok(report)
}

/// Path, series and root.
type VersionKey = (Vec<u8>, u32, u32);

impl<'s> FoundPath<'s> {
    fn push(&mut self, nights: &[&'s StoredSnapshot], row: &VersionRow) -> Result<()> {
        let night = row.snapshot as usize;
        let (Some(since), Some(newest)) = (nights.get(night), nights.last()) else {
            return Ok(());
        };
        if let Some(last) = self.versions.last_mut()
            && let Some(before) = night.checked_sub(1).and_then(|before| nights.get(before))
        {
            last.until = before;
        }
        let entry = row.payload.as_deref().map(cbor::decode::<Entry>);
        self.versions.push(Version {
            since,
            until: newest,
            entry: entry
                .transpose()
                .map_err(crate::repository::RepositoryError::from)?,
        });
        Ok(())
    }
}

/// Snapshots of the same host and the same roots, in their order.
fn series<'s>(snapshots: &[&'s StoredSnapshot]) -> Vec<Vec<&'s StoredSnapshot>> {
    let mut all: Vec<Vec<&StoredSnapshot>> = Vec::new();
    for one in snapshots {
        let belongs = |nights: &&mut Vec<&StoredSnapshot>| {
            nights
                .first()
                .is_some_and(|first| is_one_series(&first.record, &one.record))
        };
        match all.iter_mut().find(belongs) {
            Some(nights) => nights.push(one),
            None => all.push(vec![one]),
        }
    }
    all
}

/// A night without its dump is a night of the same series.
fn is_one_series(one: &Snapshot, two: &Snapshot) -> bool {
    let folders = |snapshot: &Snapshot| -> Vec<Root> {
        let roots = snapshot.roots.iter();
        roots
            .filter(|root| root.kind != "database")
            .cloned()
            .collect()
    };
    one.host == two.host && folders(one) == folders(two)
}

struct Search<'f> {
    chunks: ChunkReader<'f>,
    table: VersionTable,
    wanted: Wanted,
    path: &'f [u8],
}

impl Search<'_> {
    /// Notes every change of what is wanted. A snapshot that cannot be read is taken out of the
    /// series: the next is held against the one before it.
    fn look_through(
        &self,
        series: u32,
        nights: &mut Vec<&StoredSnapshot>,
        report: &mut FindReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut before = None;
        let mut number = 0;
        while let Some(night) = nights.get(number) {
            report.snapshots += 1;
            progress.item(night.id.to_string().as_bytes());
            let listing = night.record.listing;
            match self.compare(series, number as u32, before, listing) {
                Ok(()) => {
                    before = Some(listing);
                    number += 1;
                }
                Err(OpsError::Repository(error)) if error.is_damage() => {
                    self.table.remove(series, number as u32)?;
                    report.unreadable.push((night.id, error.to_string()));
                    nights.remove(number);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        series: u32,
        snapshot: u32,
        before: Option<(u8, crate::id::ChunkId)>,
        listing: (u8, crate::id::ChunkId),
    ) -> Result<()> {
        for difference in ListingDiff::new(&self.chunks, before, listing).beneath(self.path) {
            let (old, new) = difference?;
            let Some(entry) = new.as_ref().or(old.as_ref()) else {
                continue;
            };
            let is_wanted = |entry: &Option<Entry>| {
                entry
                    .as_ref()
                    .is_some_and(|entry| self.wanted.matches(entry))
            };
            let is_same = match (&old, &new) {
                (Some(old), Some(new)) => is_same_type(old, new) && is_same_content(old, new),
                _ => false,
            };
            if is_same || !(is_wanted(&old) || is_wanted(&new)) {
                continue;
            }
            let payload = new
                .clone()
                .filter(|new| self.wanted.matches(new))
                .map(|mut new| {
                    // All versions of a path are held at once, and nobody is shown these.
                    (new.chunks, new.lists, new.attributes) = (None, None, None);
                    cbor::encode(&new)
                });
            self.table.add(&VersionRow {
                path: entry.path.clone(),
                series,
                root: entry.root,
                snapshot,
                payload,
            })?;
        }
        Ok(())
    }
}

/// The patterns, ready to be asked.
struct Wanted {
    filter: Filter,
    ignore_case: bool,
}

impl Wanted {
    fn new(options: &FindOptions) -> Result<Self> {
        let ignore_case = options.ignore_case;
        let patterns = options.patterns.iter().map(|pattern| match ignore_case {
            true => pattern.to_lowercase(),
            false => pattern.clone(),
        });
        let filter = Filter::new(&patterns.collect::<Vec<_>>())?;
        Ok(Self {
            filter,
            ignore_case,
        })
    }

    fn matches(&self, entry: &Entry) -> bool {
        let lower;
        let path = if self.ignore_case {
            lower = lower_case(&entry.path);
            &lower
        } else {
            &entry.path
        };
        self.filter.excludes(path)
            || entry.entry_type() == EntryType::Folder && self.filter.excludes_folder(path)
    }
}

/// Bytes that are not text stay as they are.
fn lower_case(path: &[u8]) -> Vec<u8> {
    let mut lower = Vec::with_capacity(path.len());
    for part in path.utf8_chunks() {
        lower.extend_from_slice(part.valid().to_lowercase().as_bytes());
        lower.extend_from_slice(part.invalid());
    }
    lower
}
