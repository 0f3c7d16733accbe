//! "The bucket is locked. Does space come back all the same, do the locks of what I need last, and
//! what if somebody with my server's key rages in it every few nights?"
//!
//! On a real server with versions and Object Lock, where a night takes a second or a few
//! (`nights_of_seconds`). `OFFSITE_TEST_NIGHTS=60` asks for more of them than sixteen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::tz::TimeZone;
use offsite::crypto::KdfCost;
use offsite::id::ObjectId;
use offsite::index::{Index, Trust};
use offsite::ops::{
    BackupOptions, CheckpointRule, ForgetOptions, ForgetPlace, ForgetReport, GroupBy, InitOptions,
    JudgedSnapshot, Opened, Policy, PruneOptions, PruneReport, Reason, RestoreOptions,
    SourceChoice, backup, extend_locks, forget, init, prune, restore,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, SnapshotFilter, open_with};
use offsite::seams::{Seams, Timestamp};
use offsite::store::Store;
use offsite::store::retention::{LockMode, ObjectLock, Retaining, Retention};
use offsite::store::s3::{S3, S3Options, StaticCredentials};
use offsite::store::versioned::Versioned;

use crate::attacker_with_the_hosts_key::with_locking_bucket;
use crate::harness::seaweedfs::SeaweedFs;
use crate::nights_of_seconds::{Nights, OnCalendar};
use crate::tree::noise;

const BUCKET: &str = "months-under-lock";
const PLACE: &str = "the bucket";
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// So many nights a lock lasts, and so many snapshots are kept.
const LOCK_DAYS: u32 = 6;
const KEPT: u32 = 2;

/// The files of a folder.
type Files = BTreeMap<String, Vec<u8>>;

/// Who asks.
#[derive(Clone, Copy)]
enum Who {
    /// The server that makes backups.
    Host,
    /// Whoever may delete.
    Upkeep,
}

fn bucket(who: Who, prefix: &str) -> S3 {
    let server = SeaweedFs::shared();
    let (id, secret) = match who {
        Who::Host => (server.host_access_key(), server.host_secret_key()),
        Who::Upkeep => (server.access_key(), server.secret_key()),
    };
    let options = S3Options {
        bucket: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(server.endpoint()),
        credentials: Some(StaticCredentials {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: None,
        }),
        ..S3Options::default()
    };
    S3::open(&options, &Seams::real()).expect("a client")
}

fn lock() -> ObjectLock {
    ObjectLock::new(LockMode::Compliance, LOCK_DAYS).expect("days")
}

/// A library, two machines that look after it, and what each snapshot must restore to.
struct World {
    nights: Arc<Nights>,
    /// As the host has it: no read key, and a credential of its own.
    host: Repository,
    upkeep: Repository,
    indexes: [Index; 2],
    trust: Trust,
    library: tempfile::TempDir,
    expected: BTreeMap<ObjectId, Files>,
}

impl World {
    fn new(prefix: &str, seconds: i64) -> Self {
        let nights = Nights::of(seconds);
        let seams = Seams {
            clock: nights.clone(),
            ..Seams::real()
        };
        let options = InitOptions {
            passphrase: "correct horse",
            cost: KdfCost::LEAST,
            host: "home".to_owned(),
            pack_bytes: 1 << 20,
        };
        let store = |who| store(&nights, who, prefix, Some(lock()));
        let upkeep = init(store(Who::Upkeep), &seams, &options).expect("a repository");
        let upkeep = upkeep.repository;
        Self {
            host: Repository {
                store: store(Who::Host),
                reader: None,
                ..upkeep.clone()
            },
            upkeep,
            indexes: [(); 2].map(|()| Index::in_memory().expect("an index")),
            trust: Trust::in_memory().expect("a memory"),
            library: tempfile::tempdir().expect("a folder"),
            expected: BTreeMap::new(),
            nights,
        }
    }

    fn write(&self, name: &str, bytes: usize) {
        std::fs::write(self.library.path().join(name), noise(name, bytes)).expect("a photo");
    }

    /// New ones come, some go, and a large one is there for a single night.
    fn live(&self, night: i64) {
        self.write(&format!("{night}.jpg"), 60_000);
        self.write(&format!("{night}.tmp.mov"), 300_000);
        for old in [
            format!("{}.jpg", night - 4),
            format!("{}.tmp.mov", night - 1),
        ] {
            let _ = std::fs::remove_file(self.library.path().join(old));
        }
    }

