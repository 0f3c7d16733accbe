//! No two entries may fall on one path: the second would overwrite the first, and both would count
//! as restored. An honest snapshot holds no such two; a forged one can, under two roots, and an
//! honest one comes to it where the target takes `A.jpg` and `a.jpg` for the same name.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use unicode_normalization::UnicodeNormalization;

use crate::format::entry::{Entry, EntryType, is_beneath, path_order};

/// Tops that are remembered: an honest root has one.
const TOPS_MAX: usize = 50_000;
const TOP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Names that are remembered where case does not count: 36 MB.
const FOLDED_MAX: usize = 1_800_000;

/// Remembers where entries land. Asked in the order of the listing.
#[derive(Default)]
pub struct Landing {
    /// Entries that lie beneath no other of their root, and that root.
    tops: BTreeMap<ByPath, u32>,
    bytes: usize,
    /// The last of them, and whether it overlaps with one of another root.
    current: Option<(u32, Vec<u8>, bool)>,
    /// The root in which there were too many.
    full: Option<u32>,
    /// Where case does not count: hashes of folded paths, and whether they are folders.
    folded: Option<HashMap<u64, bool>>,
}

impl Landing {
    pub fn new(ignores_case: bool) -> Self {
        Self {
            folded: ignores_case.then(HashMap::new),
            ..Self::default()
        }
    }

    /// Why an entry cannot go to its path.
    pub fn refuse(&mut self, entry: &Entry) -> Option<&'static str> {
        if self.overlaps(entry) {
            return Some("another root of the snapshot holds something at the same path");
        }
        self.is_taken(entry).then_some(
            "the target does not tell its name from that of another entry, which was restored",
        )
    }

    fn overlaps(&mut self, entry: &Entry) -> bool {
        let current = self.current.as_ref();
        let known =
            current.filter(|(root, top, _)| *root == entry.root && is_beneath(&entry.path, top));
        match known {
            Some((_, _, false)) => return false,
            Some((_, _, true)) => return self.collides(entry),
            None => {}
        }
        if self.full.is_some_and(|root| root != entry.root) {
            return true;
        }
        let is_mixed = self.lies_in_another(entry) || self.holds_another(entry);
        let collides = is_mixed && self.collides(entry);
        self.current = Some((entry.root, entry.path.clone(), is_mixed));
        if self.tops.len() >= TOPS_MAX || self.bytes > TOP_BYTES_MAX {
            self.full = Some(entry.root);
        } else if !collides {
            self.bytes += entry.path.len();
            self.tops.insert(ByPath(entry.path.clone()), entry.root);
        }
        collides
    }

    fn collides(&self, entry: &Entry) -> bool {
        let is_folder = entry.entry_type() == EntryType::Folder;
        self.lies_in_another(entry) || !is_folder && self.holds_another(entry)
    }

    /// Whether it is, or lies beneath, a top of another root.
    fn lies_in_another(&self, entry: &Entry) -> bool {
        let is_other = |path: &[u8]| {
            let top = self.tops.get(&ByPath(path.to_vec()));
            top.is_some_and(|root| *root != entry.root)
        };
        let slashes = entry.path.iter().enumerate();
        let mut above = slashes.filter(|(_, byte)| **byte == b'/');
        !self.tops.is_empty()
            && (is_other(&entry.path)
                || above.any(|(end, _)| entry.path.get(..end).is_some_and(is_other)))
    }

    /// Whether a top of another root lies beneath it.
    fn holds_another(&self, entry: &Entry) -> bool {
        let from = ByPath(entry.path.clone());
        let after = self.tops.range((Bound::Excluded(from), Bound::Unbounded));
        let mut beneath = after.take_while(|(top, _)| is_beneath(&top.0, &entry.path));
        beneath.any(|(_, root)| *root != entry.root)
    }

    fn is_taken(&mut self, entry: &Entry) -> bool {
        let Some(folded) = &mut self.folded else {
            return false;
        };
        let is_folder = entry.entry_type() == EntryType::Folder;
        let hash = fold(&entry.path);
        match folded.get(&hash) {
            // Two folders become one, and nothing is lost.
            Some(is_other_folder) => !(is_folder && *is_other_folder),
            None => {
                if folded.len() < FOLDED_MAX {
                    folded.insert(hash, is_folder);
                }
                false
            }
        }
    }
}

/// A hash of a path as a file system sees it that knows no case.
fn fold(path: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(path);
    let folded: String = text.nfc().flat_map(char::to_lowercase).nfc().collect();
    let mut first = [0; 8];
    let hash = blake3::hash(folded.as_bytes());
    first.copy_from_slice(hash.as_bytes().first_chunk::<8>().unwrap_or(&[0; 8]));
    u64::from_le_bytes(first)
}

struct ByPath(Vec<u8>);

impl Ord for ByPath {
    fn cmp(&self, other: &Self) -> Ordering {
        path_order(&self.0, &other.0)
    }
}

impl PartialOrd for ByPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByPath {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ByPath {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(landing: &mut Landing, entries: &[(u32, &str, EntryType)]) -> Vec<String> {
        let mut refused = Vec::new();
        for (root, path, kind) in entries {
            let entry = Entry::new(*root, path.as_bytes().to_vec(), *kind);
            if landing.refuse(&entry).is_some() {
                refused.push(format!("{root} {path}"));
            }
        }
        refused
    }

    use EntryType::{File, Folder};

    #[test]
    fn what_another_root_holds_is_not_overwritten() {
        let entries = [
            (0, "database.sql", File),
            (11, "a", Folder),
            (11, "a/x", File),
            (11, "b", File),
            (12, "a", Folder),
            (12, "a/x", File),
            (12, "b/c", File),
            (12, "c", File),
            (13, "", Folder),
            (14, "database.sql", Folder),
            (15, "d/e", Folder),
            (15, "d/e/f", File),
            (16, "d", Folder),
            (16, "d/e/f", File),
            (16, "d/g", File),
        ];
        let expected = ["12 a", "12 a/x", "12 b/c", "14 database.sql", "16 d/e/f"];
        assert_eq!(refused(&mut Landing::new(false), &entries), expected);
    }

    #[test]
    fn where_case_does_not_count_the_second_is_refused() {
        let entries = [
            (11, "F", Folder),
            (11, "F/A.jpg", File),
            (11, "F/\u{c9}.jpg", File),
            (11, "f", Folder),
            (11, "f/a.JPG", File),
            (11, "f/b.jpg", File),
            (11, "f/e\u{301}.jpg", File),
        ];
        assert!(refused(&mut Landing::new(false), &entries).is_empty());
        let expected = ["11 f/a.JPG", "11 f/e\u{301}.jpg"];
        assert_eq!(refused(&mut Landing::new(true), &entries), expected);
    }
}
