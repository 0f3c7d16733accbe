//! "The server that makes the backups may write to the bucket, and may not delete from it."
//!
//! Whoever takes over that server then cannot destroy what is stored. A backup gets along because
//! it never deletes and never overwrites; the second half of this file counts its requests.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use offsite::crypto::KdfCost;
use offsite::index::Index;
use offsite::ops::{
    BackupOptions, BackupReport, CheckpointRule, InitOptions, SourceChoice, backup, init,
};
use offsite::progress::Silent;
use offsite::repository::Repository;
use offsite::seams::Seams;
use offsite::source::database::DatabaseSource;
use offsite::store::memory::Memory;
use offsite::store::recording::{Call, Operation, Recording};

use crate::attacker_with_the_hosts_key::{allow_locks, with_locking_bucket};
use crate::harness::seaweedfs::{SeaweedFs, wait_for};
use crate::objects::Objects;
use crate::tree::{assert_same, noise};
use crate::user::{PASSPHRASE, User};

const DUMP: &str = "-- PostgreSQL database dump\n\nSET client_encoding = 'UTF8';\n\n\
    COPY public.asset (id) FROM stdin;\n1\n2\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n";

#[test]
fn everything_but_clearing_up_works_with_credentials_that_cannot_delete() {
    let server = SeaweedFs::shared();
    let mut user = User::with_bucket();
    let bucket = user.repository.trim_start_matches("s3://");
    let bucket = bucket.split('/').next().expect("a bucket").to_owned();
    server.forbid_deletion(&bucket);
    user.set("AWS_ACCESS_KEY_ID", server.host_access_key());
    user.set("AWS_SECRET_ACCESS_KEY", server.host_secret_key());

    user.write("photos/a.jpg", noise("a", 700_000));
    user.write("photos/b.jpg", noise("b", 3_000));
    user.write("dump.sql", DUMP);
    user.init();
    let arguments = ["backup", "photos", "--database-file", "dump.sql"];
    user.offsite(&arguments).done();
    user.write("photos/c.jpg", noise("c", 50_000));
    user.offsite(&arguments).done();

    let snapshots = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(snapshots.as_array().map(Vec::len), Some(2));
    let whole = user.offsite(&["verify", "--data", "--json"]).done().json();
    assert_eq!(
        (&whole["ok"], &whole["decrypted"]),
        (&true.into(), &true.into())
    );
    let listed = user.offsite(&["ls", "latest", "--recursive"]).done().text();
    assert!(listed.contains("photos/c.jpg"), "{listed}");
    assert_eq!(user.offsite(&["database"]).done().text(), DUMP);
    user.offsite(&["index", "rebuild"]).done();
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));

    // What only those may do who may delete: a sentence, what to do, and nothing is lost. The record
    // that explains it is put once.
    user.offsite(&["forget", "--keep-last", "1", "--dry-run"])
        .done();
    for _ in 0..2 {
        let refused = user
            .offsite(&["forget", "--keep-last", "1"])
            .ended(1)
            .stderr;
        assert!(
            refused.contains("nothing was removed, and nothing is lost"),
            "{refused}"
        );
        assert!(refused.contains("with those for maintenance"), "{refused}");
        assert_eq!(user.objects.list("forgets/").len(), 1);
    }
    user.offsite(&["prune"]).done();
    user.offsite(&["verify", "--budget", "1MiB"]).done();
    user.offsite(&arguments).done();

    // It is the server that stands in the way of deletion, and everything is still there.
    let names = user.objects.list("");
    let key = format!("offsite/{}", names.keys().next().expect("an object"));
    let delete = server.client().delete_object().bucket(&bucket).key(key);
    assert!(wait_for(delete.send()).is_err());
    assert_eq!(user.objects.list(""), names);
}

