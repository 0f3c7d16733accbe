//! Months go by, and what the snapshots need stays locked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::crypto::KdfCost;
use crate::format::housekeeping::Plan;
use crate::index::NotedPlan;
use crate::ops::{
    BackupOptions, CheckpointRule, InitOptions, Opened, SourceChoice, VerifyOptions, backup, init,
    remove_key, verify,
};
use crate::progress::Silent;
use crate::repository::store_plan;
use crate::seams::{Clock, Seams, Timestamp};
use crate::store::Store;
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::recording::{Operation, Recording};
use crate::store::retention::{LockMode, Retaining};
use crate::store::versioned::Versioned;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn since_boot(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
    fn sleep(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }
}

struct Scene {
    clock: Arc<Still>,
    bucket: Arc<Memory>,
    calls: Arc<Recording>,
    faults: Arc<Faulty>,
    repository: Repository,
    trust: Trust,
    folder: tempfile::TempDir,
}

fn lock() -> ObjectLock {
    ObjectLock::new(LockMode::Compliance, 30).unwrap()
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(Still(Mutex::new(Timestamp::from_seconds(1_800_000_000))));
        let seams = Seams {
            clock: clock.clone(),
            ..Seams::real()
        };
        let bucket = Arc::new(Memory::with_versions(clock.clone()));
        let faults = Arc::new(Faulty::new(bucket.clone()));
        let calls = Arc::new(Recording::new(faults.clone()));
        let store = Versioned::new(calls.clone(), clock.clone(), Some(lock()), None);
        let options = InitOptions {
            passphrase: "correct horse",
            cost: KdfCost::LEAST,
            host: "home".to_owned(),
            pack_bytes: 1 << 20,
        };
        let made = init(Arc::new(store), &seams, &options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        let scene = Self {
            clock,
            bucket,
            calls,
            faults,
            repository: made.repository,
            trust: Trust::in_memory().unwrap(),
            folder,
        };
        for photo in 0_u32..6 {
            scene.write(photo);
        }
        scene.back_up();
        scene
    }

    fn photo(&self, photo: u32) -> PathBuf {
        self.folder.path().join(format!("photos/{photo}"))
    }

    fn write(&self, photo: u32) {
        let mut bytes = vec![0; 700_000];
        let mut noise = blake3::Hasher::new();
        noise.update(&photo.to_le_bytes());
        noise.finalize_xof().fill(&mut bytes);
        std::fs::write(self.photo(photo), bytes).unwrap();
    }

    fn back_up(&self) {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![Path::new("photos").to_owned()],
                ..SourceChoice::default()
            },
            current: self.folder.path().to_owned(),
            host: "home".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        let index = Index::in_memory().unwrap();
        backup(&self.repository, &index, &options, &Silent).unwrap();
    }

    fn extend(&self) -> Result<ExtendReport> {
        self.extend_newest(usize::MAX)
    }

    /// As if the others were to be forgotten.
    fn extend_newest(&self, number: usize) -> Result<ExtendReport> {
        let index = Index::in_memory().unwrap();
        let opened = Opened::look(self.repository.clone(), index, &Silent)?;
        self.calls.take();
        let mut let_go = opened.snapshots.clone();
        let kept = let_go.split_off(let_go.len().saturating_sub(number));
        extend_locks(
            &opened.repository,
            &opened.index,
            (&kept, &let_go),
            (&self.trust, "bucket"),
            lock(),
            &Silent,
        )
    }

    fn until(&self, name: &str) -> Option<Timestamp> {
        self.bucket
            .retention(name, None)
            .unwrap()
            .map(|it| it.until)
    }
}

