//! A store that does what it should, and one that lies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::progress::Silent;
use crate::seams::{Clock, SystemClock, Timestamp};
use crate::store::memory::Memory;
use crate::store::{ErrorKind, ObjectInfo, StoreError, Window};

type StoreResult<T> = crate::store::Result<T>;

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

fn verdict(report: &DoctorReport, probe: &str) -> Option<Verdict> {
    let mut found = report.findings.iter().filter(|it| it.probe == probe);
    found.next().map(|finding| finding.verdict)
}

#[test]
fn a_bucket_with_locks_is_seen_for_what_it_is_and_left_empty() {
    let clock = Arc::new(Still(Mutex::new(Timestamp::from_seconds(1_800_000_000))));
    let seams = Seams {
        clock: clock.clone(),
        ..Seams::real()
    };
    let bucket = Memory::with_versions(clock);
    let options = DoctorOptions {
        wants_lock: true,
        thorough: true,
        ..DoctorOptions::default()
    };
    let report = doctor(&bucket, &seams, &options, &Silent).unwrap();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.left, [""; 0]);
    assert!(bucket.names().is_empty());
    let nothing = crate::store::retention::Retaining::list_all(&bucket, "", &mut |seen| {
        panic!("{seen:?} is left")
    });
    nothing.unwrap();
    for probe in [
        "versions",
        "lock_governance",
        "lock_compliance",
        "lock_extend",
        "long_listing",
    ] {
        assert_eq!(verdict(&report, probe), Some(Verdict::Good), "{probe}");
    }
    assert_eq!(verdict(&report, "checksum_on_put"), Some(Verdict::Lacking));
    let profile = report.profile;
    assert_eq!(
        (profile.delete, profile.delete_version),
        (Some(true), Some(true))
    );
    assert!(!profile.keeps_checksums());
}

/// Loses what was stored from listings, ignores conditions, gives other ranges, denies deletion,
/// and its clock is an hour off.
struct Liar(Memory);

impl Store for Liar {
    fn url(&self) -> String {
        self.0.url()
    }
    fn put(&self, name: &str, body: Bytes) -> StoreResult<()> {
        self.0.put(name, body)
    }
    fn put_if_absent(&self, name: &str, body: Bytes) -> StoreResult<()> {
        self.0.put(name, body)
    }
    fn get(&self, name: &str, window: Window) -> StoreResult<Bytes> {
        match window {
            Window::Range { bytes, .. } => self.0.get(name, Window::Range { start: 0, bytes }),
            window => self.0.get(name, window),
        }
    }
    fn list(&self, _: &str, _: &mut dyn FnMut(ObjectInfo) -> StoreResult<()>) -> StoreResult<()> {
        Ok(())
    }
    fn head(&self, name: &str) -> StoreResult<ObjectInfo> {
        self.0.head(name)
    }
    fn delete(&self, name: &str) -> StoreResult<()> {
        Err(StoreError::new(ErrorKind::Denied, "delete", name))
    }
    fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.0.now()?.plus(Duration::from_secs(3600)))
    }
}

#[test]
fn a_store_that_lies_is_caught_and_what_stays_behind_is_named() {
    let liar = Liar(Memory::new(Arc::new(SystemClock)));
    let report = doctor(&liar, &Seams::real(), &DoctorOptions::default(), &Silent).unwrap();
    assert!(!report.is_sound());
    for probe in ["clock", "list_after_write", "ranges"] {
        assert_eq!(verdict(&report, probe), Some(Verdict::Broken), "{probe}");
    }
    assert_eq!(verdict(&report, "read_after_write"), Some(Verdict::Good));
    assert_eq!(verdict(&report, "conditional_put"), Some(Verdict::Lacking));
    assert_eq!(report.profile.delete, Some(false));
    assert_eq!(report.left.len(), liar.0.names().len());
}

#[test]
fn a_credential_is_held_against_what_it_is_for() {
    let bucket = Memory::with_versions(Arc::new(Still(Mutex::new(Timestamp::from_seconds(9)))));
    let clock = Arc::new(Still(Mutex::new(Timestamp::from_seconds(9))));
    let seams = Seams {
        clock,
        ..Seams::real()
    };
    for (expect, verdict_wanted) in [
        (Expectation::Backup, Verdict::Broken),
        (Expectation::Maintenance, Verdict::Good),
        (Expectation::Restore, Verdict::Broken),
    ] {
        let options = DoctorOptions {
            expect: Some(expect),
            ..DoctorOptions::default()
        };
        let report = doctor(&bucket, &seams, &options, &Silent).unwrap();
        assert_eq!(
            verdict(&report, "credential"),
            Some(verdict_wanted),
            "{expect:?}"
        );
    }
}
