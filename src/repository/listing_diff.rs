//! What differs between two listings: both are read in order side by side, and a subtree that both
//! have is skipped without being fetched. So a night that changed three photos of a million costs a
//! few chunks, not two listings.
//!
//! Memory: one leaf and, for each level, the children of one node, of each side.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::listing_reader::{Descent, Part, Subtree, may_hold};
use super::{ChunkReader, Result};
use crate::format::entry::{Entry, Key, is_beneath, key_order};
use crate::id::ChunkId;

/// The entry of one key in the old and in the new listing. At least one is there, and if both are,
/// they are not the same in all that is recorded (which includes inode and ctime).
pub type Difference = (Option<Entry>, Option<Entry>);

/// The differences between two listings of one repository, in the order of keys. The first error
/// ends it: what follows an unreadable part on one side would look new on the other.
pub struct ListingDiff<'r> {
    old: Side<'r>,
    new: Side<'r>,
    beneath: Vec<u8>,
    has_failed: bool,
}

impl<'r> ListingDiff<'r> {
    /// `old` and `new` are level and id of the topmost chunks, as snapshot records have them; `None`
    /// stands for a listing without entries.
    pub fn new(
        chunks: &'r ChunkReader<'r>,
        old: impl Into<Option<(u8, ChunkId)>>,
        new: impl Into<Option<(u8, ChunkId)>>,
    ) -> Self {
        Self {
            old: Side::new(chunks, old.into()),
            new: Side::new(chunks, new.into()),
            beneath: Vec::new(),
            has_failed: false,
        }
    }

    /// Only what is at `path` or beneath it, under any root; everything for the empty path.
    #[must_use]
    pub fn beneath(mut self, path: &[u8]) -> Self {
        self.beneath = path.to_vec();
        self
    }

    /// The next difference, wherever it lies in the chunks that were gone into.
    fn advance(&mut self) -> Result<Option<Difference>> {
        loop {
            let (old, new) = (self.old.head(), self.new.head());
            let step = match (old, new) {
                (Head::End, Head::End) => return Ok(None),
                (Head::Whole(one), Head::Whole(two)) if one.id == two.id => Step::SkipBoth,
                (Head::Entry(one), Head::Entry(two)) => match key_order(one.key(), two.key()) {
                    Ordering::Less => Step::Take(true, false),
                    Ordering::Greater => Step::Take(false, true),
                    Ordering::Equal if one == two => Step::SkipBoth,
                    Ordering::Equal => Step::Take(true, true),
                },
                (Head::Entry(_), Head::End) => Step::Take(true, false),
                (Head::End, Head::Entry(_)) => Step::Take(false, true),
                (Head::Entry(entry), Head::Whole(tree)) if is_before(entry, tree) => {
                    Step::Take(true, false)
                }
                (Head::Whole(tree), Head::Entry(entry)) if is_before(entry, tree) => {
                    Step::Take(false, true)
                }
                (Head::Whole(one), Head::Whole(two)) => Step::Open(opens_old_first(one, two)),
                (Head::Whole(_), _) => Step::Open(true),
                (_, Head::Whole(_)) => Step::Open(false),
            };
            match step {
                Step::SkipBoth => {
                    self.old.skip();
                    self.new.skip();
                }
                Step::Open(true) => self.old.open(&self.beneath)?,
                Step::Open(false) => self.new.open(&self.beneath)?,
                Step::Take(old, new) => {
                    let old = if old {
                        self.old.entries.pop_front()
                    } else {
                        None
                    };
                    let new = if new {
                        self.new.entries.pop_front()
                    } else {
                        None
                    };
                    return Ok(Some((old, new)));
                }
            }
        }
    }
}

impl Iterator for ListingDiff<'_> {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_failed {
            match self.advance() {
                Ok(None) => return None,
                Ok(Some(difference)) => {
                    let (old, new) = &difference;
                    let entry = old.as_ref().or(new.as_ref());
                    if entry.is_some_and(|entry| is_beneath(&entry.path, &self.beneath)) {
                        return Some(Ok(difference));
                    }
                }
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

enum Step {
    /// Both heads are the same.
    SkipBoth,
    /// The old side's subtree is gone into, or the new side's.
    Open(bool),
    /// The old side's entry is a difference, the new side's, or both together.
    Take(bool, bool),
}

/// Whether the entry comes before everything in the subtree.
fn is_before(entry: &Entry, tree: &Subtree) -> bool {
    let first = tree.first.as_ref().map(Key::borrowed);
    first.is_some_and(|first| key_order(entry.key(), first).is_lt())
}

/// Of two subtrees that differ, the one to go into: the one that begins earlier, since nothing of it
/// can be the other; then the higher one, since the other may be in it.
fn opens_old_first(old: &Subtree, new: &Subtree) -> bool {
    let order = match (&old.first, &new.first) {
        (Some(old), Some(new)) => key_order(old.borrowed(), new.borrowed()),
        (old, new) => old.is_some().cmp(&new.is_some()),
    };
    order.then(new.level.cmp(&old.level)).is_le()
}

/// What comes next on one side.
enum Head<'h> {
    Entry(&'h Entry),
    Whole(&'h Subtree),
    End,
}

/// One of the two listings.
struct Side<'r> {
    descent: Descent<'r>,
    /// Comes before all that is pending.
    entries: VecDeque<Entry>,
    /// The next last.
    pending: Vec<Subtree>,
}

impl<'r> Side<'r> {
    fn new(chunks: &'r ChunkReader<'r>, top: Option<(u8, ChunkId)>) -> Self {
        Self {
            descent: Descent::new(chunks),
            entries: VecDeque::new(),
            pending: top.map(Subtree::top).into_iter().collect(),
        }
    }

    fn head(&self) -> Head<'_> {
        match (self.entries.front(), self.pending.last()) {
            (Some(entry), _) => Head::Entry(entry),
            (None, Some(tree)) => Head::Whole(tree),
            (None, None) => Head::End,
        }
    }

    fn skip(&mut self) {
        if self.entries.pop_front().is_none() {
            self.pending.pop();
        }
    }

    /// Goes into the next subtree; of what it holds, only what can hold `path`.
    fn open(&mut self, path: &[u8]) -> Result<()> {
        let Some(tree) = self.pending.pop() else {
            return Ok(());
        };
        let first = tree.first.clone();
        match self.descent.open(tree) {
            Ok(Part::Entries(entries)) => self.entries = entries.into(),
            Ok(Part::Subtrees(subtrees)) => {
                let is_wanted = |tree: &Subtree| {
                    let next = tree.next.as_ref().map(Key::borrowed);
                    let first = tree.first.as_ref().map(Key::borrowed);
                    first.is_none_or(|first| may_hold(path, first, next))
                };
                self.pending
                    .extend(subtrees.into_iter().rev().filter(is_wanted));
            }
            Err(error) => return Err(Subtree::lost(first, error)),
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "listing_diff_tests.rs"]
mod tests;
