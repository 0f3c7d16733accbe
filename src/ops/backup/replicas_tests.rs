//! Several copies of one repository, made by one run: equal, or one of them behind and said to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::tests::options;
use crate::crypto::KdfCost;
use crate::format::Kind;
use crate::format::cbor::{Joined, encode};
use crate::format::housekeeping::Forget;
use crate::id::ObjectId;
use crate::index::Index;
use crate::ops::backup::{BackupReport, Levelling};
use crate::ops::destination::Destination;
use crate::ops::{InitOptions, OpsError, VerifyOptions, backup_to_all, init, verify};
use crate::progress::{Progress, Silent};
use crate::repository::{Repository, open, seal_record};
use crate::seams::{Clock, Random, Seams, SystemClock, Threads, Timestamp};
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::{ErrorKind, Store};

const NAMES: [&str; 3] = ["disk", "nas", "cloud"];

/// Each look at it takes a second, and nobody waits; a day ahead, so that files are believed.
#[derive(Default)]
pub struct Looked(pub AtomicU64);

impl Clock for Looked {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(86_400))
    }
    fn since_boot(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }
    fn sleep(&self, _time: Duration) {}
}

/// The same packs in every world, so that calls can be counted.
struct Dice(AtomicU64);

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let throw = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        blake3::Hasher::new()
            .update(&throw)
            .finalize_xof()
            .fill(bytes);
        Ok(())
    }
}

/// Copies of one repository, and photos.
pub struct World {
    photos: tempfile::TempDir,
    pub clock: Arc<Looked>,
    pub copies: Vec<Copy>,
}

pub struct Copy {
    pub memory: Arc<Memory>,
    faulty: Arc<Faulty>,
    pub repository: Repository,
    index: Index,
    pub near: bool,
}

impl World {
    /// On one thread, every copy near.
    fn new(count: usize) -> Self {
        Self::with(count, Threads::SINGLE)
    }

    pub fn with(count: usize, threads: Threads) -> Self {
        Self::with_keys(count, threads, 0)
    }

    fn with_keys(count: usize, threads: Threads, keys: u64) -> Self {
        let clock = Arc::new(Looked::default());
        let seams = Seams {
            clock: clock.clone(),
            threads,
            random: Arc::new(Dice(AtomicU64::new(keys))),
            ..Seams::real()
        };
        let options = InitOptions {
            passphrase: "x",
            cost: KdfCost::LEAST,
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let first = Arc::new(Memory::new(clock.clone()));
        let made = init(first.clone(), &seams, &options).unwrap().repository;
        let copy = |number| {
            let memory = if number == 0 {
                first.clone()
            } else {
                Arc::new(Memory::new(clock.clone()))
            };
            for name in first.names() {
                memory.put(&name, first.peek(&name).unwrap()).unwrap();
            }
            let faulty = Arc::new(Faulty::new(memory.clone()));
            let (writer, reader) = (made.writer.clone(), made.reader.clone());
            Copy {
                repository: open(faulty.clone(), seams.clone(), writer, reader).unwrap(),
                index: Index::in_memory().unwrap(),
                near: true,
                memory,
                faulty,
            }
        };
        let world = Self {
            photos: tempfile::tempdir().unwrap(),
            clock: clock.clone(),
            copies: (0..count).map(copy).collect(),
        };
        world.write("first", 1_500_000);
        world
    }

    pub fn write(&self, name: &str, bytes: usize) {
        let mut content = vec![0; bytes];
        let mut noise = blake3::Hasher::new();
        noise
            .update(name.as_bytes())
            .finalize_xof()
            .fill(&mut content);
        std::fs::write(self.photos.path().join(name), content).unwrap();
    }

    fn back_up(&self) -> Result<BackupReport, OpsError> {
        self.back_up_telling(&Silent)
    }

    pub fn back_up_telling(&self, progress: &dyn Progress) -> Result<BackupReport, OpsError> {
        let copies = self.copies.iter().zip(NAMES);
        let destinations: Vec<_> = copies
            .map(|(copy, name)| Destination {
                name,
                repository: &copy.repository,
                index: &copy.index,
                near: copy.near,
            })
            .collect();
        let paths = vec![self.photos.path().to_path_buf()];
        backup_to_all(&destinations, &options(paths), progress)
    }

    /// What `sync` will do: packs, listings and segments first, snapshots last.
    pub fn level(&self, Levelling { from, to }: Levelling) {
        let (from, to) = (&self.copies[from].memory, &self.copies[to].memory);
        for prefix in ["packs/", "listings/", "index/", "snapshots/"] {
            for name in from.names().iter().filter(|it| it.starts_with(prefix)) {
                if to.peek(name).is_none() {
                    to.put(name, from.peek(name).unwrap()).unwrap();
                }
            }
        }
    }

    /// Every snapshot restores from this copy alone, as a stranger sees it.
    #[track_caller]
    pub fn assert_sound(&self, copy: usize) {
        let copy = &self.copies[copy];
        let index = Index::in_memory().unwrap();
        let report = verify(
            &copy.repository,
            &index,
            &VerifyOptions { data: true },
            &Silent,
        )
        .unwrap();
        assert!(report.is_sound() && report.decrypted, "{:?}", report.damage);
    }

    #[track_caller]
    pub fn assert_level(&self, report: &BackupReport) {
        let behind: Vec<_> = report.replicas.iter().map(|it| &it.behind).collect();
        assert!(behind.iter().all(|it| it.is_none()), "{behind:?}");
        assert_eq!(report.levelling, []);
        for number in 0..self.copies.len() {
            self.assert_sound(number);
            let lists = [0, number].map(|it| self.copies[it].names("snapshots/"));
            assert_eq!(lists[0], lists[1]);
        }
    }
}

impl Copy {
    fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = self.memory.names();
        names.retain(|name| name.starts_with(prefix));
        names
    }

