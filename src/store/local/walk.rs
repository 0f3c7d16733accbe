//! Lists a directory store in byte order of names, folder by folder: only the entries of the
//! folders on the way down are held in memory, never the whole list.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::Path;

use super::folder::{Local, info};
use crate::store::{ObjectInfo, Result, name};

/// Folders inside folders; the format has two levels, and no name that a store takes has more.
const DEPTH_MAX: usize = 450;

/// One entry of a folder; the name of a folder ends in `/`, which is what sorts it among files.
struct Entry {
    name: String,
    found: DirEntry,
    is_folder: bool,
}

impl Local {
    pub(super) fn walk(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(ObjectInfo) -> Result<()>,
    ) -> Result<()> {
        let failed = |error: io::Error| self.failed("list", prefix, error);
        let root = self.folder(&self.root, "", prefix);
        let mut open = vec![root.map_err(failed)?];
        while let Some(folder) = open.last_mut() {
            let Some(entry) = folder.pop() else {
                open.pop();
                continue;
            };
            if entry.is_folder {
                if open.len() >= DEPTH_MAX {
                    // Whoever can put something in the folder must not end all listings.
                    continue;
                }
                let path = entry.found.path();
                open.push(self.folder(&path, &entry.name, prefix).map_err(failed)?);
            } else if let Some(metadata) = present(entry.found.metadata()).map_err(failed)? {
                visit(info(entry.name, &metadata))?;
            }
        }
        Ok(())
    }

    /// Entries that are or can hold objects of the prefix, last name first.
    fn folder(&self, path: &Path, name: &str, prefix: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let found = match fs::read_dir(path) {
            // A folder below the root may go away while it is being listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !name.is_empty() => {
                return Ok(entries);
            }
            found => found?,
        };
        let mut is_empty = name.is_empty();
        for entry in found {
            is_empty = false;
            let found = entry?;
            let kind = found.file_type()?;
            // A name that is not UTF-8 cannot be an object's; it is shown so that it can be named.
            let mut full_name = name.to_owned() + &found.file_name().to_string_lossy();
            if kind.is_dir() {
                full_name.push('/');
            } else if !kind.is_file() {
                continue;
            }
            let is_temporary =
                kind.is_dir() && name.is_empty() && found.file_name() == name::TEMPORARY;
            let is_wanted = full_name.starts_with(prefix)
                || kind.is_dir() && prefix.starts_with(full_name.as_str());
            if is_wanted && !is_temporary {
                entries.push(Entry {
                    name: full_name,
                    found,
                    is_folder: kind.is_dir(),
                });
            }
        }
        if is_empty && !self.is_there() {
            return Err(io::ErrorKind::NotFound.into());
        }
        entries.sort_unstable_by(|a, b| b.name.cmp(&a.name));
        Ok(entries)
    }
}

/// An object deleted while it is being listed is not there.
fn present(metadata: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match metadata {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        metadata => metadata.map(Some),
    }
}
