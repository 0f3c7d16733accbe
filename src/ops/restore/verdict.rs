//! What becomes of an entry: each pass over the listing asks, and gets the same answers.

use super::landing::Landing;
use super::selection::Selection;
use crate::format::entry::{Entry, EntryType, is_beneath};

pub enum Verdict {
    Take,
    /// Nobody asked for it.
    Leave,
    /// It cannot be restored, and why.
    Refuse(&'static str),
}

/// Asked about entries in the order of the listing, each once.
pub struct Judge {
    selection: Selection,
    landing: Landing,
    /// The last entry that is no folder.
    above: Option<(u32, Vec<u8>)>,
}

impl Judge {
    pub fn new(selection: &Selection, ignores_case: bool) -> Self {
        Self {
            selection: selection.clone(),
            landing: Landing::new(ignores_case),
            above: None,
        }
    }

    pub fn judge(&mut self, entry: &Entry) -> Verdict {
        let is_beneath_a_file = is_beneath_a_file(&mut self.above, entry);
        if !self.selection.wants(entry) {
            return Verdict::Leave;
        }
        if is_beneath_a_file {
            return Verdict::Refuse("it lies beneath something that is no folder");
        }
        match self.landing.refuse(entry) {
            Some(reason) => Verdict::Refuse(reason),
            None => Verdict::Take,
        }
    }
}

/// Whether the entry lies beneath the last one that is no folder, which `above` remembers. To make a
/// folder for it would take that file away again. In the order of a listing one follows the other.
fn is_beneath_a_file(above: &mut Option<(u32, Vec<u8>)>, entry: &Entry) -> bool {
    let last = above.as_ref();
    if last.is_some_and(|(root, path)| *root == entry.root && is_beneath(&entry.path, path)) {
        return true;
    }
    *above = (entry.entry_type() != EntryType::Folder).then(|| (entry.root, entry.path.clone()));
    false
}
