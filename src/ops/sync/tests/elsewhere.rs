//! Reading from a copy that is damaged, while another is whole.

use super::*;
use crate::repository::{Opens, Others};
use crate::store::StoreError;

/// What is done to an object, and its name.
type Harm = (&'static str, fn(&Memory, &str));

fn opens(store: &Arc<Memory>) -> Opens {
    let store = store.clone();
    Box::new(move || Ok(store.clone()))
}

/// Home, which asks the others when it must.
fn reading(home: &Arc<Memory>, others: Vec<(String, Opens)>, clock: &Arc<Hand>) -> Repository {
    let mut repository = original().at("home", home.clone(), clock).repository;
    repository.others = Others::new(others);
    repository
}

#[test]
fn every_kind_of_harm_at_home_is_made_good_by_another_copy() {
    let harms: [Harm; 4] = [
        ("flipped", |store, name| {
            assert!(store.tamper(name, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                bytes[300] ^= 1;
            }));
        }),
        ("lost", |store, name| assert!(store.lose(name))),
        ("cut", |store, name| {
            assert!(store.tamper(name, |bytes| bytes.truncate(100)))
        }),
        ("zeros", |store, name| {
            assert!(store.tamper(name, |bytes| bytes.fill(0)))
        }),
    ];
    for (harm, work) in harms {
        for prefixes in [
            &["packs/"][..],
            &["listings/"],
            &["packs/", "listings/", "index/"],
        ] {
            let (clock, home) = original().copy();
            let (_, other) = original().copy();
            for prefix in prefixes {
                original()
                    .names(prefix)
                    .iter()
                    .for_each(|name| work(&home, name));
            }
            let asked = vec![("other".to_owned(), opens(&other))];
            let repository = reading(&home, asked, &clock);
            let found = contents(&repository, &original().snapshots);
            assert!(found == original().files, "{harm} {prefixes:?}");
            let (objects, names) = repository.others.helped();
            assert!(objects > 0 && names == ["other"], "{harm} {prefixes:?}");
        }
    }
}

#[test]
fn two_copies_that_are_damaged_in_different_places_are_one_that_is_whole() {
    let (clock, home) = original().copy();
    let (_, other) = original().copy();
    for (number, name) in original().names("packs/").iter().enumerate() {
        let store = if number % 2 == 0 { &home } else { &other };
        assert!(store.tamper(name, |bytes| bytes[400] ^= 1));
    }
    let repository = reading(&home, vec![("other".to_owned(), opens(&other))], &clock);
    assert!(contents(&repository, &original().snapshots) == original().files);
}

#[test]
fn a_copy_that_does_not_answer_is_asked_once_and_one_of_another_key_never_believed() {
    use std::sync::atomic::AtomicU32;
    let (clock, home) = original().copy();
    let (_, other) = original().copy();
    original()
        .names("packs/")
        .iter()
        .for_each(|name| assert!(home.lose(name)));
    let foreign = Arc::new(Memory::new(clock.clone()));
    let seams = original().repository.seams.clone();
    let options = InitOptions {
        passphrase: "another",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        host: String::new(),
        pack_bytes: 1 << 20,
    };
    init(foreign.clone(), &seams, &options).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let absent: Opens = Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::new(
            crate::store::ErrorKind::NoContainer,
            "open",
            "",
        ))
    });
    let others = vec![
        ("absent".to_owned(), absent),
        ("foreign".to_owned(), opens(&foreign)),
        ("other".to_owned(), opens(&other)),
    ];
    let repository = reading(&home, others, &clock);
    assert!(contents(&repository, &original().snapshots) == original().files);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(repository.others.helped().1, ["other"]);
}

#[test]
fn a_snapshot_that_is_damaged_at_home_is_listed_all_the_same() {
    let (clock, home) = original().copy();
    let (_, other) = original().copy();
    for name in original().names("snapshots/") {
        assert!(home.tamper(&name, |bytes| bytes[100] ^= 1));
    }
    let repository = reading(&home, vec![("other".to_owned(), opens(&other))], &clock);
    assert!(contents(&repository, &original().snapshots) == original().files);
}
