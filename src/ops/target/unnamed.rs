//! Files that have no name until they are whole (`O_TMPFILE`): nothing is left over of them when the
//! process is killed, and giving a name once costs half of what making one and changing it does.
//! Not every file system has them.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::Target;
use super::ways::Way;

impl Target {
    /// A file in that folder that has no name; `None` where that cannot be, or could not be named
    /// afterwards.
    pub(super) fn create_unnamed(&self, parent: impl AsFd) -> Option<File> {
        let parent = parent.as_fd();
        if self.ways.get() == Way::Unknown {
            self.ways.set(self.way_in(parent));
        }
        match self.ways.get() {
            Way::Descriptor | Way::Proc => open(parent).ok(),
            Way::None | Way::Unknown => None,
        }
    }

    /// Tries it with a name that nothing has.
    fn way_in(&self, parent: impl AsFd) -> Way {
        let parent = parent.as_fd();
        let (Ok(name), Ok(file)) = (self.temporary_name(), open(parent)) else {
            return Way::None;
        };
        let name = OsStr::new(&name);
        let ways = [Way::Descriptor, Way::Proc];
        let works = |way: &Way| link(*way, &file, parent, name).is_ok();
        let found = ways.into_iter().find(works);
        let _ = rustix::fs::unlinkat(parent, name, AtFlags::empty());
        found.unwrap_or(Way::None)
    }

    /// Gives the file a temporary name, and locks it, so that nobody takes it for left over.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn name_for_now(&self, file: &File, parent: impl AsFd) -> io::Result<String> {
        // Nobody else can hold a lock on it yet; where there are no locks, nobody looks for one.
        let _ = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
        let name = self.temporary_name()?;
        link(self.ways.get(), file, parent, OsStr::new(&name))?;
        Ok(name)
    }

    /// Gives the file its name. `false`: something has that name already.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn name_it(&self, file: &File, parent: impl AsFd, name: &OsStr) -> io::Result<bool> {
        match link(self.ways.get(), file, parent, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn open(parent: impl AsFd) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    rustix::fs::openat(parent, ".", flags, Mode::from_raw_mode(0o600)).map(File::from)
}

fn link(way: Way, file: &File, parent: impl AsFd, name: &OsStr) -> Result<(), Errno> {
    match way {
        Way::Descriptor => rustix::fs::linkat(file, "", parent, name, AtFlags::EMPTY_PATH),
        _ => {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::linkat(CWD, path, parent, name, AtFlags::SYMLINK_FOLLOW)
        }
    }
}
