//! Plain paths as roots: each stored under its absolute path without the leading slash.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Result, Root, SourceError, postgres};

/// Turns paths as a person typed them into roots, numbered from 1 in the order of their stored
/// paths; one that lies inside another is part of that. `current` is the absolute folder that
/// relative paths start from.
///
/// # Errors
/// No path at all, a `..` beyond a link that cannot be read, or the data folder of a Postgres
/// server.
pub fn roots(paths: &[PathBuf], current: &Path) -> Result<Vec<Root>> {
    if paths.is_empty() {
        return Err(SourceError::NoPaths);
    }
    let mut folders = paths
        .iter()
        .map(|path| absolute(path, current))
        .collect::<Result<Vec<PathBuf>>>()?;
    // Paths compare part by part, so that a folder comes right before all that is in it.
    folders.sort();
    folders.dedup_by(|inner, outer| inner.starts_with(outer));
    for folder in &folders {
        if postgres::is_data_folder(folder) {
            return Err(SourceError::PostgresFolder {
                path: folder.clone(),
            });
        }
    }
    Ok((1u32..)
        .zip(folders)
        .map(|(number, folder)| {
            let stored_as = folder.as_os_str().as_bytes();
            let stored_as = stored_as.strip_prefix(b"/").unwrap_or(stored_as).to_vec();
            Root {
                number,
                folder,
                stored_as,
            }
        })
        .collect())
}

/// An absolute path without `.`, `..` and double slashes. Links stay as they are written, except
/// before a `..`, which means the parent of what the link points to.
fn absolute(path: &Path, current: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(SourceError::NoPaths);
    }
    let mut clean = PathBuf::new();
    for component in current.join(path).components() {
        match component {
            Component::Prefix(_) | Component::RootDir => clean.push(OsStr::new("/")),
            Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                if clean.is_symlink() {
                    clean = fs::canonicalize(&clean).map_err(|source| SourceError::Root {
                        path: path.into(),
                        source,
                    })?;
                }
                // Above the root of the file system there is only the root.
                clean.pop();
            }
        }
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn stored(paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let roots = roots(&paths, Path::new("/work/here")).unwrap();
        assert!(
            roots
                .iter()
                .map(|root| root.number)
                .eq(1..=roots.len() as u32)
        );
        roots
            .into_iter()
            .map(|root| String::from_utf8(root.stored_as).unwrap())
            .collect()
    }

    #[test]
    fn paths_become_absolute_and_clean() {
        assert_eq!(stored(&["photos/./a//b/"]), ["work/here/photos/a/b"]);
        assert_eq!(stored(&["../x/../y", "/z/"]), ["work/y", "z"]);
        assert_eq!(stored(&["/../.."]), [""]);
        assert_eq!(stored(&["."]), ["work/here"]);
    }

    #[test]
    fn what_lies_inside_another_is_dropped() {
        assert_eq!(
            stored(&["/a/b/c", "/a/b", "/a/b", "/a/b.c", "/a/b c"]),
            ["a/b", "a/b c", "a/b.c"]
        );
        assert_eq!(stored(&["/a", "/", "b"]), [""]);
    }

    #[test]
    fn two_dots_after_a_link_mean_the_parent_of_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("far/away")).unwrap();
        symlink(dir.join("far/away"), dir.join("link")).unwrap();
        let roots = roots(&[dir.join("link/../x"), dir.join("link/y")], Path::new("/")).unwrap();
        let folders: Vec<_> = roots.into_iter().map(|root| root.folder).collect();
        assert_eq!(folders, [dir.join("far/x"), dir.join("link/y")]);
    }

    #[test]
    fn nothing_and_a_running_database_are_refused() {
        assert!(matches!(
            roots(&[], Path::new("/")),
            Err(SourceError::NoPaths)
        ));
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("global")).unwrap();
        fs::write(dir.path().join("global/pg_control"), b"x").unwrap();
        fs::write(dir.path().join("PG_VERSION"), b"14\n").unwrap();
        let error = roots(&[dir.path().into()], Path::new("/")).unwrap_err();
        assert!(matches!(error, SourceError::PostgresFolder { .. }));
    }
}
