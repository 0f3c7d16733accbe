//! One crafted listing: what it holds, what must become of each entry, and what stands in the target
//! before.

use std::path::{Path, PathBuf};

use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType};
use offsite::id::ChunkId;
use offsite::seams::Timestamp;

/// What must become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// It stands there as it should.
    Come,
    /// It is named in the report and does not stand there.
    Refused,
    /// The part of the listing that it lies in is named as lost.
    Lost,
}

pub struct Crafted {
    pub entry: Entry,
    pub must: Must,
}

#[derive(Default)]
pub struct Case {
    pub name: &'static str,
    /// As they stand in the leaf.
    pub entries: Vec<Crafted>,
    /// Done to the target before.
    pub before: Option<fn(&Place)>,
    /// The snapshot says that it is of an Immich.
    pub is_immich: bool,
    /// Named beside the entries.
    pub problems_more: usize,
}

/// A target, and what lies beside it and must not change.
pub struct Place {
    pub outer: PathBuf,
}

impl Place {
    pub fn target(&self) -> PathBuf {
        self.outer.join("target")
    }

    pub fn canary(&self) -> PathBuf {
        self.outer.join("canary")
    }
}

/// What all crafted files hold, and where that lies in the repository.
pub const CONTENT: &[u8] = b"crafted";

/// Makes entries for a place, of contents that the repository has.
pub struct Maker {
    pub outer: PathBuf,
    pub content: ChunkId,
    pub root: u32,
}

impl Maker {
    pub fn file(&self, path: impl AsRef<[u8]>) -> Crafted {
        let mut entry = self.bare(path, EntryType::File);
        (entry.size, entry.mode) = (Some(CONTENT.len() as u64), Some(0o644));
        entry.modified = Some(Timestamp::from_seconds(1_600_000_000));
        entry.chunks = Some(Joined(vec![self.content]));
        come(entry)
    }

    pub fn folder(&self, path: impl AsRef<[u8]>) -> Crafted {
        let mut entry = self.bare(path, EntryType::Folder);
        entry.mode = Some(0o755);
        come(entry)
    }

    pub fn link(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Crafted {
        let mut entry = self.bare(path, EntryType::Link);
        entry.target = Some(target.as_ref().to_vec().into());
        entry.mode = Some(0o777);
        entry.modified = Some(Timestamp::from_seconds(1_600_000_000));
        come(entry)
    }

    /// Another name of the file at `first`.
    pub fn name_of(&self, path: impl AsRef<[u8]>, first: impl AsRef<[u8]>) -> Crafted {
        let crafted = self.file(first);
        come(crafted.entry.linked_as(self.root, path.as_ref().to_vec()))
    }

    pub fn bare(&self, path: impl AsRef<[u8]>, kind: EntryType) -> Entry {
        Entry::new(self.root, path.as_ref().to_vec(), kind)
    }

    /// The same in another root.
    pub fn in_root(&self, root: u32) -> Self {
        Self {
            outer: self.outer.clone(),
            root,
            ..*self
        }
    }

    /// The absolute path of something beside the target.
    pub fn outside(&self, path: &str) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        let path = self.outer.join(Path::new(path));
        path.as_os_str().as_bytes().to_vec()
    }
}

pub fn come(entry: Entry) -> Crafted {
    let must = Must::Come;
    Crafted { entry, must }
}

impl Crafted {
    pub fn refused(mut self) -> Self {
        self.must = Must::Refused;
        self
    }

    pub fn lost(mut self) -> Self {
        self.must = Must::Lost;
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(&mut self.entry);
        self
    }
}

/// A case of entries alone.
pub fn case(name: &'static str, entries: Vec<Crafted>) -> Case {
    Case {
        name,
        entries,
        ..Case::default()
    }
}

/// A case in a target that somebody prepared.
pub fn prepared(name: &'static str, before: fn(&Place), entries: Vec<Crafted>) -> Case {
    Case {
        before: Some(before),
        ..case(name, entries)
    }
}
