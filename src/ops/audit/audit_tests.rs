//! The audit against a model of the verdicts that holds everything in memory.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::verdict::Verdict;
use super::*;
use crate::format::entry::EntryType;
use crate::source::Root;
use crate::source::immich::rows::{Asset, Checksum, Row, RowSink, Status, User};

/// Paths in the library, in two forms of an é; the last two are in folders of their own.
const PATHS: [&str; 8] = [
    "library/a.jpg",
    "library/a/b.jpg",
    "library/a.b/c.jpg",
    "library/caf\u{e9}.jpg",
    "library/cafe\u{301}.jpg",
    "library/\u{fc}/x.jpg",
    "library/u\u{308}/x.jpg",
    "library/z\t\\\n.jpg",
];
const CONTENTS: u8 = 5;

#[derive(Debug, Clone, Copy)]
enum Where {
    Library(usize),
    /// The same, by a prefix of former times.
    Former(usize),
    External,
    Derived,
    Nowhere,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    place: Where,
    content: u8,
    size: Option<u8>,
    offline: bool,
    deleted: bool,
}

#[derive(Debug, Clone)]
struct Library {
    lines: Vec<Line>,
    /// Content of the file at each path, or that it cannot be read.
    files: BTreeMap<usize, Option<u8>>,
}

fn sha1(content: u8) -> [u8; 20] {
    [content + 1; 20]
}

/// Contents 0 and 1 have one size.
fn size(content: u8) -> u64 {
    u64::from(content.max(1))
}

fn line() -> impl Strategy<Value = Line> {
    let place = prop_oneof![
        8 => (0..PATHS.len()).prop_map(Where::Library),
        2 => (0..PATHS.len()).prop_map(Where::Former),
        1 => Just(Where::External),
        1 => Just(Where::Derived),
        1 => Just(Where::Nowhere),
    ];
    let size = prop_oneof![Just(None), (0..CONTENTS).prop_map(Some)];
    (
        place,
        0..CONTENTS,
        size,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(place, content, size, offline, deleted)| Line {
            place,
            content,
            size,
            offline,
            deleted,
        })
}

fn library() -> impl Strategy<Value = Library> {
    let file = prop_oneof![9 => (0..CONTENTS).prop_map(Some), 1 => Just(None)];
    let files = prop::collection::btree_map(0..PATHS.len(), file, 0..8);
    (prop::collection::vec(line(), 0..14), files)
        .prop_map(|(lines, files)| Library { lines, files })
}

fn path(place: Where, number: usize) -> String {
    match place {
        Where::Library(path) => format!("/data/{}", PATHS[path]),
        Where::Former(path) => format!("/usr/src/app/upload/{}", PATHS[path]),
        Where::External => format!("/mnt/nas/{number}.jpg"),
        Where::Derived => format!("/data/encoded-video/u/{number}-MP.mp4"),
        Where::Nowhere => format!("/tmp/{number}.jpg"),
    }
}

/// What the audit says.
fn audited(library: &Library) -> BTreeMap<String, u64> {
    let audit = Audit::new().unwrap();
    let mut sink = audit.sink();
    let owner = [7; 16];
    for (number, line) in library.lines.iter().enumerate() {
        let id = [number as u8; 16];
        let is_external = matches!(line.place, Where::External);
        sink.row(Row::Asset(Asset {
            id,
            owner,
            library: None,
            path: path(line.place, number).as_bytes(),
            checksum: if is_external {
                Checksum::Path
            } else {
                Checksum::Content(sha1(line.content))
            },
            is_external,
            is_offline: line.offline,
            status: if line.deleted {
                Status::Deleted
            } else {
                Status::Active
            },
        }))
        .unwrap();
        if let Some(content) = line.size {
            let bytes = size(content);
            sink.row(Row::Size { asset: id, bytes }).unwrap();
        }
    }
    sink.row(Row::MediaLocation(b"/data")).unwrap();
    let root = Root {
        number: 1,
        folder: "/srv/immich/library".into(),
        stored_as: b"library".to_vec(),
    };
    let location = std::path::Path::new("/srv/immich");
    audit
        .place_rows(&KnownPlaces::new(&[root], location, &[]))
        .unwrap();
    let mut files: Vec<_> = library.files.iter().collect();
    files.sort_by(|one, two| {
        crate::format::entry::path_order(PATHS[*one.0].as_bytes(), PATHS[*two.0].as_bytes())
    });
    for (path, content) in files {
        let path = PATHS[*path].as_bytes().to_vec();
        match content {
            None => audit.unreadable(1, &path, "it is on a bad sector").unwrap(),
            Some(content) => {
                let mut entry = Entry::new(1, path, EntryType::File);
                entry.sha1 = Some(sha1(*content).into());
                entry.size = Some(size(*content));
                audit.entry(&entry).unwrap();
            }
        }
    }
    audit.settle(Timestamp::from_seconds(1)).unwrap();
    let audited = audit.store(&mut |_| Ok(crate::id::ChunkId::new([0; 32])));
    audited.unwrap().counts()
}

#[derive(Default)]
struct Model {
    counts: BTreeMap<String, u64>,
    unclaimed: BTreeSet<usize>,
}

impl Model {
    fn count(&mut self, verdict: Verdict) {
        *self.counts.entry(verdict.name().to_owned()).or_default() += 1;
    }