    pub fn has(&self, snapshot: ObjectId) -> bool {
        self.memory.peek(&format!("snapshots/{snapshot}")).is_some()
    }

    /// Objects of that kind are not taken; what is there can be listed.
    fn refuse(&self, prefix: &str, kind: ErrorKind) {
        for digit in "0123456789abcdef".chars() {
            let names = format!("{prefix}{digit}");
            self.faulty.fail_names(&names, Fault::Before(kind));
        }
    }

    fn lose_snapshots(&self) -> usize {
        let names = self.names("snapshots/");
        names.iter().filter(|name| self.memory.lose(name)).count()
    }

    fn forget(&self, snapshots: &[ObjectId]) {
        let record = Forget {
            host: "nas".to_owned(),
            created: Timestamp::default(),
            snapshots: Joined(snapshots.to_vec()),
            reason: String::new(),
            sessions: Joined(Vec::new()),
        };
        let Repository { writer, seams, .. } = &self.repository;
        let sealed = seal_record(
            writer,
            seams.random.as_ref(),
            Kind::Forget,
            &encode(&record),
        );
        let sealed = sealed.unwrap();
        self.memory.put(&sealed.name, sealed.bytes).unwrap();
    }
}

#[test]
fn all_copies_hold_the_same_objects_and_each_restores_alone() {
    for threads in [Threads::SINGLE, Threads::of_this_machine()] {
        let world = World::with(3, threads);
        for night in ["second", "third", "fourth"] {
            let report = world.back_up().unwrap();
            world.assert_level(&report);
            assert!(report.replicas.iter().all(|one| one.has_snapshot));
            let uploaded: u64 = report.replicas.iter().map(|it| it.objects_uploaded).sum();
            assert_eq!(report.objects_uploaded, uploaded);
            world.write(night, 700_000);
        }
        let [first, others @ ..] = world.copies.as_slice() else {
            unreachable!()
        };
        for prefix in ["packs/", "listings/", "snapshots/"] {
            for other in others {
                assert_eq!(first.names(prefix), other.names(prefix));
                for name in first.names(prefix) {
                    assert_eq!(first.memory.peek(&name), other.memory.peek(&name));
                }
            }
        }
        // Read once: what was new is in one copy once.
        let bytes: u64 = first.names("packs/").iter().map(|it| world.len(it)).sum();
        assert!(bytes < 3_500_000, "{bytes}");
    }
}

impl World {
    fn len(&self, name: &str) -> u64 {
        self.copies[0].memory.peek(name).unwrap().len() as u64
    }
}

