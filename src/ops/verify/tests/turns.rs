//! A little every night, the store's own word, and what is written down of it.

use std::collections::HashMap;

use super::*;
use crate::index::Trust;
use crate::ops::{PackReads, VerifyPart, heal, prove_verify, verify_part};
use crate::repository::{Signature, load_proofs};
use crate::store::recording::{Operation, Recording};
use crate::store::{ErrorKind, ObjectInfo, StoreError, Window};

fn check_part(repository: &Repository, data: bool, part: &VerifyPart) -> VerifyReport {
    let index = Index::in_memory().unwrap();
    verify_part(repository, &index, &VerifyOptions { data }, part, &Silent).unwrap()
}

fn remembering(place: &str) -> VerifyPart {
    let trust = Trust::in_memory().unwrap();
    VerifyPart {
        reads: Some(Arc::new(PackReads::new(trust, place.to_owned()))),
        ..VerifyPart::default()
    }
}

#[test]
fn nights_of_a_small_budget_find_every_damage_in_turn() {
    let fixture = fixture();
    let packs = fixture.names("packs/");
    assert!(packs.len() >= 4, "{}", packs.len());
    let store = fixture.copy();
    for pack in &packs {
        store.tamper(pack, |bytes| bytes[2000] ^= 1);
    }
    let recording = Arc::new(Recording::new(store.clone()));
    let repository = fixture.at(recording.clone());
    let part = VerifyPart {
        budget_bytes: Some(300_000),
        ..remembering("here")
    };
    let plain = check_part(&repository, false, &part);
    assert_eq!(plain.coverage.unwrap().never_read, packs.len() as u64);
    let mut found = BTreeSet::new();
    let nights = 2 * packs.len();
    for night in 0..nights {
        recording.take();
        let report = check_part(&repository, true, &part);
        let fetched = recording.take().into_iter();
        let fetched: u64 = fetched
            .filter(|call| call.operation == Operation::Get && call.name.starts_with("packs/"))
            .map(|call| call.bytes)
            .sum();
        assert!(report.packs_read >= 1 && report.packs_read < packs.len() as u64);
        assert!(fetched <= 300_000 || report.packs_read == 1, "{fetched}");
        assert!(
            !report.is_sound(),
            "night {night} read a pack, and all are damaged"
        );
        found.extend(damaged(&report).into_iter().map(str::to_owned));
        let right = report.coverage.unwrap().recent_bytes;
        assert!(night > 0 || right == 0, "none was right");
        // As if somebody healed it.
        for pack in &found {
            let (_, bytes) = fixture
                .objects
                .iter()
                .find(|(name, _)| name == pack)
                .unwrap();
            store.put(pack, bytes.clone()).unwrap();
        }
        if found.len() == packs.len() {
            break;
        }
    }
    assert_eq!(found, packs.iter().cloned().collect());
    let all = check_part(
        &repository,
        true,
        &VerifyPart {
            budget_bytes: None,
            ..part
        },
    );
    let coverage = all.coverage.unwrap();
    assert_eq!(coverage.recent_bytes, coverage.total_bytes);
    assert_eq!(coverage.never_read, 0);
}

/// `verify --data` found a damaged pack, and ended with 4. The plain verify of the next night, which
/// reads none, said that everything is whole, and `status` was content again.
#[test]
fn a_verify_that_reads_less_takes_back_no_damage() {
    let fixture = fixture();
    let packs = fixture.names("packs/");
    let store = fixture.copy();
    store.tamper(&packs[0], |bytes| bytes[2000] ^= 1);
    let repository = fixture.at(store.clone());
    let part = remembering("here");
    let one_pack = VerifyPart {
        budget_bytes: Some(1),
        ..part.clone()
    };
    assert!(check_part(&repository, false, &part).is_sound());
    let found = check_part(&repository, true, &part);
    assert_eq!(damaged(&found), [packs[0].as_str()]);
    assert!(!found.damage[0].is_remembered);
    let plain = check_part(&repository, false, &part);
    assert_eq!(damaged(&plain), [packs[0].as_str()]);
    assert!(plain.damage[0].is_remembered, "{:?}", plain.damage);
    let little = check_part(&repository, true, &one_pack);
    assert_eq!(damaged(&little), [packs[0].as_str()]);
    // It comes round to the damaged one too, however small the budget is.
    let (_, bytes) = fixture.objects.iter().find(|it| it.0 == packs[0]).unwrap();
    store.put(&packs[0], bytes.clone()).unwrap();
    let mut nights = packs.iter();
    assert!(nights.any(|_| check_part(&repository, true, &one_pack).is_sound()));
    assert!(check_part(&repository, false, &part).is_sound());

    // What was healed was read again.
    store.tamper(&packs[0], |bytes| bytes[2000] ^= 1);
    assert!(!check_part(&repository, true, &part).is_sound());
    let report = check_part(&repository, false, &part);
    let repository = super::heal::with_other(&store, fixture.copy());
    let index = Index::in_memory().unwrap();
    let mended = heal(&repository, &index, report, &part, &|_| None, &Silent).unwrap();
    assert_eq!(mended.healed[0].object, packs[0]);
    assert!(mended.verify.is_sound(), "{:?}", mended.verify.damage);
    let after = check_part(&repository, false, &part);
    assert!(after.is_sound());
    let coverage = after.coverage.unwrap();
    assert_eq!(coverage.recent_bytes, coverage.total_bytes);
}

