//! Reads the file that tells mounts, and tells which kind it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::mount::{Mount, MountError, TEXT_BYTES_MAX};
use super::{compose, inspect};

/// The mounts of Immich's server by a file that holds either the answer of `docker inspect` or a
/// compose file; for the latter `.env` beside it is read too. `path` is absolute.
///
/// # Errors
/// A file that cannot be read or made out.
pub fn from_file(path: &Path) -> Result<Vec<Mount>, MountError> {
    let text = read(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let beside = folder.join(".env");
    let environment = match read(&beside) {
        Ok(text) => compose::environment(&text),
        Err(MountError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            BTreeMap::new()
        }
        Err(_) if is_json(&text) => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    from_text(&text, &environment, folder)
}

/// As [`from_file`], of texts; `folder` is that of the compose file, absolute.
///
/// # Errors
/// A text that cannot be made out.
pub fn from_text(
    text: &str,
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Vec<Mount>, MountError> {
    if is_json(text) {
        inspect::mounts(text)
    } else {
        compose::mounts(text, environment, folder)
    }
}

/// A compose file could be JSON as well; Docker's answer is a list.
fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('[')
}

fn read(path: &Path) -> Result<String, MountError> {
    let failed = |source| MountError::File {
        path: path.into(),
        source,
    };
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(failed)?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(MountError::TooLarge { path: path.into() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_is_in_it_and_its_env_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("docker-compose.yml");
        let compose = "services: {immich-server: {volumes: ['${UPLOAD_LOCATION}:/data']}}";
        fs::write(&file, compose).unwrap();
        let error = from_file(&file).unwrap_err().to_string();
        assert!(error.contains("${UPLOAD_LOCATION}"), "{error}");
        fs::write(dir.path().join(".env"), "UPLOAD_LOCATION=./library").unwrap();
        let hosts = |path: &Path| -> Vec<_> {
            let mounts = from_file(path).unwrap().into_iter();
            mounts.map(|mount| mount.host).collect()
        };
        assert_eq!(hosts(&file), [dir.path().join("library")]);
        let told = r#" [{"Mounts": [{"Source": "/a", "Destination": "/data"}]}]"#;
        fs::write(&file, told).unwrap();
        assert_eq!(hosts(&file), [Path::new("/a")]);
        assert!(matches!(
            from_file(dir.path()),
            Err(MountError::File { .. })
        ));
        let large = vec![b'x'; TEXT_BYTES_MAX as usize + 1];
        fs::write(&file, large).unwrap();
        assert!(matches!(from_file(&file), Err(MountError::TooLarge { .. })));
    }
}