/// Whatever call fails, at whichever copy: the others have the whole snapshot, and that one has
/// nothing half, is said to be behind, and takes part again once it is level.
#[test]
fn one_that_fails_at_any_call_leaves_and_the_others_have_the_snapshot() {
    for (failing, fault) in [
        (1, Fault::Before(ErrorKind::Full)),
        (1, Fault::After(ErrorKind::Transient)),
        (0, Fault::Before(ErrorKind::Transient)),
        (0, Fault::After(ErrorKind::Denied)),
    ] {
        let mut snapshots_of_nobody = 0;
        let mut unnoticed = 0;
        for call in 1.. {
            let world = World::new(2);
            world.back_up().unwrap();
            world.write("second", 1_200_000);
            let copy = &world.copies[failing];
            copy.faulty.fail_call(call, fault);
            let before = copy.faulty.calls();
            let report = world.back_up().unwrap();
            let is_past_the_end = copy.faulty.calls() - before < call;
            let case = format!("copy {failing}, call {call}, {fault:?}");
            copy.faulty.heal();
            assert!(world.copies[1 - failing].has(report.snapshot), "{case}");
            world.assert_sound(1 - failing);
            let told = &report.replicas[failing];
            if is_past_the_end {
                world.assert_level(&report);
                break;
            }
            let Some(why) = &told.behind else {
                // The last one: when the snapshot arrived is asked, and then told by this machine.
                unnoticed += 1;
                world.assert_level(&report);
                continue;
            };
            assert!(why.contains("injected by a test"), "{case}: {why}");
            assert!(!told.has_snapshot, "{case}");
            if copy.has(report.snapshot) {
                // The one whose answer was lost on the way back: it is there, and whole.
                assert!(matches!(fault, Fault::After(_)), "{case}");
                snapshots_of_nobody += 1;
            }
            world.assert_sound(failing);

            world.level(Levelling {
                from: 1 - failing,
                to: failing,
            });
            world.write("third", 10_000);
            let report = world.back_up().unwrap();
            world.assert_level(&report);
        }
        assert_eq!(unnoticed, 1, "copy {failing}, {fault:?}");
        assert_eq!(
            snapshots_of_nobody,
            usize::from(matches!(fault, Fault::After(_)))
        );
    }
}

#[test]
fn one_that_takes_nothing_keeps_no_thread_waiting() {
    for failing in [0, 1] {
        for prefix in ["packs/", "listings/", "index/", "snapshots/"] {
            let world = World::with(2, Threads::of_this_machine());
            // More than may be on its way at once.
            world.write("second", 9_000_000);
            world.copies[failing].refuse(prefix, ErrorKind::Full);
            let report = world.back_up().unwrap();
            let case = format!("copy {failing}, {prefix}");
            let why = report.replicas[failing].behind.as_ref().expect(&case);
            assert!(why.contains("no space left"), "{case}: {why}");
            assert!(!report.replicas[failing].has_snapshot, "{case}");
            assert_eq!(world.copies[failing].names("snapshots/"), [""; 0], "{case}");
            // It failed a moment ago: nobody tries again in this run.
            assert_eq!(report.levelling, [], "{case}");
            assert!(world.copies[1 - failing].has(report.snapshot), "{case}");
            world.assert_sound(1 - failing);
        }
    }
}

#[test]
fn when_all_fail_nothing_is_committed_and_the_next_run_sends_nothing_twice() {
    for threads in [Threads::SINGLE, Threads::of_this_machine()] {
        for prefix in ["packs/", "index/", "snapshots/"] {
            let world = World::with(2, threads);
            world.copies[0].refuse(prefix, ErrorKind::Full);
            world.copies[1].refuse(prefix, ErrorKind::Denied);
            let error = world.back_up().unwrap_err();
            assert!(error.to_string().contains("could not"), "{error}");
            let sent: Vec<_> = world
                .copies
                .iter()
                .map(|copy| copy.names("packs/"))
                .collect();
            for copy in &world.copies {
                copy.faulty.heal();
                assert_eq!(copy.names("snapshots/"), [""; 0], "{prefix}");
            }
            let report = world.back_up().unwrap();
            world.assert_level(&report);
            if prefix != "packs/" {
                let again: Vec<_> = world
                    .copies
                    .iter()
                    .map(|copy| copy.names("packs/"))
                    .collect();
                assert_eq!(sent, again, "{prefix}: what had arrived was adopted");
            }
        }
    }
}

