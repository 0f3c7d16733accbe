//! Restores from a repository in memory: what is fetched how often, links, attributes, holes, killed
//! runs, and what another listing could do.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Overwrite, RestoreOptions, RestoreReport, restore};
use crate::crypto::KdfCost;
use crate::format::cbor::Joined;
use crate::format::entry::{Entry, EntryType};
use crate::format::frame::Codec;
use crate::format::pack::Class;
use crate::format::snapshot::Snapshot;
use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::{BackupOptions, InitOptions, Opened, OpsError, SourceChoice, backup, init};
use crate::progress::Silent;
use crate::repository::{
    ListingWriter, PackWriter, Plaintext, Repository, RepositoryError, load_catalog,
};
use crate::seams::{Seams, SystemClock, Threads, Timestamp};
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};

struct World {
    store: Arc<Recording>,
    repository: Repository,
    folder: tempfile::TempDir,
}

fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

impl World {
    fn new(threads: Threads) -> Self {
        let store = Arc::new(Recording::new(Arc::new(Memory::new(Arc::new(SystemClock)))));
        let seams = Seams {
            threads,
            ..Seams::real()
        };
        let options = InitOptions {
            passphrase: "correct horse",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let repository = init(store.clone(), &seams, &options).unwrap().repository;
        let folder = tempfile::tempdir().unwrap();
        Self {
            store,
            repository,
            folder,
        }
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    fn back_up(&self, source: &Path) {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![source.to_path_buf()],
                ..SourceChoice::default()
            },
            current: PathBuf::from("/"),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: Default::default(),
        };
        let index = Index::in_memory().unwrap();
        load_catalog(&self.repository, &index).unwrap();
        backup(&self.repository, &index, &options, &Silent).unwrap();
    }

    /// A snapshot of any entries, as another program could have made it.
    fn snapshot_of(&self, entries: &[Entry]) -> Snapshot {
        let source = self.path("honest");
        fs::create_dir_all(&source).unwrap();
        self.back_up(&source);
        let writer = PackWriter::new(&self.repository).unwrap();
        let mut put = |chunk: &[u8]| -> Result<ChunkId, RepositoryError> {
            let id = self.repository.writer.metadata_id(chunk);
            add(&writer, Class::Metadata, id, chunk);
            Ok(id)
        };
        let mut listing = ListingWriter::new(&self.repository.writer);
        for entry in entries {
            listing.push(entry, &mut put).unwrap();
        }
        let top = listing.finish(&mut put).unwrap();
        self.put_packs(&writer, Class::Metadata);
        let mut record = self.latest().1;
        record.listing = top;
        record
    }

    fn put_chunk(&self, content: &[u8]) -> ChunkId {
        let writer = PackWriter::new(&self.repository).unwrap();
        let id = self.repository.writer.content_id(content);
        add(&writer, Class::Files, id, content);
        self.put_packs(&writer, Class::Files);
        id
    }

    fn put_packs(&self, writer: &PackWriter, class: Class) {
        for pack in writer.finish(class).unwrap() {
            let store = &self.repository.store;
            store.put(&pack.object.name, pack.bytes().clone()).unwrap();
        }
    }

    fn latest(&self) -> (Opened, Snapshot) {
        let index = Index::in_memory().unwrap();
        let opened = Opened::look(self.repository.clone(), index, &Silent).unwrap();
        let snapshot = opened.snapshot("latest", &Default::default()).unwrap();
        let record = snapshot.record.clone();
        (opened, record)
    }

    fn restore(
        &self,
        record: &Snapshot,
        change: impl FnOnce(&mut RestoreOptions),
    ) -> Result<RestoreReport, OpsError> {
        let opened = self.latest().0;
        let mut options = RestoreOptions {
            target: self.path("back"),
            files: true,
            database: true,
            ..RestoreOptions::default()
        };
        change(&mut options);
        let (repository, index) = (&opened.repository, &opened.index);
        self.store.take();
        restore(repository, index, record, &options, &Silent)
    }
}

