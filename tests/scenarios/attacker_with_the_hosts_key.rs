//! "Somebody took over the server, had its keys, and deleted and overwrote the whole bucket. It was
//! locked. Everything came back."

use bytes::Bytes;
use offsite::seams::{Seams, Timestamp};
use offsite::store::retention::{LockMode, Retaining, Retention};
use offsite::store::s3::{S3, S3Options, StaticCredentials};
use offsite::store::{ErrorKind, Store};

use crate::harness::seaweedfs::SeaweedFs;
use crate::tree::{assert_same, noise};
use crate::user::User;

const DUMP: &str = "-- PostgreSQL database dump\n\nCOPY public.asset (id) FROM stdin;\n1\n2\n\\.\n\n\
    --\n-- PostgreSQL database dump complete\n--\n";

/// A user with a bucket that was made with Object Lock, and a credential that may lock.
pub fn with_locking_bucket(bucket: &str) -> User {
    let server = SeaweedFs::shared();
    server.create_locking_bucket(bucket);
    let mut user = User::with_bucket();
    user.repository = format!("s3://{bucket}/offsite");
    user.set("AWS_ACCESS_KEY_ID", server.host_access_key());
    user.set("AWS_SECRET_ACCESS_KEY", server.host_secret_key());
    allow_locks(bucket, true);
    user
}

/// Whoever may write into the bucket may lock there, and delete or not.
pub fn allow_locks(bucket: &str, may_delete: bool) {
    let server = SeaweedFs::shared();
    let statement = |effect: &str, actions: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": [{actions}],
                "Resource": ["arn:aws:s3:::{bucket}/*"]}}"#
        )
    };
    let mut statements = vec![statement(
        "Allow",
        r#""s3:PutObjectRetention", "s3:GetObjectRetention""#,
    )];
    if !may_delete {
        statements.push(statement(
            "Deny",
            r#""s3:DeleteObject", "s3:DeleteObjectVersion""#,
        ));
    }
    let statements = statements.join(", ");
    server.set_bucket_policy(
        bucket,
        &format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#),
    );
    wait_until_heeded(bucket, may_delete);
}

/// The bucket as the host's credential has it.
fn bucket_of_the_host(bucket: &str, prefix: &str) -> S3 {
    let server = SeaweedFs::shared();
    let options = S3Options {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(server.endpoint()),
        credentials: Some(StaticCredentials {
            access_key_id: server.host_access_key().to_owned(),
            secret_access_key: server.host_secret_key().to_owned(),
            session_token: None,
        }),
        ..S3Options::default()
    };
    S3::open(&options, &Seams::real()).expect("a client")
}

