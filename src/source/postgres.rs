//! Knows the data folder of a Postgres server when it sees one.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::filter::Filter;
use super::folder::folders_in;
use super::{Result, Root, SourceError};

/// So many levels below a root are looked at: deep enough for a compose project whose folder was
/// named as a whole, cheap enough for any library.
const LEVELS: u32 = 2;

/// Whether this is the data folder of a Postgres server: `PG_VERSION` beside `global/pg_control`
/// (PostgreSQL manual, "Database File Layout").
pub(super) fn is_data_folder(folder: &Path) -> bool {
    folder.join("PG_VERSION").is_file() && folder.join("global/pg_control").exists()
}

/// Looks for data folders where the walk would go: a copy of one, made while the server runs, looks
/// like a backup and is none.
///
/// # Errors
/// There is one that `filter` does not leave out.
pub fn refuse_data_folders(roots: &[Root], filter: &Filter) -> Result<()> {
    let mut roots = roots.iter();
    roots.try_for_each(|root| look(&root.folder, &root.stored_as, filter, LEVELS))
}

fn look(folder: &Path, stored_as: &[u8], filter: &Filter, levels: u32) -> Result<()> {
    if is_data_folder(folder) {
        return Err(SourceError::PostgresFolder {
            path: folder.into(),
        });
    }
    // What cannot be read is told by the walk.
    if levels == 0 {
        return Ok(());
    }
    for name in folders_in(folder) {
        let mut inner = stored_as.to_vec();
        if !inner.is_empty() {
            inner.push(b'/');
        }
        inner.extend_from_slice(name.as_bytes());
        if !filter.excludes(&inner) && !filter.excludes_folder(&inner) {
            look(&folder.join(&name), &inner, filter, levels - 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn refused(data: &str, exclude: &[&str]) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join(data);
        fs::create_dir_all(data.join("global")).unwrap();
        fs::write(data.join("PG_VERSION"), b"14\n").unwrap();
        fs::write(data.join("global/pg_control"), b"x").unwrap();
        let root = Root {
            number: 1,
            folder: dir.path().into(),
            stored_as: b"srv".to_vec(),
        };
        let filter = Filter::new(exclude).unwrap();
        refuse_data_folders(&[root], &filter).is_err()
    }

    #[test]
    fn a_data_folder_is_found_unless_it_is_left_out() {
        for place in ["", "postgres", "immich/postgres"] {
            assert!(refused(place, &[]), "{place}");
        }
        assert!(!refused("a/b/too-deep", &[]));
        for pattern in [
            "postgres",
            "postgres/",
            "srv/immich/",
            "srv/immich/postgres",
        ] {
            assert!(!refused("immich/postgres", &[pattern]), "{pattern}");
        }
        assert!(refused("immich/postgres", &["immich/postgres"]));
    }
}
