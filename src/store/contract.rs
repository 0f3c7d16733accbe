//! What the [`Store`] trait promises, as one suite that every store and every wrapper passes.
//!
//! It is public so that integration tests run it on real servers. It panics with a sentence that
//! says which promise was broken, as a test does.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::{ErrorKind, ObjectInfo, Result, Store, Window};

/// More than one page of any S3 listing.
const MANY: usize = 1_150;

/// Runs the whole suite. The store must be empty and is left empty.
///
/// # Panics
/// When the store breaks a promise.
pub fn verify_store(store: &dyn Store) {
    assert_eq!(names(store, ""), [""; 0], "the suite needs an empty store");
    absent_objects(store);
    stored_bytes_come_back(store);
    ranges(store);
    limits(store);
    replacing(store);
    conditional_puts(store);
    names_and_prefixes(store);
    hostile_names(store);
    visitors(store);
    times(store);
    long_listings(store);
    many_threads(store);
    assert_eq!(
        names(store, ""),
        [""; 0],
        "deleted objects are no longer listed"
    );
}

fn must<T>(promise: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{promise}: {error}"))
}

fn must_fail<T>(promise: &str, kind: ErrorKind, result: Result<T>) {
    match result {
        Ok(_) => panic!("{promise}: it should have failed with {kind:?}"),
        Err(error) => assert_eq!(error.kind, kind, "{promise}: {error}"),
    }
}

fn listed(store: &dyn Store, prefix: &str) -> Vec<ObjectInfo> {
    let mut objects = Vec::new();
    let result = store.list(prefix, &mut |object| {
        objects.push(object);
        Ok(())
    });
    must("a listing of any prefix succeeds", result);
    objects
}

fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    listed(store, prefix)
        .into_iter()
        .map(|object| object.name)
        .collect()
}

fn whole(store: &dyn Store, name: &str) -> Result<Bytes> {
    store.get(name, Window::Whole { bytes_max: 1 << 26 })
}

fn put(store: &dyn Store, name: &str, body: impl Into<Bytes>) {
    must("an object can be stored", store.put(name, body.into()));
}

fn delete(store: &dyn Store, name: &str) {
    must("an object can be deleted", store.delete(name));
}

fn absent_objects(store: &dyn Store) {
    let missing = ErrorKind::NotFound;
    must_fail("get of what is not there", missing, whole(store, "nothing"));
    let range = Window::Range { start: 0, bytes: 1 };
    must_fail(
        "range of what is not there",
        missing,
        store.get("no/thing", range),
    );
    must_fail("head of what is not there", missing, store.head("nothing"));
    must(
        "deleting what is not there is no error",
        store.delete("nothing/at_all"),
    );
    assert!(
        listed(store, "nothing/").is_empty(),
        "an absent prefix is an empty list"
    );
}

fn stored_bytes_come_back(store: &dyn Store) {
    // Not a repeating pattern of a power of two, so that a swapped block shows.
    let large: Vec<u8> = (0..5_u32 << 20)
        .map(|i| (i % 251) as u8 ^ (i >> 13) as u8)
        .collect();
    for (name, body) in [("empty", Vec::new()), ("one", vec![0]), ("large", large)] {
        let body = Bytes::from(body);
        put(store, name, body.clone());
        let read = must("what was stored can be read", whole(store, name));
        assert!(
            read == body,
            "{name}: other bytes came back than were stored"
        );
        let info = must("what was stored can be looked at", store.head(name));
        assert_eq!(
            (info.name.as_str(), info.bytes),
            (name, body.len() as u64),
            "head is right"
        );
        assert_eq!(listed(store, name), [info], "list and head agree");
        delete(store, name);
        must_fail(
            "get of what was deleted",
            ErrorKind::NotFound,
            whole(store, name),
        );
        must_fail(
            "head of what was deleted",
            ErrorKind::NotFound,
            store.head(name),
        );
    }
}

