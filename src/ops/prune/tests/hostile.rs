//! What somebody with a writer key, or with the right to put alone, can do to a prune: it deletes
//! nothing that is needed, and goes on as soon as a person has done what the hint says.

use super::*;
use crate::format::cbor;
use crate::format::frame::Codec;
use crate::format::housekeeping::Plan;
use crate::format::pack::Class;
use crate::format::segment::{PackRow, Segment};
use crate::format::snapshot::Problems;
use crate::id::ChunkId;
use crate::ops::PruneError;
use crate::repository::{PackWriter, Plaintext, SealedObject, open_record, seal_record};

/// One snapshot, and packs that only a forgotten one needed.
fn with_waste() -> World {
    let world = World::new();
    world.write("kept.jpg", &noise(1, 600_000));
    world.write("old.jpg", &noise(2, 2_600_000));
    let first = world.back_up();
    world.remove("old.jpg");
    world.pass(DAY);
    world.back_up();
    world.forget(&[first]);
    world
}

fn put(world: &World, kind: Kind, payload: &[u8]) -> SealedObject {
    let random = world.repository.seams.random.as_ref();
    let sealed = seal_record(&world.repository.writer, random, kind, payload).unwrap();
    world.store.put(&sealed.name, sealed.bytes.clone()).unwrap();
    sealed
}

fn forged_plan(world: &World, packs: Vec<ObjectId>, snapshots: Vec<ObjectId>) -> SealedObject {
    let plan = Plan {
        host: "nobody".to_owned(),
        created: world.clock.now(),
        grace_seconds: u64::MAX,
        packs: packs.into(),
        segments: Vec::new().into(),
        snapshots: snapshots.into(),
        forgets: Vec::new().into(),
    };
    put(world, Kind::Plan, &cbor::encode(&plan))
}

/// 64 plans a day, of nothing at all, and the pruner's own plan was never looked at again: nothing was
/// ever deleted, and each night another plan was put beside it.
#[test]
fn a_flood_of_plans_does_not_hide_the_pruners_own() {
    let world = with_waste();
    let marked = world.prune_as_writer().marked;
    assert!(marked.packs > 0);
    for day in 0..3 {
        world.pass(25 * HOUR);
        for number in 0..70 {
            forged_plan(&world, vec![ObjectId::of(&[day, number])], Vec::new());
        }
    }
    let report = world.prune_as_writer();
    assert_eq!(report.swept, marked, "{report:?}");
    world.restore_all();
    // When they have lapsed they go, all at once.
    world.pass(61 * DAY);
    world.back_up();
    world.prune_as_writer();
    assert_eq!(world.names("plans/").len(), 0);
}

