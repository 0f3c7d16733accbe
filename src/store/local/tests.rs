//! The bad days of a directory store: each step of a write fails in turn, the folder goes away, its
//! neighbours put links and pipes into it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::seams::{Disk, Seams};

const BODY: Bytes = Bytes::from_static(b"body");
const WHOLE: Window = Window::Whole { bytes_max: 100 };

/// Fails one change of the file system, or all from it on, as if the process had been killed.
#[derive(Default)]
struct Sick {
    changes: AtomicU32,
    /// Number of the first change that fails, counted from 1; 0: none.
    from: AtomicU32,
    is_killed: bool,
    errno: i32,
}

impl Disk for Sick {
    fn before(&self, _: DiskOperation, _: &Path) -> io::Result<()> {
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let from = self.from.load(Ordering::SeqCst);
        let fails = change == from || from != 0 && self.is_killed && change > from;
        match fails {
            true => Err(io::Error::from_raw_os_error(self.errno)),
            false => Ok(()),
        }
    }
}

fn store() -> (tempfile::TempDir, Local) {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::open(folder.path(), Seams::real()).unwrap();
    (folder, store)
}

fn with_disk(folder: &Path, disk: Sick) -> Local {
    let seams = Seams {
        disk: Arc::new(disk),
        ..Seams::real()
    };
    Local::open(folder, seams).unwrap()
}

fn names(store: &Local, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    let listed = store.list(prefix, &mut |object| {
        names.push(object.name);
        Ok(())
    });
    listed.unwrap();
    names
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("this should have failed"),
        Err(error) => error.kind,
    }
}

fn temporary_files(root: &Path) -> usize {
    fs::read_dir(root.join("tmp")).map_or(0, Iterator::count)
}

/// The n-th change fails, for n = 1, 2, 3 … until the put succeeds: whatever fails, the name shows
/// the old body or the new one, never a part, and the next put goes through.
#[test]
fn whichever_step_of_a_put_fails_the_object_is_whole() {
    for is_killed in [false, true] {
        let new = Bytes::from(vec![9; 100_000]);
        let mut steps = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let before = Local::open(folder.path(), Seams::real()).unwrap();
            before.put("packs/3f/old", BODY).unwrap();
            let sick = Sick {
                from: AtomicU32::new(steps + 1),
                is_killed,
                errno: 5, // EIO
                ..Sick::default()
            };
            let store = with_disk(folder.path(), sick);
            let replaced = store.put("packs/3f/old", new.clone());
            let made = store.put("listings/aa/new", new.clone());
            let whole = Window::Whole { bytes_max: 1 << 20 };
            let old = before.get("packs/3f/old", whole).unwrap();
            assert!(old == BODY || old == new, "a part of an object is seen");
            assert!(
                replaced.is_err() || old == new,
                "a put that succeeded is seen"
            );
            match before.get("listings/aa/new", whole) {
                Ok(body) => assert!(body == new),
                Err(error) => assert!(error.kind == ErrorKind::NotFound && made.is_err()),
            }
            if !is_killed {
                assert_eq!(
                    temporary_files(folder.path()),
                    0,
                    "cleaned up after step {steps}"
                );
            }
            before.put("listings/aa/new", new.clone()).unwrap();
            assert_eq!(names(&before, ""), ["listings/aa/new", "packs/3f/old"]);
            if replaced.is_ok() && made.is_ok() {
                break;
            }
            steps += 1;
        }
        // tmp/ is there; folders of packs/3f (two, synced again), file, write, sync, rename, sync …
        assert!(steps >= 15, "only {steps} steps ask the seam");
    }
}

/// Notes what is done to which kind of place.
#[derive(Default)]
struct Log(std::sync::Mutex<Vec<String>>);

