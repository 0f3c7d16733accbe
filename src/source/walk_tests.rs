//! The walk over real folders, ugly ones included.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::*;

fn root(folder: &Path) -> Root {
    Root {
        number: 1,
        folder: folder.into(),
        stored_as: b"r".to_vec(),
    }
}

fn walk(folder: &Path) -> Vec<Event> {
    Walk::new(&[root(folder)], Filter::default())
        .unwrap()
        .collect()
}

fn paths(events: &[Event]) -> Vec<Vec<u8>> {
    let found = |event: &Event| match event {
        Event::Found(found) => Some(found.path.clone()),
        _ => None,
    };
    events.iter().filter_map(found).collect()
}

/// The order of a listing, written a second time and differently.
fn listing_order(a: &[u8], b: &[u8]) -> Ordering {
    let key = |path: &[u8]| -> Vec<u16> {
        path.iter()
            .map(|byte| {
                if *byte == b'/' {
                    0
                } else {
                    u16::from(*byte) + 1
                }
            })
            .collect()
    };
    key(a).cmp(&key(b))
}

#[test]
fn everything_comes_in_listing_order_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let names: [&[u8]; 9] = [
        b"a",
        b"a b",
        b"a.b",
        b"a\n",
        b"\xff\xfe",
        b"tab\t\\",
        "é".as_bytes(),
        b"A",
        b"\x01",
    ];
    for name in names {
        let folder = dir.path().join(OsStr::from_bytes(name));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("x"), b"x").unwrap();
        std::fs::write(
            dir.path().join(OsStr::from_bytes(&[name, b"!"].concat())),
            b"y",
        )
        .unwrap();
    }
    let long = "n".repeat(255);
    std::fs::write(dir.path().join(&long), b"").unwrap();

    let paths = paths(&walk(dir.path()));
    assert_eq!(paths.len(), 1 + 9 * 3 + 1);
    assert!(paths.is_sorted_by(|a, b| listing_order(a, b) == Ordering::Less));
    assert_eq!(paths.first().map(Vec::as_slice), Some(&b"r"[..]));
    assert!(paths.contains(&b"r/\xff\xfe/x".to_vec()));
}

#[test]
fn links_are_kept_as_links_and_specials_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    symlink("folder", dir.path().join("link")).unwrap();
    symlink(".", dir.path().join("loop")).unwrap();
    symlink("/nowhere", dir.path().join("dangling")).unwrap();
    let _socket = UnixListener::bind(dir.path().join("socket")).unwrap();
    rustix::fs::mkfifoat(CWD, dir.path().join("pipe"), rustix::fs::Mode::RUSR).unwrap();

    let events = walk(dir.path());
    let links: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Found(Found {
                path,
                kind: Kind::Link { target },
                ..
            }) => Some((path.as_slice(), target.as_slice())),
            _ => None,
        })
        .collect();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"r/dangling", b"/nowhere"),
        (b"r/link", b"folder"),
        (b"r/loop", b"."),
    ];
    assert_eq!(links, expected);
    let skipped = |path: &[u8], what| Event::Skipped {
        path: path.to_vec(),
        what,
    };
    assert!(events.contains(&skipped(b"r/pipe", Special::Fifo)));
    assert!(events.contains(&skipped(b"r/socket", Special::Socket)));
    assert_eq!(events.len(), 2 + 3 + 2);
}

#[test]
fn metadata_is_what_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"12345").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4751)).unwrap();
    std::fs::hard_link(&file, dir.path().join("twin")).unwrap();
    let time = std::time::UNIX_EPOCH - std::time::Duration::from_nanos(1_500_000_001);
    std::fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(time)
        .unwrap();

    let events = walk(dir.path());
    let (Some(Event::Found(one)), Some(Event::Found(two))) = (events.get(1), events.get(2)) else {
        panic!("{events:?}");
    };
    let metadata = one.metadata;
    assert_eq!(
        (metadata.mode, metadata.size, metadata.links),
        (0o4751, 5, 2)
    );
    assert_eq!(metadata.modified.nanoseconds(), -1_500_000_001);
    assert_eq!(metadata, two.metadata);
    assert_eq!(std::fs::read(&two.source).unwrap(), b"12345");
}

#[test]
fn a_folder_that_vanishes_is_a_problem_and_the_walk_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("f"), b"").unwrap();
    }
    symlink("/etc", dir.path().join("elsewhere")).unwrap();
    let walk = Walk::new(&[root(dir.path())], Filter::default()).unwrap();
    let mut events = Vec::new();
    for event in walk {
        if let Event::Found(found) = &event {
            if found.path == b"r/a" {
                std::fs::remove_dir_all(dir.path().join("a")).unwrap();
            } else if found.path == b"r/b" {
                // The trap: the folder becomes a link to something that is not to be read.
                std::fs::remove_dir_all(dir.path().join("b")).unwrap();
                std::fs::rename(dir.path().join("elsewhere"), dir.path().join("b")).unwrap();
            }
        }
        events.push(event);
    }
    let problems: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Problem(problem) => Some((problem.path.as_slice(), problem.error.as_str())),
            _ => None,
        })
        .collect();
    assert!(
        matches!(
            problems.as_slice(),
            [(b"r/a", gone), (b"r/b", swapped), ..]
                if gone.contains("vanished") && swapped.contains("replaced")
        ),
        "{problems:?}"
    );
    assert!(paths(&events).contains(&b"r/c/f".to_vec()));
    assert!(!paths(&events).iter().any(|path| path.starts_with(b"r/b/")));
}