fn add(writer: &PackWriter, class: Class, id: ChunkId, content: &[u8]) {
    let chunk = Plaintext {
        id,
        plain_bytes: content.len() as u32,
        codec: Codec::Plain,
        content: &mut content.to_vec(),
    };
    assert!(writer.add(class, chunk).unwrap().is_none());
}

fn file(path: &str, kind: EntryType, chunks: &[(ChunkId, &[u8])]) -> Entry {
    let mut entry = Entry::new(11, path.as_bytes().to_vec(), kind);
    entry.mode = Some(0o640);
    entry.modified = Some(Timestamp::from_seconds(1_000_000_000));
    entry.size = Some(chunks.iter().map(|(_, content)| content.len() as u64).sum());
    entry.chunks = Some(Joined(chunks.iter().map(|(id, _)| *id).collect()));
    entry
}

/// Photos are moved about between backups: then one after the other in the listing, they lie in
/// packs all over the repository, of which far from all fit into memory.
#[test]
fn each_pack_is_fetched_once_however_the_photos_lie_in_them() {
    let threads = Threads {
        workers: NonZeroUsize::new(3),
        transfers: NonZeroUsize::new(2).unwrap(),
    };
    for threads in [Threads::SINGLE, threads] {
        let world = World::new(threads);
        let (before, after) = (world.path("source/before"), world.path("source/after"));
        fs::create_dir_all(&before).unwrap();
        fs::create_dir_all(&after).unwrap();
        for number in 0..400_u32 {
            fs::write(before.join(format!("{number:03}")), noise(number, 250_000)).unwrap();
        }
        world.back_up(&world.path("source"));
        for number in 0..400_u32 {
            let name = blake3::hash(&number.to_le_bytes()).to_hex().to_string();
            fs::rename(before.join(format!("{number:03}")), after.join(name)).unwrap();
        }
        world.back_up(&world.path("source"));
        let (_, record) = world.latest();
        let report = world.restore(&record, |_| {}).unwrap();
        assert_eq!((report.files_restored, report.problems), (400, vec![]));
        let mut gets: BTreeMap<String, usize> = BTreeMap::new();
        for call in world.store.take() {
            if call.operation == Operation::Get && call.name.starts_with("packs/") {
                *gets.entry(call.name).or_default() += 1;
            }
        }
        assert!(
            gets.len() >= 75,
            "{} packs are more than memory holds",
            gets.len()
        );
        assert!(gets.values().all(|times| *times == 1), "{gets:?}");
        // Who goes on where all is there needs none of them.
        let report = world.restore(&record, |_| {}).unwrap();
        assert_eq!(report.files_skipped, 400);
        assert_eq!(world.store.count(Operation::Get, "packs/"), 0);
    }
}

#[test]
fn second_names_are_links_to_the_first_or_files_where_that_cannot_be() {
    let world = World::new(Threads::SINGLE);
    let photo = (world.put_chunk(b"a photo"), b"a photo".as_slice());
    let other = (world.put_chunk(b"other bytes"), b"other bytes".as_slice());
    let named = |path: &str, first: &str, content| {
        let mut entry = file(path, EntryType::HardLink, &[content]);
        entry.first = Some((11, first.as_bytes().to_vec().into()));
        entry
    };
    let mut folder = Entry::new(11, b"f".to_vec(), EntryType::Folder);
    folder.modified = Some(Timestamp::from_seconds(1_000_000_001));
    let record = world.snapshot_of(&[
        folder,
        file("f/a", EntryType::File, &[photo]),
        named("f/b", "f/a", photo),
        // A lie: the first has other contents.
        named("f/c", "f/a", other),
        named("f/d", "../../etc/hostname", photo),
        named("f/e", "f/nothing", photo),
    ]);
    let back = world.path("back/f");
    let inode = |name: &str| fs::metadata(back.join(name)).unwrap().ino();
    let check = |report: RestoreReport| {
        assert_eq!(report.problems, []);
        assert_eq!(inode("a"), inode("b"));
        for (name, content) in [("c", other.1), ("d", photo.1), ("e", photo.1)] {
            assert_ne!(inode("a"), inode(name));
            assert_eq!(fs::read(back.join(name)).unwrap(), content);
        }
        assert_eq!(fs::metadata(&back).unwrap().mtime(), 1_000_000_001);
        assert_eq!(fs::read_dir(&back).unwrap().count(), 5);
        (
            report.files_restored,
            report.files_replaced,
            report.files_skipped,
        )
    };
    assert_eq!(check(world.restore(&record, |_| {}).unwrap()), (5, 0, 0));
    assert_eq!(check(world.restore(&record, |_| {}).unwrap()), (0, 0, 5));
    // A copy in the place of the link, as another tool restored it.
    fs::remove_file(back.join("b")).unwrap();
    fs::copy(back.join("a"), back.join("b")).unwrap();
    assert_eq!(check(world.restore(&record, |_| {}).unwrap()), (1, 1, 4));
    // Of the two, only the second is asked for.
    let second = world.restore(&record, |options| {
        options.target = world.path("part");
        options.path = b"f/b".to_vec();
    });
    assert_eq!(second.unwrap().files_restored, 1);
    assert_eq!(fs::read(world.path("part/f/b")).unwrap(), photo.1);
    assert!(!world.path("part/f/a").exists());
}

