//! A store in a directory. An object is a file of its name; it is written under `tmp/`, synced and
//! renamed, so that a name never shows a part of its bytes, whatever crashes.
//!
//! `folder` is the directory and what its errors mean, `write` makes files durable, `hold` keeps
//! a sweep and those that write apart, `walk` lists
//! them in byte order.

mod folder;
mod hold;
mod walk;
mod write;

use std::fs;
use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;

use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};
use crate::seams::{DiskOperation, Timestamp};
pub use folder::Local;
use folder::{info, is_absent};

impl Store for Local {
    fn url(&self) -> String {
        self.root.display().to_string()
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        self.write(name, &body, write::IfTaken::Replace)
    }

    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        self.write(name, &body, write::IfTaken::Refuse)
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        let path = self.path_of(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        let failed = |error| self.failed("fetch", name, error);
        let error_of = |kind| StoreError::new(kind, "fetch", name);
        let (mut file, length) = self.open_object(&path).map_err(failed)?;
        let (start, bytes) = match window {
            Window::Whole { bytes_max } if length > bytes_max => {
                return Err(error_of(ErrorKind::TooLarge));
            }
            Window::Whole { .. } => (0, length),
            Window::Range { start, bytes } => (start, bytes),
        };
        let fits = start.checked_add(bytes).is_some_and(|end| end <= length);
        let capacity = usize::try_from(bytes).ok().filter(|_| fits);
        let capacity = capacity.ok_or_else(|| error_of(ErrorKind::Incomplete))?;
        let mut body = self.buffers.take(capacity);
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        file.take(bytes).read_to_end(&mut body).map_err(failed)?;
        if body.len() as u64 != bytes {
            return Err(error_of(ErrorKind::Incomplete));
        }
        Ok(Bytes::from_owner(body))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.walk(prefix, visit)
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        let path = self.path_of(name, "look at")?;
        let metadata =
            fs::symlink_metadata(path).map_err(|error| self.failed("look at", name, error))?;
        if !metadata.is_file() {
            return Err(StoreError::new(ErrorKind::NotFound, "look at", name));
        }
        Ok(info(name.to_owned(), &metadata))
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path_of(name, "delete")?;
        let remove = || fs::remove_file(&path);
        let removed = self
            .seams
            .disk
            .change(DiskOperation::Remove, &path, remove)
            .and_then(|()| {
                path.parent()
                    .map_or(Ok(()), |folder| self.sync_folder(folder))
            });
        match removed {
            Err(error) if is_absent(&error) && self.is_there() => Ok(()),
            removed => removed.map_err(|error| self.failed("delete", name, error)),
        }
    }

    /// The time of a file just made: on a network drive that is the time of its server, as are the
    /// times of the objects.
    fn now(&self) -> Result<Timestamp> {
        self.make_temporary()
            .map(|temporary| temporary.made)
            .map_err(|error| self.failed("ask the time of", "", error))
    }

    /// A lock of the kernel, which lets go of it whatever happens to the process.
    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        let held = self.lock(exclusive)?;
        Ok(held.map(|file| Box::new(file) as Box<dyn Send>))
    }
}

#[cfg(test)]
mod away_tests;
#[cfg(test)]
mod tests;