/// The server takes a moment to heed a new policy.
fn wait_until_heeded(bucket: &str, may_delete: bool) {
    let store = bucket_of_the_host(bucket, "policy");
    let retention = Retention {
        mode: LockMode::Governance,
        until: Seams::real()
            .clock
            .now()
            .plus(std::time::Duration::from_secs(1)),
    };
    for _ in 0..100 {
        store.put("a", Bytes::new()).expect("the host may write");
        let may_lock = store.retain("a", None, retention).is_ok();
        if may_lock && store.delete("a").is_ok() == may_delete {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the policy is not heeded");
}

/// Does what the host's credential lets do, and tells how many objects it went through.
fn attack(bucket: &str) -> usize {
    let store = bucket_of_the_host(bucket, "offsite");
    let mut names = Vec::new();
    let listed = store.list_all("", &mut |seen| {
        names.push(seen.info.name);
        Ok(())
    });
    listed.expect("a listing");
    for (number, name) in names.iter().enumerate() {
        for version in store.versions(name).expect("versions") {
            let sooner = Retention {
                mode: LockMode::Compliance,
                until: Timestamp::from_seconds(Seams::real().clock.now().seconds() + 2),
            };
            let shortened = store.retain(name, Some(&version.id), sooner);
            assert_eq!(shortened.unwrap_err().kind, ErrorKind::Denied, "{name}");
            let deleted = store.delete_version(name, &version.id);
            assert!(deleted.is_err(), "{name} was deleted for good");
            let lifted = store.delete_in_spite_of_governance(name, &version.id);
            assert!(lifted.is_err(), "the lock of {name} was lifted");
        }
        // One is hidden, one written over, one both; one is buried under many.
        let is_buried = name.starts_with("snapshots/") || name == "repository";
        let times = if is_buried { 20 } else { number % 3 };
        for round in 0..times {
            let ransom = Bytes::from(format!("pay {round}").into_bytes());
            store.put(name, ransom).expect("writing over is allowed");
        }
        if number % 3 != 1 {
            store.delete(name).expect("a mark of deletion can be set");
        }
    }
    names.len()
}

#[test]
fn what_was_locked_restores_on_a_machine_that_knows_nothing() {
    let user = with_locking_bucket("locked-photos");
    for photo in 0..12 {
        user.write(
            format!("photos/{photo}.jpg"),
            noise(&photo.to_string(), 400_000),
        );
    }
    user.write("dump.sql", DUMP);
    let locked = |arguments: &[&str]| {
        let lock = ["--object-lock", "compliance:1"];
        user.offsite(&[arguments, &lock].concat()).done();
    };
    locked(&["init", "--pack-size", "1"]);
    let backup = ["backup", "photos", "--database-file", "dump.sql"];
    locked(&backup);
    user.write("photos/new.jpg", noise("new", 300_000));
    locked(&backup);

    let touched = attack("locked-photos");
    assert!(touched > 8, "{touched} objects");

    // What a plain listing still shows is what the attacker put there.
    let plain = bucket_of_the_host("locked-photos", "offsite");
    let mut shown = 0;
    let listed = plain.list("", &mut |info| {
        shown += 1;
        assert!(info.bytes < 10, "{} was not touched", info.name);
        Ok(())
    });
    listed.expect("a listing");
    assert!(shown < touched, "{shown} of {touched} are shown");

    let machine = user.another_machine();
    let snapshots = machine.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(snapshots.as_array().map(Vec::len), Some(2));
    assert_eq!(machine.offsite(&["database"]).done().text(), DUMP);
    machine.offsite(&["restore", "--target", "back"]).done();
    let inside = user.path("photos");
    let inside = inside.strip_prefix("/").expect("an absolute path");
    assert_same(&user.path("photos"), &machine.path("back").join(inside));
    // Each of them, not the newest alone.
    let first = ["restore", "latest~1", "--target", "first"];
    machine.offsite(&first).done();
    let first = machine.path("first").join(inside);
    for photo in (0..12).map(|photo| format!("{photo}.jpg")) {
        let photos = [&user.path("photos"), &first].map(|folder| folder.join(&photo));
        let [before, after] = photos.map(|photo| std::fs::read(photo).expect("a photo"));
        assert!(before == after, "{photo} came back otherwise");
    }
    assert!(!first.join("new.jpg").exists());
    let whole = machine
        .offsite(&["verify", "--data", "--json"])
        .done()
        .json();
    assert_eq!(whole["ok"], true, "{whole}");
}

#[test]
fn locks_are_extended_when_a_third_of_their_time_is_over_and_not_asked_for_before() {
    let user = with_locking_bucket("extended-photos");
    user.write("photos/a.jpg", noise("a", 300_000));
    let run = |arguments: &[&str], lock: &str| {
        let lock = ["--object-lock", lock];
        user.offsite(&[arguments, &lock].concat()).done()
    };
    run(&["init"], "compliance:1");
    run(&["backup", "photos", "--no-database"], "compliance:1");
    let extend = ["lock", "extend", "--json"];
    let first = run(&extend, "compliance:1").json();
    assert_eq!(
        first["objects_sufficed"], first["objects_needed"],
        "{first}"
    );
    // Of nine days one is left.
    let second = run(&extend, "compliance:9").json();
    assert_eq!(
        second["objects_extended"], first["objects_needed"],
        "{second}"
    );
    let third = run(&extend, "compliance:9").json();
    assert_eq!(
        third["objects_sufficed"], first["objects_needed"],
        "{third}"
    );
    assert_eq!(third["locked_until"], second["locked_until"]);
    // The store says the same.
    let store = bucket_of_the_host("extended-photos", "offsite");
    let until = store
        .retention("repository", None)
        .expect("an answer")
        .expect("a lock")
        .until;
    let days = until.since(Seams::real().clock.now()).as_secs() / 3600;
    assert!((8 * 24..=9 * 24).contains(&days), "{days} hours");
    user.offsite(&["lock", "extend"]).ended(2);
}
