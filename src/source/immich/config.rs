//! The files that say how an installation is put together: beside the originals and the database,
//! the third thing that a new machine needs. They hold passwords.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::source::{Result, Root, SourceError};

/// They are stored in a folder of this name, each under its own name.
const STORED_IN: &[u8] = b"config/";

/// The configuration in a folder, a root a file, numbered from 1 in the order of their names.
/// `folder` is absolute.
///
/// # Errors
/// The folder cannot be read; there is nothing of Docker Compose in it.
pub fn roots(folder: &Path) -> Result<Vec<Root>> {
    let failed = |source| SourceError::Root {
        path: folder.into(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if is_config(&name) && entry.path().is_file() {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(SourceError::NoConfig {
            path: folder.into(),
        });
    }
    names.sort();
    let root = |(number, name): (u32, std::ffi::OsString)| Root {
        number,
        folder: folder.join(&name),
        stored_as: [STORED_IN, name.as_bytes()].concat(),
    };
    Ok((1..).zip(names).map(root).collect())
}

/// `.env` (`stack.env`, as Portainer has it), `docker-compose.yml`, `compose.override.yaml`,
/// `hwaccel.ml.yml`.
fn is_config(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let begins = ["docker-compose.", "compose.", "hwaccel."];
    name.ends_with(".env") || is_yaml && begins.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_reads_is_taken_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            roots(dir.path()),
            Err(SourceError::NoConfig { .. })
        ));
        fs::create_dir(dir.path().join("compose.yml")).unwrap();
        for name in [
            ".env",
            "docker-compose.yml",
            "hwaccel.transcoding.yml",
            "compose.override.yaml",
            "notes.txt",
            ".env.swp",
            "my-compose.yml",
        ] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let roots = roots(dir.path()).unwrap();
        let stored: Vec<_> = roots
            .iter()
            .map(|root| (root.number, std::str::from_utf8(&root.stored_as).unwrap()))
            .collect();
        let expected = [
            (1, "config/.env"),
            (2, "config/compose.override.yaml"),
            (3, "config/docker-compose.yml"),
            (4, "config/hwaccel.transcoding.yml"),
        ];
        assert_eq!(stored, expected);
        assert_eq!(roots[0].folder, dir.path().join(".env"));
    }
}