/// The bucket with locks, a disk beside it, and rules that let go of what is older than two nights.
fn with_bucket_and_disk(bucket: &str) -> User {
    let mut user = with_locking_bucket(bucket);
    allow_locks(bucket, false);
    let cloud = std::mem::take(&mut user.repository);
    user.write(
        "offsite.toml",
        format!(
            "[source]\nfolders = ['photos']\n[database]\nnone = true\n[retention]\nkeep_last = 2\n\
             [status]\ndrill_age_max = 'never'\n[[repository]]\nname = 'cloud'\nurl = '{cloud}'\n\
             object_lock = {{ mode = 'governance', days = 1 }}\n[[repository]]\nname = 'disk'\n\
             url = 'disk'\n"
        ),
    );
    user.offsite(&["init", "--repo", "cloud"]).done();
    user.offsite(&["init", "--repo", "disk", "--replica-of", "cloud"])
        .done();
    user
}

#[test]
fn every_step_of_a_night_runs_without_the_right_to_delete() {
    let bucket = "nights-without-delete";
    let user = with_bucket_and_disk(bucket);
    for night in 0..3 {
        user.write(
            format!("photos/{night}.jpg"),
            noise(&night.to_string(), 40_000),
        );
        user.offsite(&["backup"]).done();
        user.offsite(&["forget", "--dry-run"]).done();
        user.offsite(&["verify", "--budget", "1MiB"]).done();
        user.offsite(&["sync"]).done();
        // Where nobody extended anything yet, the store is asked how far its locks reach.
        let status = user.offsite(&["status", "--json"]).done().json();
        assert!(
            status["repositories"][0]["locked_until"].is_string(),
            "{status:#}"
        );
        // The disk, which has no locks, stood in the way of the bucket.
        let copies = ["--repo", "disk", "--repo", "cloud"];
        let extended = user.offsite(&[&["lock", "extend", "--json"], &copies[..]].concat());
        let extended = extended.done().json();
        assert_eq!(extended["objects_refused"], 0, "{extended}");
        assert_eq!(
            extended["snapshots_let_go"],
            u64::from(night == 2),
            "{extended}"
        );
        user.offsite(&["prune"]).done();
        user.offsite(&["status"]).done();
    }
    // The disk lets go of one; in the bucket it is locked yet, which is told and is no failure.
    let objects = Objects::in_bucket(bucket, "offsite/");
    let snapshots = || objects.list("snapshots/").len();
    for _ in 0..2 {
        let told = user.offsite(&["forget"]).done().text();
        assert!(told.contains("locked until 20"), "{told}");
        assert!(told.contains("will go when the lock is over"), "{told}");
        assert_eq!((snapshots(), objects.list("forgets/").len()), (3, 1));
    }
    user.offsite(&["sync"]).done();
    let level = user.offsite(&["status", "--json"]).done().json();
    assert_eq!(level["satisfied"], true, "{level:#}");
    user.offsite(&["backup"]).done();
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));

    // Who has the right to delete hears the same: a mark of deletion would only hide it.
    allow_locks(bucket, true);
    let told = user.offsite(&["forget", "--repo", "cloud"]).done().text();
    assert!(told.contains("locked until 20"), "{told}");
    assert_eq!(snapshots(), 4);
}

/// `object_lock` was written into the configuration a month after the first backup, and nobody extended
/// anything: the board said nothing of locks, and all was well.
#[test]
fn what_nobody_locked_needs_attention() {
    let mut user = with_locking_bucket("locked-too-late");
    user.write("photos/a.jpg", "a photo");
    let cloud = std::mem::take(&mut user.repository);
    let file = format!(
        "[status]\ndrill_age_max = 'never'\n[[repository]]\nname = 'cloud'\nurl = '{cloud}'\n"
    );
    user.write("offsite.toml", &file);
    user.offsite(&["init"]).done();
    user.offsite(&["backup", "photos"]).done();
    let lock = "object_lock = { mode = 'governance', days = 1 }\n";
    user.write("offsite.toml", file + lock);
    let locked = || {
        let board = user.offsite(&["status", "--json"]).ended(6).json();
        let checks = board["checks"].as_array().expect("checks").iter();
        let mut locked = checks.filter(|one| one["name"] == "locked");
        locked.next().expect("a check of the locks").clone()
    };
    let before = locked();
    assert_eq!(before["ok"], false, "{before}");
    assert!(
        before["hint"].to_string().contains("lock extend"),
        "{before}"
    );
    user.offsite(&["lock", "extend"]).done();
    assert_eq!(locked()["ok"], true);
}

