//! Every kind of object, harmed in every way, and another copy that has it sound.

use super::*;
use crate::ops::{VerifyPart, heal};
use crate::repository::{Opens, Others};
use crate::store::ErrorKind;
use crate::store::faulty::{Fault, Faulty};

pub(super) type Harm = (&'static str, fn(&Memory, &str));

pub(super) const HARMS: [Harm; 3] = [
    ("flipped", |store, name| {
        assert!(store.tamper(name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }));
    }),
    ("cut", |store, name| {
        assert!(store.tamper(name, |bytes| bytes.truncate(bytes.len() / 2)));
    }),
    ("lost", |store, name| assert!(store.lose(name))),
];

pub(super) fn with_other(home: &Arc<Memory>, other: Arc<dyn Store>) -> Repository {
    let opens: Opens = Box::new(move || Ok(other.clone()));
    Repository {
        others: Others::new([("other".to_owned(), opens)]),
        ..fixture().at(home.clone())
    }
}

/// Checks all, heals, and gives what is left.
pub(super) fn healed(repository: &Repository, index: &Index) -> (VerifyReport, Vec<String>) {
    let options = VerifyOptions { data: true };
    let found = verify(repository, index, &options, &Silent).unwrap();
    let part = VerifyPart::default();
    let report = heal(repository, index, found, &part, &|_| None, &Silent).unwrap();
    let names = report.healed.into_iter().map(|one| one.object);
    (report.verify, names.collect())
}

pub(super) fn index() -> Index {
    Index::in_memory().unwrap()
}

#[test]
fn each_object_is_healed_to_the_last_byte_or_not_touched() {
    let other = fixture().copy();
    for (harm, work) in HARMS {
        for (name, original) in &fixture().objects {
            let home = fixture().copy();
            work(&home, name);
            let harmed = home.peek(name);
            let repository = with_other(&home, other.clone());
            let (left, healed) = healed(&repository, &index());
            assert!(left.is_sound(), "{harm} {name}: {:?}", left.damage);
            match healed.as_slice() {
                // Nothing refers to it, so that nobody misses it.
                [] => assert!(harm == "lost" && home.peek(name) == harmed, "{harm} {name}"),
                [one] => assert!(one == name, "{harm} {name}: {one}"),
                more => panic!("{harm} {name}: {more:?}"),
            }
            if !healed.is_empty() {
                assert_eq!(home.peek(name).as_ref(), Some(original), "{harm} {name}");
            }
        }
    }
}

#[test]
fn all_at_once_is_healed_as_well() {
    for (harm, work) in HARMS {
        let (home, other) = (fixture().copy(), fixture().copy());
        for (name, _) in &fixture().objects {
            // Nobody would miss a snapshot that is not listed.
            if !(harm == "lost" && name.starts_with("snapshots/")) {
                work(&home, name);
            }
        }
        let repository = with_other(&home, other);
        let (left, _) = healed(&repository, &index());
        assert!(left.is_sound(), "{harm}: {:?}", left.damage);
        let options = VerifyOptions { data: true };
        let again = verify(&fixture().at(home), &index(), &options, &Silent).unwrap();
        assert!(again.is_sound(), "{harm}: {:?}", again.damage);
        assert_eq!(again.snapshots_checked, 2);
    }
}

#[test]
fn what_the_other_copy_has_damaged_too_is_named_as_before() {
    for name in [fixture().names("packs/"), fixture().names("listings/")].concat() {
        let (home, other) = (fixture().copy(), fixture().copy());
        for store in [&home, &other] {
            assert!(store.tamper(&name, |bytes| bytes[500] ^= 1));
        }
        let harmed = home.peek(&name);
        let repository = with_other(&home, other);
        let index = index();
        load_catalog(&repository, &index).unwrap();
        let (left, healed) = healed(&repository, &index);
        let objects: Vec<_> = left.damage.iter().map(|one| one.object.as_str()).collect();
        assert_eq!((objects, healed.len()), (vec![name.as_str()], 0));
        assert_eq!(
            home.peek(&name),
            harmed,
            "damage is not overwritten by damage"
        );
        // Nothing more is deduplicated against it.
        load_catalog(&repository, &index).unwrap();
        let id = crate::format::name::parse(&name).unwrap().1.unwrap();
        assert!(
            index
                .claims_of(&id)
                .unwrap()
                .iter()
                .all(|claim| !claim.live)
        );
    }
}

#[test]
fn a_store_that_does_not_keep_what_it_is_given_is_not_called_healed() {
    let (home, other) = (fixture().copy(), fixture().copy());
    let name = fixture().names("packs/").remove(0);
    assert!(home.tamper(&name, |bytes| bytes[500] ^= 1));
    let faulty = Arc::new(Faulty::new(home.clone()));
    faulty.fail_names(&name, Fault::FlipBit { byte: 700 });
    let repository = Repository {
        store: faulty,
        ..with_other(&home, other)
    };
    let (left, healed) = healed(&repository, &index());
    assert!(!left.is_sound() && healed.is_empty(), "{healed:?}");
}

#[test]
fn another_copy_out_of_reach_heals_nothing_and_hides_nothing() {
    let (home, other) = (fixture().copy(), fixture().copy());
    let name = fixture().names("packs/").remove(0);
    assert!(home.lose(&name));
    let faulty = Faulty::new(other);
    faulty.fail_names("", Fault::Before(ErrorKind::Transient));
    let (left, healed) = healed(&with_other(&home, Arc::new(faulty)), &index());
    assert_eq!((left.damage.len(), healed.len()), (1, 0));
    assert_eq!(left.damage[0].object, name);
}
