//! Damage to listings: what can still be named is named.

use super::*;
use crate::repository::{ChunkReader, Fetch};

/// Flips a bit in the frame of a metadata chunk. Gives the name of its pack.
fn spoil(fixture: &Fixture, store: &Memory, id: &ChunkId) -> String {
    let index = Index::in_memory().unwrap();
    load_catalog(&fixture.at(fixture.copy()), &index).unwrap();
    let place = index.places(id).unwrap().remove(0);
    let pack = name::of(Kind::ListingPack, &place.pack);
    assert!(store.tamper(&pack, |body| body[place.chunk.start as usize + 5] ^= 1));
    pack
}

fn top_of(fixture: &Fixture, number: usize) -> (u8, ChunkId) {
    let index = Index::in_memory().unwrap();
    let snapshots =
        crate::repository::load_snapshots(&fixture.repository, &index, &mut |_, _| {}).unwrap();
    let wanted = fixture.snapshots[number];
    let mut found = snapshots.iter().filter(|one| one.id == wanted);
    found.next().unwrap().record.listing
}

#[test]
fn a_lost_listing_names_its_snapshot_and_says_that_files_have_no_names() {
    let fixture = fixture();
    let store = fixture.copy();
    let pack = spoil(fixture, &store, &top_of(fixture, 0).1);
    for data in [true, false] {
        for with_key in [true, false] {
            let mut repository = fixture.at(store.clone());
            repository.reader = repository.reader.filter(|_| with_key);
            let report = check(&repository, data);
            assert_eq!(damaged(&report), [pack.as_str()]);
            let damage = &report.damage[0];
            assert_eq!(damage.snapshots, [fixture.snapshots[0]]);
            assert!(damage.files.is_empty());
            assert!(
                damage.problem.contains("from its beginning on"),
                "{}",
                damage.problem
            );
            assert!(
                damage.problem.contains("cannot be named"),
                "{}",
                damage.problem
            );
        }
    }
}

#[test]
fn a_lost_id_list_names_its_file_and_no_other() {
    // So large that its chunks do not fit into its entry.
    let small = Fixture::make((64, 16_384, 16_384), 8 << 20);
    let store = small.copy();
    let repository = small.at(store.clone());
    assert!(check(&repository, true).is_sound());
    let index = Index::in_memory().unwrap();
    load_catalog(&repository, &index).unwrap();
    let chunks = ChunkReader::new(&repository, &index, Fetch::Packs);
    let listing = crate::repository::ListingReader::new(&chunks, top_of(&small, 0));
    let entries = listing.entries().map(Result::unwrap);
    let large = entries
        .filter(|entry| entry.lists.is_some())
        .last()
        .unwrap();
    let list = large.lists.as_ref().unwrap().1.0[0];
    let pack = spoil(&small, &store, &list);
    for data in [true, false] {
        let report = check(&repository, data);
        assert_eq!(damaged(&report), [pack.as_str()]);
        assert_eq!(report.damage[0].files, std::slice::from_ref(&large.path));
    }
}