/// A repository whose requests are written down, and a folder to back up.
struct Watched {
    calls: Arc<Recording>,
    repository: Repository,
    index: Index,
    folder: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        let seams = Seams::real();
        let calls = Arc::new(Recording::new(Arc::new(Memory::new(seams.clock.clone()))));
        let options = InitOptions {
            passphrase: PASSPHRASE,
            cost: KdfCost::LEAST,
            host: "home".to_owned(),
            pack_bytes: 1 << 20,
        };
        let made = init(calls.clone(), &seams, &options).expect("a repository");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("photos")).expect("a folder");
        std::fs::write(folder.path().join("dump.sql"), DUMP).expect("a dump");
        let watched = Self {
            calls,
            repository: made.repository,
            index: Index::in_memory().expect("an index"),
            folder,
        };
        // Enough for several packs.
        (0..12).for_each(|n| watched.write(&format!("photos/{n}.jpg"), 300_000 + n));
        watched
    }

    fn write(&self, path: &str, bytes: usize) {
        std::fs::write(self.folder.path().join(path), noise(path, bytes)).expect("a photo");
    }

    fn back_up(&self) -> BackupReport {
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![Path::new("photos").to_owned()],
                database: Some(DatabaseSource::File(self.folder.path().join("dump.sql"))),
                ..SourceChoice::default()
            },
            current: self.folder.path().to_owned(),
            host: "home".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        backup(&self.repository, &self.index, &options, &Silent).expect("a backup")
    }
}

fn names_of(calls: &[Call], operation: Operation) -> Vec<&str> {
    let of_kind = calls.iter().filter(|call| call.operation == operation);
    of_kind.map(|call| call.name.as_str()).collect()
}

#[test]
fn a_backup_asks_for_no_deletion_and_puts_no_name_twice() {
    let watched = Watched::new();
    let made = watched.calls.calls();
    assert_eq!(names_of(&made, Operation::PutIfAbsent), ["repository"]);
    for round in 0..4 {
        watched.write(&format!("photos/new-{round}.jpg"), 900_000);
        watched.back_up();
    }
    let calls = watched.calls.take();
    assert_eq!(names_of(&calls, Operation::Delete), [""; 0]);
    let puts = names_of(&calls, Operation::Put);
    let packs = puts.iter().filter(|name| name.starts_with("packs/"));
    assert!(packs.count() > 4, "{puts:?}");
    let different: BTreeSet<_> = puts.iter().collect();
    assert_eq!(different.len(), puts.len(), "{puts:?}");

    // The commit is the last word: nothing is sent after it that it might need.
    let last = puts.last().expect("a put");
    assert!(last.starts_with("snapshots/"), "{puts:?}");
}

#[test]
fn a_backup_of_what_did_not_change_costs_one_put_and_a_look_around() {
    let watched = Watched::new();
    watched.back_up();
    watched.back_up();
    watched.calls.take();
    watched.back_up();
    let calls = watched.calls.take();
    let puts = names_of(&calls, Operation::Put);
    assert!(
        puts.len() == 1 && puts[0].starts_with("snapshots/"),
        "{puts:?}"
    );
    assert_eq!(names_of(&calls, Operation::Delete), [""; 0]);
    assert_eq!(names_of(&calls, Operation::PutIfAbsent), [""; 0]);
    let looks: Vec<&Call> = calls
        .iter()
        .filter(|call| call.operation != Operation::Put)
        .collect();
    let looks: Vec<_> = looks
        .iter()
        .map(|call| (call.operation, call.name.as_str()))
        .collect();
    // Plans before all else; and once more before the commit, at a time of the store that the
    // snapshot is held against afterwards: a prune in between must not take what it rests on.
    let lists = ["plans/", "snapshots/", "index/", "packs/", "listings/"];
    let lists = lists.map(|prefix| (Operation::List, prefix));
    let before = [(Operation::Now, ""), (Operation::List, "plans/")];
    let after = [(Operation::Head, puts[0])];
    let expected = [&[(Operation::Now, "")][..], &lists, &before, &after].concat();
    assert_eq!(looks, expected);
}