#[test]
fn everything_needed_is_extended_once_a_third_and_nothing_is_asked_twice() {
    let scene = Scene::new();
    let names = scene.bucket.names();
    assert!(names.len() > 7, "{names:?}");
    let (litter, body) = (
        format!("packs/aa/{}", "a".repeat(64)),
        Bytes::from(vec![0; 70_000]),
    );
    scene.bucket.put(&litter, body).unwrap();

    scene.clock.sleep(5 * DAY);
    let report = scene.extend().unwrap();
    let all = names.len() as u64;
    assert_eq!(
        (report.needed, report.extended, report.sufficed),
        (all, 0, all)
    );
    assert_eq!(
        scene.calls.count(Operation::Beyond, ""),
        names.len() + 1,
        "each is asked once, and the one without a hash for its versions"
    );
    let report = scene.extend().unwrap();
    assert_eq!((report.extended, report.sufficed), (0, all));
    assert_eq!(scene.calls.count(Operation::Beyond, ""), 0);

    scene.clock.sleep(6 * DAY);
    let report = scene.extend().unwrap();
    assert_eq!(
        (report.extended, report.sufficed, report.refused_count),
        (all, 0, 0)
    );
    let until = scene.clock.now().plus(30 * DAY);
    assert_eq!(report.until, Some(until));
    // For status, which nobody told for long.
    let horizon = scene.trust.lock_horizon("bucket").unwrap().unwrap();
    assert_eq!(
        (horizon.until, horizon.extend_before),
        (until, until.minus(10 * DAY))
    );
    for name in &names {
        assert_eq!(scene.until(name), Some(until), "{name}");
    }
    assert_eq!(
        scene.until(&litter),
        None,
        "what nobody needs is left to end"
    );

    // A year of it, every eleven days.
    for _ in 0..33 {
        scene.clock.sleep(11 * DAY);
        assert_eq!(scene.extend().unwrap().extended, all);
    }
    assert!(
        names
            .iter()
            .all(|name| scene.until(name) > Some(scene.clock.now().plus(29 * DAY)))
    );
}

#[test]
fn an_extension_that_was_cut_short_goes_on_where_it_was() {
    let scene = Scene::new();
    scene.clock.sleep(15 * DAY);
    let names = scene.bucket.names();
    let is_pack = |name: &&String| name.starts_with("packs/");
    let last = names.iter().rfind(is_pack).unwrap();
    // Of its own name, not of a listing.
    scene
        .faults
        .fail_names(last, Fault::Before(ErrorKind::Transient));
    assert!(scene.extend().is_err());
    scene.faults.heal();
    let report = scene.extend().unwrap();
    assert!(report.sufficed > 0 && report.extended > 0, "{report:?}");
    assert_eq!(report.needed, report.sufficed + report.extended);
    let until = scene.clock.now().plus(30 * DAY);
    assert!(
        scene
            .bucket
            .names()
            .iter()
            .all(|name| scene.until(name) == Some(until))
    );
}

#[test]
fn what_was_hidden_is_extended_too_and_what_is_refused_is_named() {
    let scene = Scene::new();
    scene.clock.sleep(15 * DAY);
    let names = scene.bucket.names();
    let (hidden, over) = (&names[names.len() - 1], &names[0]);
    scene.bucket.delete(hidden).unwrap();
    scene
        .bucket
        .put(over, Bytes::from_static(b"ransom"))
        .unwrap();
    let report = scene.extend().unwrap();
    assert_eq!(report.extended, names.len() as u64, "{report:?}");
    let oldest = |name: &str| scene.bucket.versions(name).unwrap()[0].id.clone();
    for name in [hidden, over] {
        let kept = scene.bucket.retention(name, Some(&oldest(name))).unwrap();
        assert_eq!(
            kept.map(|it| it.until),
            Some(scene.clock.now().plus(30 * DAY)),
            "{name}"
        );
    }
    scene.clock.sleep(15 * DAY);
    let key = names.iter().find(|name| name.starts_with("keys/")).unwrap();
    scene
        .faults
        .fail_names(key, Fault::Before(ErrorKind::Denied));
    let report = scene.extend().unwrap();
    assert_eq!(
        (report.refused_count, report.refused[0].0.as_str()),
        (1, key.as_str())
    );
    assert_eq!(report.extended, report.needed - 1);
}

