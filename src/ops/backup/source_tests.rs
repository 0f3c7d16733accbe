//! What a source can hold, seen in the listing that comes out; and that nothing in it is touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::crew::tests::{Setting, setting};
use crate::format::entry::{Entry, EntryType};
use crate::index::Index;
use crate::ops::pipeline::CheckpointRule;
use crate::ops::{
    BackupOptions, BackupReport, Opened, OpsError, SourceChoice, backup, dry_run, list_entries,
};
use crate::progress::{Progress, Silent};
use crate::repository::SnapshotFilter;
use crate::seams::{Clock, SystemClock, Threads, Timestamp};
use crate::source::Limits;
use crate::store::Store;

/// Told the path of a file that is begun.
type Begin<'m> = Box<dyn Fn(&[u8]) + Send + Sync + 'm>;

/// Calls back when a file is begun, and whenever bytes of it were read.
#[derive(Default)]
pub struct Meddler<'m> {
    pub begin: Option<Begin<'m>>,
    pub read: Option<Box<dyn Fn() + Send + Sync + 'm>>,
}

impl Progress for Meddler<'_> {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {
        self.read.iter().for_each(|meddle| meddle());
    }
    fn item(&self, path: &[u8]) {
        self.begin.iter().for_each(|meddle| meddle(path));
    }
    fn notice(&self, _text: &str) {}
    fn finish(&self) {}
}

pub fn options(paths: Vec<PathBuf>) -> BackupOptions {
    BackupOptions {
        source: SourceChoice {
            paths,
            ..SourceChoice::default()
        },
        current: "/".into(),
        host: "nas".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    }
}

impl Setting {
    pub fn photos(&self) -> &Path {
        self.photos.path()
    }

    pub fn run(&self, index: &Index, progress: &dyn Progress) -> Result<BackupReport, OpsError> {
        let options = options(vec![self.photos().to_path_buf()]);
        backup(&self.repository, index, &options, progress)
    }

    /// The entries of the latest snapshot, by their paths beneath the photos.
    pub fn listed(&self) -> BTreeMap<String, Entry> {
        let index = Index::in_memory().unwrap();
        let opened = Opened::look(self.repository.clone(), index, &Silent).unwrap();
        let filter = SnapshotFilter::default();
        let record = &opened.snapshot("latest", &filter).unwrap().record;
        let mut entries = BTreeMap::new();
        let above = self.photos().strip_prefix("/").unwrap().to_str().unwrap();
        list_entries(
            &opened.repository,
            &opened.index,
            record,
            b"",
            &mut |entry| {
                let path = String::from_utf8(entry.path.clone()).unwrap();
                let path = path.strip_prefix(above).unwrap_or(&path);
                let path = path.trim_start_matches('/').to_owned();
                entries.insert(path, entry.clone());
                Ok(())
            },
        )
        .unwrap();
        entries
    }

    pub fn objects(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.store
            .list("", &mut |object| {
                names.push(object.name.to_string());
                Ok(())
            })
            .unwrap();
        names
    }
}

/// An hour ahead of the files, so that their times are believed.
pub struct LaterClock;

impl Clock for LaterClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(3600))
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot()
    }
    fn sleep(&self, time: Duration) {
        SystemClock.sleep(time);
    }
}

pub fn kinds(entries: &BTreeMap<String, Entry>) -> Vec<(&str, EntryType)> {
    entries
        .iter()
        .map(|(path, entry)| (path.as_str(), entry.entry_type()))
        .collect()
}

#[test]
fn of_a_file_with_many_names_the_first_is_the_file_and_it_is_read_once() {
    for single in [true, false] {
        let mut setting = setting(0, 0);
        if single {
            setting.repository.seams.threads = Threads::SINGLE;
        }
        let photos = setting.photos();
        for folder in ["a", "b"] {
            fs::create_dir(photos.join(folder)).unwrap();
        }
        // Made last, listed first; large enough to be shared among threads.
        fs::write(photos.join("z"), vec![7; 17_000_000]).unwrap();
        for name in ["b/1", "b/2", "a/1"] {
            fs::hard_link(photos.join("z"), photos.join(name)).unwrap();
        }
        fs::write(photos.join("b/alone"), b"x").unwrap();
        let report = setting.run(&Index::in_memory().unwrap(), &Silent).unwrap();
        assert_eq!(report.statistics.files, 5);
        assert_eq!(report.statistics.bytes, 17_000_001);
        assert_eq!(report.statistics.bytes_read, 17_000_001);

        let entries = setting.listed();
        let first = &entries["a/1"];
        assert_eq!(first.entry_type(), EntryType::File);
        assert_eq!(first.first, None);
        for name in ["b/1", "b/2", "z"] {
            let entry = &entries[name];
            assert_eq!(entry.entry_type(), EntryType::HardLink, "{name}");
            assert_eq!(
                entry.first,
                Some((first.root, first.path.clone().into())),
                "{name}"
            );
            let same = |entry: &Entry| {
                (
                    entry.size,
                    entry.sha1,
                    entry.chunks.clone(),
                    entry.inode,
                    entry.mode,
                )
            };
            assert_eq!(same(entry), same(first), "{name}");
        }
        assert_eq!(entries["b/alone"].entry_type(), EntryType::File);
    }
}

