//! What cannot be read stops a prune before it deletes or condemns anything.

use super::*;
use crate::ops::PruneError;
use crate::store::ErrorKind;
use crate::store::faulty::Fault;

/// Something to delete, a plan that is due, and something to mark.
fn due() -> World {
    let world = World::new();
    world.write("kept.jpg", &noise(1, 600_000));
    world.write("old.jpg", &noise(2, 2_600_000));
    let first = world.back_up();
    world.remove("old.jpg");
    world.pass(DAY);
    world.back_up();
    world.forget(&[first]);
    assert!(world.prune_as_writer().marked.packs > 0);
    world.pass(73 * HOUR);
    world
}

fn refuses(world: &World, case: &str) -> PruneError {
    let names = world.memory.names();
    let refusal = |repository: &Repository| {
        let error = world
            .try_prune(repository, &PruneOptions::default())
            .expect_err(case);
        assert_eq!(world.memory.names(), names, "{case}");
        match error {
            OpsError::Prune(error) => error,
            error => panic!("{case}: {error}"),
        }
    };
    // With either key.
    let _ = refusal(&world.writer());
    refusal(&world.repository)
}

#[test]
fn a_damaged_snapshot_segment_or_listing_stops_it() {
    for prefix in ["snapshots/", "index/", "listings/"] {
        for harm in ["flip", "truncate", "withhold"] {
            let world = due();
            for name in world.names(prefix) {
                match harm {
                    "flip" => drop(world.memory.tamper(&name, |bytes| bytes[300] ^= 1)),
                    "truncate" => drop(world.memory.tamper(&name, |bytes| bytes.truncate(1000))),
                    _ => world
                        .store
                        .fail_names(&name, Fault::Before(ErrorKind::Denied)),
                }
            }
            let case = format!("{harm} {prefix}");
            if (harm, prefix) == ("withhold", "snapshots/") {
                // Nor can they be listed: the error of the store says it.
                continue;
            }
            let refused = refuses(&world, &case);
            let is_named = matches!(
                refused,
                PruneError::Unreadable { .. } | PruneError::ChunkNowhere { .. }
            );
            assert!(is_named, "{case}: {refused}");
        }
    }
}

#[test]
fn a_missing_pack_or_listing_stops_it() {
    for prefix in ["packs/", "listings/"] {
        let world = due();
        for name in world.names(prefix) {
            world.memory.lose(&name);
        }
        refuses(&world, prefix);
    }
}

#[test]
fn a_store_without_snapshots_is_not_emptied() {
    let world = due();
    let snapshots: Vec<ObjectId> = world.expected.lock().unwrap().keys().copied().collect();
    world.forget(&snapshots);
    let refused = refuses(&world, "all forgotten");
    assert!(matches!(refused, PruneError::NoSnapshots), "{refused}");
}

#[test]
fn a_snapshot_that_went_without_a_forget_record_stops_it() {
    // A plan knew it.
    let world = due();
    world.write("more.jpg", &noise(9, 10_000));
    world.back_up();
    let known: Vec<ObjectId> = world.expected.lock().unwrap().keys().copied().collect();
    let seen = |id: &ObjectId| world.memory.peek(&name::of(Kind::Snapshot, id)).unwrap();
    let bodies: Vec<_> = known.iter().map(|id| (*id, seen(id))).collect();
    for (id, body) in bodies {
        let object = name::of(Kind::Snapshot, &id);
        world.memory.lose(&object);
        let options = PruneOptions {
            known_snapshots: known.clone(),
            ..PruneOptions::default()
        };
        let names = world.memory.names();
        let refused = world.try_prune(&world.repository, &options).unwrap_err();
        let is_named = |error: &OpsError| matches!(error, OpsError::Prune(PruneError::SnapshotGone { id: gone, .. }) if *gone == id);
        assert!(is_named(&refused), "{refused}");
        assert_eq!(world.memory.names(), names);
        world.store.put(&object, body).unwrap();
    }
    let plan_knew = {
        let opened = world.look();
        opened.snapshots.first().unwrap().id
    };
    world.memory.lose(&name::of(Kind::Snapshot, &plan_knew));
    let refused = refuses(&world, "known to the plan");
    assert!(
        matches!(refused, PruneError::SnapshotGone { id, .. } if id == plan_knew),
        "{refused}"
    );
}

#[test]
fn junk_in_packs_is_named_and_kept() {
    let world = due();
    let junk = noise(77, 70_000);
    let id = ObjectId::of(&junk);
    let object = name::of(Kind::DataPack, &id);
    world.store.put(&object, junk.into()).unwrap();
    let report = world.prune_as_writer();
    assert!(report.swept.packs > 0);
    assert_eq!(report.unreadable.keys().collect::<Vec<_>>(), [&object]);
    assert!(world.is_there(Kind::DataPack, &id));
}

#[test]
fn a_refusal_to_delete_is_an_answer() {
    for (kind, is_denied) in [(ErrorKind::Denied, true), (ErrorKind::Retained, false)] {
        let world = due();
        let marked = {
            let dry = PruneOptions {
                dry_run: true,
                ..PruneOptions::default()
            };
            world.try_prune(&world.writer(), &dry).unwrap().swept
        };
        let locked = Arc::new(Locked {
            inner: world.memory.clone(),
            kind,
        });
        let repository = Repository {
            store: locked,
            ..world.writer()
        };
        let report = world
            .try_prune(&repository, &PruneOptions::default())
            .unwrap();
        assert_eq!(report.swept, Sum::default());
        match is_denied {
            true => assert!(report.denied.packs > 0, "{report:?}"),
            false => {
                assert_eq!(report.retained, marked);
                assert_eq!(report.retained_until.as_deref(), Some("until 2027-01-01"));
            }
        }
        assert_eq!(report.waiting, marked, "it stays condemned");
        // Later it may.
        world.pass(73 * HOUR);
        assert_eq!(world.prune_as_writer().swept, marked);
        world.restore_all();
    }
}

/// Lets nothing be deleted.
struct Locked {
    inner: Arc<Memory>,
    kind: ErrorKind,
}

impl Store for Locked {
    fn url(&self) -> String {
        self.inner.url()
    }
    fn put(&self, name: &str, body: bytes::Bytes) -> crate::store::Result<()> {
        self.inner.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: bytes::Bytes) -> crate::store::Result<()> {
        self.inner.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: crate::store::Window) -> crate::store::Result<bytes::Bytes> {
        self.inner.get(name, window)
    }
    fn list(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(crate::store::ObjectInfo) -> crate::store::Result<()>,
    ) -> crate::store::Result<()> {
        self.inner.list(prefix, visit)
    }
    fn head(&self, name: &str) -> crate::store::Result<crate::store::ObjectInfo> {
        self.inner.head(name)
    }
    fn delete(&self, name: &str) -> crate::store::Result<()> {
        let error = crate::store::StoreError::new(self.kind, "delete", name);
        Err(error.because("until 2027-01-01"))
    }
    fn now(&self) -> crate::store::Result<Timestamp> {
        self.inner.now()
    }
}
