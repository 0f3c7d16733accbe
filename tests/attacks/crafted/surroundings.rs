//! What lies beside the target, before and after; and what stands in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use offsite::format::entry::{Entry, EntryType};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::case::{CONTENT, Place};
use crate::program::fresh_folder;

/// By path: how many names it has, and all else.
pub type Seen = BTreeMap<PathBuf, (u64, String)>;

/// A folder that goes with all that is in it, however deep that is.
pub struct Surroundings(PathBuf);

impl Surroundings {
    pub fn new() -> Self {
        let is_full = std::env::var("OFFSITE_TEST_CRAFTED").is_ok_and(|it| it == "all");
        let outer = fresh_folder(is_full).keep();
        let place = Place { outer };
        let canary = place.canary();
        fs::create_dir_all(canary.join("dir")).unwrap();
        fs::create_dir(place.target()).unwrap();
        for (name, content, mode) in [
            ("secret.txt", &b"mine"[..], 0o640),
            ("same.txt", CONTENT, 0o644),
            ("dir/inner.txt", b"mine too", 0o600),
        ] {
            let path = canary.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            // As crafted entries have it: nothing tells them from it but where they lie.
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
        }
        symlink("secret.txt", canary.join("link")).unwrap();
        Self(place.outer)
    }

    pub fn place(&self) -> Place {
        Place {
            outer: self.0.clone(),
        }
    }

    /// For the next case.
    pub fn empty_target(&self) {
        let target = self.place().target();
        remove(&target);
        fs::create_dir(target).unwrap();
    }

    /// All there is outside of the target: kind, rights, owner, names, times, content.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        look(&self.0, &self.place().target(), &mut seen);
        seen
    }

    /// Devices, set-ID programs and what has rights of a program, by their paths in the target.
    pub fn powerful(&self) -> String {
        let found = Command::new("find")
            .arg(self.place().target())
            .args([
                "(", "-type", "b", "-o", "-type", "c", "-o", "-type", "f", "-perm", "/7000",
            ])
            .args(["-o", "-type", "d", "-perm", "/4000", ")", "-print"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&found.stdout).into_owned()
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// The library's way of removing a folder would hold each of sixteen thousand open.
fn remove(folder: &Path) {
    for (program, arguments) in [("chmod", ["-R", "u+rwx"].as_slice()), ("rm", &["-rf"])] {
        let _ = Command::new(program).args(arguments).arg(folder).output();
    }
}

/// What changed outside. A planted second name may go: it lay inside.
pub fn differences(before: &Seen, after: &Seen) -> Vec<String> {
    let is_same = |path: &PathBuf, (names, said): &(u64, String)| {
        let before = before.get(path);
        before.is_some_and(|(had, was)| was == said && names <= had)
    };
    let changed = after.iter().filter(|(path, it)| !is_same(path, it));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    changed
        .map(|(path, it)| format!("ESCAPE: {path:?} is now {it:?}"))
        .chain(gone.map(|path| format!("ESCAPE: {path:?} is gone")))
        .collect()
}

fn look(path: &Path, but: &Path, seen: &mut Seen) {
    if path == but {
        return;
    }
    let found = fs::symlink_metadata(path).unwrap();
    let mut names = vec![0; 4096];
    let attributes = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    let content = match found.is_symlink() {
        true => fs::read_link(path)
            .unwrap()
            .into_os_string()
            .into_encoded_bytes(),
        false => fs::read(path).unwrap_or_default(),
    };
    let facts = (found.mode(), found.uid(), found.gid(), found.ino());
    let times = (found.mtime(), found.mtime_nsec());
    let said = format!("{facts:?} {times:?} {:?} {content:?}", &names[..attributes]);
    seen.insert(path.to_path_buf(), (found.nlink(), said));
    if found.is_dir() {
        for one in fs::read_dir(path).unwrap() {
            look(&one.unwrap().path(), but, seen);
        }
    }
}

/// Whether something is at the path of an entry, reached through no link; and what is wrong with it.
pub fn stands(target: &Path, entry: &Entry) -> Option<Result<(), String>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::PATH | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(target, flags, Mode::empty()).unwrap();
    let mut parts: Vec<&[u8]> = entry.path.split(|byte| *byte == b'/').collect();
    let name = OsStr::from_bytes(parts.pop()?);
    for part in parts {
        folder = rustix::fs::openat(&folder, OsStr::from_bytes(part), flags, Mode::empty()).ok()?;
    }
    let found = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let kind = FileType::from_raw_mode(found.st_mode);
    Some(match (entry.entry_type(), kind) {
        (EntryType::Folder, FileType::Directory) => Ok(()),
        (EntryType::Link, FileType::Symlink) => {
            let to = rustix::fs::readlinkat(&folder, name, Vec::new()).unwrap();
            let wanted = entry.target.as_ref().unwrap();
            (to.to_bytes() == wanted.as_slice())
                .then_some(())
                .ok_or(format!("leads to {to:?}"))
        }
        (EntryType::File | EntryType::HardLink, FileType::RegularFile) => {
            let expected = if entry.size == Some(0) {
                0
            } else {
                CONTENT.len()
            };
            match found.st_size as usize == expected {
                true => Ok(()),
                false => Err(format!("has {} bytes", found.st_size)),
            }
        }
        (wanted, found) => Err(format!("is a {found:?} and not a {wanted:?}")),
    })
}