#[test]
fn attributes_and_owners_stand_in_the_entries_also_of_what_was_not_read_again() {
    let mut setting = setting(0, 0);
    setting.repository.seams.clock = Arc::new(LaterClock);
    let photos = setting.photos();
    let file = photos.join("photo");
    fs::write(&file, b"x").unwrap();
    symlink("photo", photos.join("link")).unwrap();
    let set = |path: &Path, value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(path, "user.rating", value, flags)
    };
    if set(&file, b"5").is_err() {
        // This file system has none: the tests of `source::attributes` use one of their own.
        return;
    }
    set(photos, b"of the folder").unwrap();
    let index = Index::in_memory().unwrap();
    setting.run(&index, &Silent).unwrap();
    let first = setting.listed();
    let value = |entry: &Entry| {
        let list = entry.attributes.clone().unwrap_or_default();
        let mine = list
            .into_iter()
            .find(|(name, _)| name.as_slice() == b"user.rating");
        mine.map(|(_, value)| Vec::from(value))
    };
    assert_eq!(value(&first["photo"]).as_deref(), Some(b"5".as_slice()));
    assert_eq!(
        value(&first[""]).as_deref(),
        Some(b"of the folder".as_slice())
    );
    assert_eq!(value(&first["link"]), None);
    if fs::metadata(&file).unwrap().uid() == 0 {
        let name = first["photo"].owner_name.as_deref().map(Vec::as_slice);
        assert_eq!(name, Some(b"root".as_slice()));
    }

    let report = setting.run(&index, &Silent).unwrap();
    assert_eq!(report.statistics.files_unmodified, 1);
    assert_eq!(report.statistics.bytes_read, 0, "it was not opened");
    assert_eq!(setting.listed(), first);

    // Size and modification time stay: only the kernel's own time tells.
    set(&file, b"1").unwrap();
    setting.run(&index, &Silent).unwrap();
    assert_eq!(
        value(&setting.listed()["photo"]).as_deref(),
        Some(b"1".as_slice())
    );
}

#[test]
fn a_backup_leaves_no_trace_in_the_source() {
    let setting = setting(0, 0);
    let photos = setting.photos();
    fs::create_dir_all(photos.join("deep/er")).unwrap();
    fs::write(photos.join("deep/er/photo"), b"x").unwrap();
    fs::write(photos.join("cache"), b"x").unwrap();
    fs::write(
        photos.join("deep/CACHEDIR.TAG"),
        b"Signature: 8a477f597d28d172789f06886806bc55\n",
    )
    .unwrap();
    fs::hard_link(photos.join("cache"), photos.join("twin")).unwrap();
    let paths = [
        "",
        "deep",
        "deep/er",
        "deep/er/photo",
        "deep/CACHEDIR.TAG",
        "cache",
    ];
    let trace = || {
        let of_one = |path: &str| {
            let stat = fs::symlink_metadata(photos.join(path)).unwrap();
            let times = [
                (stat.atime(), stat.atime_nsec()),
                (stat.mtime(), stat.mtime_nsec()),
                (stat.ctime(), stat.ctime_nsec()),
            ];
            (times, stat.mode(), stat.size(), stat.nlink())
        };
        paths.map(of_one)
    };
    // Long before the modification time: a system with `relatime` would write a new one.
    let old = fs::FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    for path in paths {
        let file = fs::File::open(photos.join(path)).unwrap();
        file.set_times(old).unwrap();
    }
    let before = trace();
    let index = Index::in_memory().unwrap();
    let mut options = options(vec![photos.to_path_buf()]);
    for exclude_caches in [false, true] {
        options.source.limits = Limits {
            exclude_caches,
            one_file_system: true,
        };
        backup(&setting.repository, &index, &options, &Silent).unwrap();
        dry_run(
            &index,
            &options,
            setting.repository.seams.clock.as_ref(),
            &Silent,
        )
        .unwrap();
    }
    assert_eq!(trace(), before);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let mut setting = setting(4, 1000);
    setting.repository.seams.clock = Arc::new(LaterClock);
    let photos = setting.photos();
    fs::hard_link(photos.join("0.jpg"), photos.join("twin.jpg")).unwrap();
    let index = Index::in_memory().unwrap();
    let options = options(vec![photos.to_path_buf()]);
    let clock = setting.repository.seams.clock.clone();
    let ask = || dry_run(&index, &options, clock.as_ref(), &Silent).unwrap();

    let empty = setting.objects();
    let report = ask();
    assert_eq!((report.files_new, report.files_total()), (5, 5));
    assert_eq!((report.bytes_total, report.bytes_to_read), (4000, 4000));
    assert_eq!(setting.objects(), empty);
    assert_eq!(ask().files_new, 5, "nothing was remembered");

    setting.run(&index, &Silent).unwrap();
    fs::write(photos.join("1.jpg"), b"changed").unwrap();
    fs::write(photos.join("new.jpg"), b"new").unwrap();
    let stored = setting.objects();
    let report = ask();
    assert_eq!(
        (
            report.files_new,
            report.files_changed,
            report.files_unmodified
        ),
        (1, 1, 4)
    );
    assert_eq!(report.bytes_to_read, 7 + 3);
    assert_eq!((report.folders, report.problems_total), (1, 0));
    assert_eq!(setting.objects(), stored);
}