#[test]
fn attributes_come_back_but_no_rights_of_programs() {
    let world = World::new(Threads::SINGLE);
    let photo = (world.put_chunk(b"a photo"), b"a photo".as_slice());
    let mut entry = file("a", EntryType::File, &[photo]);
    entry.mode = Some(0o4440);
    let capability = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let attributes: [(&[u8], &[u8]); 3] = [
        (b"user.rating", b"5\0"),
        (b"security.capability", &capability),
        (b"nonsense", b""),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_vec().into(), value.to_vec().into()));
    entry.attributes = Some(attributes.to_vec());
    entry.owner_name = Some(b"nobody known by this name".to_vec().into());
    let record = world.snapshot_of(&[entry]);
    let report = world.restore(&record, |_| {}).unwrap();
    assert_eq!((report.files_restored, report.problems), (1, vec![]));
    let back = world.path("back/a");
    assert_eq!(
        fs::metadata(&back).unwrap().permissions().mode() & 0o7777,
        0o440
    );
    let get = |name: &str| {
        let mut value = [0; 64];
        let got = rustix::fs::getxattr(&back, name, &mut value[..]);
        got.map(|bytes| value[..bytes].to_vec())
    };
    assert!(get("security.capability").is_err());
    match get("user.rating") {
        Ok(value) => {
            assert_eq!(
                (value.as_slice(), report.attributes_not_set),
                (&b"5\0"[..], 1)
            );
            // One that was changed is put right, without fetching the file.
            let flags = rustix::fs::XattrFlags::empty();
            if rustix::fs::setxattr(&back, "user.rating", b"1", flags).is_ok() {
                assert_eq!(world.restore(&record, |_| {}).unwrap().files_skipped, 1);
                assert_eq!(get("user.rating").unwrap(), b"5\0");
            }
        }
        Err(_) => assert_eq!(report.attributes_not_set, 2, "a file system without"),
    }
}

#[test]
fn long_runs_of_zeros_take_no_room_and_are_zeros_all_the_same() {
    let world = World::new(Threads::SINGLE);
    let source = world.path("source");
    fs::create_dir_all(&source).unwrap();
    let mut content = vec![0; 5_000_000];
    content[1_000_000..1_000_010].copy_from_slice(b"in between");
    fs::write(source.join("ends in zeros"), &content).unwrap();
    content.push(7);
    fs::write(source.join("ends in seven"), &content).unwrap();
    world.back_up(&source);
    world.restore(&world.latest().1, |_| {}).unwrap();
    let back = world.path("back").join(source.strip_prefix("/").unwrap());
    for name in ["ends in zeros", "ends in seven"] {
        let found = fs::metadata(back.join(name)).unwrap();
        assert!(
            found.blocks() * 512 < 1_000_000,
            "{} blocks",
            found.blocks()
        );
        assert!(fs::read(back.join(name)).unwrap() == fs::read(source.join(name)).unwrap());
    }
}

