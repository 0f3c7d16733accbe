//! What a source can do while it is read: vanish, grow, shrink, turn into something else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::crew::tests::setting;
use super::tests::{Meddler, kinds, options};
use crate::format::entry::EntryType;
use crate::index::Index;
use crate::ops::{OpsError, backup};
use crate::progress::Silent;
use crate::seams::Threads;
use crate::source::SourceError;

#[test]
fn when_the_first_name_cannot_be_read_the_next_takes_its_place() {
    for single in [true, false] {
        let mut setting = setting(0, 0);
        if single {
            setting.repository.seams.threads = Threads::SINGLE;
        }
        let photos = setting.photos();
        let (first, elsewhere) = (photos.join("a"), tempfile::tempdir().unwrap());
        fs::create_dir(&first).unwrap();
        fs::write(photos.join("b"), b"photo").unwrap();
        for name in ["a/name", "c"] {
            fs::hard_link(photos.join("b"), photos.join(name)).unwrap();
        }
        let meddler = Meddler {
            begin: Some(Box::new(|path| {
                if path.ends_with(b"/a/name") {
                    fs::rename(&first, elsewhere.path().join("a")).unwrap();
                }
            })),
            ..Meddler::default()
        };
        let report = setting.run(&Index::in_memory().unwrap(), &meddler).unwrap();
        assert_eq!(report.problems_total, 1);
        let entries = setting.listed();
        assert_eq!(
            kinds(&entries)[2..],
            [("b", EntryType::File), ("c", EntryType::HardLink)]
        );
    }
}

#[test]
fn what_takes_the_place_of_a_file_before_it_is_opened_is_not_read() {
    let setting = setting(0, 0);
    let photos = setting.photos();
    for name in ["folder", "gone", "kept", "link", "pipe"] {
        fs::write(photos.join(name), b"photo").unwrap();
    }
    let meddler = Meddler {
        begin: Some(Box::new(|path| {
            let path = Path::new("/").join(str::from_utf8(path).unwrap());
            if path.ends_with("kept") {
                return;
            }
            fs::remove_file(&path).unwrap();
            match path.file_name().unwrap().to_str().unwrap() {
                "folder" => fs::create_dir(&path).unwrap(),
                "link" => symlink("/etc/passwd", &path).unwrap(),
                "pipe" => {
                    let mode = rustix::fs::Mode::RUSR;
                    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
                }
                _ => {}
            }
        })),
        ..Meddler::default()
    };
    let report = setting.run(&Index::in_memory().unwrap(), &meddler).unwrap();
    let mut named: Vec<_> = report
        .problems
        .iter()
        .map(|problem| problem.path.rsplit(|byte| *byte == b'/').next().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, [b"folder".as_slice(), b"gone", b"link", b"pipe"]);
    assert_eq!(
        kinds(&setting.listed()),
        [("", EntryType::Folder), ("kept", EntryType::File)]
    );
}

/// Chunks of a file of 8 MiB are read in several pieces, so that there is a time in between.
#[test]
fn a_file_that_changes_while_it_is_read_is_read_again_and_then_named() {
    for (bytes_after, times, problems) in [
        (9_000_000, 1, 0),
        (9_000_000, usize::MAX, 1),
        (1_000_000, 1, 0),
        (5, usize::MAX, 1),
    ] {
        let mut setting = setting(0, 0);
        setting.repository.seams.threads = Threads::SINGLE;
        let path = setting.photos().join("video");
        fs::write(&path, vec![1; 8_000_000]).unwrap();
        let left = Mutex::new(times);
        let meddler = Meddler {
            read: Some(Box::new(|| {
                let mut left = left.lock().unwrap();
                if *left > 0 {
                    *left -= 1;
                    let size = bytes_after + (*left % 1000) as u64;
                    let file = fs::File::options().write(true).open(&path).unwrap();
                    file.set_len(size).unwrap();
                }
            })),
            ..Meddler::default()
        };
        let report = setting.run(&Index::in_memory().unwrap(), &meddler).unwrap();
        let case = format!("{bytes_after} {times}: {:?}", report.problems);
        assert_eq!(report.problems_total, problems, "{case}");
        let entry = &setting.listed()["video"];
        if problems == 0 {
            assert_eq!(entry.size, Some(bytes_after), "{case}");
        }
        assert_eq!(report.statistics.bytes, entry.size.unwrap(), "{case}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_the_disk_does_not_give_is_named_and_the_rest_is_saved() {
    // Reading the beginning of a process's memory is an input/output error (proc(5)).
    let broken = PathBuf::from(format!("/proc/{}/mem", std::process::id()));
    let setting = setting(2, 1000);
    let options = options(vec![setting.photos().to_path_buf(), broken]);
    let index = Index::in_memory().unwrap();
    let report = backup(&setting.repository, &index, &options, &Silent).unwrap();
    let problems: Vec<_> = report.problems.iter().map(|it| it.error.as_str()).collect();
    assert!(
        matches!(problems.as_slice(), [only] if only.contains("Input/output error")),
        "{problems:?}"
    );
    assert_eq!(report.statistics.files, 2);
}

#[test]
fn a_disk_that_goes_away_commits_nothing_and_what_was_sent_is_not_sent_again() {
    let setting = setting(6, 2_000_000);
    let photos = setting.photos().join("photos");
    let elsewhere = setting.photos().join("elsewhere");
    fs::create_dir(&photos).unwrap();
    for number in 0..6 {
        let name = format!("{number}.jpg");
        fs::rename(setting.photos().join(&name), photos.join(&name)).unwrap();
    }
    let meddler = Meddler {
        begin: Some(Box::new(|path| {
            if path.ends_with(b"/3.jpg") {
                fs::rename(&photos, &elsewhere).unwrap();
                // What a mount point shows when nothing is mounted.
                fs::create_dir(&photos).unwrap();
            }
        })),
        ..Meddler::default()
    };
    let index = Index::in_memory().unwrap();
    let options = options(vec![photos.clone()]);
    let error = backup(&setting.repository, &index, &options, &meddler).unwrap_err();
    assert!(
        matches!(&error, OpsError::Source(SourceError::RootGone { path, .. }) if *path == photos),
        "{error}"
    );
    assert_eq!(setting.snapshots(), 0);
    let kept = setting.objects();
    assert!(kept.iter().any(|name| name.starts_with("packs/")));

    fs::remove_dir(&photos).unwrap();
    fs::rename(&elsewhere, &photos).unwrap();
    let report = backup(&setting.repository, &index, &options, &Silent).unwrap();
    assert_eq!(setting.snapshots(), 1);
    assert!(
        report.statistics.bytes_added < 12_000_000,
        "{:?}",
        report.statistics
    );
    assert!(kept.iter().all(|name| setting.objects().contains(name)));
}