impl Disk for Log {
    fn before(&self, operation: DiskOperation, path: &Path) -> io::Result<()> {
        let parent = path.parent().and_then(Path::file_name);
        let place = match parent.is_some_and(|parent| parent == "tmp") {
            true => "a temporary file".into(),
            false => path.file_name().unwrap_or_default().to_string_lossy(),
        };
        self.0
            .lock()
            .unwrap()
            .push(format!("{operation:?} {place}"));
        Ok(())
    }
}

#[test]
fn bytes_are_on_disk_before_the_name_and_the_name_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("tmp")).unwrap();
    let log = Arc::new(Log::default());
    let seams = Seams {
        disk: log.clone(),
        ..Seams::real()
    };
    let store = Local::open(&root, seams).unwrap();
    let put = |name: &str| {
        store.put(name, BODY).unwrap();
        std::mem::take(&mut *log.0.lock().unwrap())
    };
    let written = ["Create", "Write", "Sync"].map(|step| format!("{step} a temporary file"));
    let folders = [
        "CreateFolder packs",
        "Sync root",
        "CreateFolder 3f",
        "Sync packs",
    ];
    let placed = |name: &str| [format!("Rename {name}"), "Sync 3f".to_owned()];
    let first = put("packs/3f/a");
    assert_eq!(first[..3], written);
    assert_eq!(
        first[3..7],
        folders,
        "a new folder is on disk before what it holds"
    );
    assert_eq!(first[7..], placed("a"));
    let second = put("packs/3f/b");
    assert_eq!(second[..3], written);
    assert_eq!(
        second[3..],
        placed("b"),
        "known folders are not synced again"
    );
}

#[test]
fn errors_of_the_system_mean_what_they_mean() {
    for (errno, expected) in [
        (28, ErrorKind::Full),       // ENOSPC
        (122, ErrorKind::Full),      // EDQUOT
        (13, ErrorKind::Denied),     // EACCES
        (1, ErrorKind::Denied),      // EPERM, as of `chattr +i`
        (30, ErrorKind::Denied),     // EROFS
        (116, ErrorKind::Transient), // ESTALE
        (5, ErrorKind::Other),       // EIO
    ] {
        let (folder, store) = store();
        store.put("a", BODY).unwrap();
        let sick = |errno| Sick {
            from: AtomicU32::new(1),
            is_killed: true,
            errno,
            ..Sick::default()
        };
        let store = with_disk(folder.path(), sick(errno));
        assert_eq!(kind(store.put("b", BODY)), expected, "put, errno {errno}");
        assert_eq!(kind(store.delete("a")), expected, "delete, errno {errno}");
        assert_eq!(kind(store.now()), expected, "now, errno {errno}");
    }
}

#[test]
fn a_folder_that_went_away_is_no_empty_one() {
    let (folder, store) = store();
    store.put("a/b", BODY).unwrap();
    let path = folder.path().to_owned();
    drop(folder);
    let missing = ErrorKind::NoContainer;
    assert_eq!(kind(Local::open(&path, Seams::real()).map(drop)), missing);
    assert_eq!(kind(store.list("", &mut |_| Ok(()))), missing);
    assert_eq!(kind(store.get("a/b", WHOLE)), missing);
    assert_eq!(kind(store.head("a/b")), missing);
    assert_eq!(kind(store.put("a/b", BODY)), missing);
    assert_eq!(kind(store.put_if_absent("c", BODY)), missing);
    assert_eq!(kind(store.delete("a/b")), missing);
    assert_eq!(kind(store.now()), missing);
    assert!(!path.exists(), "and nothing was made in its place");
    fs::write(&path, "a file").unwrap();
    assert_eq!(kind(Local::open(&path, Seams::real()).map(drop)), missing);
    assert_eq!(kind(Local::create(&path, Seams::real()).map(drop)), missing);
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_folder_removed_behind_our_back_is_made_again() {
    let (folder, store) = store();
    store.put("packs/3f/a", BODY).unwrap();
    fs::remove_dir_all(folder.path().join("packs")).unwrap();
    fs::remove_dir_all(folder.path().join("tmp")).unwrap();
    let error = store.put("packs/3f/b", BODY).unwrap_err();
    assert!(error.is_worth_a_retry(), "{error}");
    store.put("packs/3f/b", BODY).unwrap();
}

#[test]
fn only_leftovers_older_than_a_day_are_removed() {
    let (folder, store) = store();
    store.put("a", BODY).unwrap();
    let temporary = folder.path().join("tmp");
    for (name, hours) in [("fresh", 1), ("yesterday", 23), ("old", 25)] {
        let mut file = File::create(temporary.join(name)).unwrap();
        file.write_all(b"unfinished").unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600))
            .unwrap();
    }
    let reader = Local::open(folder.path(), Seams::real()).unwrap();
    assert_eq!(names(&reader, ""), ["a"]);
    reader.get("a", WHOLE).unwrap();
    assert_eq!(
        temporary_files(folder.path()),
        3,
        "who only reads changes nothing"
    );
    reader.put("b", BODY).unwrap();
    let mut left: Vec<_> = fs::read_dir(temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["fresh", "yesterday"]);
}

