//! Finds everything in the roots, in the order of a listing: by root number, then by path with `/`
//! below every other byte. That is depth first, children by the bytes of their names, a folder
//! before what is in it.
//!
//! Memory: the names of one folder for each level down to where the walk stands. What cannot be
//! read is an event, and the walk goes on. No link is followed, not even one that replaces a folder
//! while the walk is under way.

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;

use super::event::{Event, Found, Kind, Problem, Special};
use super::filter::Filter;
use super::folder::{is_kernel_folder, names_in, open_folder};
use super::{Limits, Metadata, Result, Root, SourceError};
use crate::format::entry::PATH_BYTES_MAX;

/// So many levels keep their folder open; those below reach theirs by its whole path. Bounds the
/// open files of a walk, however deep the tree.
const OPEN_FOLDERS_MAX: usize = 128;

/// One walk over all roots.
#[derive(Debug)]
pub struct Walk {
    roots: std::vec::IntoIter<Root>,
    filter: Filter,
    limits: Limits,
    root: u32,
    levels: Vec<Level>,
    /// The path inside the snapshot and on the host of the folder that the walk stands in.
    stored: Vec<u8>,
    source: Vec<u8>,
    /// The device of a folder that was found and is to be entered next.
    entering: Option<Entering>,
    /// What is to be said next.
    aside: Option<Event>,
}

#[derive(Debug)]
struct Level {
    /// `None` from [`OPEN_FOLDERS_MAX`] levels on.
    handle: Option<OwnedFd>,
    names: std::vec::IntoIter<Box<[u8]>>,
    /// Lengths of `stored` and `source` for this folder.
    stored_len: usize,
    source_len: usize,
    device: u64,
}

#[derive(Debug)]
struct Entering {
    name: Box<[u8]>,
    device: u64,
}

impl Walk {
    /// Begins a walk over roots with distinct numbers; they are taken in the order of these.
    ///
    /// # Errors
    /// A root that does not exist, cannot be read, or is neither a file nor a folder.
    pub fn new(roots: &[Root], filter: Filter) -> Result<Self> {
        let mut resolved = roots.iter().map(resolve).collect::<Result<Vec<_>>>()?;
        resolved.sort_by_key(|root| root.number);
        Ok(Self {
            roots: resolved.into_iter(),
            filter,
            limits: Limits::default(),
            root: 0,
            levels: Vec::new(),
            stored: Vec::new(),
            source: Vec::new(),
            entering: None,
            aside: None,
        })
    }