    fn back_up(&mut self) {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![self.library.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: PathBuf::from("/"),
            host: "home".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        let made = backup(&self.host, &self.indexes[0], &options, &Silent).expect("a backup");
        self.expected
            .insert(made.snapshot, files(self.library.path()));
    }

    fn forget(&self) -> ForgetReport {
        let place = ForgetPlace {
            repository: &self.upkeep,
            index: &self.indexes[1],
            trust: &self.trust,
            key: PLACE,
        };
        let options = ForgetOptions {
            policy: Policy {
                last: std::num::NonZeroU32::new(KEPT),
                ..Policy::default()
            },
            group_by: GroupBy::default(),
            filter: SnapshotFilter::default(),
            named: Vec::new(),
            even_protected: false,
            dry_run: false,
            host: "upkeep".to_owned(),
            zone: TimeZone::UTC,
        };
        forget(&place, &options, &Silent).expect("what is locked is no failure")
    }

    /// For what the rules keep. How many locks were extended.
    fn extend(&self, judged: &ForgetReport) -> u64 {
        let kept = judged.kept.iter().filter(|one| !is_let_go(one));
        let kept: Vec<_> = kept.map(|one| one.id).collect();
        let index = Index::in_memory().expect("an index");
        let opened = Opened::look(self.upkeep.clone(), index, &Silent).expect("a look");
        let all = opened.snapshots.iter().cloned();
        let (kept, let_go): (Vec<_>, Vec<_>) = all.partition(|one| kept.contains(&one.id));
        let report = extend_locks(
            &opened.repository,
            &opened.index,
            (&kept, &let_go),
            (&self.trust, PLACE),
            lock(),
            &Silent,
        );
        let report = report.expect("an extension");
        assert_eq!(report.refused, [], "what is needed is there, and is ours");
        assert_eq!(report.unreadable, [""; 0]);
        report.extended
    }

    fn prune(&self) -> PruneReport {
        let options = PruneOptions {
            grace: DAY,
            ..PruneOptions::default()
        };
        prune(
            &self.upkeep,
            &self.indexes[1],
            &self.trust,
            &options,
            &Silent,
        )
        .expect("a prune")
    }
}

fn store(nights: &Arc<Nights>, who: Who, prefix: &str, lock: Option<ObjectLock>) -> Arc<dyn Store> {
    let calendar = OnCalendar {
        bucket: bucket(who, prefix),
        nights: nights.clone(),
    };
    let versioned = Versioned::new(Arc::new(calendar), nights.clone(), lock, None);
    // As the program opens it.
    Arc::new(versioned.leaving(Some("plans/")))
}

/// Whether it is there only because it is locked.
fn is_let_go(one: &JudgedSnapshot) -> bool {
    let is_lock = |reason: &Reason| matches!(reason, Reason::Locked(_));
    one.reasons.iter().any(is_lock)
}

fn files(folder: &Path) -> Files {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name");
            (name, std::fs::read(entry.path()).expect("a photo"))
        })
        .collect()
}

/// With the key of the host: tries to shorten each lock and to remove each version for good, then
/// writes over what is there or marks it as deleted, or both. How often the store said no.
fn rage(prefix: &str) -> usize {
    let store = bucket(Who::Host, prefix);
    let mut names = Vec::new();
    let listed = store.list_all("", &mut |seen| {
        names.push(seen.info.name);
        Ok(())
    });
    listed.expect("a listing");
    let now = Seams::real().clock.now();
    let soon = Retention {
        mode: LockMode::Governance,
        until: Timestamp::from_seconds(now.seconds() + 1),
    };
    let of_one = |(number, name): (usize, &String)| {
        let (mut refusals, mut gone) = (0, 0);
        for version in store.versions(name).expect("versions") {
            refusals += usize::from(store.retain(name, Some(&version.id), soon).is_err());
            match store.delete_version(name, &version.id) {
                Ok(()) => gone += 1,
                Err(_) => refusals += 1,
            }
        }
        if gone > 0 {
            // What is locked no more is rid of for good.
            return refusals;
        }
        if number % 3 != 0 {
            let ransom = Bytes::from_static(b"pay");
            store.put(name, ransom).expect("writing over is allowed");
        }
        if number % 3 != 1 {
            store.delete(name).expect("a mark of deletion can be set");
        }
        refusals
    };
    // Side by side, so that it is over soon.
    let numbered: Vec<_> = names.iter().enumerate().collect();
    std::thread::scope(|scope| {
        let parts = numbered.chunks(names.len().div_ceil(4).max(1));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(|| part.iter().copied().map(of_one).sum::<usize>()))
            .collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        ended.sum()
    })
}