#[test]
fn foreign_files_are_listed_in_byte_order_and_what_is_no_file_is_not() {
    let (folder, store) = store();
    let root = folder.path();
    // `.` and `-` sort below `/`: a folder is not simply in the place of its own name.
    for name in [
        "a/1",
        "a.b",
        "a-b",
        "a0",
        "packs/UPPER Case.txt",
        ".hidden",
        "tmp0",
    ] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), name).unwrap();
    }
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::write(root.join("tmp/unfinished"), "").unwrap();
    fs::create_dir_all(root.join("x/tmp/empty")).unwrap();
    fs::write(root.join("x/tmp/file"), "").unwrap();
    symlink("/etc/passwd", root.join("link")).unwrap();
    symlink(root, root.join("x/loop")).unwrap();
    let found = names(&store, "");
    let expected = [
        ".hidden",
        "a-b",
        "a.b",
        "a/1",
        "a0",
        "packs/UPPER Case.txt",
        "tmp0",
        "x/tmp/file",
    ];
    assert_eq!(found, expected);
    assert!(found.is_sorted());
    assert_eq!(names(&store, "a"), ["a-b", "a.b", "a/1", "a0"]);
    assert_eq!(names(&store, "tmp"), ["tmp0"]);
    assert_eq!(names(&store, "x/t"), ["x/tmp/file"]);
}

#[test]
fn links_and_pipes_are_neither_followed_nor_waited_for() {
    let (folder, store) = store();
    let root = folder.path();
    fs::write(root.join("small"), "elsewhere").unwrap();
    symlink(root.join("small"), root.join("link")).unwrap();
    let pipe = root.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    for name in ["link", "pipe", "folder"] {
        assert!(store.get(name, WHOLE).is_err(), "{name} was read");
        assert_eq!(kind(store.head(name)), ErrorKind::NotFound, "{name}");
    }
    assert_eq!(names(&store, ""), ["small"]);
}

#[test]
fn what_it_makes_is_for_its_owner_only() {
    let (folder, _) = store();
    let root = folder.path().join("new/repository");
    let store = Local::create(&root, Seams::real()).unwrap();
    store.put("packs/3f/a", BODY).unwrap();
    let mode = |path: &str| {
        let metadata = fs::metadata(folder.path().join("new").join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    for path in ["", "repository", "repository/tmp", "repository/packs/3f"] {
        assert_eq!(mode(path), 0o700, "{path}");
    }
    assert_eq!(mode("repository/packs/3f/a"), 0o600);
}

#[test]
fn the_time_is_that_of_the_file_system() {
    let (folder, store) = store();
    let before = store.now().unwrap();
    store.put("a", BODY).unwrap();
    let modified = store.head("a").unwrap().modified;
    assert!(before <= modified && modified <= store.now().unwrap());
    assert_eq!(temporary_files(folder.path()), 0);
}
