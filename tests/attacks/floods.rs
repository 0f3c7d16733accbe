//! Many objects, or a few that say much: time and memory stay within bounds.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType};
use offsite::format::listing::{append_entry, begin_leaf, encode_id_list};
use offsite::format::pack::Class;
use offsite::format::snapshot::Snapshot;
use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{LevelOptions, Replica, VerifyOptions, level, verify};
use offsite::progress::Silent;
use offsite::repository::{replicate, unlock};
use offsite::store::{Store, memory::Memory};

use crate::world::{PASSPHRASE, Troubled, World, claim, noise, restore};

/// Whoever can only put puts ten thousand slots whose names come first in the order of names. The
/// real slot is older than all of them, but was no longer among those that were looked at.
#[test]
fn slots_with_chosen_names_do_not_push_the_real_one_out() {
    let world = World::new();
    for number in 0..10_001_u64 {
        let mut id = [0; 32];
        id[8..16].copy_from_slice(&number.to_be_bytes());
        let name = format!("keys/{}", ObjectId::new(id));
        offsite::store::Store::put(world.store.as_ref(), &name, "x".into()).unwrap();
    }
    assert!(unlock(world.store.as_ref(), world.repository.id(), PASSPHRASE).is_ok());
}

/// A snapshot whose only file is that of `entry`.
fn with_one_file(world: &World, entry: &Entry) -> ObjectId {
    with_listing(world, std::slice::from_ref(entry))
}

fn with_listing(world: &World, entries: &[Entry]) -> ObjectId {
    let mut leaf = begin_leaf();
    entries
        .iter()
        .for_each(|entry| append_entry(&mut leaf, entry));
    let (ids, _) = world.put_chunks(Class::Metadata, &[&leaf]);
    let honest = world.backup().unwrap();
    let record = Snapshot {
        listing: (0, ids[0]),
        ..world.record(&honest)
    };
    world.put_snapshot(&record)
}

/// A forged file: four levels of id lists that each repeat one id. A few MB say 2^60 chunks. The ids
/// were gathered in memory before the first byte was written.
#[test]
fn id_lists_that_repeat_each_other_end_at_the_size_of_the_file() {
    let world = World::new();
    for content in [noise(7, 100).as_slice(), b""] {
        let (ids, _) = world.put_chunks(Class::Files, &[content]);
        let mut id = ids[0];
        for level in 1..=4 {
            let list = encode_id_list(level, &vec![id; 30_000]);
            id = world.put_chunks(Class::Metadata, &[&list]).0[0];
        }
        let mut entry = Entry::new(1, b"endless".to_vec(), EntryType::File);
        entry.size = Some(100_000);
        entry.lists = Some((4, Joined(vec![id; 512])));
        let forged = with_one_file(&world, &entry);
        let (report, target) = restore(&world.open(), &forged.to_string()).unwrap();
        assert_eq!(report.problems.len(), 1);
        assert!(!target.path().join("endless").exists());
    }
}

/// The same lists, and a size that would fit: whoever looks at every chunk of a snapshot without
/// writing anything had no bound at all. Verify, sync and what is extended never came to an end.
#[test]
fn id_lists_that_repeat_each_other_are_gone_into_once() {
    let world = World::new();
    let (ids, _) = world.put_chunks(Class::Files, &[&noise(7, 100)]);
    let mut id = ids[0];
    for level in 1..=4 {
        let list = encode_id_list(level, &vec![id; 30_000]);
        id = world.put_chunks(Class::Metadata, &[&list]).0[0];
    }
    let mut entry = Entry::new(1, b"endless".to_vec(), EntryType::File);
    entry.size = Some(u64::MAX / 2);
    entry.lists = Some((4, Joined(vec![id; 512])));
    let forged = with_one_file(&world, &entry);
    let opened = world.open();
    let options = VerifyOptions { data: true };
    let report = verify(&opened.repository, &opened.index, &options, &Silent).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);

    let second = Arc::new(Memory::new(world.repository.seams.clock.clone()));
    replicate(&world.repository, second.as_ref()).unwrap();
    let at = |name: &str, store: Arc<dyn Store>| Replica {
        name: name.to_owned(),
        repository: world.over(store),
        index: Index::in_memory().unwrap(),
    };
    let (first, second) = (at("first", world.store.clone()), at("second", second));
    let report = level(&first, &second, &LevelOptions::default(), &Silent).unwrap();
    assert!(report.snapshots_copied.contains(&forged), "{report:?}");
}

/// A forged leaf within the bound of a content chunk, eight MiB of the smallest entries there are,
/// would take 300 MB in memory.
#[test]
fn a_leaf_that_swells_is_refused_before_it_does() {
    let world = World::new();
    let mut leaf = begin_leaf();
    for number in 0..200_000 {
        let path = format!("{number:07}").into_bytes();
        append_entry(&mut leaf, &Entry::new(1, path, EntryType::Folder));
    }
    let (ids, _) = world.put_chunks(Class::Metadata, &[&leaf]);
    let honest = world.backup().unwrap();
    let record = Snapshot {
        listing: (0, ids[0]),
        ..world.record(&honest)
    };
    let forged = world.put_snapshot(&record);
    let (report, _target) = restore(&world.open(), &forged.to_string()).unwrap();
    assert_eq!(report.problems.len(), 1);
    world.assert_restores(&honest);
}

/// A forged segment of some KB says of every pack that it holds every chunk. Each false place cost a
/// fetch of a whole pack: restoring n packs fetched about n². Now it costs a look at each footer.
#[test]
fn false_places_cost_footers_and_not_packs() {
    let world = World::new();
    // More than is kept in memory.
    for seed in 10..90 {
        world.write(&format!("{seed}.jpg"), &noise(seed, 1_000_000));
    }
    let honest = world.backup().unwrap();
    let rows = world.rows();
    let data: Vec<_> = rows
        .iter()
        .filter(|row| row.class() == Ok(Class::Files))
        .collect();
    let mut false_rows = Vec::new();
    for pack in &data {
        for chunks in data.iter().filter(|chunks| chunks.id != pack.id) {
            false_rows.push(claim(
                chunks,
                pack.id,
                pack.bytes,
                Class::Files,
                &pack.header,
            ));
        }
    }
    world.put_segment_first(false_rows);
    let store = Arc::new(Troubled::over(&world));
    world.assert_restores_over(store.clone(), &honest);
    let stored: u64 = world
        .store
        .names()
        .iter()
        .map(|name| world.store.peek(name).unwrap().len() as u64)
        .sum();
    let fetched = store.fetched.load(Ordering::Relaxed);
    assert!(
        fetched < 3 * stored,
        "{fetched} bytes of {stored} were fetched"
    );
}