/// A machine that knows nothing but the words restores every snapshot that is listed.
fn restore_all(world: &World, prefix: &str) -> BTreeSet<ObjectId> {
    let reader = store(&world.nights, Who::Host, prefix, None);
    let head = offsite::repository::head(reader.as_ref()).expect("the oldest that was locked");
    let upkeep = &world.upkeep;
    let opened = open_with(
        reader,
        upkeep.seams.clone(),
        upkeep.writer.clone(),
        upkeep.reader.clone(),
        &head,
    );
    let index = Index::in_memory().expect("an index");
    let opened = Opened::look(opened.expect("ours"), index, &Silent).expect("a look");
    for snapshot in &opened.snapshots {
        let target = tempfile::tempdir().expect("a folder");
        let options = RestoreOptions {
            target: target.path().to_path_buf(),
            files: true,
            ..RestoreOptions::default()
        };
        let (repository, index) = (&opened.repository, &opened.index);
        restore(repository, index, &snapshot.record, &options, &Silent).expect("a restore");
        let inside = world.library.path().strip_prefix("/").expect("absolute");
        let back = files(&target.path().join(inside));
        let expected = world.expected.get(&snapshot.id).expect("one of ours");
        assert!(
            back == *expected,
            "snapshot {} came back otherwise",
            snapshot.id
        );
    }
    opened.snapshots.iter().map(|one| one.id).collect()
}

/// How many seconds a night needs on this machine today: one that does all that nights do.
fn seconds_of_a_night() -> i64 {
    let mut rehearsal = World::new("rehearsal", 1);
    let began = Instant::now();
    for night in 0..2 {
        rehearsal.live(night);
        rehearsal.back_up();
        let judged = rehearsal.forget();
        rehearsal.extend(&judged);
        rehearsal.prune();
    }
    began.elapsed().as_secs() as i64 / 2 + 1
}

#[test]
fn space_comes_back_locks_last_and_a_raging_host_destroys_nothing() {
    let _user = with_locking_bucket(BUCKET);
    let nights = std::env::var("OFFSITE_TEST_NIGHTS").ok();
    let nights: i64 = nights.map_or(16, |nights| nights.parse().expect("a number"));
    let mut world = World::new("offsite", seconds_of_a_night());
    let (mut extended, mut refused, mut swept) = (0, 0, 0);
    let (mut said_until, mut held, mut forgotten) = (0, 0, 0);
    let (mut night, mut rounds, mut first) = (0, 0, Vec::new());
    while night < nights {
        world.live(night);
        world.back_up();
        let judged = world.forget();
        if rounds % 4 == 3 {
            refused += rage("offsite");
        }
        forgotten += judged.removed.len();
        held += judged.locked;
        for one in &judged.removed {
            world.expected.remove(&one.id);
        }
        extended += world.extend(&judged);
        let pruned = world.prune();
        swept += pruned.swept.packs;
        let until = pruned.retained_until.unwrap_or_default();
        said_until += usize::from(pruned.retained.packs > 0 && until.starts_with("until 20"));
        if rounds == 0 {
            first = packs("offsite");
        }
        (night, rounds) = (world.nights.next(), rounds + 1);
    }
    let judged = world.forget();
    for one in &judged.removed {
        world.expected.remove(&one.id);
    }
    refused += rage("offsite");
    let restored = restore_all(&world, "offsite");
    // The lock of what was let go may have ended while they raged. All else is there.
    let let_go = judged.kept.iter().filter(|one| is_let_go(one));
    let let_go: Vec<_> = let_go.map(|one| one.id).collect();
    world
        .expected
        .retain(|id, _| restored.contains(id) || !let_go.contains(id));
    let restored = restored.len();
    println!(
        "{rounds} nights of {night}: {extended} locks extended, {refused} refusals, {swept} packs \
         swept, {forgotten} snapshots forgotten, {held} times one was locked yet, {said_until} \
         nights said until when, {restored} restored"
    );
    assert_eq!(restored, world.expected.len(), "each that is not forgotten");
    assert!(restored >= KEPT as usize && refused > 100);
    assert!(extended > 0 && held > 0 && said_until > 0);
    assert!(forgotten > 0 && swept > 0);
    // What only the first night needed is gone for good, whoever wrote what over it.
    let left = packs("offsite");
    let gone = first.iter().filter(|name| !left.contains(name)).count();
    assert!(gone > 0, "of {first:?} nothing is gone");
}

/// The packs of which any version is left that is no ransom note.
fn packs(prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    let listed = bucket(Who::Upkeep, prefix).list_all("packs/", &mut |seen| {
        if seen.info.bytes > 1000 {
            names.push(seen.info.name);
        }
        Ok(())
    });
    listed.expect("a listing");
    names
}
