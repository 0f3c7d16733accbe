//! From a path of the database to a place in the snapshot.
//!
//! The database speaks of paths in Immich's container. They are brought to paths of this host, and
//! from there beneath the roots of the snapshot.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::keys::key_of;
use crate::format::entry::{check_path, is_beneath};
use crate::source::Root;

/// Where Immich kept its files in former times, or keeps them elsewhere. What is found through one
/// of these alone, Immich does not find.
const FORMER: [&[u8]; 5] = [
    b"/data",
    b"/usr/src/app/upload",
    b"upload",
    b"./upload",
    b"/photos",
];

/// Where Immich keeps its files, if the database does not say.
const BEFORE_1_137: &[u8] = b"/usr/src/app/upload";
const RELATIVE: &[u8] = b"upload";

/// Where a file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the snapshot. `stale`: Immich looks for it elsewhere.
    Archived { key: Vec<u8>, root: u32, stale: bool },
    /// On this host or in the container, at a path that is not in the snapshot.
    Outside {
        host: Vec<u8>,
        /// Of the motion parts of photos, which Immich extracts again.
        derived: bool,
    },
    /// No known place.
    Nowhere,
}

/// The roots of a snapshot, and what leads to them.
#[derive(Debug, Clone, Default)]
pub struct Places {
    roots: Vec<Archived>,
    /// The upload location on this host.
    location: Vec<u8>,
    /// Container folder and host folder.
    mounts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Immich's name for the upload location.
    media: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Archived {
    number: u32,
    /// Its names on this host: as given, and without links.
    folders: Vec<Vec<u8>>,
    stored_as: Vec<u8>,
}

impl Places {
    /// `location`: the upload location on this host; `mounts`: container folder and host folder.
    pub fn new(roots: &[Root], location: &Path, mounts: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let archived = roots.iter().map(|root| {
            let given = root.folder.as_os_str().as_bytes().to_vec();
            let real = fs::canonicalize(&root.folder).ok();
            let real = real.map(|real| real.as_os_str().as_bytes().to_vec());
            let mut folders = vec![given];
            folders.extend(real.filter(|real| *real != folders.concat()));
            Archived {
                number: root.number,
                folders,
                stored_as: root.stored_as.clone(),
            }
        });
        let mut mounts = mounts.to_vec();
        // The longest container folder first: it is the one that hides the others.
        mounts.sort_by(|one, two| two.0.len().cmp(&one.0.len()).then_with(|| one.cmp(two)));
        Self {
            roots: archived.collect(),
            location: location.as_os_str().as_bytes().to_vec(),
            mounts,
            media: BEFORE_1_137.to_vec(),
        }
    }

    /// What the dump says: its media location, or that there are paths beginning with `upload/`.
    pub fn learn(&mut self, media: Option<Vec<u8>>, has_relative_paths: bool) {
        self.media = match media {
            Some(media) => without_slashes(&media).to_vec(),
            None if has_relative_paths => RELATIVE.to_vec(),
            None => BEFORE_1_137.to_vec(),
        };
    }

    /// Where the file of a row should be.
    pub fn find(&self, path: &[u8], is_external: bool) -> Place {
        let (host, stale) = match self.host_path(path, is_external) {
            Some(found) => found,
            None => return Place::Nowhere,
        };
        match self.archived(&host) {
            Some((root, stored)) => Place::Archived {
                key: key_of(root, &stored),
                root,
                stale,
            },
            None => Place::Outside {
                derived: self.is_motion_part(path),
                host,
            },
        }
    }

    /// The path on this host, and whether only a former prefix led there.
    fn host_path(&self, path: &[u8], is_external: bool) -> Option<(Vec<u8>, bool)> {
        for (container, host) in &self.mounts {
            if let Some(rest) = beneath(path, container) {
                return Some((joined(host, rest), false));
            }
        }
        if let Some(rest) = beneath(path, &self.media) {
            return Some((self.in_location(rest), false));
        }
        if is_external {
            return path.starts_with(b"/").then(|| (path.to_vec(), false));
        }
        let former = FORMER.iter().find_map(|former| beneath(path, former));
        if let Some(rest) = former {
            return Some((self.in_location(rest), true));
        }
        None
    }

    /// A path beneath the media location, on this host. A mount of one of its folders hides it.
    fn in_location(&self, rest: &[u8]) -> Vec<u8> {
        let inside = joined(&self.media, rest);
        for (container, host) in &self.mounts {
            if let Some(rest) = beneath(&inside, container) {
                return joined(host, rest);
            }
        }
        joined(&self.location, rest)
    }

    /// Root and path in the snapshot of what lies at a path of this host.
    fn archived(&self, host: &[u8]) -> Option<(u32, Vec<u8>)> {
        let host = without_slashes(host);
        self.roots.iter().find_map(|root| {
            let rest = root.folders.iter().find_map(|folder| match folder.as_slice() {
                b"/" => host.strip_prefix(b"/"),
                folder if is_beneath(host, folder) => host.get(folder.len()..),
                _ => None,
            })?;
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let stored = match (root.stored_as.is_empty(), rest.is_empty()) {
                (true, _) => rest.to_vec(),
                (false, true) => root.stored_as.clone(),
                (false, false) => joined(&root.stored_as, rest),
            };
            check_path(&stored).ok()?;
            Some((root.number, stored))
        })
    }

    /// Whether a path is of a folder that Immich fills again by itself, and of a file that it does.
    fn is_motion_part(&self, path: &[u8]) -> bool {
        let media = std::iter::once(self.media.as_slice());
        let rest = media.chain(FORMER).find_map(|prefix| beneath(path, prefix));
        rest.is_some_and(|rest| rest.starts_with(b"encoded-video/")) && path.ends_with(b"-MP.mp4")
    }
}

/// What follows a folder in a path, without the slash.
fn beneath<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(without_slashes(folder))?;
    rest.strip_prefix(b"/").filter(|rest| !rest.is_empty())
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let mut path = path;
    while let Some(shorter) = path.strip_suffix(b"/").filter(|shorter| !shorter.is_empty()) {
        path = shorter;
    }
    path
}

fn joined(folder: &[u8], rest: &[u8]) -> Vec<u8> {
    [without_slashes(folder), rest].join(&b'/')
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
