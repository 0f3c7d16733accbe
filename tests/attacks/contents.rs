//! Entries whose contents are not what they say.

use offsite::format::cbor::Joined;
use offsite::format::entry::{DATABASE_PATH, Entry, EntryType};
use offsite::format::listing::{append_entry, begin_leaf};
use offsite::format::pack::Class;
use offsite::format::snapshot::Snapshot;
use offsite::id::ObjectId;
use offsite::ops;

use crate::world::{World, restore};

fn snapshot_of(world: &World, entries: &[Entry]) -> (ObjectId, Snapshot) {
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
    (world.put_snapshot(&record), record)
}

/// An entry says a thousand bytes and names chunks of fewer, of more, or in another order. `cat` and
/// `database` printed what there was and called it a success; a dump cut short went on to psql.
#[test]
fn contents_of_another_length_or_order_are_no_success() {
    let world = World::new();
    let (ids, _) = world.put_chunks(Class::Files, &[b"first", b"second"]);
    let sha1 = |bytes: &[u8]| <[u8; 20]>::from(<sha1::Sha1 as sha1::Digest>::digest(bytes));
    let good = (vec![ids[0], ids[1]], 11, sha1(b"firstsecond"));
    let cases = [
        (good.clone(), true),
        ((vec![], 11, good.2), false),
        ((vec![ids[0]], 11, good.2), false),
        ((vec![ids[0], ids[1], ids[0]], 11, good.2), false),
        ((vec![ids[1], ids[0]], 11, good.2), false),
    ];
    for ((chunks, size, sha1), is_right) in cases {
        let mut entry = Entry::new(0, DATABASE_PATH.to_vec(), EntryType::File);
        entry.size = Some(size);
        entry.sha1 = Some(sha1.into());
        entry.chunks = Some(Joined(chunks));
        let (forged, mut record) = snapshot_of(&world, &[entry]);
        let opened = world.open();
        let (repository, index) = (&opened.repository, &opened.index);
        let path = DATABASE_PATH;
        let printed = ops::cat(repository, index, &record, path, &mut Vec::new());
        assert_eq!(printed.is_ok(), is_right);
        record.database = Some(offsite::format::snapshot::Database {
            kind: "pg_dump".to_owned(),
            server_version: None,
            immich_version: None,
            bytes: size,
            began: record.time,
            ended: record.time,
            rows: Default::default(),
        });
        let printed = ops::database(repository, index, &record, &mut Vec::new());
        assert_eq!(printed.is_ok(), is_right);
        let (report, _target) = restore(&opened, &forged.to_string()).unwrap();
        assert_eq!(report.problems.is_empty(), is_right);
    }
}

/// A listing with a file and entries beneath that file. To make a folder of it, restore took the
/// file away again that it had just written, and counted it as restored.
#[test]
fn an_entry_beneath_a_file_does_not_take_the_file_away() {
    let world = World::new();
    let (ids, _) = world.put_chunks(Class::Files, &[b"kept"]);
    let entries = ["a", "a/b", "a/b/c", "b"].map(|path| {
        let mut entry = Entry::new(1, path.as_bytes().to_vec(), EntryType::File);
        entry.size = Some(4);
        entry.chunks = Some(Joined(ids.clone()));
        entry
    });
    let (forged, _) = snapshot_of(&world, &entries);
    let (report, target) = restore(&world.open(), &forged.to_string()).unwrap();
    assert_eq!(report.problems.len(), 2);
    for kept in ["a", "b"] {
        assert_eq!(std::fs::read(target.path().join(kept)).unwrap(), b"kept");
    }
}
