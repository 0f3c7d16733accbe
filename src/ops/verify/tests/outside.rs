//! What is not damage: a store out of reach, a later version, names that mean nothing here.

use super::*;
use crate::ops::OpsError;
use crate::repository::RepositoryError;
use crate::store::ErrorKind;
use crate::store::faulty::{Fault, Faulty};

fn try_check(repository: &Repository, data: bool) -> Result<VerifyReport, OpsError> {
    let index = Index::in_memory().unwrap();
    verify(repository, &index, &VerifyOptions { data }, &Silent)
}

#[test]
fn a_store_out_of_reach_is_an_error_and_a_lost_object_is_damage() {
    let fixture = fixture();
    for threads in [Threads::SINGLE, Threads::of_this_machine()] {
        for (fault, is_error) in [
            (Fault::Before(ErrorKind::Transient), true),
            // One object that is refused, or lies on a bad sector: the others are still checked.
            (Fault::Before(ErrorKind::Denied), false),
            (Fault::Before(ErrorKind::Other), false),
            (Fault::Before(ErrorKind::NotFound), false),
            (Fault::Before(ErrorKind::Incomplete), false),
            (Fault::Truncate { bytes: 1000 }, false),
        ] {
            let name = &fixture.contents[0].pack;
            let faulty = Faulty::new(fixture.copy());
            faulty.fail_names(name, fault);
            let mut repository = fixture.at(Arc::new(faulty));
            repository.seams.threads = threads;
            match try_check(&repository, true) {
                Err(OpsError::Repository(RepositoryError::Store(_))) => assert!(is_error),
                Err(error) => panic!("{fault:?}: {error}"),
                Ok(report) => {
                    assert!(!is_error);
                    assert_eq!(damaged(&report), [name.as_str()], "{fault:?}");
                    let hurt = fixture.hurt(name, |row| match fault {
                        Fault::Truncate { bytes } => {
                            row.start + u64::from(row.stored) > bytes as u64
                        }
                        _ => true,
                    });
                    assert_eq!(Hurt::of(&report.damage[0]), hurt, "{fault:?}");
                }
            }
        }
    }
}

#[test]
fn short_reads_of_anything_are_damage_and_never_a_panic() {
    let fixture = fixture();
    for prefix in ["listings/", "index/", "snapshots/", "keys/", "plans/"] {
        for bytes in [0, 100, 4000] {
            let faulty = Faulty::new(fixture.copy());
            faulty.fail_names(prefix, Fault::Truncate { bytes });
            let report = try_check(&fixture.at(Arc::new(faulty)), true).unwrap();
            let names = fixture.names(prefix);
            let truncated = names.iter().filter(|name| {
                let store = fixture.copy();
                store.peek(name).unwrap().len() > bytes
            });
            assert_eq!(damaged(&report), truncated.collect::<Vec<_>>());
        }
    }
}

#[test]
fn an_object_of_a_later_version_is_named_as_such_and_stops_nothing() {
    let fixture = fixture();
    for kind in Kind::ALL {
        let old = fixture.names(name::prefix(kind)).remove(0);
        let store = fixture.copy();
        let mut bytes = store.peek(&old).unwrap().to_vec();
        bytes[8] = 2;
        let end = bytes.len();
        if matches!(kind, Kind::DataPack | Kind::ListingPack) {
            bytes[end - 252 + 8] = 2;
        }
        let id = ObjectId::new(*blake3::hash(&bytes).as_bytes());
        store.put(&name::of(kind, &id), bytes.into()).unwrap();
        let repository = fixture.at(store);
        let report = try_check(&repository, true).unwrap();
        assert_eq!(damaged(&report), [name::of(kind, &id)], "{kind:?}");
        let problem = &report.damage[0].problem;
        assert!(problem.contains("format version 2"), "{problem}");
    }
}

#[test]
fn names_of_no_known_form_are_listed_and_are_no_damage() {
    let fixture = fixture();
    let store = fixture.copy();
    let strangers = [
        "README",
        "later/00",
        "packs/00/short",
        "snapshots/backup_of_a_snapshot",
    ];
    for name in strangers {
        store.put(name, Bytes::from_static(b"hello")).unwrap();
    }
    for data in [true, false] {
        let report = check(&fixture.at(store.clone()), data);
        assert!(report.is_sound());
        assert_eq!(report.unknown_objects, strangers);
        assert_eq!(report.unknown_objects_total, 4);
    }
}

#[test]
fn a_repository_without_any_slot_says_so() {
    let fixture = fixture();
    let store = fixture.copy();
    assert!(fixture.names("keys/").iter().all(|name| store.lose(name)));
    assert_eq!(damaged(&check(&fixture.at(store), true)), ["keys/"]);
}

#[test]
fn one_oversized_record_holds_up_nothing_else() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    let huge = Bytes::from(vec![
        0;
        crate::format::Kind::Segment.record_bytes_max() as usize
            + 1
    ]);
    let id = ObjectId::new(*blake3::hash(&huge).as_bytes());
    for kind in [Kind::Segment, Kind::Plan] {
        store.put(&name::of(kind, &id), huge.clone()).unwrap();
    }
    let names = [Kind::Segment, Kind::Plan].map(|kind| name::of(kind, &id));
    assert_eq!(damaged(&check(&repository, true)), names);
    assert_eq!(damaged(&check(&repository, false)), names[..1]);
}
