//! The second pass over the listing: second names of files, what is to be removed, what killed
//! restores left; and folders, which are dressed last, since writing into them changes their times.

use super::immich::is_marker;
use super::selection::Selection;
use super::verdict::{Judge, Verdict};
use super::work::Work;
use crate::format::entry::{Entry, EntryType, is_beneath};
use crate::ops::Result;
use crate::repository::ListingReader;

/// Why nothing more is removed.
pub const UNREADABLE: &str = "the list of what the snapshot holds could not be read whole";
/// There a file may keep a name of other capitals than the archived one, and two archived folders may
/// have become one: what was just restored would look like too much.
pub const IGNORES_CASE: &str = "the target takes capital and small letters in names as the same, so \
     that it cannot be told for sure what is too much";

/// Finishes a restore whose files are all there.
pub struct Finish<'w, 'r> {
    work: &'w Work<'r>,
    listing: &'w ListingReader<'r>,
    selection: &'w Selection,
    judge: Judge,
    /// The folders that the pass is in, the outermost first.
    folders: Vec<Folder>,
    /// Only while the listing could be read: what lies in a part that could not is not too much.
    deletes: bool,
    /// The folder outside of all archived ones that was looked through last.
    cleaned: Option<Vec<u8>>,
}

struct Folder {
    entry: Entry,
    /// Whether it, or something in it, is restored.
    is_wanted: bool,
    /// Hashes of the names in it, if those are needed.
    names: Vec<u64>,
}

impl<'w, 'r> Finish<'w, 'r> {
    pub fn new(
        work: &'w Work<'r>,
        listing: &'w ListingReader<'r>,
        selection: &'w Selection,
        judge: Judge,
        deletes: bool,
    ) -> Self {
        Self {
            work,
            listing,
            selection,
            judge,
            folders: Vec::new(),
            deletes,
            cleaned: None,
        }
    }

    /// # Errors
    /// What stops the whole restore.
    pub fn run(mut self) -> Result<()> {
        // Where a target is tried for capitals.
        self.clean_above(b"")?;
        let path = &self.work.options.path;
        for entry in self.listing.beneath(path) {
            match entry {
                Ok(entry) => self.entry(entry)?,
                Err(error) if error.is_damage() => {
                    if std::mem::take(&mut self.deletes) {
                        self.work.refuse_delete(UNREADABLE);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(folder) = self.folders.pop() {
            self.leave(folder)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: Entry) -> Result<()> {
        while let Some(folder) = self
            .folders
            .pop_if(|folder| !lies_in(&entry, &folder.entry))
        {
            self.leave(folder)?;
        }
        if self.deletes
            && let Some(folder) = self.folders.last_mut()
            && let Some(name) = name_in(&entry.path, &folder.entry.path)
        {
            folder.names.push(hash(name));
        }
        let is_folder = entry.entry_type() == EntryType::Folder;
        match self.judge.judge(&entry) {
            Verdict::Take => {}
            Verdict::Leave if is_folder => {
                self.enter(entry, false);
                return Ok(());
            }
            _ => return Ok(()),
        }
        for folder in self.folders.iter_mut().rev() {
            if std::mem::replace(&mut folder.is_wanted, true) {
                break;
            }
        }
        match entry.entry_type() {
            EntryType::Folder => {
                self.enter(entry, true);
                return Ok(());
            }
            EntryType::HardLink => self.second_name(&entry)?,
            _ => {}
        }
        if self.folders.is_empty() {
            self.clean_above(&entry.path)?;
        }
        Ok(())
    }

    /// A file that was backed up alone lies in a folder that has no entry.
    fn clean_above(&mut self, path: &[u8]) -> Result<()> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let above = path.get(..slash.unwrap_or(0)).unwrap_or_default();
        if self.work.options.dry_run || self.cleaned.as_deref() == Some(above) {
            return Ok(());
        }
        self.clean(above)?;
        self.cleaned = Some(above.to_vec());
        Ok(())
    }

    fn enter(&mut self, entry: Entry, is_wanted: bool) {
        let names = Vec::new();
        self.folders.push(Folder {
            entry,
            is_wanted,
            names,
        });
    }

    fn second_name(&self, entry: &Entry) -> Result<()> {
        let is_first_wanted = entry.first.as_ref().is_some_and(|(root, path)| {
            // Asked by itself, not in the order of the listing.
            let first = Entry::new(*root, path.to_vec(), EntryType::File);
            self.selection.clone().wants(&first)
        });
        let named = self.work.name_again(entry, is_first_wanted);
        self.work.settle(entry, named)
    }

    /// Nothing more goes into a folder.
    fn leave(&mut self, mut folder: Folder) -> Result<()> {
        let path = folder.entry.path.as_slice();
        if !folder.is_wanted {
            return Ok(());
        }
        if self.deletes {
            folder.names.sort_unstable();
            self.remove_surplus(path, &folder.names)?;
        }
        if self.work.options.dry_run {
            return Ok(());
        }
        self.clean(path)?;
        let finished = self.work.target.finish_folder(path, &folder.entry);
        self.work.note(path, finished)
    }

    /// Removes what the snapshot does not hold.
    fn remove_surplus(&self, path: &[u8], names: &[u64]) -> Result<()> {
        let work = self.work;
        let is_surplus =
            |name: &[u8]| names.binary_search(&hash(name)).is_err() && !is_marker(path, name);
        let surplus = match work.target.surplus(path, &is_surplus) {
            Ok(surplus) => surplus,
            Err(error) => return work.note(path, Err(error)),
        };
        for name in surplus {
            let whole = [path, b"/", &name].concat();
            let dry = work.options.dry_run;
            let mut tell = |path: &[u8]| work.deleted(path);
            work.note(&whole, work.target.remove(&whole, dry, &mut tell))?;
        }
        Ok(())
    }

    /// Takes away what a killed restore left in a folder.
    fn clean(&self, path: &[u8]) -> Result<()> {
        // What cannot be looked up is better left alone.
        let is_archived = |path: &[u8]| !matches!(self.listing.find(path), Ok(None));
        self.work
            .note(path, self.work.target.clean(path, &is_archived))
    }
}

fn lies_in(entry: &Entry, folder: &Entry) -> bool {
    entry.root == folder.root && is_beneath(&entry.path, &folder.path)
}

/// The last name of a path that lies directly in a folder.
fn name_in<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    let name = path.strip_prefix(folder)?.strip_prefix(b"/")?;
    (!name.contains(&b'/')).then_some(name)
}

/// Two names of one hash: then one stays that could go.
fn hash(name: &[u8]) -> u64 {
    let hash = blake3::hash(name);
    let first = hash.as_bytes().first_chunk::<8>();
    first.map_or(0, |first| u64::from_le_bytes(*first))
}
