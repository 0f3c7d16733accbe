//! `--immich DIR`: the folders of an Immich upload location that hold what cannot be made again.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::CWD;

use super::{MARKER, location};
use crate::source::folder::{names_in, open_folder};
use crate::source::{Result, Root, SourceError, postgres};

/// The folders that hold originals, with the numbers of their roots. Fixed, so that a folder keeps
/// its number when another appears.
const TAKEN: [(u32, &str); 3] = [(1, "library"), (2, "profile"), (3, "upload")];

/// The folders that Immich makes again by itself (thumbnails, transcoded videos) or that hold old
/// dumps, which would only repeat the database.
const LEFT_OUT: [&str; 3] = ["thumbs", "encoded-video", "backups"];

/// What is taken of an upload location, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Stored relative to the upload location: `library`, `profile`, `upload`.
    pub roots: Vec<Root>,
    /// Folders of Immich that are there and are left out on purpose.
    pub left_out: Vec<&'static str>,
    /// Folders with originals that are not there.
    pub absent: Vec<&'static str>,
    /// Folders that are taken although Immich's marker is missing in them, as it is when a disk is
    /// not mounted.
    pub unmarked: Vec<&'static str>,
}

impl Layout {
    /// Looks at an upload location; `location` is absolute.
    ///
    /// # Errors
    /// No folder of originals there, or the data folder of a Postgres server.
    pub fn read(location: &Path) -> Result<Self> {
        if !location.is_dir() {
            let reason = match fs::metadata(location) {
                Ok(_) => io::ErrorKind::NotADirectory.into(),
                Err(error) => error,
            };
            return Err(SourceError::Root {
                path: location.into(),
                source: reason,
            });
        }
        refuse_postgres(location)?;
        refuse_parent(location)?;
        let mut layout = Self {
            roots: Vec::new(),
            left_out: Vec::new(),
            absent: Vec::new(),
            unmarked: Vec::new(),
        };
        for (number, name) in TAKEN {
            let folder = location.join(name);
            if !is_folder(&folder)? {
                layout.absent.push(name);
                continue;
            }
            refuse_postgres_within(&folder)?;
            if !folder.join(MARKER).is_file() {
                layout.unmarked.push(name);
            }
            layout.roots.push(Root {
                number,
                folder,
                stored_as: name.as_bytes().to_vec(),
            });
        }
        if layout.roots.is_empty() {
            return Err(SourceError::NotImmich {
                path: location.into(),
            });
        }
        layout
            .left_out
            .extend(LEFT_OUT.iter().filter(|name| location.join(name).is_dir()));
        Ok(layout)
    }

    /// What a person should know about this, a sentence each.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if !self.left_out.is_empty() {
            notices.push(format!(
                "note: left out: {} (Immich makes thumbnails and videos again, and the database is \
                 backed up by its own dump)",
                self.left_out.join(", ")
            ));
        }
        if !self.unmarked.is_empty() {
            notices.push(format!(
                "the file {MARKER} is missing in: {} (if these folders are on another disk, it may \
                 not be mounted)",
                self.unmarked.join(", ")
            ));
        }
        notices
    }
}

