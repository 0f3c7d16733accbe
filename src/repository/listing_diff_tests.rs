//! Two listings held against each other by the diff and, naively, entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::crypto::KdfCost;
use crate::format::entry::EntryType;
use crate::format::frame::Codec;
use crate::format::pack::Class;
use crate::format::slot::Label;
use crate::id::ObjectId;
use crate::index::Index;
use crate::repository::{
    Creation, Fetch, ListingReader, ListingWriter, PackWriter, Plaintext, Repository,
    RepositoryError, create,
};
use crate::seams::{Seams, SystemClock, Threads, Timestamp};
use crate::store::Store;
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};

/// A repository in which every metadata chunk is a pack of its own, so that a GET is a chunk.
struct World {
    memory: Arc<Memory>,
    store: Arc<Recording>,
    repository: Repository,
    index: Index,
}

impl World {
    fn new() -> Self {
        let memory = Arc::new(Memory::new(Arc::new(SystemClock)));
        let store = Arc::new(Recording::new(memory.clone()));
        let seams = Seams {
            threads: Threads::SINGLE,
            ..Seams::real()
        };
        let key = crate::crypto::ReadKey::from_master(crate::crypto::Secret::new(&[7; 32]));
        let creation = Creation {
            key: &key,
            passphrase: "correct horse",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            label: Label {
                label: "nas".to_owned(),
                created: Timestamp::default(),
                host: "nas".to_owned(),
            },
            pack_bytes: 1 << 20,
        };
        let (repository, _) = create(store.clone(), seams, &creation).unwrap();
        Self {
            memory,
            store,
            repository,
            index: Index::in_memory().unwrap(),
        }
    }

    fn write(&self, entries: &Tree) -> (u8, ChunkId) {
        let packs = PackWriter::new(&self.repository).unwrap();
        let mut keep = |plain: &[u8]| -> Result<ChunkId> {
            let id = self.repository.writer.metadata_id(plain);
            if self.index.is_stored(&id)? {
                return Ok(id);
            }
            let chunk = Plaintext {
                id,
                plain_bytes: plain.len() as u32,
                codec: Codec::Plain,
                content: &mut plain.to_vec(),
            };
            let full = packs.add(Class::Metadata, chunk).unwrap();
            for pack in full
                .into_iter()
                .chain(packs.finish(Class::Metadata).unwrap())
            {
                self.store
                    .put(&pack.object.name, pack.object.bytes.clone())?;
                self.index.add_pack(&pack.indexed())?;
            }
            Ok(id)
        };
        let mut listing = ListingWriter::new(&self.repository.writer);
        for entry in entries.values() {
            listing.push::<RepositoryError>(entry, &mut keep).unwrap();
        }
        listing.finish(&mut keep).unwrap()
    }

    fn diff(&self, old: (u8, ChunkId), new: (u8, ChunkId), path: &[u8]) -> Vec<Difference> {
        let chunks = ChunkReader::new(&self.repository, &self.index, Fetch::Packs);
        let diff = ListingDiff::new(&chunks, old, new).beneath(path);
        diff.collect::<Result<_>>().unwrap()
    }

    /// Chunks fetched since the last time.
    fn fetched(&self) -> BTreeSet<String> {
        let calls = self.store.take().into_iter();
        calls
            .filter(|call| call.operation == Operation::Get && call.name.starts_with("listings/"))
            .map(|call| call.name)
            .collect()
    }
}

/// Sorted as a listing is.
type Tree = BTreeMap<Sorted, Entry>;

#[derive(Clone, PartialEq, Eq)]
struct Sorted(Key);

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        key_order(self.0.borrowed(), other.0.borrowed())
    }
}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Draws numbers from a seed.
struct Dice(blake3::OutputReader);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Self(hasher.finalize_xof())
    }

    fn below(&mut self, number: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % number
    }
}

/// Names are long, so that a few hundred entries make a listing of several levels.
fn entry(number: u64, size: u64) -> Entry {
    let root = 1 + (number % 2) as u32;
    let long = "x".repeat(14_000);
    let path = format!("folder {}/{long}/{number:04}{long}", number % 7);
    let mut entry = Entry::new(root, path.into_bytes(), EntryType::File);
    entry.size = Some(size);
    entry
}

fn put(tree: &mut Tree, entry: Entry) {
    tree.insert(Sorted(entry.key().into()), entry);
}

fn tree(entries: u64) -> Tree {
    let mut tree = Tree::new();
    (0..entries).for_each(|number| put(&mut tree, entry(number, number)));
    tree
}

fn mutated(tree: &Tree, dice: &mut Dice, changes: u64) -> Tree {
    let mut changed = tree.clone();
    for _ in 0..changes {
        let number = dice.below(600);
        match dice.below(3) {
            0 => drop(changed.remove(&Sorted(entry(number, 0).key().into()))),
            // Often the same as before: then it is no difference.
            1 => put(&mut changed, entry(number, number)),
            _ => put(&mut changed, entry(number, 10_000 + dice.below(3))),
        }
    }
    changed
}

