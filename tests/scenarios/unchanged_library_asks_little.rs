//! "It runs every night, and most nights nothing happened." Such a night costs a handful of requests,
//! with everything that a library has: a dump, its audit, second names, labels.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use offsite::crypto::KdfCost;
use offsite::ops::{
    BackupOptions, CheckpointRule, InitOptions, Replica, SourceChoice, StateFolder, backup_to_all,
    init, init_replica,
};
use offsite::progress::Silent;
use offsite::repository::Repository;
use offsite::seams::{Clock, Seams, SystemClock, Timestamp};
use offsite::source::database::DatabaseSource;
use offsite::store::Store;
use offsite::store::local::Local;
use offsite::store::memory::Memory;
use offsite::store::open::{OpenOptions, open_bare};
use offsite::store::recording::{Call, Operation, Recording};
use offsite::store::retention::{LockMode, ObjectLock};
use offsite::store::s3::StaticCredentials;
use offsite::store::versioned::Versioned;
use rustix::fs::{XattrFlags, setxattr};

use crate::harness::seaweedfs::SeaweedFs;
use crate::user::PASSPHRASE;

/// An hour ahead, so that files which were just made are believed to hold still.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(3600))
    }
    fn since_boot(&self) -> Duration {
        SystemClock.since_boot()
    }
    fn sleep(&self, time: Duration) {
        SystemClock.sleep(time);
    }
}

/// The sample library with more in it.
fn library(folder: &Path) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let unpacked = Command::new("tar")
        .args(["--extract", "--file"])
        .arg(samples.join("upload-location.tar"))
        .arg("--directory")
        .arg(folder)
        .status();
    assert!(unpacked.expect("tar starts").success());
    fs::copy(samples.join("v3.0-pg_dump.sql"), folder.join("dump.sql")).unwrap();
    let more = folder.join("upload-location/library/alice/more");
    fs::create_dir_all(&more).unwrap();
    for number in 0..300 {
        let path = more.join(format!("{number}.jpg"));
        fs::write(&path, format!("photo {number}")).unwrap();
        if number % 3 == 0 {
            fs::hard_link(&path, more.join(format!("again {number}.jpg"))).unwrap();
        }
        // Where the file system has them.
        let _ = setxattr(&path, "user.rating", b"5", XattrFlags::empty());
    }
}

/// One copy: what is asked of it is written down at its door.
struct Copy {
    calls: Arc<Recording>,
    store: Arc<dyn Store>,
}

impl Copy {
    fn at(store: Arc<dyn Store>) -> Self {
        let calls = Arc::new(Recording::new(store));
        Self {
            store: calls.clone(),
            calls,
        }
    }

    /// As the program opens a bucket, with all that it does about versions counted.
    fn in_bucket(name: &str, is_locking: bool, seams: &Seams) -> Self {
        let server = SeaweedFs::shared();
        match is_locking {
            true => server.create_locking_bucket(name),
            false => server.create_bucket(name),
        }
        let options = OpenOptions {
            endpoint: Some(server.endpoint()),
            region: Some(server.region().to_owned()),
            credentials: Some(StaticCredentials {
                access_key_id: server.access_key().to_owned(),
                secret_access_key: server.secret_key().to_owned(),
                session_token: None,
            }),
            ..OpenOptions::default()
        };
        let url = format!("s3://{name}/offsite").parse().unwrap();
        let calls = Arc::new(Recording::new(open_bare(&url, &options, seams).unwrap()));
        let clock = seams.clock.clone();
        let lock = is_locking.then_some(ObjectLock {
            mode: LockMode::Governance,
            days: 1,
        });
        Self {
            store: Arc::new(Versioned::new(calls.clone(), clock, lock, None)),
            calls,
        }
    }
}

fn seams() -> Seams {
    Seams {
        clock: Arc::new(Later),
        ..Seams::real()
    }
}