/// A folder that cannot be looked at is an error: taking it for absent would leave out originals.
fn is_folder(path: &Path) -> Result<bool> {
    let failed = |source| SourceError::Root {
        path: path.into(),
        source,
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(failed(io::ErrorKind::NotADirectory.into())),
        // A link whose target is not there, such as a disk that is not mounted.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            Err(failed(error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn refuse_postgres(folder: &Path) -> Result<()> {
    if postgres::is_data_folder(folder) {
        return Err(SourceError::PostgresFolder {
            path: folder.into(),
        });
    }
    Ok(())
}

/// The folder of a compose file often holds the upload location as `library`: taken for Immich's
/// own folder of that name, it would bring the thumbnails and leave the rest in a wrong place.
fn refuse_parent(folder: &Path) -> Result<()> {
    match location::directly_in(folder) {
        Some(found) if !location::looks_like_one(folder) => Err(SourceError::ImmichBelow {
            path: folder.into(),
            found,
        }),
        _ => Ok(()),
    }
}

/// Looks at a folder and at those directly in it: deep enough for a database folder that was put
/// beside the photos, cheap enough for any library.
fn refuse_postgres_within(folder: &Path) -> Result<()> {
    refuse_postgres(folder)?;
    let failed = |source| SourceError::Root {
        path: folder.into(),
        source,
    };
    let real = fs::canonicalize(folder).map_err(failed)?;
    let opened = open_folder(CWD, real.as_os_str().as_bytes());
    let (names, error) = names_in(&opened.map_err(|errno| failed(errno.into()))?);
    if let Some(errno) = error {
        return Err(failed(errno.into()));
    }
    names
        .iter()
        .try_for_each(|name| refuse_postgres(&folder.join(OsStr::from_bytes(name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::filter::Filter;
    use crate::source::{Event, Kind, Walk};

    fn location(folders: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(MARKER), b"1763755920123").unwrap();
        }
        dir
    }

    #[test]
    fn originals_are_taken_and_the_rest_is_named() {
        let dir = location(&[
            "upload",
            "library",
            "profile",
            "thumbs",
            "encoded-video",
            "backups",
        ]);
        let layout = Layout::read(dir.path()).unwrap();
        let roots: Vec<_> = layout
            .roots
            .iter()
            .map(|root| (root.number, root.stored_as.as_slice()))
            .collect();
        assert_eq!(
            roots,
            [(1, &b"library"[..]), (2, b"profile"), (3, b"upload")]
        );
        assert_eq!(layout.left_out, LEFT_OUT);
        assert!(layout.absent.is_empty() && layout.unmarked.is_empty());
        assert_eq!(layout.notices().len(), 1);
    }

    #[test]
    fn a_root_keeps_its_number_and_a_missing_mount_is_noticed() {
        let dir = location(&["upload"]);
        fs::remove_file(dir.path().join("upload").join(MARKER)).unwrap();
        let layout = Layout::read(dir.path()).unwrap();
        assert_eq!(layout.roots.first().map(|root| root.number), Some(3));
        assert_eq!(
            (layout.absent, layout.unmarked),
            (vec!["library", "profile"], vec!["upload"])
        );
    }

    #[test]
    fn a_folder_of_something_else_is_refused_with_what_is_looked_for() {
        let dir = location(&["photos"]);
        let error = Layout::read(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("library") && error.contains("UPLOAD_LOCATION"),
            "{error}"
        );
        assert!(Layout::read(&dir.path().join("absent")).is_err());
    }

    #[test]
    fn the_folder_of_the_compose_file_is_refused_with_the_one_that_is_meant() {
        let dir = location(&["library/upload", "library/thumbs"]);
        let error = Layout::read(dir.path()).unwrap_err();
        assert!(matches!(error, SourceError::ImmichBelow { .. }), "{error}");
        let meant = dir.path().join("library");
        assert!(error.to_string().contains(&meant.display().to_string()));
        assert!(Layout::read(&meant).is_ok());
        let dir = location(&["upload", "library"]);
        assert!(Layout::read(dir.path()).is_ok());
    }

    #[test]
    fn a_link_to_a_disk_that_is_not_mounted_is_an_error() {
        let dir = location(&["upload"]);
        std::os::unix::fs::symlink("/nowhere/at/all", dir.path().join("library")).unwrap();
        assert!(Layout::read(dir.path()).is_err());
    }

    #[test]
    fn a_database_folder_is_refused_wherever_it_stands() {
        for place in ["", "library", "upload/postgres"] {
            let dir = location(&["upload", "library"]);
            let data = dir.path().join(place);
            fs::create_dir_all(data.join("global")).unwrap();
            fs::write(data.join("PG_VERSION"), b"14\n").unwrap();
            fs::write(data.join("global/pg_control"), b"x").unwrap();
            let error = Layout::read(dir.path()).unwrap_err();
            assert!(
                matches!(error, SourceError::PostgresFolder { .. }),
                "{place}"
            );
            assert!(error.to_string().contains("dump"));
        }
    }

    #[test]
    fn the_sample_location_is_walked_with_its_ugly_name() {
        let dir = tempfile::tempdir().unwrap();
        let archive =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/upload-location.tar");
        let tar = std::process::Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(dir.path())
            .status()
            .unwrap();
        assert!(tar.success());
        let layout = Layout::read(&dir.path().join("upload-location")).unwrap();
        assert!(layout.unmarked.is_empty() && layout.absent.is_empty());
        let files: Vec<_> = Walk::new(&layout.roots, Filter::default())
            .unwrap()
            .filter_map(|event| match event {
                Event::Found(found) if found.kind == Kind::File => Some(found),
                Event::Found(_) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(files.len(), 3 + 4 + 1 + 3);
        let ugly = "library/alice/2024/2024-07-14/Fête\\été\t+1.png".as_bytes();
        let ugly = files.iter().find(|found| found.path == ugly).unwrap();
        assert_eq!((ugly.root, ugly.metadata.size), (1, 5));
    }
}
