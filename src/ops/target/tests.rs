//! The target against hostile paths, planted links, killed restores.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Target, TargetOptions};
use crate::format::entry::{Entry, EntryType};
use crate::seams::{Seams, Timestamp};

fn target(path: &Path) -> Target {
    Target::open(path, &Seams::real(), TargetOptions::default()).unwrap()
}

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
    let target = target(folder.path());
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
    let target = target(&inner);
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
    let target = target(folder.path());
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

/// Two restores into one folder: one looked for what a killed one had left, found a file that the
/// other had made but not locked yet, and took it away after the other had locked it.
#[test]
fn what_another_restore_has_just_begun_is_never_taken_for_left_over() {
    for knows_unnamed_files in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        if !knows_unnamed_files {
            target.ways.refuse();
        }
        let is_done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                        target.clean(b"", &|_| false).unwrap();
                    }
                });
            }
            let written = (0..2_000).try_for_each(|_| write(&target, b"a.jpg"));
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            written.unwrap();
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_file_gets_its_name_when_it_is_whole_and_replaces_what_has_it() {
    for knows_unnamed_files in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path());
        if !knows_unnamed_files {
            target.ways.refuse();
        }
        fs::create_dir_all(folder.path().join("b/c.jpg")).unwrap();
        for path in [b"b/a.jpg".as_slice(), b"b/a.jpg", b"b/c.jpg"] {
            let mut file = target.begin_file(path).unwrap();
            file.write(b"photo").unwrap();
            file.commit(&entry()).unwrap();
            let path = folder.path().join(std::str::from_utf8(path).unwrap());
            assert_eq!(fs::read(&path).unwrap(), b"photo");
            let found = fs::metadata(path).unwrap();
            assert_eq!((found.mode() & 0o7777, found.mtime()), (0o751, -2));
        }
        assert_eq!(fs::read_dir(folder.path().join("b")).unwrap().count(), 2);
    }
}

/// Folders that were opened lately are at hand: one that was removed meanwhile is made again.
#[test]
fn a_folder_that_somebody_removes_meanwhile_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path());
    write(&target, b"a/b/1.jpg").unwrap();
    fs::remove_dir_all(folder.path().join("a")).unwrap();
    write(&target, b"a/b/2.jpg").unwrap();
    assert!(folder.path().join("a/b/2.jpg").exists());
}