    /// The same walk within limits.
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Stands the walk before the next root and looks at it.
    fn begin(&mut self, root: Root) -> Option<Event> {
        self.root = root.number;
        self.stored = root.stored_as;
        self.source = root.folder.into_os_string().into_vec();
        let path = self.stored.clone();
        let stat = match rustix::fs::statat(CWD, &self.source, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(errno) => return Some(self.problem(path, errno)),
        };
        let metadata = Metadata::from_stat(&stat);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.entering = Some(Entering {
                    name: Box::default(),
                    device: metadata.device,
                });
                Kind::Folder
            }
            FileType::RegularFile => Kind::File,
            // It was a file or a folder when the walk began.
            _ => return Some(self.problem(path, Errno::STALE)),
        };
        if path.is_empty() {
            // The root of the file system has no name to be stored under.
            return None;
        }
        let source = PathBuf::from(OsString::from_vec(self.source.clone()));
        Some(Event::Found(Found {
            root: self.root,
            path,
            source,
            kind,
            metadata,
        }))
    }

    /// Opens the folder that was found last and reads its names; tells what is wrong with it.
    fn enter(&mut self, entering: Entering) -> Option<Event> {
        let above = self.levels.last();
        let crossed = above.is_some_and(|level| level.device != entering.device);
        let opened = match (above, above.and_then(|level| level.handle.as_ref())) {
            (Some(_), Some(handle)) => open_folder(handle.as_fd(), &entering.name),
            _ => {
                let mut whole = self.source.clone();
                push_name(&mut whole, &entering.name);
                open_folder(CWD, &whole)
            }
        };
        let mut path = self.stored.clone();
        push_name(&mut path, &entering.name);
        let handle = match opened {
            Ok(handle) => handle,
            Err(errno) => return Some(self.problem(path, errno)),
        };
        if crossed && is_kernel_folder(&handle) {
            return Some(Event::Skipped {
                path,
                what: Special::KernelFolder,
            });
        }
        let (mut names, error) = names_in(&handle);
        // A root was named: it is wanted, whatever else it is.
        if above.is_some() {
            self.limits.narrow(&handle, &mut names);
        }
        push_name(&mut self.source, &entering.name);
        self.stored = path;
        self.levels.push(Level {
            handle: (self.levels.len() < OPEN_FOLDERS_MAX).then_some(handle),
            names: names.into_iter(),
            stored_len: self.stored.len(),
            source_len: self.source.len(),
            device: entering.device,
        });
        // What could be read of a damaged folder is still taken.
        error.map(|errno| self.problem(self.stored.clone(), errno))
    }

    /// Looks at one name of the folder that the walk stands in; `None` if it is left out.
    fn examine(&mut self, name: Box<[u8]>) -> Option<Event> {
        let mut path = Vec::with_capacity(self.stored.len() + 1 + name.len());
        path.extend_from_slice(&self.stored);
        push_name(&mut path, &name);
        if self.filter.excludes(&path) {
            return None;
        }
        if path.len() > PATH_BYTES_MAX {
            // Readers refuse it, and all that would be listed beside it.
            return Some(self.problem(path, Errno::NAMETOOLONG));
        }
        let mut source = Vec::with_capacity(self.source.len() + 1 + name.len());
        source.extend_from_slice(&self.source);
        push_name(&mut source, &name);

        let (folder, relative) = match self.levels.last().and_then(|level| level.handle.as_ref()) {
            Some(handle) => (handle.as_fd(), &*name),
            None => (CWD, source.as_slice()),
        };
        let stat = match rustix::fs::statat(folder, relative, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(errno) => return Some(self.problem(path, errno)),
        };
        let metadata = Metadata::from_stat(&stat);
        let file_type = FileType::from_raw_mode(stat.st_mode);
        if let Some(what) = Special::of(file_type) {
            return Some(Event::Skipped { path, what });
        }
        let kind = match file_type {
            FileType::Directory => {
                if self.filter.excludes_folder(&path) {
                    return None;
                }
                let top = self.levels.first().map(|level| level.device);
                if self.limits.one_file_system && top != Some(metadata.device) {
                    self.aside = Some(Event::Skipped {
                        path: path.clone(),
                        what: Special::OtherFileSystem,
                    });
                } else {
                    self.entering = Some(Entering {
                        name,
                        device: metadata.device,
                    });
                }
                Kind::Folder
            }
            FileType::Symlink => match rustix::fs::readlinkat(folder, relative, Vec::new()) {
                Ok(target) => Kind::Link {
                    target: target.into_bytes(),
                },
                Err(errno) => return Some(self.problem(path, errno)),
            },
            _ => Kind::File,
        };
        let source = PathBuf::from(OsString::from_vec(source));
        Some(Event::Found(Found {
            root: self.root,
            path,
            source,
            kind,
            metadata,
        }))
    }

    fn problem(&self, path: Vec<u8>, errno: Errno) -> Event {
        let error = match errno {
            Errno::NOENT => "it vanished while the backup ran".to_owned(),
            Errno::NOTDIR | Errno::LOOP | Errno::STALE => {
                "it was replaced by something else while the backup ran".to_owned()
            }
            other => std::io::Error::from(other).to_string(),
        };
        Event::Problem(Problem {
            root: self.root,
            path,
            error,
        })
    }
}

impl Iterator for Walk {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let event = if let Some(aside) = self.aside.take() {
                Some(aside)
            } else if let Some(entering) = self.entering.take() {
                self.enter(entering)
            } else if let Some(level) = self.levels.last_mut() {
                self.stored.truncate(level.stored_len);
                self.source.truncate(level.source_len);
                match level.names.next() {
                    Some(name) => self.examine(name),
                    None => {
                        self.levels.pop();
                        None
                    }
                }
            } else {
                let root = self.roots.next()?;
                self.begin(root)
            };
            if event.is_some() {
                return event;
            }
        }
    }
}

/// Makes sure that a root can be read, and follows the links on the way to it, once and for all.
fn resolve(root: &Root) -> Result<Root> {
    let unreadable = |source| SourceError::Root {
        path: root.folder.clone(),
        source,
    };
    let folder = fs::canonicalize(&root.folder).map_err(unreadable)?;
    let metadata = fs::metadata(&folder).map_err(unreadable)?;
    if metadata.is_dir() {
        fs::read_dir(&folder).map_err(unreadable)?;
    } else if metadata.is_file() {
        fs::File::open(&folder).map_err(unreadable)?;
    } else {
        return Err(SourceError::RootIsSpecial {
            path: root.folder.clone(),
        });
    }
    Ok(Root {
        number: root.number,
        folder,
        stored_as: root.stored_as.clone(),
    })
}

fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() && !path.ends_with(b"/") && !name.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
