//! Of what was not looked at, nothing is claimed; of what was, everything.

use super::*;
use crate::ops::{VerifyPart, verify_part};
use crate::store::recording::{Operation, Recording};

fn check_part(repository: &Repository, data: bool, part: &VerifyPart) -> VerifyReport {
    let index = Index::in_memory().unwrap();
    verify_part(repository, &index, &VerifyOptions { data }, part, &Silent).unwrap()
}

fn sample(percent: f64) -> VerifyPart {
    VerifyPart {
        sample_percent: Some(percent),
        ..VerifyPart::default()
    }
}

#[test]
fn a_sample_finds_the_damage_in_the_packs_that_it_read_and_no_other() {
    let fixture = fixture();
    let packs = fixture.names("packs/");
    let harmed = packs[packs.len() / 2].clone();
    let store = fixture.copy();
    store.tamper(&harmed, |bytes| bytes[2000] ^= 1);
    let recording = Arc::new(Recording::new(store));
    let repository = fixture.at(recording.clone());
    let mut drawn = BTreeSet::new();
    for _ in 0..12 {
        recording.take();
        let report = check_part(&repository, true, &sample(30.0));
        let calls = recording.take().into_iter();
        let read: BTreeSet<String> = calls
            .filter(|call| call.operation == Operation::Get && call.name.starts_with("packs/"))
            .map(|call| call.name)
            .collect();
        let share = (packs.len() * 30).div_ceil(100);
        assert_eq!(read.len(), share, "of {}", packs.len());
        assert_eq!(report.packs_read, share as u64);
        assert_eq!(report.packs_total, packs.len() as u64);
        let found = damaged(&report) == [harmed.as_str()];
        assert_eq!(found, read.contains(&harmed), "{:?}", report.damage);
        assert_eq!(report.is_sound(), !found);
        drawn.insert(read);
    }
    assert!(drawn.len() > 1, "others each time");

    let all = check_part(&repository, true, &sample(100.0));
    assert_eq!(all.packs_read, all.packs_total);
    assert_eq!(damaged(&all), [harmed.as_str()]);
    // A pack that is gone is missed, whether it would have been read or not.
    let store = fixture.copy();
    store.lose(&harmed);
    let report = check_part(&fixture.at(store), true, &sample(0.001));
    assert_eq!(report.packs_read, 1, "at least one");
    assert_eq!(damaged(&report), [harmed.as_str()]);
    let expected = fixture.hurt(&harmed, |_| true);
    assert_eq!(Hurt::of(&report.damage[0]), expected);
}

#[test]
fn only_what_a_snapshot_needs_is_checked_for_it() {
    let fixture = fixture();
    let [first, second] = fixture.snapshots[..] else {
        panic!("two snapshots");
    };
    let needs = |pack: &String, snapshot| {
        let hurt = fixture.hurt(pack, |_| true);
        hurt.snapshots.contains(&snapshot)
    };
    let packs = fixture.names("packs/");
    let later = packs
        .iter()
        .find(|pack| needs(pack, second) && !needs(pack, first))
        .expect("the second backup brought something");
    let part = |snapshot| VerifyPart {
        snapshots: vec![snapshot],
        ..VerifyPart::default()
    };
    for data in [false, true] {
        let store = fixture.copy();
        store.lose(later);
        store.tamper(&name::of(Kind::Snapshot, &second), |bytes| bytes[300] ^= 1);
        let report = check_part(&fixture.at(store), data, &part(first));
        assert!(report.is_sound(), "{:?}", report.damage);
        assert_eq!((report.snapshots_checked, report.snapshots_total), (1, 2));

        let store = fixture.copy();
        store.lose(later);
        let report = check_part(&fixture.at(store), data, &part(second));
        assert_eq!(damaged(&report), [later.as_str()]);
    }
    let store = fixture.copy();
    store.tamper(later, |bytes| bytes[1000] ^= 1);
    let report = check_part(&fixture.at(store.clone()), true, &part(first));
    let needed = packs.iter().filter(|pack| needs(pack, first)).count() as u64;
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.packs_read, needed);
    assert!(needed < packs.len() as u64);
    let report = check_part(&fixture.at(store), true, &part(second));
    assert_eq!(damaged(&report), [later.as_str()]);
}