#[test]
fn very_deep_folders_are_walked_to_the_bottom() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = dir.path().to_path_buf();
    for _ in 0..OPEN_FOLDERS_MAX * 3 {
        folder.push("d");
    }
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("bottom"), b"x").unwrap();
    std::fs::write(dir.path().join("e"), b"x").unwrap();
    let events = walk(dir.path());
    assert_eq!(events.len(), 1 + OPEN_FOLDERS_MAX * 3 + 1 + 1);
    let paths = paths(&events);
    assert!(paths.iter().any(|path| path.ends_with(b"/d/bottom")));
    assert_eq!(paths.last().map(Vec::as_slice), Some(&b"r/e"[..]));
}

#[test]
fn what_is_excluded_is_not_entered() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("keep/@eaDir/deep")).unwrap();
    std::fs::write(dir.path().join("keep/a.tmp"), b"").unwrap();
    std::fs::write(dir.path().join("keep/a.jpg"), b"").unwrap();
    let filter = Filter::new(&["@eaDir/", "*.tmp", "r"]).unwrap();
    let events: Vec<_> = Walk::new(&[root(dir.path())], filter).unwrap().collect();
    let expected: [&[u8]; 3] = [b"r", b"r/keep", b"r/keep/a.jpg"];
    assert_eq!(paths(&events), expected);
}

#[test]
fn roots_may_be_links_or_files_and_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("real")).unwrap();
    std::fs::write(dir.path().join("real/f"), b"x").unwrap();
    symlink("real", dir.path().join("link")).unwrap();
    assert_eq!(
        paths(&walk(&dir.path().join("link"))),
        [b"r".to_vec(), b"r/f".to_vec()]
    );
    assert_eq!(paths(&walk(&dir.path().join("real/f"))), [b"r".to_vec()]);
    let absent = Walk::new(&[root(&dir.path().join("absent"))], Filter::default());
    assert!(matches!(absent, Err(SourceError::Root { .. })));
    let device = Walk::new(&[root(Path::new("/dev/null"))], Filter::default());
    assert!(matches!(device, Err(SourceError::RootIsSpecial { .. })));

    // A file system's own root is stored without an entry for itself.
    let whole = Root {
        number: 1,
        folder: "/".into(),
        stored_as: Vec::new(),
    };
    let first = Walk::new(&[whole], Filter::default()).unwrap().next();
    assert!(matches!(first, Some(Event::Found(found)) if !found.path.starts_with(b"/")));
}

#[test]
fn what_a_program_marked_as_its_cache_is_left_out_when_asked_for() {
    const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55";
    let dir = tempfile::tempdir().unwrap();
    let marks = [
        ("cache", format!("{TAG}\n# made by a test")),
        ("forged", TAG.replace('8', "9")),
        ("short", TAG[..42].to_owned()),
    ];
    for (folder, mark) in marks {
        std::fs::create_dir_all(dir.path().join(folder).join("in")).unwrap();
        std::fs::write(dir.path().join(folder).join("CACHEDIR.TAG"), mark).unwrap();
    }
    // Neither a link nor a folder marks anything, and a root was named.
    std::fs::create_dir_all(dir.path().join("by link")).unwrap();
    std::fs::write(dir.path().join("by link/f"), b"").unwrap();
    let link = dir.path().join("by link/CACHEDIR.TAG");
    symlink("../cache/CACHEDIR.TAG", link).unwrap();
    std::fs::create_dir_all(dir.path().join("by folder/CACHEDIR.TAG")).unwrap();
    std::fs::write(dir.path().join("CACHEDIR.TAG"), TAG).unwrap();
    let limits = Limits {
        exclude_caches: true,
        ..Limits::default()
    };
    let narrowed = Walk::new(&[root(dir.path())], Filter::default()).unwrap();
    let taken = paths(&narrowed.within(limits).collect::<Vec<_>>());
    let all = paths(&walk(dir.path()));
    let missing: Vec<_> = all.iter().filter(|path| !taken.contains(path)).collect();
    assert_eq!(missing, [b"r/cache/in"]);
}

#[cfg(target_os = "linux")]
#[test]
fn another_file_system_beneath_a_root_is_kept_as_an_empty_folder() {
    use std::os::unix::fs::MetadataExt;

    // proc(5) is mounted everywhere, and is not what / is on.
    let device = |path: &str| std::fs::metadata(path).unwrap().dev();
    assert_ne!(device("/"), device("/proc"));
    let system = Root {
        number: 1,
        folder: "/".into(),
        stored_as: Vec::new(),
    };
    let limits = Limits {
        one_file_system: true,
        ..Limits::default()
    };
    // Everything but /proc is left out in the first place.
    let names: Vec<String> = std::fs::read_dir("/")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "proc")
        .collect();
    let filter = Filter::new(&names).unwrap();
    let events: Vec<_> = Walk::new(&[system], filter)
        .unwrap()
        .within(limits)
        .collect();
    assert_eq!(paths(&events), [b"proc"]);
    let kept = Event::Skipped {
        path: b"proc".to_vec(),
        what: Special::OtherFileSystem,
    };
    assert!(events.contains(&kept), "{events:?}");
}