/// A store that keeps the checksum of what was uploaded, whatever became of the bytes.
struct Summing {
    inner: Arc<Recording>,
    sums: HashMap<String, u64>,
}

impl Summing {
    fn of(fixture: &Fixture, inner: Arc<Memory>) -> Self {
        let sum = |bytes: &Bytes| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
        let objects = fixture.objects.iter();
        Self {
            inner: Arc::new(Recording::new(inner)),
            sums: objects
                .map(|(name, bytes)| (name.clone(), sum(bytes)))
                .collect(),
        }
    }
}

impl Store for Summing {
    fn url(&self) -> String {
        self.inner.url()
    }
    fn put(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        self.inner.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> crate::store::Result<()> {
        self.inner.put_if_absent(name, body)
    }
    fn get(&self, name: &str, window: Window) -> crate::store::Result<Bytes> {
        self.inner.get(name, window)
    }
    fn list(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(ObjectInfo) -> crate::store::Result<()>,
    ) -> crate::store::Result<()> {
        self.inner.list(prefix, visit)
    }
    fn head(&self, name: &str) -> crate::store::Result<ObjectInfo> {
        self.inner.head(name)
    }
    fn delete(&self, name: &str) -> crate::store::Result<()> {
        self.inner.delete(name)
    }
    fn now(&self) -> crate::store::Result<Timestamp> {
        self.inner.now()
    }
    fn stored_checksum(&self, name: &str) -> crate::store::Result<Option<u64>> {
        let missing = || StoreError::new(ErrorKind::NotFound, "look at", name);
        self.sums
            .get(name)
            .map(|sum| Some(*sum))
            .ok_or_else(missing)
    }
}

#[test]
fn a_store_that_keeps_checksums_is_asked_for_them_and_no_pack_is_fetched() {
    let fixture = fixture();
    let total = (fixture.names("packs/").len() + fixture.names("listings/").len()) as u64;
    let store = Arc::new(Summing::of(fixture, fixture.copy()));
    let part = VerifyPart {
        stored_checksums: true,
        ..VerifyPart::default()
    };
    let report = check_part(&fixture.at(store.clone()), false, &part);
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.checksums.agreeing, total);
    assert_eq!(store.inner.count(Operation::Get, "packs/"), 0);

    // Where the two differ, the pack itself is asked: once it was altered, once it was not.
    let packs = fixture.names("packs/");
    let memory = fixture.copy();
    memory.tamper(&packs[1], |bytes| bytes[2000] ^= 1);
    let mut store = Summing::of(fixture, memory);
    *store.sums.get_mut(&packs[0]).unwrap() ^= 1;
    *store.sums.get_mut(&packs[1]).unwrap() ^= 1;
    let report = check_part(&fixture.at(Arc::new(store)), false, &part);
    assert_eq!(damaged(&report), [packs[1].as_str()]);
    assert_eq!(report.checksums.agreeing, total - 1);

    // One that keeps none is not asked for all.
    let report = check_part(&fixture.at(fixture.copy()), false, &part);
    assert!(report.is_sound());
    assert_eq!(report.checksums.agreeing, 0);
    assert_eq!(report.checksums.is_given_up, total >= 16);
}

#[test]
fn the_proof_of_a_verify_says_what_was_looked_at_and_whose_word_it_is() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    let host = Repository {
        reader: None,
        ..repository.clone()
    };
    let began = Timestamp::from_seconds(7);
    let index = Index::in_memory().unwrap();
    for (repository, ok) in [(&repository, true), (&host, false)] {
        if !ok {
            store.lose(&fixture.names("packs/")[0]);
        }
        let report = check_part(repository, true, &remembering("here"));
        prove_verify(repository, &index, &report, "nas", began, None).unwrap();
    }
    let proofs = load_proofs(&host, &mut |name, _| panic!("{name}")).unwrap();
    let [.., first, second] = proofs.as_slice() else {
        panic!("{proofs:?}");
    };
    assert_eq!(
        (first.signature, first.finding.ok),
        (Signature::Signed, true)
    );
    assert_eq!(
        (second.signature, second.finding.ok),
        (Signature::Unsigned, false)
    );
    let figure = |name: &str| first.finding.figures.0.get(name).copied().unwrap();
    assert_eq!(figure("share_permille"), 1000);
    assert_eq!(figure("recent_permille"), 1000);
    assert_eq!(figure("packs_read"), figure("packs_total"));
    assert_eq!(figure("decrypted"), 1);
    assert!(second.finding.figures.0["objects_damaged"] >= 1);
    assert!(first.finding.figures.0.len() <= 64);
}
