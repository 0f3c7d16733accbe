//! Which entries of a snapshot are wanted: by kind, and by globs, whose language is that of
//! `backup --exclude`.

use super::options::RestoreOptions;
use crate::format::entry::{Entry, EntryType, is_beneath};
use crate::ops::Result;
use crate::source::filter::Filter;

/// Asked about entries in the order of the listing, each once.
#[derive(Clone)]
pub struct Selection {
    files: bool,
    database: bool,
    include: Vec<Scope>,
    exclude: Option<Scope>,
    /// The last entry that does not lie beneath another: the folders above it have no entries.
    top: Option<(u32, Vec<u8>)>,
}

impl Selection {
    /// # Errors
    /// A glob that cannot be used.
    pub fn new(options: &RestoreOptions) -> Result<Self> {
        let scope = |glob: &String| Scope::new(std::slice::from_ref(glob));
        let exclude = &options.exclude;
        Ok(Self {
            files: options.files,
            database: options.database,
            include: options.include.iter().map(scope).collect::<Result<_>>()?,
            exclude: (!exclude.is_empty())
                .then(|| Scope::new(exclude))
                .transpose()?,
            top: None,
        })
    }

    /// Whether globs have a say.
    pub fn has_globs(&self) -> bool {
        !self.include.is_empty() || self.exclude.is_some()
    }

    pub fn wants(&mut self, entry: &Entry) -> bool {
        let is_top = !lies_in(&self.top, entry);
        if is_top {
            self.top = Some((entry.root, entry.path.clone()));
        }
        let is_of_kind = match entry.is_database() {
            true => self.database,
            false => self.files,
        };
        // Each is asked, so that each knows whether it ever matched.
        let mut is_included = self.include.is_empty();
        for scope in &mut self.include {
            is_included |= scope.takes(entry, is_top);
        }
        let mut exclude = self.exclude.as_mut();
        let is_excluded = exclude
            .as_mut()
            .is_some_and(|scope| scope.takes(entry, is_top));
        is_of_kind && is_included && !is_excluded
    }

    /// The first of the `--include` globs, by its place, that matched nothing so far.
    pub fn unused(&self) -> Option<usize> {
        self.include.iter().position(|scope| !scope.is_used)
    }
}

/// What some globs match, with all that is beneath it.
#[derive(Clone)]
struct Scope {
    filter: Filter,
    inside: Option<(u32, Vec<u8>)>,
    is_used: bool,
}

impl Scope {
    fn new(globs: &[String]) -> Result<Self> {
        Ok(Self {
            filter: Filter::new(globs)?,
            inside: None,
            is_used: false,
        })
    }

    fn takes(&mut self, entry: &Entry, is_top: bool) -> bool {
        if lies_in(&self.inside, entry) {
            return true;
        }
        let filter = &self.filter;
        let is_folder = entry.entry_type() == EntryType::Folder;
        let takes_folder = |path| filter.excludes(path) || filter.excludes_folder(path);
        let takes = filter.excludes(&entry.path)
            || is_folder && filter.excludes_folder(&entry.path)
            || is_top && above(&entry.path).any(takes_folder);
        if takes {
            self.is_used = true;
            self.inside = Some((entry.root, entry.path.clone()));
        }
        takes
    }
}

fn lies_in(folder: &Option<(u32, Vec<u8>)>, entry: &Entry) -> bool {
    folder
        .as_ref()
        .is_some_and(|(root, path)| *root == entry.root && is_beneath(&entry.path, path))
}

/// The folders above a path, the innermost first.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev();
    slashes
        .filter(|(_, byte)| **byte == b'/')
        .filter_map(|(end, _)| path.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(include: &[&str], exclude: &[&str]) -> Vec<&'static str> {
        let all = [
            ("home/anna/photos", EntryType::Folder),
            ("home/anna/photos/2023", EntryType::Folder),
            ("home/anna/photos/2023/a.jpg", EntryType::File),
            ("home/anna/photos/2023/a.mov", EntryType::File),
            ("home/anna/photos/b.jpg", EntryType::File),
            ("home/anna/photos-old", EntryType::Folder),
            ("home/anna/photos-old/c.jpg", EntryType::File),
        ];
        let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let mut selection = Selection::new(&RestoreOptions {
            files: true,
            include: texts(include),
            exclude: texts(exclude),
            ..RestoreOptions::default()
        })
        .unwrap();
        let mut wants = |(path, kind): &(&'static str, EntryType)| {
            let entry = Entry::new(11, path.as_bytes().to_vec(), *kind);
            selection.wants(&entry).then_some(*path)
        };
        all.iter().filter_map(&mut wants).collect()
    }

    #[test]
    fn a_glob_takes_what_it_matches_and_all_beneath() {
        assert_eq!(wanted(&[], &[]).len(), 7);
        let inside = ["", "/a.jpg", "/a.mov"].map(|it| format!("home/anna/photos/2023{it}"));
        assert_eq!(wanted(&["2023"], &[]), inside);
        assert_eq!(wanted(&["2023/"], &[]), inside);
        assert_eq!(
            wanted(&["/home/anna/photos/*.jpg"], &[]),
            ["home/anna/photos/b.jpg"]
        );
        assert_eq!(wanted(&["*.jpg"], &["2023"]).len(), 2);
        assert_eq!(wanted(&[], &["photos", "*.jpg"]), ["home/anna/photos-old"]);
    }

    #[test]
    fn folders_that_have_no_entries_of_their_own_match_too() {
        assert_eq!(wanted(&["anna"], &[]).len(), 7);
        assert_eq!(wanted(&["/home/"], &[]).len(), 7);
        assert_eq!(wanted(&[], &["home"]).len(), 0);
    }
}