    /// A file lies where the row says, or under another form of its name.
    fn there(&mut self, line: &Line, content: u8, late: &mut Vec<(Line, u8)>) {
        let is_former = matches!(line.place, Where::Former(_));
        match (content == line.content, is_former, line.deleted) {
            (true, false, _) => self.count(Verdict::Ok),
            (true, true, _) => self.count(Verdict::StalePath),
            (false, _, true) => self.count(Verdict::PendingDelete),
            (false, _, false) => late.push((*line, content)),
        }
    }

    fn take(&mut self, library: &Library, content: u8) -> bool {
        let found = self.unclaimed.iter().copied();
        let mut found = found.filter(|path| library.files[path] == Some(content));
        let found = found.next();
        found.is_some_and(|path| self.unclaimed.remove(&path))
    }
}

fn expected(library: &Library) -> BTreeMap<String, u64> {
    let mut model = Model::default();
    let place = |line: &Line| match line.place {
        Where::Library(path) | Where::Former(path) => Some(path),
        _ => None,
    };
    let claimed: BTreeSet<_> = library.lines.iter().filter_map(place).collect();
    let readable = library
        .files
        .iter()
        .filter(|(_, content)| content.is_some());
    let unclaimed = readable.map(|(path, _)| *path);
    model.unclaimed = unclaimed.filter(|path| !claimed.contains(path)).collect();
    let (mut late, mut lost, mut renamed) = (Vec::new(), Vec::new(), BTreeSet::new());
    let free = model.unclaimed.clone();
    for line in &library.lines {
        let at = place(line);
        if let Some(content) = at.and_then(|path| library.files.get(&path).copied().flatten()) {
            model.there(line, content, &mut late);
            continue;
        }
        let same = |path: &usize, other: &usize| {
            !PATHS[*path].is_ascii() && PATHS[*path].nfc().eq(PATHS[*other].nfc())
        };
        let other = at.and_then(|path| free.iter().copied().find(|other| same(&path, other)));
        match other.and_then(|other| Some((other, library.files[&other]?))) {
            Some((other, content)) => {
                renamed.insert(other);
                model.there(line, content, &mut late);
            }
            None => lost.push(*line),
        }
    }
    model.unclaimed.retain(|path| !renamed.contains(path));
    // Of several that could have moved to one file, the first by its path has.
    late.sort_by(|(one, _), (other, _)| {
        let path = |line| place(line).map_or("", |path| PATHS[path]);
        crate::format::entry::path_order(path(one).as_bytes(), path(other).as_bytes())
    });
    for (line, content) in late {
        let is_former = matches!(line.place, Where::Former(_));
        if is_former && model.take(library, line.content) {
            model.count(Verdict::Moved);
        } else if line
            .size
            .is_some_and(|stated| size(stated) != size(content))
        {
            model.count(Verdict::SizeMismatch);
        } else {
            model.count(Verdict::ChecksumMismatch);
        }
    }
    for line in lost {
        let verdict = match line.place {
            _ if line.offline => Verdict::Offline,
            _ if line.deleted => Verdict::PendingDelete,
            Where::External => Verdict::ExternalNotArchived,
            Where::Derived => Verdict::DerivedAbsent,
            _ if model.take(library, line.content) => Verdict::Moved,
            _ => Verdict::Missing,
        };
        model.count(verdict);
    }
    for _ in 0..model.unclaimed.len() {
        model.count(Verdict::Untracked);
    }
    model.counts.entry("ok".to_owned()).or_default();
    model.counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn verdicts_are_those_of_the_model(library in library()) {
        prop_assert_eq!(audited(&library), expected(&library));
    }
}

/// Two rows whose file is not where it was in former times, and one file that could be either's.
#[test]
fn of_two_rows_that_miss_the_same_content_the_first_by_path_has_moved() {
    let line = |path, content, size| Line {
        place: Where::Former(path),
        content,
        size,
        offline: false,
        deleted: false,
    };
    let library = Library {
        lines: vec![line(7, 2, Some(0)), line(3, 2, None), line(4, 0, None)],
        files: [(3, Some(0)), (5, Some(2)), (7, Some(3))].into(),
    };
    assert_eq!(audited(&library), expected(&library));
}

#[test]
fn a_picture_and_an_owner_are_told_and_what_came_before_is_forgotten() {
    let audit = Audit::new().unwrap();
    let mut sink = audit.sink();
    let user = |id| {
        Row::User(User {
            id,
            name: b"Bob",
            profile_image: b"/data/profile/b.png",
        })
    };
    sink.row(user([1; 16])).unwrap();
    sink.start_over().unwrap();
    sink.row(user([2; 16])).unwrap();
    let location = std::path::Path::new("/srv/immich");
    audit
        .place_rows(&KnownPlaces::new(&[], location, &[]))
        .unwrap();
    audit.settle(Timestamp::default()).unwrap();
    let mut lists = Vec::new();
    let mut store = |list: &[u8]| {
        lists.push(list.to_vec());
        Ok(crate::id::ChunkId::new([0; 32]))
    };
    let audited = audit.store(&mut store).unwrap();
    assert_eq!(audited.counts().get("avatar_missing"), Some(&1));
    let findings = crate::format::finding::decode_finding_list(&lists[0]).unwrap();
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(finding.owner.as_deref(), Some(&[2; 16]));
    assert_eq!(finding.owner_name.as_deref(), Some("Bob"));
    assert_eq!(finding.path, b"/data/profile/b.png");
}