#[test]
fn two_roots_that_meet_and_a_file_in_the_way_overwrite_nothing() {
    let world = World::new(Threads::SINGLE);
    let one = (world.put_chunk(b"one"), b"one".as_slice());
    let two = (world.put_chunk(b"two"), b"two".as_slice());
    let mut second = file("a", EntryType::File, &[two]);
    second.root = 12;
    let record = world.snapshot_of(&[file("a", EntryType::File, &[one]), second]);
    for overwrite in [Overwrite::Always, Overwrite::Changed, Overwrite::Never] {
        let report = world.restore(&record, |options| options.overwrite = overwrite);
        assert_eq!(report.unwrap().problems_total, 1);
        assert_eq!(fs::read(world.path("back/a")).unwrap(), b"one");
    }
}

#[test]
fn what_a_killed_restore_left_goes_with_the_next_and_nothing_else() {
    let world = World::new(Threads::SINGLE);
    let source = world.path("source");
    fs::create_dir_all(source.join("2023")).unwrap();
    let name = |byte: &str| format!(".offsite-{}.part", byte.repeat(32));
    fs::write(source.join("2023/a.jpg"), b"a photo").unwrap();
    fs::write(
        source.join("2023").join(name("a")),
        b"backed up with the rest",
    )
    .unwrap();
    world.back_up(&source);
    let back = world.path("back").join(source.strip_prefix("/").unwrap());
    fs::create_dir_all(back.join("2023")).unwrap();
    for left in [name("b"), name("c"), ".offsite-mine.part".to_owned()] {
        fs::write(back.join("2023").join(left), b"half a pho").unwrap();
    }
    // One was killed while it tried whether capitals count there: an empty file stayed at the top of
    // the target for ever, which is no archived folder.
    fs::write(world.path("back").join(name("d")), b"").unwrap();
    let busy = fs::File::open(back.join("2023").join(name("c"))).unwrap();
    busy.lock().unwrap();
    let report = world.restore(&world.latest().1, |_| {}).unwrap();
    assert_eq!(report.problems, []);
    let names = fs::read_dir(back.join("2023")).unwrap();
    let mut names: Vec<_> = names
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut expected = [
        name("a"),
        name("c"),
        ".offsite-mine.part".into(),
        "a.jpg".into(),
    ];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(fs::read_dir(world.path("back")).unwrap().count(), 1);
}

/// Always the same numbers, so that it is known which name a restore tries the target with.
struct Sevens;

impl crate::seams::Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(7);
        Ok(())
    }
}

/// On a disk of a Mac `a.jpg` is restored over `A.jpg`, and keeps that name: `--delete` did not find
/// it in the snapshot.
#[test]
fn nothing_is_deleted_where_capitals_do_not_count() {
    let mut world = World::new(Threads::SINGLE);
    let id = world.put_chunk(b"photo");
    let record = world.snapshot_of(&[
        Entry::new(11, b"d".to_vec(), EntryType::Folder),
        file("d/a.jpg", EntryType::File, &[(id, b"photo")]),
    ]);
    fs::create_dir_all(world.path("back/d")).unwrap();
    fs::write(world.path("back/d/A.jpg"), b"photo").unwrap();
    world.repository.seams.random = Arc::new(Sevens);
    let probe = format!("back/.OFFSITE-{}.PART", "07".repeat(16));
    fs::write(world.path(&probe), b"").unwrap();
    let report = world.restore(&record, |it| it.delete = true).unwrap();
    assert_eq!((report.deleted, report.problems.len()), (0, 0));
    assert_eq!(
        report.delete_refused.as_deref(),
        Some(super::finish::IGNORES_CASE)
    );
    fs::remove_file(world.path(&probe)).unwrap();
    let report = world.restore(&record, |it| it.delete = true).unwrap();
    assert_eq!((report.deleted, report.delete_refused), (1, None));
}
