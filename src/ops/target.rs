//! Writing a restored tree, beneath one folder and never outside of it.
//!
//! Every folder on the way is opened by its name in the one before, and never through a link, so
//! that neither a hostile path nor a link planted in the target leads out. A file is written under
//! a temporary name beside its own and renamed when it is whole.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use crate::format::entry::{Entry, check_path};
use crate::id::ChunkId;
use crate::seams::{Disk, DiskOperation, Seams, Timestamp};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Set-ID bits have no business in a photo library, and a forged listing could bring some.
const FILE_MODE: u32 = 0o777;

/// Where a restore writes.
pub struct Target {
    root: OwnedFd,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    /// Makes the names of unfinished files.
    listing: ChunkId,
    /// Entries whose owner could not be set.
    owners_not_set: AtomicU64,
}

impl Target {
    /// Opens the folder; makes it if it is not there. `listing` is the id of what is restored.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(path: &Path, seams: &Seams, listing: ChunkId) -> io::Result<Self> {
        seams.disk.before(DiskOperation::CreateFolder, path)?;
        fs::create_dir_all(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        let disk = Arc::clone(&seams.disk);
        Ok(Self {
            root,
            path: path.to_path_buf(),
            disk,
            listing,
            owners_not_set: AtomicU64::new(0),
        })
    }

    pub fn owners_not_set(&self) -> u64 {
        self.owners_not_set.load(Ordering::Relaxed)
    }