/// A snapshot that is to be forgotten is listed until its lock is over, and packs of it were not
/// extended any more: whoever deleted those had every prune stop, for a chunk that is nowhere.
#[test]
fn what_is_locked_restores_though_it_is_to_be_forgotten() {
    let scene = Scene::new();
    scene.clock.sleep(15 * DAY);
    scene.write(6);
    scene.back_up();
    scene.clock.sleep(DAY);
    (0..7).for_each(|photo| std::fs::remove_file(scene.photo(photo)).unwrap());
    scene.write(7);
    scene.back_up();
    assert!(scene.extend_newest(1).unwrap().extended > 0);
    assert_eq!(scene.extend_newest(1).unwrap().extended, 0);

    // The first is locked until the 30th day, the second until the 45th. What is locked no more goes.
    scene.clock.sleep(24 * DAY);
    let mut names = Vec::new();
    let listed = scene.bucket.list_all("", &mut |seen| {
        names.push(seen.info.name);
        Ok(())
    });
    listed.unwrap();
    for name in names {
        for version in scene.bucket.versions(&name).unwrap() {
            let _ = scene.bucket.delete_version(&name, &version.id);
        }
    }
    let index = Index::in_memory().unwrap();
    let options = VerifyOptions { data: true };
    let report = verify(&scene.repository, &index, &options, &Silent).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.snapshots_checked, 2);
}

/// SeaweedFS gives what is extended a new time. A session then seemed to have gone on after the
/// snapshot that closes it, since the two are extended on different nights, and prune kept its litter
/// for ever.
#[test]
fn no_extension_makes_a_session_look_younger_than_what_closes_it() {
    let scene = Scene::new();
    scene.bucket.renew_times();
    for night in 1..60 {
        scene.clock.sleep(DAY);
        if night % 7 == 0 {
            scene.write(night);
            scene.back_up();
        }
        let extended = scene.extend().unwrap().extended;
        for name in scene.bucket.names() {
            let modified = scene.bucket.head(&name).unwrap().modified;
            if extended > 0 && name.starts_with("snapshots/") {
                assert_eq!(modified, scene.clock.now(), "night {night}: {name}");
            }
        }
    }
}

/// A pack that prune wrote anew still holds what snapshots need, so that it was extended, each time,
/// and could never be deleted.
#[test]
fn what_this_host_condemned_is_not_extended_and_what_others_did_is() {
    let scene = Scene::new();
    scene.clock.sleep(15 * DAY);
    let names = scene.bucket.names();
    let pack = names
        .iter()
        .find(|name| name.starts_with("packs/"))
        .unwrap();
    let id: ObjectId = pack.rsplit('/').next().unwrap().parse().unwrap();
    let plan = Plan {
        host: "home".to_owned(),
        created: scene.clock.now(),
        grace_seconds: 72 * 3600,
        packs: vec![id].into(),
        segments: Vec::new().into(),
        snapshots: Vec::new().into(),
        forgets: Vec::new().into(),
    };
    let plan = store_plan(&scene.repository, plan).unwrap();
    // Anybody can put one.
    scene.extend().unwrap();
    let extended = scene.until(pack);
    assert_eq!(extended, Some(scene.clock.now().plus(30 * DAY)));

    let (modified, noted) = (plan.modified, scene.clock.now());
    let note = NotedPlan { modified, noted };
    scene.trust.note_plan(&plan.id, note).unwrap();
    scene.clock.sleep(11 * DAY);
    let report = scene.extend().unwrap();
    assert_eq!(report.extended, names.len() as u64 - 1);
    assert_eq!(scene.until(pack), extended);
}

/// A slot that was removed is there until its lock is over, and so was extended, and so never went.
#[test]
fn the_lock_of_a_removed_key_slot_runs_out() {
    let scene = Scene::new();
    let names = scene.bucket.names();
    let slot = names.iter().find(|name| name.starts_with("keys/")).unwrap();
    let before = scene.until(slot);
    let remember = |name: &str| scene.trust.drop_copies(name).unwrap();
    let id = slot.strip_prefix("keys/").unwrap();
    let removed = remove_key(&scene.repository, id, true, &remember);
    assert!(removed.is_err(), "it is locked");
    scene.clock.sleep(15 * DAY);
    let report = scene.extend().unwrap();
    assert_eq!(report.extended, names.len() as u64 - 1);
    assert_eq!(scene.until(slot), before);
    scene.clock.sleep(16 * DAY);
    remove_key(&scene.repository, id, true, &remember).unwrap();
    assert!(scene.bucket.versions(slot).unwrap().is_empty());
}
