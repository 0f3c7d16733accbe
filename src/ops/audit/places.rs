//! From a path of the database to a place in the snapshot: the path map, in terms of the audit.

use std::path::{Path, PathBuf};

use super::keys::key_of;
use crate::format::entry::check_path;
use crate::source::Root;
use crate::source::immich::mounts::Mount;
use crate::source::immich::paths::{self, Mapped, Part, PathMap, media_location};

/// Where a file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the snapshot. `stale`: Immich looks for it elsewhere.
    Archived {
        key: Vec<u8>,
        root: u32,
        stale: bool,
    },
    /// At a path that is not in the snapshot. `derived`: of the moving parts of photos, which Immich
    /// extracts again.
    Outside { derived: bool },
    /// No known place.
    Nowhere,
}

/// What is known of places before the dump is read.
#[derive(Debug, Clone, Default)]
pub struct Known {
    roots: Vec<Root>,
    /// The upload location on this host.
    location: PathBuf,
    mounts: Vec<Mount>,
}

/// Finds places.
pub struct Places(PathMap);

impl Known {
    /// `location`: the upload location on this host.
    pub fn new(roots: &[Root], location: &Path, mounts: &[Mount]) -> Self {
        Self {
            roots: roots.to_vec(),
            location: location.to_path_buf(),
            mounts: mounts.to_vec(),
        }
    }

    /// `told`: the media location that the dump tells; `has_relative_paths`: whether paths of managed
    /// files begin with `upload/`; `import_paths`: folders of external libraries.
    pub fn places(
        &self,
        told: Option<&[u8]>,
        has_relative_paths: bool,
        import_paths: &[Vec<u8>],
    ) -> Places {
        let media = media_location(told, has_relative_paths);
        let location = Some(self.location.as_path());
        Places(PathMap::new(
            media,
            location,
            &self.mounts,
            &self.roots,
            import_paths,
        ))
    }
}

impl Places {
    /// Where a folder of an external library is on this host, if a mount tells.
    pub fn host_of(&self, import_path: &[u8]) -> Option<PathBuf> {
        match self.0.map(import_path, true) {
            Mapped::External { host, .. } => host,
            Mapped::Managed(_) | Mapped::Stale(_) | Mapped::Outside => None,
        }
    }

    /// Where the file of a row should be.
    pub fn find(&self, path: &[u8], is_external: bool) -> Place {
        match self.0.map(path, is_external) {
            Mapped::Managed(place) => in_snapshot(&place, false),
            Mapped::Stale(place) => in_snapshot(&place, true),
            Mapped::External {
                place: Some(place), ..
            } => in_snapshot(&place, false),
            Mapped::External { place: None, .. } => Place::Outside { derived: false },
            Mapped::Outside => Place::Nowhere,
        }
    }
}

fn in_snapshot(place: &paths::Place, stale: bool) -> Place {
    match place.root {
        Some(root) if check_path(&place.stored).is_ok() => Place::Archived {
            key: key_of(root, &place.stored),
            root,
            stale,
        },
        _ => Place::Outside {
            derived: place.part == Part::Motion,
        },
    }
}
