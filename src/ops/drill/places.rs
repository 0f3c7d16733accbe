//! Where in a snapshot the original of a row lies: the path map that the audit uses, fed from what
//! the snapshot recorded of its sources and of the mounts of Immich's container.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::format::snapshot::{Mount as StoredMount, Root as StoredRoot};
use crate::source::Root;
use crate::source::immich::mounts::Mount;
use crate::source::immich::paths::{Mapped, PathMap, media_location, other_forms};

/// Immich's folders that hold originals.
const FOLDERS: [&str; 3] = ["library", "profile", "upload"];

/// Finds places: where there are several maps, they are tried in turn.
pub struct Places(Vec<PathMap>);

impl Places {
    /// `told`: the media location that the database tells; `given`: mounts that a person named, which
    /// go before those of the snapshot.
    pub fn new(
        roots: &[StoredRoot],
        recorded: &[StoredMount],
        told: Option<&[u8]>,
        given: &[Mount],
    ) -> Self {
        let locations = upload_locations(roots);
        let recorded = recorded.iter().map(|mount| Mount {
            container: mount.container.clone(),
            host: path_of(&mount.host),
        });
        let is_new = |one: &Mount| given.iter().all(|mount| mount.container != one.container);
        let mounts: Vec<Mount> = given
            .iter()
            .cloned()
            .chain(recorded.filter(is_new))
            .collect();
        let roots: Vec<Root> = roots.iter().filter_map(root_of).collect();
        // Relative paths of old releases are below it too: the map knows all former prefixes.
        let media = media_location(told, false);
        let map = |location: Option<&Path>| PathMap::new(media, location, &mounts, &roots, &[]);
        if locations.is_empty() {
            return Self(vec![map(None)]);
        }
        Self(locations.iter().map(|one| map(Some(one))).collect())
    }

    /// Paths in the snapshot under which the original of that row may lie, the likeliest first: names
    /// in another normal form of Unicode come last.
    pub fn candidates(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let mut candidates: Vec<Vec<u8>> = Vec::new();
        for map in &self.0 {
            let place = match map.map(path, false) {
                Mapped::Managed(place) | Mapped::Stale(place) => place,
                Mapped::External { .. } | Mapped::Outside => continue,
            };
            if place.root.is_some() && !candidates.contains(&place.stored) {
                candidates.push(place.stored);
            }
        }
        let others: Vec<Vec<u8>> = candidates.iter().flat_map(|it| other_forms(it)).collect();
        candidates.extend(others);
        candidates
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A root as it was when the snapshot was made.
fn root_of(root: &StoredRoot) -> Option<Root> {
    let folder = path_of(&root.source);
    let stored_as = match root.kind.as_str() {
        "immich" => folder.file_name()?.as_bytes().to_vec(),
        "path" => {
            let source = root.source.as_slice();
            source.strip_prefix(b"/").unwrap_or(source).to_vec()
        }
        _ => return None,
    };
    Some(Root {
        number: root.number,
        folder,
        stored_as,
    })
}

/// Folders of the host that may be the upload location. With `--immich` it is known; of plain paths
/// any may be it, or one of its folders.
fn upload_locations(roots: &[StoredRoot]) -> Vec<PathBuf> {
    let parent = |root: &StoredRoot| path_of(&root.source).parent().map(Path::to_path_buf);
    let immich = roots.iter().find(|root| root.kind == "immich");
    if let Some(location) = immich.and_then(parent) {
        return vec![location];
    }
    let mut locations = Vec::new();
    for root in roots.iter().filter(|root| root.kind == "path") {
        let folder = path_of(&root.source);
        let name = folder.file_name().and_then(OsStr::to_str);
        if name.is_some_and(|name| FOLDERS.contains(&name)) {
            locations.extend(parent(root));
        }
        locations.push(folder);
    }
    locations.dedup();
    locations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(number: u32, kind: &str, source: &str) -> StoredRoot {
        StoredRoot {
            number,
            kind: kind.to_owned(),
            source: source.as_bytes().to_vec(),
        }
    }

    fn found(roots: &[StoredRoot], mounts: &[(&str, &str)], told: &str, path: &str) -> Vec<String> {
        let mounts: Vec<Mount> = mounts
            .iter()
            .map(|(container, host)| Mount {
                container: container.as_bytes().to_vec(),
                host: PathBuf::from(host),
            })
            .collect();
        let told = Some(told.as_bytes()).filter(|told| !told.is_empty());
        let places = Places::new(roots, &[], told, &mounts);
        let candidates = places.candidates(path.as_bytes()).into_iter();
        let text = |it| String::from_utf8(it).unwrap();
        candidates.map(text).collect()
    }

    #[test]
    fn one_prefix_goes_and_no_second() {
        let roots = [
            root(0, "database", "pg_dump"),
            root(1, "immich", "/srv/immich/library"),
            root(3, "immich", "/srv/immich/upload"),
        ];
        for (told, path, expected) in [
            ("", "upload/upload/x.jpg", "upload/x.jpg"),
            ("", "/usr/src/app/upload/upload/x", "upload/x"),
            ("/data", "/data/library/a/b", "library/a/b"),
            ("/photos", "/photos/upload/x", "upload/x"),
            ("/data", "/usr/src/app/upload/upload/x", "upload/x"),
        ] {
            assert_eq!(found(&roots, &[], told, path), [expected], "{path}");
        }
        for path in ["/photostream/x", "/mnt/external/x.jpg", "/data/../etc/x"] {
            assert_eq!(found(&roots, &[], "/photos", path), [""; 0], "{path}");
        }
        let decomposed = found(&roots, &[], "/data", "/data/library/Zoe\u{308}");
        assert_eq!(decomposed, ["library/Zoe\u{308}", "library/Zo\u{eb}"]);
    }

    #[test]
    fn plain_folders_and_mounts_are_found() {
        let plain = [root(11, "path", "/srv/immich")];
        let path = "/data/library/a.jpg";
        assert_eq!(
            found(&plain, &[], "/data", path),
            ["srv/immich/library/a.jpg"]
        );
        let parts = [
            root(11, "path", "/s/library"),
            root(12, "path", "/t/upload"),
        ];
        assert_eq!(found(&parts, &[], "/data", path), ["s/library/a.jpg"]);
        assert_eq!(
            found(&parts, &[], "/data", "/data/upload/b"),
            ["t/upload/b"]
        );
        let other = [root(11, "path", "/volume1/originals")];
        let mount = [("/data/library", "/volume1/originals")];
        assert_eq!(
            found(&other, &mount, "/data", path),
            ["volume1/originals/a.jpg"]
        );
    }
}
