//! Every kind of object, harmed in every way: the report names that object and the files it hurts.

use std::sync::Arc;

use super::*;
use crate::store::memory::Memory;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Lose,
    Truncate,
    Extend,
    FlipStart,
    FlipMiddle,
    FlipEnd,
    Swap,
}

impl Harm {
    const ALL: [Self; 7] = [
        Self::Lose,
        Self::Truncate,
        Self::Extend,
        Self::FlipStart,
        Self::FlipMiddle,
        Self::FlipEnd,
        Self::Swap,
    ];

    /// Whether frames stay where they are: a listing that can still be read is no loss.
    fn keeps_frames(self) -> bool {
        !matches!(self, Self::Lose | Self::Truncate | Self::Swap)
    }

    /// The byte that is flipped in an object of so many bytes.
    fn flipped(self, bytes: usize) -> Option<usize> {
        match self {
            Self::FlipStart => Some(0),
            Self::FlipMiddle => Some(bytes / 2),
            Self::FlipEnd => Some(bytes - 1),
            _ => None,
        }
    }

    fn inflict(self, store: &Memory, name: &str, other: &str) {
        let bytes = store.peek(name).unwrap();
        match self {
            Self::Lose => assert!(store.lose(name)),
            Self::Truncate => assert!(store.tamper(name, |body| body.truncate(bytes.len() - 1))),
            Self::Extend => assert!(store.tamper(name, |body| body.push(0))),
            Self::Swap => {
                let others = store.peek(other).unwrap();
                assert!(store.tamper(name, |body| *body = others.to_vec()));
                assert!(store.tamper(other, |body| *body = bytes.to_vec()));
            }
            flip => {
                let place = flip.flipped(bytes.len()).unwrap();
                assert!(store.tamper(name, |body| body[place] ^= 0x10));
            }
        }
    }
}

/// The damaged repository with or without the read key, on one thread or several.
fn harmed(store: &Arc<Memory>, with_key: bool, threads: Threads) -> Repository {
    let mut repository = fixture().at(store.clone());
    repository.seams.threads = threads;
    if !with_key {
        repository.reader = None;
    }
    repository
}

#[test]
fn a_sound_repository_is_sound() {
    let fixture = fixture();
    let store = fixture.copy();
    let total: usize = fixture.objects.iter().map(|(_, bytes)| bytes.len()).sum();
    for threads in [Threads::SINGLE, Threads::of_this_machine()] {
        for with_key in [true, false] {
            for data in [true, false] {
                let report = check(&harmed(&store, with_key, threads), data);
                assert!(report.is_sound(), "{:?}", report.damage);
                assert_eq!(report.decrypted, with_key && data);
                assert_eq!(report.snapshots_checked, 2);
                // Seven of the first, six of the second; one leaf holds all of each.
                assert_eq!(report.files_checked, 14);
                let packs = fixture.names("packs/").len() + fixture.names("listings/").len();
                assert_eq!(report.packs_checked, packs as u64);
                let objects = if data { fixture.objects.len() } else { 4 };
                assert_eq!(report.objects_checked, objects as u64);
                assert_eq!(report.bytes_read > total as u64, data);
                assert!(report.unknown_objects.is_empty());
            }
        }
    }
}

#[test]
fn a_harmed_data_pack_is_named_with_the_files_in_it() {
    let fixture = fixture();
    let packs = fixture.names("packs/");
    assert!(packs.len() >= 4, "{packs:?}");
    for (number, name) in packs.iter().enumerate().take(4) {
        let other = &packs[(number + 1) % packs.len()];
        for (turn, harm) in Harm::ALL.into_iter().enumerate() {
            for with_key in [true, false] {
                let store = fixture.copy();
                let bytes = store.peek(name).unwrap().len();
                harm.inflict(&store, name, other);
                let threads = [Threads::SINGLE, Threads::of_this_machine()][(turn + number) % 2];
                let report = check(&harmed(&store, with_key, threads), true);
                let case = format!("{harm:?} {name} key {with_key}: {:?}", report.damage);
                let mut expected = vec![name.as_str()];
                if harm == Harm::Swap {
                    expected.push(other);
                    expected.sort_unstable();
                }
                assert_eq!(damaged(&report), expected, "{case}");
                for damage in &report.damage {
                    // With the key, a chunk that still opens is no loss.
                    let hurt = fixture.hurt(&damage.object, |row| {
                        let flipped = harm.flipped(bytes).filter(|_| with_key);
                        let frame = row.start..row.start + u64::from(row.stored);
                        flipped.is_none_or(|place| frame.contains(&(place as u64)))
                    });
                    assert_eq!(Hurt::of(damage), hurt, "{case}");
                }
            }
        }
    }
}