fn ranges(store: &dyn Store) {
    put(store, "r", &b"0123456789"[..]);
    let range = |start, bytes| store.get("r", Window::Range { start, bytes });
    for (start, bytes, expected) in [
        (0, 10, &b"0123456789"[..]),
        (0, 1, b"0"),
        (9, 1, b"9"),
        (3, 4, b"3456"),
        (5, 0, b""),
        (77, 0, b""),
    ] {
        let read = must("a range inside the object can be read", range(start, bytes));
        assert_eq!(read, expected, "range {start}+{bytes}");
    }
    for (start, bytes) in [(0, 11), (9, 2), (10, 1), (11, 1), (1 << 40, 1)] {
        let promise = format!("range {start}+{bytes} of ten bytes");
        must_fail(&promise, ErrorKind::Incomplete, range(start, bytes));
    }
    assert!(
        range(u64::MAX, 2).is_err(),
        "a range beyond all numbers fails"
    );
    delete(store, "r");
    put(store, "r", Bytes::new());
    let of_empty = store.get("r", Window::Range { start: 0, bytes: 1 });
    must_fail("a byte of an empty object", ErrorKind::Incomplete, of_empty);
    delete(store, "r");
}

fn limits(store: &dyn Store) {
    put(store, "limit", vec![7; 1000]);
    let get = |bytes_max| store.get("limit", Window::Whole { bytes_max });
    assert_eq!(must("an object of just the limit", get(1000)).len(), 1000);
    must_fail("an object beyond the limit", ErrorKind::TooLarge, get(999));
    must_fail(
        "an object beyond a limit of nothing",
        ErrorKind::TooLarge,
        get(0),
    );
    delete(store, "limit");
}

fn replacing(store: &dyn Store) {
    put(store, "same", &b"the first, longer body"[..]);
    put(store, "same", &b"second"[..]);
    assert_eq!(
        must("a replaced object", whole(store, "same")),
        &b"second"[..]
    );
    assert_eq!(
        names(store, "same"),
        ["same"],
        "a replaced object is listed once"
    );
    delete(store, "same");
    must("deleting twice is no error", store.delete("same"));
}

fn conditional_puts(store: &dyn Store) {
    let put_if_absent = |body: &'static [u8]| store.put_if_absent("once/it", body.into());
    must(
        "a conditional put where nothing is",
        put_if_absent(b"first"),
    );
    must_fail(
        "a second conditional put",
        ErrorKind::AlreadyExists,
        put_if_absent(b"other"),
    );
    must_fail(
        "with the same bytes too",
        ErrorKind::AlreadyExists,
        put_if_absent(b"first"),
    );
    assert_eq!(
        must("the first body stays", whole(store, "once/it")),
        &b"first"[..]
    );
    delete(store, "once/it");
    must(
        "a conditional put after a deletion",
        put_if_absent(b"again"),
    );
    delete(store, "once/it");
}

fn names_and_prefixes(store: &dyn Store) {
    // In byte order: `/` sorts below every digit and letter, `_` between digits and letters.
    let all = [
        "a/b",
        "a/b/c",
        "a/b0",
        "a/b_",
        "a/bc",
        "a0/b",
        "ab",
        "b/0/1/2/3",
    ];
    for name in all.iter().rev() {
        // Some real stores cannot keep `a/b` beside `a/b/c`; the project never asks them to.
        if *name != "a/b" {
            put(store, name, name.as_bytes().to_vec());
        }
    }
    let expect = |prefix: &str, expected: &[&str]| {
        assert_eq!(
            names(store, prefix),
            expected,
            "names under prefix `{prefix}`"
        );
    };
    expect("", &all[1..]);
    expect("a", &all[1..7]);
    expect("a/", &all[1..5]);
    expect("a/b", &all[1..5]);
    expect("a/b/", &["a/b/c"]);
    expect("a/b/c", &["a/b/c"]);
    expect("a/b/c/", &[]);
    expect("a/bc", &["a/bc"]);
    expect("b/0/1/", &["b/0/1/2/3"]);
    expect("/", &[]);
    expect("c", &[]);
    must_fail(
        "a folder is no object",
        ErrorKind::NotFound,
        whole(store, "b/0"),
    );
    must_fail(
        "a folder has no head",
        ErrorKind::NotFound,
        store.head("b/0"),
    );
    for name in &all[1..] {
        assert_eq!(
            must("each has its own body", whole(store, name)),
            name.as_bytes()
        );
        delete(store, name);
    }
}

