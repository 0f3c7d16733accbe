//! Records that nobody honest would write: they must not hold up the honest ones.

use std::sync::Arc;

use offsite::format::header::Header;
use offsite::format::pack::Class;
use offsite::format::{Kind, cbor};
use offsite::ops::OpsError;
use offsite::repository::unlock;
use offsite::seams::Timestamp;
use offsite::store::{ErrorKind, Store};

use crate::world::{PASSPHRASE, Troubled, World, claim};

/// Somebody who can only put, and has no key at all, puts a header that says "version 2" as a
/// segment and as a snapshot. He cannot be undone without a deletion. Nightly backups must go on,
/// and everything must come back.
#[test]
fn an_object_of_a_version_to_come_stops_neither_backup_nor_restore() {
    let world = World::new();
    for kind in [Kind::Segment, Kind::Snapshot] {
        let id = world.repository.id();
        let mut header = Header::unfinished(kind, id, [3; 32], &[]);
        header[8] = 2;
        world.put_bytes(kind, header);
    }
    let id = world.backup().unwrap();
    world.assert_restores(&id);
}

/// He puts an object that is larger than any record can be.
#[test]
fn an_object_that_is_too_large_stops_neither_backup_nor_restore() {
    let world = World::new();
    for kind in [Kind::Segment, Kind::Snapshot] {
        world.put_bytes(kind, vec![kind.number(); 41 << 20]);
    }
    let id = world.backup().unwrap();
    world.assert_restores(&id);
}

/// He puts an object that he encrypts with a key of his own at the store (SSE-C): whoever fetches it
/// is refused. Or it is the disk of a directory store that has a bad sector.
#[test]
fn an_object_that_the_store_does_not_give_out_stops_neither_backup_nor_restore() {
    for kind in [ErrorKind::Denied, ErrorKind::Other] {
        let world = World::new();
        for prefix in ["snapshots", "index", "keys"] {
            let name = format!("{prefix}/{}", "00".repeat(32));
            world.store.put(&name, vec![1; 500].into()).unwrap();
            world.store.set_modified(&name, Timestamp::default());
        }
        let mut store = Troubled::over(&world);
        store.get = match kind {
            ErrorKind::Denied => |name| name.ends_with("0000").then_some(ErrorKind::Denied),
            _ => |name| name.ends_with("0000").then_some(ErrorKind::Other),
        };
        let store = Arc::new(store);
        let id = world.backup_into(store.clone()).unwrap();
        world.assert_restores_over(store.clone(), &id);
        assert!(unlock(store.as_ref(), world.repository.id(), PASSPHRASE).is_ok());
    }
}

/// A forged segment gives a pack a size that SQLite has no number for, or a header that is none.
/// Inserting it failed, and with it every command on every host.
#[test]
fn a_segment_with_impossible_numbers_is_left_out() {
    let world = World::new();
    world.backup().unwrap();
    let rows = world.rows();
    let row = rows.first().unwrap();
    for (bytes, header) in [(u64::MAX, row.header.as_slice()), (row.bytes, &[])] {
        world.put_segment_first(vec![claim(row, row.id, bytes, Class::Files, header)]);
    }
    let id = world.backup().unwrap();
    world.assert_restores(&id);
}

/// A forged snapshot is dated to the year 2200. It must not be the latest until then, nor what the
/// dumps of honest backups are compared with.
#[test]
fn a_snapshot_from_the_future_is_not_the_latest() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut record = world.record(&honest);
    record.time = Timestamp::from_seconds(7_258_118_400);
    record.host = "mallory".to_owned();
    world.put_snapshot(&record);
    let opened = world.open();
    let latest = opened.snapshot("latest", &Default::default()).unwrap();
    assert_eq!(latest.id, honest);
}

/// A forged snapshot of a few KB decompresses to a record of 32 MiB, all of it tags; decoded it
/// takes the better part of a GB, on every machine at every command.
#[test]
fn a_snapshot_that_swells_is_refused_before_it_does() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut record = world.record(&honest);
    record.tags = vec![String::new(); 2 << 20];
    let random = world.repository.seams.random.as_ref();
    let writer = &world.repository.writer;
    let payload = cbor::encode(&record);
    assert!(offsite::repository::seal_record(writer, random, Kind::Snapshot, &payload).is_err());
    // What the library does not seal, a forger does; the reader's bound is the same constant.
    world.assert_restores(&honest);
}

/// A record names a listing whose dump is not there: to restore "all of it" is no success.
#[test]
fn a_dump_that_is_only_promised_is_missed() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut record = world.record(&honest);
    record.database = Some(offsite::format::snapshot::Database {
        kind: "pg_dump".to_owned(),
        server_version: None,
        immich_version: None,
        bytes: 1000,
        began: record.time,
        ended: record.time,
        rows: cbor::Counts::default(),
    });
    let forged = world.put_snapshot(&record);
    let opened = world.open();
    let (report, _target) = crate::world::restore(&opened, &forged.to_string()).unwrap();
    assert_eq!(report.problems.len(), 1);
}

/// A mistyped path must not end in "restored 0 files" and success.
#[test]
fn a_path_that_is_not_there_is_an_error() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let target = tempfile::tempdir().unwrap();
    let options = offsite::ops::RestoreOptions {
        target: target.path().to_path_buf(),
        files: true,
        database: false,
        path: b"no/such/folder".to_vec(),
        ..Default::default()
    };
    let opened = world.open();
    let (repository, index) = (&opened.repository, &opened.index);
    let record = world.record(&honest);
    let restored = offsite::ops::restore(
        repository,
        index,
        &record,
        &options,
        &offsite::progress::Silent,
    );
    assert!(matches!(restored, Err(OpsError::NoSuchFile { .. })));
}
