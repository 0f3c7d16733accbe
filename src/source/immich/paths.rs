//! Where in a snapshot the file lies that a row of Immich's database names.
//!
//! A row names it as Immich's container sees it. Up to three steps lead to the path inside the
//! snapshot: the media location, or a mount of the container, gives the folder of the host; the
//! roots of the snapshot tell under which path that folder is stored. A prefix is taken off once and
//! never twice: `upload/upload/x` is `upload/x` in the upload location.

use std::borrow::Cow;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::mounts::Mount;
use crate::source::Root;

/// Where the relative paths of releases up to 1.135 start from.
const WORKING_FOLDER: &[u8] = b"/usr/src/app";
/// Media locations of other releases and of packages, without slashes at their ends. `./upload` is
/// `upload`.
const LEGACY: [&[u8]; 4] = [b"/data", b"/usr/src/app/upload", b"upload", b"/photos"];

/// The media location that Immich itself assumes where its database tells none (before 1.137).
///
/// `has_relative_paths`: whether a path that is not of an external library begins with `upload/`.
pub fn media_location(told: Option<&[u8]>, has_relative_paths: bool) -> &[u8] {
    match told {
        Some(location) => location,
        None if has_relative_paths => b"upload",
        None => b"/usr/src/app/upload",
    }
}

/// What a file is to Immich, by the folder of the media location that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `library` and `upload`.
    Original,
    /// Pictures of users.
    Profile,
    /// `thumbs` and `encoded-video`: Immich makes them again.
    Generated,
    /// The moving part of a photo, which Immich took out of it and can take out again, although it
    /// is an asset of its own: `encoded-video/….-MP.mp4`.
    Motion,
    /// Anything else, and what lies outside the media location.
    Other,
}

/// A place in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The root that holds it. `None`: its folder is not backed up; then `stored` is only the path
    /// below the media location.
    pub root: Option<u32>,
    /// The path inside the snapshot.
    pub stored: Vec<u8>,
    pub part: Part,
}

/// What a path of a row means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// Below the media location.
    Managed(Place),
    /// Below a media location of earlier times: the file may be there, but Immich does not find it.
    Stale(Place),
    /// Of an external library.
    External {
        /// Where it is on the host; `None` where no mount tells.
        host: Option<PathBuf>,
        /// `None`: its folder is not backed up.
        place: Option<Place>,
    },
    /// Nowhere that Immich would put a file, or no path at all.
    Outside,
}

/// The path map of one snapshot.
#[derive(Debug, Clone)]
pub struct PathMap {
    /// Without a slash at its end.
    media: Vec<u8>,
    /// By the path in the container, the longest first.
    mounts: Vec<Inside>,
    roots: Vec<Stored>,
    import_paths: Vec<Vec<u8>>,
    /// Somebody told mounts, so that a path without one is not guessed to be the same on the host.
    mounts_are_told: bool,
}

/// A folder in the container.
#[derive(Debug, Clone)]
struct Inside {
    container: Vec<u8>,
    /// On the host, as told and with its links resolved.
    hosts: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Stored {
    number: u32,
    /// On the host, as told and with its links resolved.
    folders: Vec<Vec<u8>>,
    stored_as: Vec<u8>,
}

impl PathMap {
    /// `media`: as [`media_location`] gives it. `upload_location`: the host's folder of the media
    /// location, unless a mount says otherwise. Looks at the file system only to resolve links in
    /// the folders of `mounts` and `roots`.
    pub fn new(
        media: &[u8],
        upload_location: Option<&Path>,
        mounts: &[Mount],
        roots: &[Root],
        import_paths: &[Vec<u8>],
    ) -> Self {
        let media = match clean(media) {
            Some(media) if !media.is_empty() => media.into_owned(),
            _ => media_location(None, false).to_vec(),
        };
        let inside = |container: &[u8], host: &Path| {
            Some(Inside {
                container: clean(container)?.into_owned(),
                hosts: spellings(host),
            })
        };
        let told = mounts
            .iter()
            .filter_map(|mount| inside(&mount.container, &mount.host));
        let mut told: Vec<Inside> = told.collect();
        let absolute_media = in_container(&media).into_owned();
        if let Some(location) = upload_location
            && !told.iter().any(|mount| mount.container == absolute_media)
        {
            told.extend(inside(&absolute_media, location));
        }
        told.sort_by_key(|mount| std::cmp::Reverse(mount.container.len()));
        let stored = |root: &Root| Stored {
            number: root.number,
            folders: spellings(&root.folder),
            stored_as: root.stored_as.clone(),
        };
        let import_paths = import_paths.iter().filter_map(|path| clean(path));
        Self {
            media,
            mounts: told,
            roots: roots.iter().map(stored).collect(),
            import_paths: import_paths.map(Cow::into_owned).collect(),
            mounts_are_told: !mounts.is_empty(),
        }
    }

    /// Where the path of a row leads. `is_external`: the row says that it is of an external library.
    /// Such rows are never taken for stale ones: their folders have any name.
    pub fn map(&self, path: &[u8], is_external: bool) -> Mapped {
        let Some(path) = clean(path).filter(|path| !path.is_empty()) else {
            return Mapped::Outside;
        };
        if let Some(rest) = below(&path, &self.media).filter(|rest| !rest.is_empty()) {
            return Mapped::Managed(self.managed(&path, rest));
        }
        let is_imported = || {
            self.import_paths
                .iter()
                .any(|import| below(&path, import).is_some())
        };
        if is_external || is_imported() {
            return self.external(&path);
        }
        let stale = LEGACY.iter().find_map(|prefix| below(&path, prefix));
        match stale.filter(|rest| !rest.is_empty()) {
            Some(rest) => {
                let now = [self.media.as_slice(), b"/", rest].concat();
                Mapped::Stale(self.managed(&now, rest))
            }
            None => Mapped::Outside,
        }
    }