    /// Makes a folder and those above it; a file or link that stands in the way is removed.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn make_folder(&self, path: &[u8]) -> io::Result<()> {
        self.folder(path).map(drop)
    }

    fn folder(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        if path.is_empty() {
            return Ok(folder);
        }
        check_path(path).map_err(io::Error::other)?;
        for name in path.split(|byte| *byte == b'/').map(OsStr::from_bytes) {
            folder = self.step_into(&folder, name, path)?;
        }
        Ok(folder)
    }

    fn step_into(&self, folder: &OwnedFd, name: &OsStr, path: &[u8]) -> io::Result<OwnedFd> {
        match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
            Ok(next) => return Ok(next),
            Err(Errno::NOENT) => {}
            // A link gives LOOP or NOTDIR, a file NOTDIR.
            Err(Errno::LOOP | Errno::NOTDIR) => {
                self.before(DiskOperation::Remove, path)?;
                rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
            }
            Err(error) => return Err(error.into()),
        }
        self.before(DiskOperation::CreateFolder, path)?;
        match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
    }

    /// The folder above, if it is there without links on the way, and the last name.
    fn existing_parent<'p>(&self, path: &'p [u8]) -> io::Result<(OwnedFd, &'p OsStr)> {
        check_path(path).map_err(io::Error::other)?;
        let (above, name) = split(path);
        let mut folder = self.root.try_clone()?;
        for part in above
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
        {
            folder = rustix::fs::openat(&folder, OsStr::from_bytes(part), FOLDER, Mode::empty())?;
        }
        Ok((folder, name))
    }

    /// A regular file that stands at `path` already and is `size` bytes long.
    pub fn existing_file(&self, path: &[u8], size: u64) -> Option<File> {
        let (parent, name) = self.existing_parent(path).ok()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&parent, name, flags, Mode::empty()).ok()?);
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && metadata.len() == size).then_some(file)
    }

    /// Gives a file from [`Target::existing_file`], whose content is right, its owner, permissions
    /// and time where they differ. `false` when it has other names as well, perhaps outside of the
    /// target, for which they would change too.
    ///
    /// # Errors
    /// Of the file system.
    pub fn mend(&self, file: &File, path: &[u8], entry: &Entry) -> io::Result<bool> {
        let found = file.metadata()?;
        let is_owned = entry.owner.is_none_or(|owner| owner == found.uid())
            && entry.group.is_none_or(|group| group == found.gid());
        let is_dressed = entry
            .mode
            .is_none_or(|mode| mode & FILE_MODE == found.mode() & 0o7777)
            && entry.modified.is_none_or(|modified| {
                seconds_and_nanoseconds(modified) == (found.mtime(), found.mtime_nsec())
            });
        match (is_owned, is_dressed) {
            (true, true) => {}
            _ if found.nlink() > 1 => return Ok(false),
            (false, true) => self.give(file, entry),
            (_, false) => self.dress(file, path, entry, FILE_MODE)?,
        }
        Ok(true)
    }

    /// Begins a file that will stand at `path` when it is whole.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn begin_file(&self, path: &[u8]) -> io::Result<NewFile<'_>> {
        check_path(path).map_err(io::Error::other)?;
        let (above, name) = split(path);
        let parent = self.folder(above)?;
        // The same name each time, so that a restore that was killed leaves nothing for ever; yet
        // one that no entry of this listing can have, for the listing's id would have to follow
        // from a name in it. Left over from another restore and backed up since, it can well be.
        let hash = blake3::keyed_hash(self.listing.as_bytes(), name.as_bytes()).to_hex();
        let temporary = format!(".offsite-{}.part", hash.get(..32).unwrap_or_default());
        self.before(DiskOperation::Create, path)?;
        match rustix::fs::unlinkat(&parent, temporary.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let file = File::from(rustix::fs::openat(
            &parent,
            temporary.as_str(),
            flags,
            mode,
        )?);
        let (name, path) = (name.to_os_string(), path.to_vec());
        Ok(NewFile {
            target: self,
            parent,
            temporary,
            name,
            path,
            file,
            done: false,
        })
    }

    /// Makes a symbolic link; a file or link that stands there is replaced.
    ///
    /// # Errors
    /// Of the file system; an impossible path.
    pub fn make_link(&self, path: &[u8], destination: &[u8], entry: &Entry) -> io::Result<()> {
        check_path(path).map_err(io::Error::other)?;
        let (above, name) = split(path);
        let parent = self.folder(above)?;
        self.before(DiskOperation::Create, path)?;
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // An empty folder may go; one that is not empty is somebody's.
            Err(Errno::ISDIR | Errno::PERM) => {
                rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
            }
            Err(error) => return Err(error.into()),
        }
        rustix::fs::symlinkat(OsStr::from_bytes(destination), &parent, name)?;
        self.own(rustix::fs::chownat(
            &parent,
            name,
            entry.owner.map(Uid::from_raw),
            entry.group.map(Gid::from_raw),
            AtFlags::SYMLINK_NOFOLLOW,
        ));
        if let Some(modified) = entry.modified {
            let times = times(modified);
            rustix::fs::utimensat(&parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Gives a folder its owner, permissions and time, once nothing more is written into it.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish_folder(&self, path: &[u8], entry: &Entry) -> io::Result<()> {
        let (parent, name) = self.existing_parent(path)?;
        let folder = rustix::fs::openat(&parent, name, FOLDER, Mode::empty())?;
        // Set-group-ID on a folder is how shares keep their group.
        self.dress(folder, path, entry, 0o3777)
    }

    /// Owner first: changing it clears set-ID bits.
    fn dress(&self, what: impl AsFd, path: &[u8], entry: &Entry, mask: u32) -> io::Result<()> {
        self.before(DiskOperation::SetMetadata, path)?;
        self.give(&what, entry);
        if let Some(mode) = entry.mode {
            rustix::fs::fchmod(&what, Mode::from_raw_mode(mode & mask))?;
        }
        if let Some(modified) = entry.modified {
            rustix::fs::futimens(&what, &times(modified))?;
        }
        Ok(())
    }

    fn give(&self, what: impl AsFd, entry: &Entry) {
        let (owner, group) = (
            entry.owner.map(Uid::from_raw),
            entry.group.map(Gid::from_raw),
        );
        self.own(rustix::fs::fchown(what, owner, group));
    }

    /// An ordinary user cannot give files away: that is counted and told once.
    fn own(&self, result: Result<(), Errno>) {
        if result.is_err() {
            self.owners_not_set.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether something stands at `path`.
    pub fn exists(&self, path: &[u8]) -> bool {
        self.existing_parent(path).is_ok_and(|(parent, name)| {
            rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
        })
    }

    /// Asks the system to bring everything to the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.before(DiskOperation::Sync, b"")?;
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.root)?;
        Ok(())
    }

    fn before(&self, operation: DiskOperation, path: &[u8]) -> io::Result<()> {
        self.disk
            .before(operation, &self.path.join(OsStr::from_bytes(path)))
    }
}

/// A file in the making. Dropped before `commit`, it leaves nothing behind.
pub struct NewFile<'t> {
    target: &'t Target,
    parent: OwnedFd,
    temporary: String,
    name: std::ffi::OsString,
    path: Vec<u8>,
    file: File,
    done: bool,
}