/// A plan that names snapshots which never were stopped every prune, also when it had long lapsed.
#[test]
fn a_plan_that_knew_snapshots_that_never_were_stops_it_until_it_lapses() {
    let world = with_waste();
    let invented: Vec<ObjectId> = (0..50_u8).map(|number| ObjectId::of(&[number])).collect();
    let plan = forged_plan(&world, Vec::new(), invented);
    let refused = world.try_prune(&world.writer(), &PruneOptions::default());
    let Err(OpsError::Prune(PruneError::SnapshotGone { who, others, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert!(who.contains(&plan.name), "{who}");
    assert_eq!(others, 49);
    world.pass(59 * DAY);
    assert!(
        world
            .try_prune(&world.writer(), &PruneOptions::default())
            .is_err()
    );
    world.pass(2 * DAY);
    assert!(world.prune_as_writer().marked.packs > 0);
    world.restore_all();
}

/// One forget record that names a million snapshots: all that came after it explained nothing any
/// more, and neither forget nor prune went on.
#[test]
fn a_flood_of_names_in_forget_records_silences_no_other() {
    let world = with_waste();
    let flood: Vec<ObjectId> = (0..400_000_u32)
        .map(|it| ObjectId::of(&it.to_le_bytes()))
        .collect();
    for _ in 0..3 {
        let sessions = (0..100_000_u32).map(|it| {
            let mut id = [7; 16];
            id[..4].copy_from_slice(&it.to_le_bytes());
            SessionId::new(id)
        });
        let forget = Forget {
            host: "nobody".to_owned(),
            created: world.clock.now(),
            snapshots: flood.clone().into(),
            reason: String::new(),
            sessions: sessions.collect::<Vec<_>>().into(),
        };
        put(&world, Kind::Forget, &cbor::encode(&forget));
    }
    world.pass(DAY);
    world.write("more.jpg", &noise(9, 300_000));
    let later = world.back_up();
    world.remove("more.jpg");
    let last = world.back_up();
    world.forget(&[later]);
    let options = PruneOptions {
        known_snapshots: vec![later, last],
        ..PruneOptions::default()
    };
    let report = world.try_prune(&world.writer(), &options).unwrap();
    assert!(report.marked.packs > 0);
    world.restore_all();
}

/// A segment says of every pack that it is of a run which has not ended. Nobody asked the packs
/// themselves, and nothing was ever condemned.
#[test]
fn packs_say_themselves_of_which_run_they_are() {
    let world = with_waste();
    let segments = world.names("index/").into_iter().map(|name| {
        let bytes = world.memory.peek(&name).unwrap();
        let payload = open_record(&world.repository.writer, Kind::Segment, &bytes).unwrap();
        cbor::decode::<Segment>(&payload).unwrap()
    });
    let rows: Vec<PackRow> = segments.flat_map(|segment| segment.packs).collect();
    // Any pack of a run that is at work has such a header.
    let running = PackWriter::new(&world.repository).unwrap();
    let header_of = |class: Class| {
        let content = b"of a run that is at work";
        let chunk = Plaintext {
            id: ChunkId::new([3; 32]),
            plain_bytes: content.len() as u32,
            codec: Codec::Plain,
            content: &mut content.to_vec(),
        };
        assert!(running.add(class, chunk).unwrap().is_none());
        let pack = running.finish(class).unwrap().pop().unwrap();
        pack.row().header
    };
    let headers = [Class::Files, Class::Metadata].map(|class| (class, header_of(class)));
    let forged = rows.iter().map(|row| {
        let class = row.class().unwrap();
        let (_, header) = headers.iter().find(|(of, _)| *of == class).unwrap();
        let entries = row.entries().unwrap();
        PackRow::new(row.id, row.bytes, class, None, header.clone(), &entries)
    });
    let segment = Segment {
        session: running.session(),
        continues: Vec::new().into(),
        replaces: Vec::new().into(),
        packs: forged.collect(),
    };
    put(&world, Kind::Segment, &cbor::encode(&segment));
    // By a host that knows nothing but what segments say.
    let index = Index::in_memory().unwrap();
    let options = PruneOptions::default();
    let report = prune(&world.writer(), &index, &world.trust, &options, &Silent).unwrap();
    assert!(report.marked.packs > 0, "{report:?}");
    world.pass(73 * HOUR);
    assert!(world.prune_as_writer().swept.packs > 0);
    world.restore_all();
}

/// A snapshot object that nobody can read stopped every prune for ever, since forget knew only those
/// that can be read.
#[test]
fn a_snapshot_that_nobody_can_read_is_given_up_by_name() {
    use crate::ops::{ForgetError, ForgetOptions, ForgetPlace, GroupBy, Policy, forget};
    let world = with_waste();
    let junk = ObjectId::of(b"junk");
    world
        .store
        .put(&name::of(Kind::Snapshot, &junk), "junk".into())
        .unwrap();
    // One of a version to come, under its true name.
    let known = world.names("snapshots/").into_iter();
    let body = known
        .map(|name| world.memory.peek(&name).unwrap())
        .max_by_key(|it| it.len());
    let mut later = body.unwrap().to_vec();
    later[8] = 9;
    let newer = ObjectId::of(&later);
    world
        .store
        .put(&name::of(Kind::Snapshot, &newer), later.into())
        .unwrap();
    assert!(
        world
            .try_prune(&world.writer(), &PruneOptions::default())
            .is_err()
    );

    let place = ForgetPlace {
        repository: &world.writer(),
        index: &world.index,
        trust: &world.trust,
        key: "here",
    };
    let naming = |id: &ObjectId, even_protected| ForgetOptions {
        policy: Policy::default(),
        group_by: GroupBy::default(),
        filter: Default::default(),
        named: vec![id.to_string()[..12].to_owned()],
        even_protected,
        dry_run: false,
        host: "nas".to_owned(),
        zone: jiff::tz::TimeZone::UTC,
    };
    let given_up = |id: &ObjectId, even_protected| {
        let report = forget(&place, &naming(id, even_protected), &Silent);
        report.map(|report| (report.given_up, report.removed.len()))
    };
    assert_eq!(given_up(&junk, false).unwrap(), (vec![junk], 0));
    let refused = given_up(&newer, false).unwrap_err();
    let is_named = matches!(refused, OpsError::Forget(ForgetError::Protected { .. }));
    assert!(is_named, "{refused}");
    assert_eq!(given_up(&newer, true).unwrap(), (vec![newer], 0));
    assert!(world.prune_as_writer().marked.packs > 0);
    world.restore_all();
}

/// A forged snapshot that names the listing of an honest one as its list of problems: the listing
/// counted as seen, nobody followed it, and with the next sweep all of its photos were gone.
#[test]
fn a_listing_that_is_named_as_a_list_of_problems_is_followed_all_the_same() {
    let world = with_waste();
    world.write("later.jpg", &noise(7, 900_000));
    world.pass(DAY);
    let honest = world.back_up();
    let opened = world.look();
    let of = |id: &ObjectId| {
        let found = opened.snapshots.iter().find(|one| one.id == *id);
        found.unwrap().record.clone()
    };
    let other = opened
        .snapshots
        .iter()
        .find(|one| one.id != honest)
        .unwrap();
    let first = world.names("snapshots/").into_iter().next().unwrap();
    // Drawn until it is read before all others.
    let forged = loop {
        let mut record = other.record.clone();
        record.session = SessionId::new([9; 16]);
        record.problems = Some(Problems {
            count: 1,
            chunks: vec![of(&honest).listing.1].into(),
        });
        let random = world.repository.seams.random.as_ref();
        let payload = cbor::encode(&record);
        let writer = &world.repository.writer;
        let sealed = seal_record(writer, random, Kind::Snapshot, &payload).unwrap();
        if sealed.name < first {
            break sealed;
        }
    };
    world.store.put(&forged.name, forged.bytes.clone()).unwrap();
    world.pass(HOUR);
    world.prune_as_writer();
    world.pass(73 * HOUR);
    assert!(world.prune_as_writer().swept.packs > 0);
    world.memory.lose(&forged.name);
    world.restore_all();
}
