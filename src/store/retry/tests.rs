//! Retrying in a world where time passes only by sleeping.

use std::sync::Mutex;

use super::*;
use crate::seams::{Clock, Disk, DiskOperation, Interrupt, Random, Threads};
use crate::store::faulty::{Fault, Faulty};
use crate::store::memory::Memory;
use crate::store::retention::{LockMode, PutTerms, Retention};

/// Time passes only by sleeping; randomness is always the largest number.
#[derive(Default)]
struct World(Mutex<Duration>);

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus(self.since_boot())
    }
    fn since_boot(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Random for World {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(0xff);
        Ok(())
    }
}

impl Disk for World {
    fn before(&self, _: DiskOperation, _: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

struct Scene {
    world: Arc<World>,
    memory: Arc<Memory>,
    faulty: Arc<Faulty>,
    store: Retry,
}

fn scene() -> Scene {
    let world = Arc::new(World::default());
    let memory = Arc::new(Memory::new(world.clone()));
    let faulty = Arc::new(Faulty::new(memory.clone()));
    let seams = Seams {
        clock: world.clone(),
        random: world.clone(),
        disk: world.clone(),
        threads: Threads::SINGLE,
        interrupt: Interrupt::default(),
    };
    let store = Retry::new(faulty.clone(), seams, RetryOptions::default());
    Scene {
        world,
        memory,
        faulty,
        store,
    }
}

const BODY: Bytes = Bytes::from_static(b"body");

#[test]
fn a_broken_line_heals_and_the_waits_double() {
    let Scene {
        world,
        faulty,
        store,
        ..
    } = scene();
    for call in 1..=4 {
        faulty.fail_call(call, Fault::Before(ErrorKind::Transient));
    }
    store.put("a", BODY).unwrap();
    assert_eq!(faulty.calls(), 5);
    assert_eq!(
        world.since_boot(),
        Duration::from_millis(500 + 1000 + 2000 + 4000)
    );
}

#[test]
fn what_another_try_cannot_mend_is_not_tried_again() {
    let Scene {
        world,
        faulty,
        store,
        ..
    } = scene();
    for kind in [
        ErrorKind::Denied,
        ErrorKind::Credentials,
        ErrorKind::NoContainer,
        ErrorKind::Full,
        ErrorKind::ClockSkew,
        ErrorKind::Other,
    ] {
        let before = faulty.calls();
        faulty.fail_call(1, Fault::Before(kind));
        assert_eq!(store.put("a", BODY).unwrap_err().kind, kind);
        assert_eq!(faulty.calls(), before + 1);
    }
    assert_eq!(world.since_boot(), Duration::ZERO);
}

#[test]
fn the_time_budget_ends_it_and_the_error_says_how_often() {
    let Scene {
        world,
        faulty,
        store,
        ..
    } = scene();
    store.put("a", BODY).unwrap();
    faulty.fail_names("", Fault::Before(ErrorKind::Transient));
    let error = store.head("a").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(
        error
            .detail
            .contains(&format!("tried {} times", faulty.calls() - 1)),
        "{error}"
    );
    let spent = world.since_boot();
    assert!(
        spent >= Duration::from_secs(600) && spent < Duration::from_secs(640),
        "{spent:?}"
    );
}

#[test]
fn a_store_that_never_answered_is_given_up_sooner() {
    let Scene {
        world,
        faulty,
        store,
        ..
    } = scene();
    faulty.fail_names("", Fault::Before(ErrorKind::Transient));
    store.head("a").unwrap_err();
    let spent = world.since_boot();
    assert!(
        spent >= Duration::from_secs(60) && spent < Duration::from_secs(100),
        "{spent:?}"
    );
}

#[test]
fn a_short_object_is_looked_at_three_times_only() {
    let Scene { faulty, store, .. } = scene();
    store.put("a", BODY).unwrap();
    let before = faulty.calls();
    let beyond = Window::Range { start: 2, bytes: 9 };
    assert_eq!(
        store.get("a", beyond).unwrap_err().kind,
        ErrorKind::Incomplete
    );
    assert_eq!(faulty.calls() - before, 3);
}

#[test]
fn a_listing_that_breaks_off_shows_each_name_once() {
    let Scene {
        memory,
        faulty,
        store,
        ..
    } = scene();
    for name in ["a", "b", "c", "d", "e"] {
        memory.put(name, BODY).unwrap();
    }
    faulty.fail_call(
        1,
        Fault::Midway {
            objects: 2,
            kind: ErrorKind::Transient,
        },
    );
    faulty.fail_call(
        2,
        Fault::Midway {
            objects: 4,
            kind: ErrorKind::Throttled,
        },
    );
    faulty.fail_call(3, Fault::After(ErrorKind::Transient));
    let mut seen = Vec::new();
    store
        .list("", &mut |object| {
            seen.push(object.name);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    assert_eq!(faulty.calls(), 4);
}

#[test]
fn an_error_of_the_visitor_is_handed_on_as_it_is() {
    let Scene {
        world,
        memory,
        store,
        ..
    } = scene();
    memory.put("a", BODY).unwrap();
    let result = store.list("", &mut |_| {
        Err(StoreError::new(ErrorKind::Transient, "count", "it").because("mine"))
    });
    let error = result.unwrap_err();
    assert_eq!((error.operation, error.detail.as_str()), ("count", "mine"));
    assert_eq!(world.since_boot(), Duration::ZERO);
}

#[test]
fn a_lost_answer_to_a_conditional_put_is_recognised_by_its_bytes() {
    let Scene {
        memory,
        faulty,
        store,
        ..
    } = scene();
    faulty.fail_call(1, Fault::After(ErrorKind::Transient));
    store.put_if_absent("repository", BODY).unwrap();
    // Another's object, after a failure that did nothing, is not taken for ours.
    memory.put("other", Bytes::from_static(b"them")).unwrap();
    faulty.fail_call(1, Fault::Before(ErrorKind::Transient));
    let error = store.put_if_absent("other", BODY).unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    // Nor is our own, without any failure: the caller asked for "only if absent".
    let error = store.put_if_absent("repository", BODY).unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
}

/// With a lock the condition is the store's alone, and the same line can break.
#[test]
fn so_is_one_to_a_put_that_is_locked() {
    let scene = scene();
    let bucket = Arc::new(Memory::with_versions(scene.world.clone()));
    let faulty = Arc::new(Faulty::new(bucket.clone()));
    let seams = Seams {
        clock: scene.world.clone(),
        random: scene.world.clone(),
        ..Seams::real()
    };
    let store = Retry::new(faulty.clone(), seams, RetryOptions::default());
    let terms = PutTerms {
        retention: Some(Retention {
            mode: LockMode::Compliance,
            until: Timestamp::from_seconds(1_000),
        }),
        if_absent: true,
        ..PutTerms::default()
    };
    let (head, other) = (Bytes::from_static(b"head"), Bytes::from_static(b"other"));
    faulty.fail_call(1, Fault::After(ErrorKind::Transient));
    store
        .put_on_terms("repository", head.clone(), &terms)
        .unwrap();
    assert_eq!(bucket.versions("repository").unwrap().len(), 1);
    for body in [head, other] {
        let taken = store.put_on_terms("repository", body, &terms);
        assert_eq!(taken.unwrap_err().kind, ErrorKind::AlreadyExists);
    }
}

#[test]
fn throttling_narrows_the_gate() {
    let Scene { faulty, store, .. } = scene();
    assert_eq!(store.calls_allowed(), 16);
    faulty.fail_call(1, Fault::Before(ErrorKind::Throttled));
    store.put("a", BODY).unwrap();
    assert_eq!(
        store.calls_allowed(),
        1,
        "one call was under way, so one stays"
    );
}