#[test]
fn a_copy_that_lost_packs_gets_their_chunks_again() {
    let world = World::new(2);
    world.back_up().unwrap();
    let lost = world.copies[1].names("packs/");
    world.copies[1].memory.lose(&lost[0]);
    let report = world.back_up().unwrap();
    assert!(report.statistics.bytes_read > 0, "the file was read again");
    assert!(report.replicas.iter().all(|one| one.behind.is_none()));
    world.assert_sound(0);
    world.assert_sound(1);
    assert_eq!(world.back_up().unwrap().statistics.bytes_read, 0);
}

#[test]
fn one_that_lacks_a_snapshot_takes_no_part_until_it_is_level() {
    let world = World::new(2);
    let first = world.back_up().unwrap().snapshot;
    world.copies[1].lose_snapshots();
    world.write("second", 10_000);
    let report = world.back_up().unwrap();
    let told = &report.replicas[1];
    let why = told.behind.as_deref();
    assert_eq!(why, Some("it lacks 1 snapshot that disk has"));
    assert_eq!(told.objects_uploaded, 0);
    assert_eq!(report.levelling, [Levelling { from: 0, to: 1 }]);
    assert!(world.copies[0].has(report.snapshot) && !world.copies[1].has(report.snapshot));
    world.level(report.levelling[0]);
    assert!(world.copies[1].has(first));
    world.assert_level(&world.back_up().unwrap());
}

#[test]
fn what_was_forgotten_at_either_is_not_missed() {
    for forgets in [0, 1] {
        let world = World::new(2);
        let first = world.back_up().unwrap().snapshot;
        world.copies[1].lose_snapshots();
        world.copies[forgets].forget(&[first]);
        let report = world.back_up().unwrap();
        assert_eq!(report.levelling, []);
        assert!(report.replicas.iter().all(|one| one.has_snapshot));
        assert!(world.copies[1].has(report.snapshot));
    }
}

/// The disk was in a drawer for a week, and the cloud went on alone.
#[test]
fn home_is_the_one_that_has_everything() {
    let world = World::new(3);
    world.back_up().unwrap();
    world.copies[0].lose_snapshots();
    let report = world.back_up().unwrap();
    assert!(!report.replicas[0].has_snapshot);
    assert!(report.replicas[1].has_snapshot && report.replicas[2].has_snapshot);
    assert_eq!(report.levelling, [Levelling { from: 1, to: 0 }]);
}

/// Each was alone for a night: neither has all, and afterwards both have.
#[test]
fn two_that_each_have_what_the_other_lacks_are_brought_level_both_ways() {
    let world = World::new(2);
    let first = world.back_up().unwrap().snapshot;
    let second = world.back_up().unwrap().snapshot;
    let name = |id: ObjectId| format!("snapshots/{id}");
    assert!(world.copies[0].memory.lose(&name(second)));
    assert!(world.copies[1].memory.lose(&name(first)));
    let report = world.back_up().unwrap();
    assert!(report.replicas[0].has_snapshot && report.replicas[0].behind.is_some());
    assert!(!report.replicas[1].has_snapshot && report.replicas[1].behind.is_some());
    let both = [Levelling { from: 1, to: 0 }, Levelling { from: 0, to: 1 }];
    assert_eq!(report.levelling, both);
    report.levelling.iter().for_each(|step| world.level(*step));
    world.assert_level(&world.back_up().unwrap());
}

#[test]
fn another_repository_is_no_copy() {
    let mut world = World::new(1);
    let other = World::with_keys(1, Threads::SINGLE, 1_000_000);
    world.copies.extend(other.copies);
    let report = world.back_up().unwrap();
    let why = report.replicas[1].behind.as_ref().unwrap();
    assert!(why.contains("not the key of the repository"), "{why}");
    assert_eq!(report.levelling, []);
    assert_eq!(world.copies[1].names("snapshots/"), [""; 0]);
}
