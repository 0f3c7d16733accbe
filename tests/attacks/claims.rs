//! False claims about packs: they take nothing away.

use std::sync::Arc;

use offsite::format::Kind;
use offsite::format::name;
use offsite::format::pack::Class;
use offsite::format::segment::PackRow;
use offsite::store::{ErrorKind, Store};

use crate::world::{Troubled, World, claim};

/// A forger puts garbage as a listing pack under the hash of an honest data pack, and claims that it
/// holds the listing. What was fetched was kept by the pack's hash alone: the garbage then stood in
/// for the data pack, and every file in it was "damaged".
#[test]
fn garbage_under_the_other_prefix_does_not_stand_in_for_a_pack() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let rows = world.rows();
    let listing = rows
        .iter()
        .find(|row| row.class() == Ok(Class::Metadata))
        .unwrap();
    let mut claims = Vec::new();
    for data in rows.iter().filter(|row| row.class() == Ok(Class::Files)) {
        let garbage = vec![0; data.bytes as usize];
        let name = name::of(Kind::ListingPack, &data.id);
        world.store.put(&name, garbage.into()).unwrap();
        let header = &listing.header;
        claims.push(claim(listing, data.id, data.bytes, Class::Metadata, header));
    }
    world.put_segment_first(claims);
    world.assert_restores(&honest);
}

/// A backup is cut off after its packs and before its segment. Whoever sees the packs puts a segment
/// that names them and says that they are empty. The next backup believed that they were published,
/// referred to their chunks, and never said where these lie: its snapshot was lost to all others.
#[test]
fn a_false_segment_does_not_publish_the_packs_of_an_interrupted_backup() {
    let world = World::new();
    let mut store = Troubled::over(&world);
    store.put = |name| name.starts_with("index/").then_some(ErrorKind::Denied);
    world.backup_into(Arc::new(store)).unwrap_err();
    let writer = &world.repository.writer;
    let packs = [Kind::DataPack, Kind::ListingPack].map(|kind| {
        let named = world
            .names(name::prefix(kind))
            .into_iter()
            .map(move |name| {
                let (_, id) = name::parse(&name).unwrap();
                (name, kind, id.unwrap())
            });
        named.collect::<Vec<_>>()
    });
    let rows = packs.into_iter().flatten().map(|(name, kind, id)| {
        let bytes = world.store.peek(&name).unwrap().len() as u64;
        let store = world.store.as_ref();
        let contents = offsite::repository::read_contents(store, writer, kind, &id, bytes).unwrap();
        PackRow::new(
            id,
            bytes,
            contents.class,
            None,
            contents.header.bytes().to_vec(),
            &[],
        )
    });
    world.put_segment_first(rows.collect());
    let id = world.backup().unwrap();
    assert!(
        world.names("index/").len() > 1,
        "the backup publishes what the forger named"
    );
    world.assert_restores(&id);
}

/// The segment that told the truth rots or is deleted; a false one still names the packs. So no pack
/// counted as unnamed, none was asked what it holds, and all was lost that lay there unharmed.
#[test]
fn packs_that_only_a_false_segment_names_are_asked_themselves() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let rows = world.rows();
    for name in world.names("index/") {
        world.store.lose(&name);
    }
    let empty = |row: &PackRow| {
        let class = row.class().unwrap();
        PackRow::new(row.id, row.bytes, class, None, row.header.clone(), &[])
    };
    world.put_segment_first(rows.iter().map(empty).collect());
    world.assert_restores(&honest);
}

/// A forger puts a pack that the store gives to nobody (encrypted with a key of his own), and claims
/// every chunk for it. The refusal ended the restore, although the next place was right.
#[test]
fn a_claimed_pack_that_is_not_given_out_does_not_end_the_restore() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut claims = Vec::new();
    for row in world.rows() {
        let class = row.class().unwrap();
        let id = offsite::id::ObjectId::new([0; 32]);
        let name = name::of(class.kind(), &id);
        world
            .store
            .put(&name, vec![0; row.bytes as usize].into())
            .unwrap();
        claims.push(claim(&row, id, row.bytes, class, &row.header));
    }
    world.put_segment_first(claims);
    for kind in [ErrorKind::Denied, ErrorKind::Other, ErrorKind::Transient] {
        let mut store = Troubled::over(&world);
        store.get = match kind {
            ErrorKind::Denied => |name| name.ends_with("0000").then_some(ErrorKind::Denied),
            ErrorKind::Other => |name| name.ends_with("0000").then_some(ErrorKind::Other),
            _ => |name| name.ends_with("0000").then_some(ErrorKind::Transient),
        };
        world.assert_restores_over(Arc::new(store), &honest);
    }
}

/// No attack, a disk: one pack of a directory store lies on a bad sector. The rest comes back, and
/// what does not is named.
#[test]
fn a_pack_on_a_bad_sector_costs_its_own_files_only() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut store = Troubled::over(&world);
    store.get = |name| name.starts_with("packs/").then_some(ErrorKind::Other);
    let opened = world.open_over(Arc::new(store));
    let (report, _target) = crate::world::restore(&opened, &honest.to_string()).unwrap();
    assert_eq!(report.problems.len(), 3, "each file is named");
}
