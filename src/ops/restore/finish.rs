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

/// So much of the folders that the pass is in is held at once.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What an extended attribute takes beside its name and value.
const ATTRIBUTE_BYTES: usize = 48;

/// Finishes a restore whose files are all there.
pub struct Finish<'w, 'r> {
    work: &'w Work<'r>,
    listing: &'w ListingReader<'r>,
    selection: &'w Selection,
    judge: Judge,
    /// The folders that the pass is in, the outermost first, and the path of the innermost, which is
    /// beneath all others.
    folders: Vec<Folder>,
    path: Vec<u8>,
    /// Bytes of their entries that are held.
    held: usize,
    /// Only while the listing could be read: what lies in a part that could not is not too much.
    deletes: bool,
    /// The folder outside of all archived ones that was looked through last.
    cleaned: Option<Vec<u8>>,
}

struct Folder {
    root: u32,
    /// So much of the innermost folder's path is its own.
    path_bytes: usize,
    /// Absent where too much is held: folders can lie in each other sixteen thousand deep, each with
    /// attributes of 384 KiB.
    entry: Option<Entry>,
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
            path: Vec::new(),
            held: 0,
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

    fn path_of(&self, folder: &Folder) -> &[u8] {
        self.path.get(..folder.path_bytes).unwrap_or_default()
    }

    fn entry(&mut self, entry: Entry) -> Result<()> {
        while let Some(folder) = self.folders.last()
            && !(entry.root == folder.root && is_beneath(&entry.path, self.path_of(folder)))
            && let Some(folder) = self.folders.pop()
        {
            self.leave(folder)?;
        }
        if self.deletes
            && let Some(folder) = self.folders.last_mut()
            && let Some(above) = self.path.get(..folder.path_bytes)
            && let Some(name) = name_in(&entry.path, above)
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
        self.path.clone_from(&entry.path);
        let (root, path_bytes) = (entry.root, entry.path.len());
        let bytes = weight(&entry);
        let is_held = self.held + bytes <= HELD_BYTES_MAX;
        self.held += if is_held { bytes } else { 0 };
        self.folders.push(Folder {
            root,
            path_bytes,
            entry: is_held.then_some(entry),
            is_wanted,
            names: Vec::new(),
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
        self.held -= folder.entry.as_ref().map_or(0, weight);
        if !folder.is_wanted {
            return Ok(());
        }
        let path = self.path_of(&folder);
        if self.deletes {
            folder.names.sort_unstable();
            self.remove_surplus(path, &folder.names)?;
        }
        if self.work.options.dry_run {
            return Ok(());
        }
        self.clean(path)?;
        let entry = match folder.entry.take() {
            Some(entry) => Some(entry),
            None => self.look_up(folder.root, path)?,
        };
        let finished = entry.map_or(Ok(()), |it| self.work.target.finish_folder(path, &it));
        self.work.note(path, finished)
    }

    /// The entry of a folder once more. That a part of the listing cannot be read was said before.
    fn look_up(&self, root: u32, path: &[u8]) -> Result<Option<Entry>> {
        for entry in self.listing.beneath(path) {
            match entry {
                Ok(entry) if entry.root == root && entry.path == path => return Ok(Some(entry)),
                Err(error) if !error.is_damage() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(None)
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

/// About how many bytes an entry takes.
fn weight(entry: &Entry) -> usize {
    let attributes = entry.attributes.iter().flatten();
    let attributes = attributes.map(|(name, value)| name.len() + value.len() + ATTRIBUTE_BYTES);
    entry.path.len() + attributes.sum::<usize>()
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