/// Five nights of a library in which nothing happens, with the memory that a host has of its copies.
fn nights(copies: &[Copy]) {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let seams = seams();
    let options = InitOptions {
        passphrase: PASSPHRASE,
        cost: KdfCost::LEAST,
        host: "home".to_owned(),
        pack_bytes: 1 << 20,
    };
    let [home, others @ ..] = copies else {
        panic!("there is a copy");
    };
    let home = init(home.store.clone(), &seams, &options)
        .unwrap()
        .repository;
    let mut repositories = vec![home];
    for other in others {
        init_replica(&repositories[0], other.store.as_ref()).unwrap();
        repositories.push(Repository {
            store: other.store.clone(),
            ..repositories[0].clone()
        });
    }
    let state = StateFolder::new(&folder.path().join("state"), repositories[0].id());
    state.create().unwrap();
    let replicas = repositories.into_iter().enumerate();
    let replicas: Vec<_> = replicas
        .map(|(number, repository)| Replica {
            name: number.to_string(),
            index: state.open_index(&number.to_string()).unwrap(),
            repository,
        })
        .collect();
    let destinations: Vec<_> = replicas.iter().map(|it| it.destination(true)).collect();
    let options = BackupOptions {
        source: SourceChoice {
            immich: Some("upload-location".into()),
            database: Some(DatabaseSource::File(folder.path().join("dump.sql"))),
            ..SourceChoice::default()
        },
        current: folder.path().to_owned(),
        host: "home".to_owned(),
        tags: Vec::new(),
        accept_shrunk: false,
        checkpoint: CheckpointRule::default(),
    };
    for night in 0..5 {
        copies.iter().for_each(|copy| drop(copy.calls.take()));
        let report = backup_to_all(&destinations, &options, &Silent).unwrap();
        assert_eq!(report.problems_total, 0, "{:?}", report.problems);
        assert!(report.audit.values().sum::<u64>() > 6, "{:?}", report.audit);
        assert!(report.replicas.iter().all(|one| one.behind.is_none()));
        if night == 0 {
            continue;
        }
        let dump = report.database.as_ref().map(|dump| dump.bytes);
        let read = report.statistics.bytes_read;
        assert_eq!(Some(read), dump, "night {night}: only the dump is read");
        assert_eq!(report.statistics.files_new, 0, "night {night}");
        for copy in copies {
            assert_few(&copy.calls.take(), night);
        }
    }
}

fn assert_few(calls: &[Call], night: u32) {
    let mut asked: BTreeMap<Operation, Vec<&str>> = BTreeMap::new();
    for call in calls {
        asked.entry(call.operation).or_default().push(&call.name);
    }
    let puts = asked.remove(&Operation::Put).unwrap_or_default();
    assert!(
        matches!(puts.as_slice(), [only] if only.starts_with("snapshots/")),
        "night {night}: {puts:?}"
    );
    let lists = asked.remove(&Operation::List).unwrap_or_default();
    assert!(lists.len() <= 8, "night {night}: {lists:?}");
    let others: usize = asked.values().map(Vec::len).sum();
    assert!(others + puts.len() <= 20, "night {night}: {asked:?}");
    let allowed = [
        Operation::Get,
        Operation::Head,
        Operation::Now,
        Operation::Beyond,
    ];
    let forbidden = asked.keys().find(|verb| !allowed.contains(verb));
    assert_eq!(forbidden, None, "night {night}: {asked:?}");
}

#[test]
fn a_night_without_change_is_one_record_and_a_look_around() {
    nights(&[Copy::at(Arc::new(Memory::new(seams().clock)))]);
}

#[test]
fn so_it_is_in_two_copies() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::create(&folder.path().join("offsite"), seams()).unwrap();
    let memory = Memory::new(seams().clock);
    nights(&[Copy::at(Arc::new(local)), Copy::at(Arc::new(memory))]);
}

#[test]
fn so_it_is_in_buckets() {
    let seams = seams();
    nights(&[
        Copy::in_bucket("unchanged-plain", false, &seams),
        Copy::in_bucket("unchanged-locked", true, &seams),
    ]);
}