impl NewFile<'_> {
    /// # Errors
    /// Of the file system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.target.before(DiskOperation::Write, &self.path)?;
        self.file.write_all(bytes)
    }

    /// The file is whole: it gets owner, permissions, time and its name.
    ///
    /// # Errors
    /// Of the file system; then the old file, if there was one, still stands.
    pub fn commit(mut self, entry: &Entry) -> io::Result<()> {
        self.target
            .dress(&self.file, &self.path, entry, FILE_MODE)?;
        self.target.before(DiskOperation::Rename, &self.path)?;
        let (from, to) = (self.temporary.as_str(), &self.name);
        match rustix::fs::renameat(&self.parent, from, &self.parent, to) {
            Err(Errno::ISDIR) => {
                rustix::fs::unlinkat(&self.parent, to, AtFlags::REMOVEDIR)?;
                rustix::fs::renameat(&self.parent, from, &self.parent, to)?;
            }
            other => other?,
        }
        self.done = true;
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.done {
            let _ = rustix::fs::unlinkat(&self.parent, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

/// Folder and name; the folder is empty at the top.
fn split(path: &[u8]) -> (&[u8], &OsStr) {
    let place = path.iter().rposition(|byte| *byte == b'/');
    let (above, name) = place.map_or((&[] as &[u8], path), |place| {
        let (above, rest) = path.split_at(place);
        (above, rest.split_at(1).1)
    });
    (above, OsStr::from_bytes(name))
}

fn times(modified: Timestamp) -> Timestamps {
    let (tv_sec, tv_nsec) = seconds_and_nanoseconds(modified);
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec { tv_sec, tv_nsec },
    }
}

/// As file systems have them: the nanoseconds count forward, before 1970 too.
fn seconds_and_nanoseconds(time: Timestamp) -> (i64, i64) {
    let nanoseconds = time.nanoseconds().rem_euclid(1_000_000_000);
    (time.seconds(), nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::entry::EntryType;

    fn entry() -> Entry {
        let mut entry = Entry::new(1, b"x".to_vec(), EntryType::File);
        entry.mode = Some(0o4751);
        entry.modified = Some(Timestamp::from_nanoseconds(-1_500_000_000));
        entry
    }

    fn write(target: &Target, path: &[u8]) -> io::Result<()> {
        let mut file = target.begin_file(path)?;
        file.write(b"photo")?;
        file.commit(&entry())
    }

    #[test]
    fn planted_links_are_replaced_and_never_followed() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("upload")).unwrap();
        fs::create_dir(folder.path().join("library")).unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, b"mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("library/a.jpg")).unwrap();
        let target = Target::open(folder.path(), &Seams::real(), ChunkId::new([1; 32])).unwrap();
        assert!(target.existing_file(b"library/a.jpg", 4).is_none());
        write(&target, b"upload/b.jpg").unwrap();
        write(&target, b"library/a.jpg").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(
            fs::read(folder.path().join("upload/b.jpg")).unwrap(),
            b"photo"
        );
        assert_eq!(
            fs::read(folder.path().join("library/a.jpg")).unwrap(),
            b"photo"
        );
    }

    #[test]
    fn impossible_paths_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let target = Target::open(&inner, &Seams::real(), ChunkId::new([1; 32])).unwrap();
        for path in [
            b"../x".as_slice(),
            b"/etc/x",
            b"",
            b"a/../../x",
            b"a\0b",
            b"..",
        ] {
            assert!(write(&target, path).is_err());
            assert!(target.make_folder(path).is_err() || path.is_empty());
            assert!(target.make_link(path, b"y", &entry()).is_err());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_not_whole_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::open(folder.path(), &Seams::real(), ChunkId::new([1; 32])).unwrap();
        let mut file = target.begin_file(b"a/b.jpg").unwrap();
        file.write(b"half").unwrap();
        assert!(!folder.path().join("a/b.jpg").exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 0);
        write(&target, b"a/b.jpg").unwrap();
        let metadata = fs::metadata(folder.path().join("a/b.jpg")).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o751, "without set-ID bits");
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-2, 500_000_000));
    }
}