#[test]
fn without_data_missing_packs_and_wrong_sizes_are_found() {
    let fixture = fixture();
    for name in fixture.names("packs/") {
        for harm in [Harm::Lose, Harm::Truncate, Harm::Extend] {
            let store = fixture.copy();
            harm.inflict(&store, &name, &name);
            let report = check(&harmed(&store, false, Threads::SINGLE), false);
            assert_eq!(damaged(&report), [name.as_str()]);
            let damage = &report.damage[0];
            assert_eq!(Hurt::of(damage), fixture.hurt(&name, |_| true));
            let words = if harm == Harm::Lose {
                "missing"
            } else {
                "bytes, not"
            };
            assert!(damage.problem.contains(words), "{}", damage.problem);
        }
    }
}

#[test]
fn without_data_packs_that_changed_places_are_found_by_their_sizes() {
    let fixture = fixture();
    let bytes = |name: &str| {
        fixture
            .objects
            .iter()
            .find(|one| one.0 == name)
            .unwrap()
            .1
            .len()
    };
    let packs = fixture.names("packs/");
    let one = &packs[0];
    let two = packs.iter().find(|two| bytes(two) != bytes(one)).unwrap();
    let store = fixture.copy();
    Harm::Swap.inflict(&store, one, two);
    let report = check(&harmed(&store, true, Threads::SINGLE), false);
    assert_eq!(damaged(&report), [one.as_str(), two]);
    for damage in &report.damage {
        assert_eq!(Hurt::of(damage), fixture.hurt(&damage.object, |_| true));
    }
}

#[test]
fn every_other_object_is_named_when_it_is_harmed() {
    let fixture = fixture();
    for kind in Kind::ALL {
        let prefix = name::prefix(kind);
        let names = fixture.names(prefix);
        let name = &names[0];
        let other = names.last().unwrap();
        for harm in Harm::ALL {
            if kind == Kind::DataPack || name == other && harm == Harm::Swap {
                continue;
            }
            let store = fixture.copy();
            harm.inflict(&store, name, other);
            let report = check(&harmed(&store, false, Threads::SINGLE), true);
            let case = format!("{harm:?} {name}: {:?}", report.damage);
            let expected = match (kind, harm) {
                // Nothing says that there ever were more of them.
                (Kind::Repository | Kind::ListingPack, Harm::Lose) => vec![name.as_str()],
                (_, Harm::Lose) => vec![],
                (_, Harm::Swap) => vec![name.as_str(), other],
                _ => vec![name.as_str()],
            };
            assert_eq!(damaged(&report), expected, "{case}");
            for damage in &report.damage {
                assert!(damage.files.is_empty(), "{case}");
                let id = damage.object.rsplit('/').next().unwrap().parse().ok();
                let own = (kind == Kind::Snapshot).then_some(id).flatten();
                match kind {
                    // A flip hits the pad here, or a header of which there is a copy.
                    Kind::ListingPack if harm.keeps_frames() => {}
                    // What lies in one is found in the other once its footer was asked.
                    Kind::ListingPack if harm == Harm::Swap => {}
                    Kind::ListingPack => {
                        assert!(!damage.snapshots.is_empty(), "{case}");
                        assert!(damage.problem.contains("cannot be named"), "{case}");
                    }
                    _ => assert_eq!(damage.snapshots, own.as_slice(), "{case}"),
                }
            }
        }
    }
}

#[test]
fn no_flipped_bit_anywhere_goes_unseen() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = harmed(&store, true, Threads::of_this_machine());
    for (number, (name, bytes)) in fixture.objects.iter().cycle().take(40).enumerate() {
        let random = blake3::hash(&(number as u64).to_le_bytes());
        let random = u64::from_le_bytes(*random.as_bytes().first_chunk().unwrap());
        let place = (random % bytes.len() as u64) as usize;
        let flip = |body: &mut Vec<u8>| body[place] ^= 1 << (number % 8);
        assert!(store.tamper(name, flip));
        // The one object without a hash of its own cannot tell a later version from a flipped bit.
        let index = Index::in_memory().unwrap();
        match verify(&repository, &index, &VerifyOptions { data: true }, &Silent) {
            Ok(report) => assert_eq!(damaged(&report), [name.as_str()], "byte {place}"),
            Err(error) => assert_eq!(name, "repository", "{error}"),
        }
        // A flip in a record or a footer must not lead structure checks astray either.
        let quick = verify(&repository, &index, &VerifyOptions { data: false }, &Silent).unwrap();
        assert!(
            quick.damage.iter().all(|one| one.object == *name),
            "byte {place} of {name}"
        );
        assert!(store.tamper(name, flip));
    }
}
