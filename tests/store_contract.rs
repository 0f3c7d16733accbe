//! Every store and every wrapper keeps the written contract, S3 against a real server; and S3 tells
//! apart what people need told apart: a wrong key, a missing bucket, a forbidden deletion, nobody
//! there.

mod harness;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness::seaweedfs::SeaweedFs;
use offsite::seams::{Seams, SystemClock};
use offsite::store::contract::verify_store;
use offsite::store::faulty::{Fault, Faulty};
use offsite::store::local::Local;
use offsite::store::memory::Memory;
use offsite::store::open::{OpenOptions, StoreUrl, open};
use offsite::store::recording::{Operation, Recording};
use offsite::store::retry::{Retry, RetryOptions};
use offsite::store::s3::{S3, S3Options, StaticCredentials};
use offsite::store::throttle::{Limits, Throttle};
use offsite::store::{ErrorKind, Store, Window};

fn memory() -> Arc<Memory> {
    Arc::new(Memory::new(Arc::new(SystemClock)))
}

fn options(bucket: &str, prefix: &str) -> S3Options {
    let server = SeaweedFs::shared();
    S3Options {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(server.endpoint()),
        region: None,
        path_style: None,
        profile: None,
        credentials: Some(StaticCredentials {
            access_key_id: server.access_key().to_owned(),
            secret_access_key: server.secret_key().to_owned(),
            session_token: None,
        }),
        storage_class: None,
    }
}

fn bucket(name: &str, prefix: &str) -> S3 {
    SeaweedFs::shared().create_bucket(name);
    S3::open(&options(name, prefix), &Seams::real()).expect("a client")
}

