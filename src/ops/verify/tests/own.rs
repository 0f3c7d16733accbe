//! What no other copy can give back under the same name: objects that each copy has for itself, and
//! packs that a prune of this copy made.
//!
//! A copy one of whose index segments had rotted was called damaged by every verify, and every prune
//! of it stopped, for good: healing looked for the segment in other copies, which have their own. And
//! a damaged pack that a prune had made of others was given up, although another copy had every chunk
//! of it.

use super::heal::{HARMS, healed, index, with_other};
use std::sync::Mutex;

use super::*;
use crate::index::{Trust, Watch};
use crate::ops::{Opened, VerifyPart, heal, rebuild_index};
use crate::progress::Progress;
use crate::repository::{ChunkReader, Fetch, Opens, Others, StoredForget, load_forgets};
use crate::store::ErrorKind;
use crate::store::faulty::{Fault, Faulty};

#[test]
fn what_only_this_copy_has_is_said_anew_and_let_go() {
    for prefix in ["index/", "plans/", "forgets/", "proofs/"] {
        for (harm, work) in &HARMS[..2] {
            let (home, other) = (fixture().copy(), fixture().copy());
            let names = fixture().names(prefix);
            assert!(names.iter().all(|name| other.lose(name)));
            names.iter().for_each(|name| work(&home, name));
            let repository = with_other(&home, other);
            let (left, mended) = healed(&repository, &index());
            let case = format!("{harm} {prefix}");
            assert!(left.is_sound(), "{case}: {:?}", left.damage);
            assert_eq!(mended, names, "{case}");
            assert!(names.iter().all(|name| home.peek(name).is_none()), "{case}");
            // A stranger finds all packs named in segments.
            let rebuilt = rebuild_index(&repository, &index(), &Silent).unwrap();
            assert_eq!(
                (rebuilt.packs_from_footers, rebuilt.damaged_segments),
                (0, 0)
            );
            assert!(check(&fixture().at(home), true).is_sound(), "{case}");
        }
    }
}

#[test]
fn what_may_be_of_a_later_version_is_not_let_go() {
    let (home, other) = (fixture().copy(), fixture().copy());
    let mut bytes = home.peek(&fixture().names("index/")[0]).unwrap().to_vec();
    bytes[8] = 2;
    let name = name::of(Kind::Segment, &ObjectId::of(&bytes));
    home.put(&name, bytes.into()).unwrap();
    let (left, mended) = healed(&with_other(&home, other), &index());
    assert_eq!((damaged(&left), mended.len()), (vec![name.as_str()], 0));
    assert!(home.peek(&name).is_some());
}

#[test]
fn an_absence_that_was_explained_once_is_explained_still() {
    let (home, other) = (fixture().copy(), fixture().copy());
    let trust = Arc::new(Trust::in_memory().unwrap());
    let known = || index().watched(Watch::with(trust.clone(), "home"));
    let repository = with_other(&home, other);
    let gone = fixture().snapshots[0];
    let look = || drop(Opened::look(repository.clone(), known(), &Silent).unwrap());
    look();
    let record = Forget {
        host: "nas".to_owned(),
        created: Timestamp::from_seconds(1),
        snapshots: vec![gone].into(),
        reason: "old".to_owned(),
        sessions: Vec::new().into(),
    };
    let record = put_record(&repository, Kind::Forget, &cbor::encode(&record));
    assert!(home.lose(&name::of(Kind::Snapshot, &gone)));
    look();
    assert!(home.tamper(&record, |bytes| bytes[500] ^= 1));
    let (left, mended) = healed(&repository, &known());
    assert!(left.is_sound(), "{:?}", left.damage);
    assert_eq!(mended, [record]);
    // To everybody, and not only to this host.
    let records = load_forgets(&repository);
    let explains = |one: &StoredForget| one.forget.snapshots.0 == [gone];
    assert_eq!(records.iter().filter(|one| explains(one)).count(), 1);
}

#[test]
fn a_pack_that_no_other_copy_has_by_that_name_is_not_missed() {
    let pack = &fixture().contents[0].pack;
    let known = index();
    load_catalog(&fixture().repository, &known).unwrap();
    let chunks = ChunkReader::new(&fixture().repository, &known, Fetch::Packs);
    for (harm, work) in HARMS {
        let (home, other) = (fixture().copy(), fixture().copy());
        for needed in fixture().contents.iter().filter(|one| one.pack == *pack) {
            let content = chunks.content(&needed.row.id).unwrap();
            let at = fixture().at(other.clone());
            super::claims::put_chunk(&at, needed.row.id, &content);
        }
        assert!(other.lose(pack));
        work(&home, pack);
        let (left, _) = healed(&with_other(&home, other), &index());
        let again = check(&fixture().at(home), true);
        for report in [left, again] {
            let hurt = report
                .damage
                .iter()
                .find(|one| Hurt::of(one) != Hurt::default());
            assert_eq!(hurt, None, "{harm}");
            assert_eq!(report.is_sound(), harm == "lost", "{:?}", report.damage);
        }
    }
}

/// What is said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn item(&self, _: &[u8]) {}
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

/// The first of two further copies failed half-way, and nobody asked the other.
#[test]
fn a_copy_that_fails_half_way_is_passed_over_and_said() {
    let pack = &fixture().contents[0].pack;
    let known = index();
    load_catalog(&fixture().repository, &known).unwrap();
    let chunks = ChunkReader::new(&fixture().repository, &known, Fetch::Packs);
    let (home, other) = (fixture().copy(), fixture().copy());
    for needed in fixture().contents.iter().filter(|one| one.pack == *pack) {
        let content = chunks.content(&needed.row.id).unwrap();
        let at = fixture().at(other.clone());
        super::claims::put_chunk(&at, needed.row.id, &content);
    }
    assert!(other.lose(pack) && home.lose(pack));
    let failing = Arc::new(Faulty::new(other.clone()));
    failing.fail_names("packs/", Fault::Before(ErrorKind::Transient));
    let copies: [(&str, Arc<dyn Store>); 2] = [("failing", failing), ("sound", other)];
    let copies = copies.map(|(name, store)| {
        let opens: Opens = Box::new(move || Ok(store.clone()));
        (name.to_owned(), opens)
    });
    let repository = Repository {
        others: Others::new(copies),
        ..fixture().at(home.clone())
    };
    let (index, part) = (index(), VerifyPart::default());
    let found = verify(&repository, &index, &VerifyOptions { data: true }, &Silent).unwrap();
    assert!(!found.is_sound());
    let heard = Heard::default();
    let report = heal(&repository, &index, found, &part, &|_| None, &heard).unwrap();
    assert!(report.verify.is_sound(), "{:?}", report.verify.damage);
    assert!(check(&fixture().at(home), true).is_sound());
    let heard = heard.0.into_inner().unwrap();
    assert!(
        heard
            .iter()
            .any(|it| it.starts_with("failing failed while healing")),
        "{heard:?}"
    );
}