fn naive(old: &Tree, new: &Tree, path: &[u8]) -> Vec<Difference> {
    let keys: BTreeSet<Sorted> = old.keys().chain(new.keys()).cloned().collect();
    let pairs = keys.into_iter().filter(|key| is_beneath(&key.0.path, path));
    pairs
        .map(|key| (old.get(&key).cloned(), new.get(&key).cloned()))
        .filter(|(old, new)| old != new)
        .collect()
}

#[test]
fn a_diff_says_what_a_comparison_of_all_entries_says() {
    let world = World::new();
    let mut levels = BTreeSet::new();
    for seed in 0..12 {
        let mut dice = Dice::new(seed);
        let entries = [0, 3, 60, 400][seed as usize % 4];
        let changes = 1 << dice.below(9);
        let old = tree(entries);
        let new = mutated(&old, &mut dice, changes);
        let (old_top, new_top) = (world.write(&old), world.write(&new));
        levels.extend([old_top.0, new_top.0]);
        for path in ["", "folder 3", "folder 9"] {
            let path = path.as_bytes();
            let found = world.diff(old_top, new_top, path);
            assert!(found == naive(&old, &new, path), "seed {seed}");
            let back = world.diff(new_top, old_top, path);
            assert!(back == naive(&new, &old, path), "seed {seed}, backwards");
        }
    }
    assert!(levels.len() >= 3, "trees of several heights: {levels:?}");
}

#[test]
fn equal_subtrees_are_not_fetched() {
    let world = World::new();
    let old = tree(400);
    let old_top = world.write(&old);
    let mut new = old.clone();
    put(&mut new, entry(123, 9));
    let new_top = world.write(&new);
    let both = world.index.count_chunks().unwrap();
    assert!(old_top.0 >= 2 && both > 40, "a tree worth skipping: {both}");

    world.fetched();
    assert_eq!(world.diff(old_top, old_top, b""), vec![]);
    assert!(world.fetched().is_empty(), "nothing differs");

    assert!(world.diff(old_top, new_top, b"") == naive(&old, &new, b""));
    // The way down on either side, and the leaves at its end.
    let most = 2 * (usize::from(old_top.0.max(new_top.0)) + 1);
    let fetched = world.fetched();
    assert!(fetched.len() <= most, "{} of {both} chunks", fetched.len());

    // Elsewhere only the way down to there is read, if that.
    assert_eq!(world.diff(old_top, new_top, b"folder 1"), vec![]);
    assert!(world.fetched().len() <= fetched.len());
}

#[test]
fn against_nothing_everything_is_new_or_gone() {
    let world = World::new();
    let some = tree(50);
    let top = world.write(&some);
    let empty = world.write(&Tree::new());
    let chunks = ChunkReader::new(&world.repository, &world.index, Fetch::Packs);
    let all: Vec<_> = ListingDiff::new(&chunks, None, top)
        .map(|difference| difference.unwrap().1.unwrap())
        .collect();
    let read: Vec<_> = ListingReader::new(&chunks, top)
        .entries()
        .map(Result::unwrap)
        .collect();
    assert!(all == read);
    assert_eq!(world.diff(empty, top, b"").len(), 50);
    assert_eq!(world.diff(top, empty, b"").len(), 50);
    assert_eq!(ListingDiff::new(&chunks, None, empty).count(), 0);
}

#[test]
fn a_part_that_cannot_be_read_is_an_error_and_the_end() {
    let world = World::new();
    let old = tree(200);
    let old_top = world.write(&old);
    let before: BTreeSet<String> = world.memory.names().into_iter().collect();
    let mut new = old.clone();
    (0..200).for_each(|number| put(&mut new, entry(number, 1)));
    let new_top = world.write(&new);
    // A leaf of the new one, neither its first nor its last.
    let chunks = ChunkReader::new(&world.repository, &world.index, Fetch::Packs);
    let ids: Vec<ObjectId> = {
        let mut entries = ListingReader::new(&chunks, new_top).entries();
        let mut ids = Vec::new();
        while entries.next().is_some() {
            ids.extend(
                world
                    .index
                    .places(&entries.chunk())
                    .unwrap()
                    .iter()
                    .map(|it| it.pack),
            );
        }
        ids
    };
    let lost = crate::format::name::of(crate::format::Kind::ListingPack, &ids[ids.len() / 2]);
    assert!(!before.contains(&lost) && world.memory.lose(&lost));

    let chunks = ChunkReader::new(&world.repository, &world.index, Fetch::Packs);
    let mut diff = ListingDiff::new(&chunks, old_top, new_top);
    let mut told = 0;
    let error = loop {
        match diff.next().expect("an error before the end") {
            Ok((Some(_), Some(_))) => told += 1,
            Ok(other) => panic!("nothing was added or removed: {other:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.is_damage() && told > 0 && told < 200, "{error}");
    assert!(diff.next().is_none());
}
