//! "My storage bills what I take out, and my line is slow." Counted at the store's door: one photo costs
//! little more than itself, a whole library comes once, and the estimate says so beforehand.

use std::collections::BTreeSet;

use offsite::ops::{RestoreOptions, backup, cat, database, estimate_restore, restore};
use offsite::progress::Silent;
use offsite::source::database::DatabaseSource;
use offsite::store::recording::Call;
use offsite::store::tally::Traffic;

use crate::estimate_comes_true::{World, photo, traffic};

const MIB: u64 = 1024 * 1024;

/// Of objects of a kind: their names, requests and bytes.
fn of<'c>(calls: &'c [Call], prefix: &str) -> (BTreeSet<&'c str>, Traffic) {
    let calls: Vec<_> = calls
        .iter()
        .filter(|call| call.name.starts_with(prefix))
        .collect();
    let names = calls.iter().map(|call| call.name.as_str()).collect();
    let calls: Vec<Call> = calls.into_iter().cloned().collect();
    (names, traffic(&calls))
}

fn archived(world: &World, name: &str) -> Vec<u8> {
    let path = world.folder.path().join(name).display().to_string();
    path.trim_start_matches('/').as_bytes().to_vec()
}

/// What is wanted of each pack, as much again, and two mebibytes; in about as many requests as packs.
fn assert_little(calls: &[Call], wanted: u64, what: &str) {
    let (packs, content) = of(calls, "packs/");
    let most = 2 * wanted + 2 * MIB * packs.len() as u64;
    assert!(
        content.bytes_down <= most,
        "{what}: {content:?} for {wanted}"
    );
    assert!(content.get <= 2 * packs.len() as u64, "{what}: {content:?}");
    // Of the listing only what leads there.
    let (_, listing) = of(calls, "listing");
    assert!(listing.bytes_down <= 3 * MIB, "{what}: {listing:?}");
}

#[test]
fn one_photo_comes_alone() {
    let world = World::with_packs_of(16 << 20);
    let mut folders = Vec::new();
    for night in 0..2 {
        for number in 0..25 {
            let name = format!("{}/{night}-{number}.jpg", number % 7);
            let bytes = 300_000 + (number as usize * 1_237_919) % 6_000_000;
            world.write(&name, &photo(night * 1000 + number, bytes));
            folders.push((name, bytes as u64));
        }
        world.clock.pass(24);
        backup(&world.repository, &world.index, &world.options(), &Silent).unwrap();
    }
    let (snapshots, _) = world.look();
    let record = &snapshots.last().unwrap().record;
    let (repository, index) = (&world.repository, &world.index);
    for (name, bytes) in folders.iter().step_by(7) {
        let path = archived(&world, name);
        let target = tempfile::tempdir().unwrap();
        let options = RestoreOptions {
            target: target.path().join("new"),
            files: true,
            path: path.clone(),
            ..RestoreOptions::default()
        };
        let said = estimate_restore(repository, index, record, &options, &Silent).unwrap();
        world.calls.take();
        restore(repository, index, record, &options, &Silent).unwrap();
        let calls = world.calls.take();
        assert_little(&calls, *bytes, name);
        assert_eq!(said.traffic, traffic(&calls));
        let mut shown = Vec::new();
        cat(repository, index, record, &path, &mut shown).unwrap();
        assert_eq!(shown.len() as u64, *bytes);
        assert_little(&world.calls.take(), *bytes, name);
    }
}

/// A dump shares most of its chunks with those of other nights. Each chunk was fetched with all of its
/// pack, and again when the pack had been dropped meanwhile.
#[test]
fn a_dump_comes_out_of_the_packs_of_many_nights() {
    let world = World::with_packs_of(16 << 20);
    world.write("a.jpg", b"a photo");
    let elsewhere = tempfile::tempdir().unwrap();
    let dump = elsewhere.path().join("dump.sql");
    let mut options = world.options();
    options.source.database = Some(DatabaseSource::File(dump.clone()));
    let mut text = String::new();
    for night in 0..6_u64 {
        text = "--\n-- PostgreSQL database dump\n--\n\n\
            COPY public.asset (id, checksum) FROM stdin;\n"
            .to_owned();
        for row in 0..40_000_u64 {
            // Each night changes rows here and there.
            let changes = row / 2_000 % 6;
            let seed = row + 1_000_000 * changes * u64::from(changes <= night);
            let checksum = blake3::hash(&seed.to_le_bytes()).to_hex();
            text += &format!("{row}\t\\\\x{checksum}\n");
        }
        text += "\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
        std::fs::write(&dump, &text).unwrap();
        world.clock.pass(24);
        backup(&world.repository, &world.index, &options, &Silent).unwrap();
    }
    let (snapshots, _) = world.look();
    let record = &snapshots.last().unwrap().record;
    world.calls.take();
    let mut shown = Vec::new();
    database(&world.repository, &world.index, record, &mut shown).unwrap();
    assert_eq!(shown, text.as_bytes());
    let calls = world.calls.take();
    let (packs, content) = of(&calls, "packs/");
    assert!(packs.len() > 4, "{packs:?}");
    let most = 2 * text.len() as u64 + 2 * MIB * packs.len() as u64;
    assert!(content.bytes_down <= most, "{content:?}");
    assert!(content.get <= 3 * packs.len() as u64, "{content:?}");
}

/// Immich names new photos at random, so that those of each night lie all over the library. It is
/// restored a batch of files at a time, and a pack was fetched for every batch that needed it.
#[test]
fn a_scattered_library_comes_once() {
    const NIGHTS: u64 = 3;
    const FILES: u64 = 6_000;
    const BYTES: usize = 16_000;
    let world = World::new();
    // Long paths make small batches.
    let deep = vec!["x".repeat(240); 8].join("/");
    for night in 0..NIGHTS {
        for number in (0..FILES).filter(|number| number * 7 % 61 % NIGHTS == night) {
            let name = blake3::hash(&number.to_le_bytes()).to_hex();
            let folder = name.get(..1).unwrap();
            world.write(
                &format!("{deep}/{folder}/{name}.jpg"),
                &photo(number, BYTES),
            );
        }
        world.clock.pass(24);
        backup(&world.repository, &world.index, &world.options(), &Silent).unwrap();
    }
    let (snapshots, _) = world.look();
    let target = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        target: target.path().join("new"),
        files: true,
        ..RestoreOptions::default()
    };
    let record = &snapshots.last().unwrap().record;
    let (repository, index) = (&world.repository, &world.index);
    let said = estimate_restore(repository, index, record, &options, &Silent).unwrap();
    world.calls.take();
    let report = restore(repository, index, record, &options, &Silent).unwrap();
    assert_eq!(report.files_restored, FILES);
    let calls = world.calls.take();
    let (packs, content) = of(&calls, "packs/");
    let wanted = FILES * BYTES as u64;
    assert!(content.bytes_down * 100 <= wanted * 104, "{content:?}");
    // Once each, but for those in which a batch or a window ends.
    assert!(content.get * 10 <= 13 * packs.len() as u64, "{content:?}");
    let said = said.report;
    assert_eq!(said.packs_to_fetch, packs.len() as u64);
    assert!(said.bytes_to_fetch.abs_diff(content.bytes_down) * 100 <= content.bytes_down);
    assert!(said.fetches.abs_diff(content.get) * 20 <= content.get);
}