#[test]
fn memory_keeps_the_contract() {
    verify_store(&*memory());
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::create(&folder.path().join("new/one"), Seams::real()).unwrap();
    verify_store(&store);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("new/one/tmp"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}

#[test]
fn the_wrappers_keep_the_contract() {
    let seams = Seams::real();
    let fast = NonZeroU64::new(1 << 32);
    let limits = Limits {
        upload: fast,
        download: fast,
    };
    verify_store(&Recording::new(memory()));
    verify_store(&Faulty::new(memory()));
    verify_store(&Throttle::new(memory(), seams.clock.clone(), limits));
    verify_store(&Retry::new(memory(), seams, RetryOptions::default()));
}

#[test]
fn retrying_hides_a_store_that_fails_every_third_time() {
    let faulty = Arc::new(Faulty::new(memory()));
    for call in (1..40_000).step_by(3) {
        let fault = match call % 2 {
            0 => Fault::Before(ErrorKind::Transient),
            _ => Fault::After(ErrorKind::Throttled),
        };
        faulty.fail_call(call, fault);
    }
    let options = RetryOptions {
        delay_first: Duration::from_micros(10),
        ..RetryOptions::default()
    };
    verify_store(&Retry::new(faulty, Seams::real(), options));
}

#[test]
fn a_real_bucket_keeps_the_contract_with_and_without_a_prefix() {
    verify_store(&bucket("contract-root", ""));
    let inner = bucket("contract-prefix", "home/photos");
    // Neighbours whose keys begin alike are not this repository's.
    let client = S3::open(&options("contract-prefix", ""), &Seams::real()).unwrap();
    for name in ["home/photos2/a", "home/photo", "home/photos_"] {
        client.put(name, Bytes::from_static(b"not ours")).unwrap();
    }
    verify_store(&inner);
}

#[test]
fn a_bucket_opened_by_url_keeps_the_contract() {
    SeaweedFs::shared().create_bucket("contract-url");
    let from = options("contract-url", "");
    let options = OpenOptions {
        endpoint: from.endpoint,
        credentials: from.credentials,
        ..OpenOptions::default()
    };
    let url: StoreUrl = "s3://contract-url/below".parse().unwrap();
    let store = open(&url, &options, &Seams::real()).unwrap();
    assert_eq!(store.url(), "s3://contract-url/below");
    verify_store(&*store);
}

#[test]
fn where_deletion_is_forbidden_all_else_works() {
    let store = bucket("append-only", "");
    store.put("kept", Bytes::from_static(b"body")).unwrap();
    SeaweedFs::shared().forbid_deletion("append-only");
    // The server takes a moment to heed a new policy.
    let mut kind = None;
    for _ in 0..50 {
        store.put("kept", Bytes::from_static(b"body")).unwrap();
        kind = store.delete("kept").err().map(|error| error.kind);
        if kind.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(kind, Some(ErrorKind::Denied));
    assert_eq!(store.head("kept").unwrap().bytes, 4);
    let whole = Window::Whole { bytes_max: 4 };
    assert_eq!(&store.get("kept", whole).unwrap()[..], b"body");
    store
        .put_if_absent("another", Bytes::from_static(b"1"))
        .unwrap();
    let mut names = Vec::new();
    let listed = store.list("", &mut |object| {
        names.push(object.name);
        Ok(())
    });
    listed.unwrap();
    assert_eq!(names, ["another", "kept"]);
}

#[test]
fn a_wrong_secret_is_a_matter_of_credentials_and_is_not_told() {
    SeaweedFs::shared().create_bucket("wrong-secret");
    let mut options = options("wrong-secret", "");
    options.credentials = Some(StaticCredentials {
        access_key_id: SeaweedFs::shared().access_key().to_owned(),
        secret_access_key: "hunter2-is-wrong".to_owned(),
        session_token: None,
    });
    let store = S3::open(&options, &Seams::real()).unwrap();
    let put = store.put("a", Bytes::from_static(b"1")).unwrap_err();
    assert_eq!(put.kind, ErrorKind::Credentials, "{put}");
    let listed = store.list("", &mut |_| Ok(())).unwrap_err();
    assert_eq!(listed.kind, ErrorKind::Credentials, "{listed}");
    assert!(!put.is_worth_a_retry());
    assert!(!format!("{put} {put:?}").contains("hunter2"));
}

#[test]
fn an_unknown_key_is_a_matter_of_credentials() {
    SeaweedFs::shared().create_bucket("unknown-key");
    let mut options = options("unknown-key", "");
    options.credentials = Some(StaticCredentials {
        access_key_id: "nobody".to_owned(),
        secret_access_key: "nothing".to_owned(),
        session_token: None,
    });
    let store = S3::open(&options, &Seams::real()).unwrap();
    let listed = store.list("", &mut |_| Ok(())).unwrap_err();
    assert_eq!(listed.kind, ErrorKind::Credentials, "{listed}");
}

#[test]
fn a_missing_bucket_is_no_empty_one() {
    // For its administrators this server makes any bucket that they name; to others it denies a
    // PUT, so that only reading shows what is wrong.
    let mut options = options("not-made", "p");
    options.credentials = Some(StaticCredentials {
        access_key_id: SeaweedFs::shared().host_access_key().to_owned(),
        secret_access_key: SeaweedFs::shared().host_secret_key().to_owned(),
        session_token: None,
    });
    let store = S3::open(&options, &Seams::real()).unwrap();
    let kind_of = |result: offsite::store::Result<()>| result.unwrap_err().kind;
    let whole = Window::Whole { bytes_max: 4 };
    let missing = ErrorKind::NoContainer;
    assert_eq!(kind_of(store.list("", &mut |_| Ok(()))), missing);
    assert_eq!(kind_of(store.put("a", Bytes::new())), ErrorKind::Denied);
    assert_eq!(kind_of(store.get("a", whole).map(drop)), missing);
}

#[test]
fn nobody_listening_is_transient_and_ends_with_the_budget() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = OpenOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        credentials: options("any", "").credentials,
        retry: RetryOptions {
            budget: Duration::from_millis(300),
            delay_first: Duration::from_millis(50),
            ..RetryOptions::default()
        },
        ..OpenOptions::default()
    };
    let store = open(&"s3://any".parse().unwrap(), &options, &Seams::real()).unwrap();
    let error = store.put("a", Bytes::from_static(b"1")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(error.to_string().contains("tried"), "{error}");
}

#[test]
fn a_server_that_goes_away_for_a_while_is_waited_for() {
    let server = SeaweedFs::start();
    server.create_bucket("outage");
    let store = S3::open(
        &S3Options {
            bucket: "outage".to_owned(),
            endpoint: Some(server.endpoint()),
            credentials: options("outage", "").credentials,
            ..S3Options::default()
        },
        &Seams::real(),
    );
    let store = Retry::new(
        Arc::new(store.unwrap()),
        Seams::real(),
        RetryOptions::default(),
    );
    let body = Bytes::from(vec![7; 3 << 20]);
    store.put("before", body.clone()).unwrap();
    server.stop();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| store.put("during", body.clone()));
        std::thread::sleep(Duration::from_millis(700));
        server.start_again();
        put.join()
            .unwrap()
            .expect("the put goes through in the end");
    });
    let whole = Window::Whole { bytes_max: 4 << 20 };
    assert!(store.get("before", whole).unwrap() == body);
    assert!(store.get("during", whole).unwrap() == body);
}

#[test]
fn requests_are_counted() {
    let store = Recording::new(memory());
    store.put("packs/1", Bytes::from_static(b"123")).unwrap();
    let window = Window::Range { start: 1, bytes: 2 };
    store.get("packs/1", window).unwrap();
    assert!(store.get("packs/2", window).is_err());
    assert_eq!(store.count(Operation::Get, "packs/"), 2);
    assert_eq!(store.count(Operation::Delete, ""), 0);
    let bytes: Vec<_> = store.take().iter().map(|call| call.bytes).collect();
    assert_eq!(bytes, [3, 2, 0]);
    assert!(store.calls().is_empty());
}

/// Environment variables of a process are its tests' common property: so in one of its own.
#[test]
fn without_credentials_anywhere_it_says_so() {
    const CHILD: &str = "OFFSITE_TEST_WITHOUT_CREDENTIALS";
    if let Ok(endpoint) = std::env::var(CHILD) {
        let options = S3Options {
            bucket: "any".to_owned(),
            endpoint: Some(endpoint),
            ..S3Options::default()
        };
        let store = S3::open(&options, &Seams::real()).unwrap();
        let error = store.head("a").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Credentials, "{error}");
        assert!(
            error.to_string().contains("no credentials were found"),
            "{error}"
        );
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "without_credentials_anywhere_it_says_so"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(CHILD, SeaweedFs::shared().endpoint())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
}