    /// The place of what lies at `rest` below the media location.
    fn managed(&self, path: &[u8], rest: &[u8]) -> Place {
        let part = part(rest);
        let hosts = self.hosts(&in_container(path));
        let place = hosts.iter().find_map(|host| self.stored(host, part));
        // The host of the container may call its folders otherwise than this one, such as where
        // they are reached over the network: then the names of Immich's own folders tell.
        place.unwrap_or_else(|| Place {
            root: self.root_of(rest),
            stored: rest.to_vec(),
            part,
        })
    }

    fn external(&self, path: &[u8]) -> Mapped {
        let mut hosts = self.hosts(&in_container(path));
        if hosts.is_empty() && !self.mounts_are_told {
            // Most people mount a library under the path that it has on the host.
            let place = self.stored(path, Part::Other);
            let host = place.as_ref().map(|_| to_path(path));
            return Mapped::External { host, place };
        }
        let place = hosts.iter().find_map(|host| self.stored(host, Part::Other));
        hosts.truncate(1);
        Mapped::External {
            host: hosts.pop().map(|host| to_path(&host)),
            place,
        }
    }

    /// The path on the host, in each spelling of the mount with the longest prefix.
    fn hosts(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let found = self.mounts.iter().find_map(|mount| {
            let rest = below(path, &mount.container)?;
            Some(mount.hosts.iter().map(|host| joined(host, rest)).collect())
        });
        found.unwrap_or_default()
    }

    /// Where a path of the host is stored: in the root with the longest prefix.
    fn stored(&self, host: &[u8], part: Part) -> Option<Place> {
        let folders = self
            .roots
            .iter()
            .flat_map(|root| root.folders.iter().map(move |folder| (folder, root)));
        let holding = folders.filter_map(|(folder, root)| {
            below(host, folder).map(|rest| (folder.len(), root, rest))
        });
        let (_, root, rest) = holding.max_by_key(|(length, ..)| *length)?;
        Some(Place {
            root: Some(root.number),
            stored: joined(&root.stored_as, rest),
            part,
        })
    }

    /// The root that is stored under the first names of this path.
    fn root_of(&self, stored: &[u8]) -> Option<u32> {
        let holds =
            |root: &&Stored| !root.stored_as.is_empty() && below(stored, &root.stored_as).is_some();
        self.roots.iter().find(holds).map(|root| root.number)
    }
}

/// The same name in the other normal forms of Unicode, where they differ: file systems of Apple and
/// some programs that copy change the form.
pub fn other_forms(path: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(path) else {
        return Vec::new();
    };
    if text.is_ascii() {
        return Vec::new();
    }
    let mut forms: Vec<Vec<u8>> = [text.nfc().collect::<String>(), text.nfd().collect()]
        .into_iter()
        .map(String::into_bytes)
        .filter(|form| form != path)
        .collect();
    forms.dedup();
    forms
}

fn part(rest: &[u8]) -> Part {
    let first = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
    match first {
        b"library" | b"upload" => Part::Original,
        b"profile" => Part::Profile,
        b"encoded-video" if rest.ends_with(b"-MP.mp4") => Part::Motion,
        b"encoded-video" | b"thumbs" => Part::Generated,
        _ => Part::Other,
    }
}

/// A path without empty parts, `.`, and a slash at its end. `None` with a `..`, which Immich never
/// writes and which could lead anywhere, or with a NUL.
fn clean(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (start, body) = match path.strip_prefix(b"/") {
        Some(body) => (&b"/"[..], body),
        None => (&b""[..], path),
    };
    let mut is_clean = true;
    for part in body.split(|byte| *byte == b'/') {
        if part == b".." || part.contains(&0) {
            return None;
        }
        is_clean &= !part.is_empty() && part != b".";
    }
    if is_clean {
        return Some(Cow::Borrowed(path));
    }
    let parts = body.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    Some(Cow::Owned([start, &parts.join(&b'/')].concat()))
}

/// A relative path of old releases as the container has it.
fn in_container(path: &[u8]) -> Cow<'_, [u8]> {
    if path.starts_with(b"/") {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(joined(WORKING_FOLDER, path))
    }
}

/// What follows `folder` in `path`, without a slash in front; empty for the folder itself. Both are
/// clean.
fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() || folder.is_empty() || folder == b"/" {
        return Some(rest);
    }
    rest.strip_prefix(b"/")
}

fn joined(folder: &[u8], rest: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.is_empty() || folder == b"/" || rest.is_empty() {
        b""
    } else {
        b"/"
    };
    [folder, slash, rest].concat()
}

/// A folder as it was told, and with its links resolved if that is another.
fn spellings(folder: &Path) -> Vec<Vec<u8>> {
    let told = clean(folder.as_os_str().as_bytes()).map(Cow::into_owned);
    let resolved = fs::canonicalize(folder).ok();
    let resolved = resolved.map(|path| path.into_os_string().as_bytes().to_vec());
    let mut spellings: Vec<Vec<u8>> = told.into_iter().chain(resolved).collect();
    spellings.dedup();
    spellings
}

fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