fn hostile_names(store: &dyn Store) {
    for name in [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../../b",
        "./a",
        "tmp/a",
        "a\0b",
    ] {
        let promise = format!("the name {name:?} is refused");
        must_fail(&promise, ErrorKind::Invalid, store.put(name, Bytes::new()));
        must_fail(
            &promise,
            ErrorKind::Invalid,
            store.put_if_absent(name, Bytes::new()),
        );
        must_fail(&promise, ErrorKind::Invalid, whole(store, name));
        must_fail(&promise, ErrorKind::Invalid, store.head(name));
        must_fail(&promise, ErrorKind::Invalid, store.delete(name));
    }
}

fn visitors(store: &dyn Store) {
    for name in ["v/1", "v/2", "v/3"] {
        put(store, name, name.as_bytes().to_vec());
    }
    let mut seen = 0;
    let stopped = store.list("v/", &mut |object| {
        seen += 1;
        match object.name.as_str() {
            "v/2" => Err(super::StoreError::new(ErrorKind::Retained, "stop", "here")),
            _ => Ok(()),
        }
    });
    must_fail(
        "an error of the visitor comes back",
        ErrorKind::Retained,
        stopped,
    );
    assert_eq!(seen, 2, "an error of the visitor ends the listing");
    let nested = store.list("v/", &mut |object| {
        assert_eq!(whole(store, &object.name)?, object.name.as_bytes());
        Ok(())
    });
    must("a visitor may use the store", nested);
    for name in ["v/1", "v/2", "v/3"] {
        delete(store, name);
    }
}

fn times(store: &dyn Store) {
    let before = must("the store tells its time", store.now());
    put(store, "time", Bytes::new());
    let modified = must("a new object has a time", store.head("time")).modified;
    let after = must("the store tells its time", store.now());
    // Dates of S3 are whole seconds, and its parts need not agree to the last of them.
    assert!(
        before.seconds() - 2 <= modified.seconds(),
        "{modified:?} is before {before:?}"
    );
    assert!(
        modified.seconds() <= after.seconds() + 2,
        "{modified:?} is after {after:?}"
    );
    assert_eq!(
        names(store, ""),
        ["time"],
        "asking for the time leaves nothing behind"
    );
    delete(store, "time");
}

fn on_eight_threads(jobs: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    work(job);
                }
            });
        }
    });
}

fn long_listings(store: &dyn Store) {
    let name = |i: usize| format!("many/{:02x}/{i:05}", i % 7);
    put(store, "many_neighbour", Bytes::new());
    on_eight_threads(MANY, |i| put(store, &name(i), vec![0; i % 5]));
    let mut expected: Vec<_> = (0..MANY).map(|i| (name(i), (i % 5) as u64)).collect();
    expected.sort();
    let found: Vec<_> = listed(store, "many/")
        .into_iter()
        .map(|object| (object.name, object.bytes))
        .collect();
    assert!(
        found == expected,
        "a long listing is complete, in byte order, each name once"
    );
    assert_eq!(
        names(store, "").len(),
        MANY + 1,
        "the neighbour is listed without a prefix"
    );
    on_eight_threads(MANY, |i| delete(store, &name(i)));
    delete(store, "many_neighbour");
}

fn many_threads(store: &dyn Store) {
    // Eight threads put the same name, then each its own: no byte of one gets into another.
    on_eight_threads(64, |i| {
        put(store, "race", vec![b'x'; 70_000]);
        let own = format!("own/{i}");
        put(store, &own, vec![i as u8; 10_000 + i]);
        let read = must("own bytes", whole(store, &own));
        assert!(
            read == vec![i as u8; 10_000 + i],
            "bytes of another thread in {own}"
        );
        let shared = must(
            "a name under constant replacement is always whole",
            whole(store, "race"),
        );
        assert!(shared == vec![b'x'; 70_000], "a part of an object was seen");
        delete(store, &own);
    });
    delete(store, "race");
    let winners = AtomicUsize::new(0);
    on_eight_threads(8, |i| {
        match store.put_if_absent("first", vec![i as u8; 3].into()) {
            Ok(()) => {
                winners.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::AlreadyExists, "{error}"),
        }
    });
    assert_eq!(
        winners.into_inner(),
        1,
        "one of eight conditional puts wins"
    );
    delete(store, "first");
}
