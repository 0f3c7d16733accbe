//! What the walk came upon, handed to a worker some at a time: to hand over files of a few kilobytes
//! one by one costs more than to read them.

use std::os::unix::ffi::OsStrExt;

use crate::source::{Found, Kind, Problem};

/// So many things are handed over at once …
const COUNT_MAX: usize = 128;
/// … but of files with more bytes than this together none but the first: whoever takes them in
/// should not be busy long after the others have ended.
const FILES_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What one takes beside its paths, in bytes.
const ONE_BYTES: usize = 512;

/// Consecutive things, in the order of the listing.
pub struct Stretch {
    first: u64,
    met: Vec<Met>,
    weight: usize,
    files_bytes: u64,
}

/// One of them.
pub enum Met {
    Found(Found),
    Problem(Problem),
}

impl Met {
    fn files_bytes(&self) -> u64 {
        match self {
            Self::Found(found) if found.kind == Kind::File => found.metadata.size,
            _ => 0,
        }
    }

    fn weight(&self) -> usize {
        ONE_BYTES
            + match self {
                Self::Found(found) => {
                    let target = match &found.kind {
                        Kind::Link { target } => target.len(),
                        Kind::File | Kind::Folder => 0,
                    };
                    found.path.len() + found.source.as_os_str().as_bytes().len() + target
                }
                Self::Problem(problem) => problem.path.len() + problem.error.len(),
            }
    }
}

impl Stretch {
    /// An empty one; what comes first will have the number `first`.
    pub fn from(first: u64) -> Self {
        Self {
            first,
            met: Vec::new(),
            weight: 0,
            files_bytes: 0,
        }
    }

    /// Whether that should go along. If not, it is the first of another.
    pub fn has_room_for(&self, met: &Met) -> bool {
        let bytes = self.files_bytes.saturating_add(met.files_bytes());
        self.met.is_empty() || self.met.len() < COUNT_MAX && bytes <= FILES_BYTES_MAX
    }

    pub fn push(&mut self, met: Met) {
        self.weight += met.weight();
        self.files_bytes = self.files_bytes.saturating_add(met.files_bytes());
        self.met.push(met);
    }

    /// The number of the first.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number that follows.
    pub fn end(&self) -> u64 {
        self.first + self.met.len() as u64
    }

    pub fn met(&self) -> &[Met] {
        &self.met
    }

    /// About how many bytes it takes while it waits.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::Timestamp;
    use crate::source::Metadata;

    fn file(size: u64) -> Met {
        let metadata = Metadata {
            mode: 0,
            uid: 0,
            gid: 0,
            modified: Timestamp::default(),
            changed: Timestamp::default(),
            inode: 0,
            device: 0,
            links: 1,
            size,
        };
        Met::Found(Found {
            root: 0,
            path: vec![b'x'; 100],
            source: "/x".into(),
            kind: Kind::File,
            metadata,
        })
    }

    #[test]
    fn a_stretch_is_bounded_by_number_and_by_bytes() {
        let mut small = Stretch::from(7);
        while small.has_room_for(&file(2000)) {
            small.push(file(2000));
        }
        assert_eq!((small.first(), small.met().len()), (7, COUNT_MAX));
        assert_eq!(small.end(), 7 + COUNT_MAX as u64);
        assert!(small.weight() > COUNT_MAX * 100);
        let mut photos = Stretch::from(0);
        while photos.has_room_for(&file(10 << 20)) {
            photos.push(file(10 << 20));
        }
        assert_eq!(photos.met().len(), 3);
        let mut video = Stretch::from(0);
        assert!(video.has_room_for(&file(u64::MAX)), "one always fits");
        video.push(file(u64::MAX));
        assert!(!video.has_room_for(&file(u64::MAX)));
    }
}
