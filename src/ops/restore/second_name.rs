//! Hard links: further names of a file that was restored before.

use super::file::{IDS_COMPARED_MAX, Reading};
use super::options::Overwrite;
use super::work::{FileError, Work};
use crate::format::entry::{Entry, is_beneath};
use crate::repository::few_ids;

impl Work<'_> {
    /// Gives the file of an entry its further name, or writes it where that cannot be: its first
    /// name was not asked for or could not be restored, or the target knows no such links.
    ///
    /// # Errors
    /// Of reading the archive; of the file system.
    pub fn name_again(&self, entry: &Entry, is_first_wanted: bool) -> Result<(), FileError> {
        self.progress.item(&entry.path);
        let standing = self.target.standing(&entry.path);
        let size = entry.size.unwrap_or(0);
        if self.options.overwrite == Overwrite::Never && standing.is_some() {
            self.skip(size);
            return Ok(());
        }
        let first = entry.first.as_ref().map(|(_, path)| path.as_slice());
        let first = first.filter(|path| is_first_wanted && is_beneath(path, &self.options.path));
        if let Some(first) = first {
            if self.options.dry_run {
                match self.target.is_same_file(first, &entry.path) {
                    true => self.skip(size),
                    false => self.count_restored(standing, 0),
                }
                return Ok(());
            }
            if self.is_whole(first, entry)? {
                if self.target.is_same_file(first, &entry.path) {
                    self.skip(size);
                    return Ok(());
                }
                if self.target.add_name(first, &entry.path, entry)? {
                    self.count_restored(standing, 0);
                    self.progress.advance(size);
                    return Ok(());
                }
            }
        }
        if self.is_done(entry)? {
            return Ok(());
        }
        self.bring(entry, Reading::Alone)
    }

    /// Whether the file that stands at `path` has the content of the entry. The listing only says
    /// that this was restored.
    fn is_whole(&self, path: &[u8], entry: &Entry) -> Result<bool, FileError> {
        let size = entry.size.unwrap_or(0);
        let Some(mut file) = self.target.existing_file(path, size) else {
            return Ok(false);
        };
        Ok(few_ids(self.chunks, entry, IDS_COMPARED_MAX)?
            .is_some_and(|ids| self.is_content(entry, &ids, &mut file)))
    }
}
