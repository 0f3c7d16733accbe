//! Versions, deletions and locks: what an attacker could take away, and what the store holds on to.

use std::time::Duration;

use bytes::Bytes;

use super::report::Verdict;
use super::scratch::Scratch;
use crate::store::retention::{LockMode, PutTerms, Retaining, Retention};
use crate::store::{ErrorKind, StoreError, Window};

/// How long at least what is tried stays locked, and what an extension adds: the end is waited for.
const LOCK_TIME_MIN: Duration = Duration::from_secs(4);
const EXTENSION: Duration = Duration::from_secs(2);
/// Clocks that differ more are a finding of their own, and nobody waits for that.
const SKEW_MAX: Duration = Duration::from_secs(10);

/// All must be tried while the lock holds, on a slow line too and by the store's clock.
fn lock_time(scratch: &Scratch<'_>) -> Duration {
    let skew = scratch.profile.clock_skew_seconds.unwrap_or_default();
    let skew = Duration::from_secs(skew.unsigned_abs()).min(SKEW_MAX);
    LOCK_TIME_MIN + skew + scratch.spent() / 2
}

pub fn versions(scratch: &mut Scratch<'_>) {
    let probe = "versions";
    let Some(retaining) = scratch.retaining() else {
        scratch.profile.versions = Some(false);
        return;
    };
    let written = scratch
        .put("versions/a", Bytes::from_static(b"first"))
        .and_then(|()| scratch.put("versions/a", Bytes::from_static(b"second, longer")));
    if let Err(error) = written {
        return scratch.cannot_say(probe, &error);
    }
    match retaining.versions("versions/a") {
        Ok(versions) if versions.len() >= 2 => {
            scratch.profile.versions = Some(true);
            let means = "what is written over or deleted stays until a rule of the bucket ends it";
            scratch.say(probe, Verdict::Good, "the bucket keeps versions", means);
        }
        Ok(_) => {
            scratch.profile.versions = Some(false);
            let means = "what is written over or deleted is gone";
            scratch.say(
                probe,
                Verdict::Lacking,
                "the bucket keeps no versions",
                means,
            );
        }
        Err(error) if retaining.shown().versions == Some(true) => {
            scratch.profile.versions = Some(true);
            let found = format!("the bucket keeps versions, and does not list them: {error}");
            let means = "a restore could not find what somebody deleted: s3:ListBucketVersions";
            scratch.say(probe, Verdict::Lacking, found, means);
        }
        Err(_) => {
            scratch.profile.versions = Some(false);
            let means = "what is written over or deleted is gone";
            scratch.say(
                probe,
                Verdict::Lacking,
                "the store knows no versions",
                means,
            );
        }
    }
}

pub fn delete(scratch: &mut Scratch<'_>) {
    let probe = "delete";
    if let Err(error) = scratch.put("delete/a", Bytes::from_static(b"x")) {
        return scratch.cannot_say(probe, &error);
    }
    let deleted = scratch.store.delete("delete/a");
    let is_gone = || {
        let window = Window::Whole { bytes_max: 10 };
        let read = scratch.store.get("delete/a", window);
        read.is_err_and(|error| error.kind == ErrorKind::NotFound)
    };
    match deleted {
        Ok(()) if is_gone() => {
            scratch.profile.delete = Some(true);
            let means = "prune works; whoever has this credential can delete backups";
            scratch.say(probe, Verdict::Good, "this credential can delete", means);
        }
        Ok(()) => {
            let found = "a deletion is answered with yes, and the object is still there";
            let means = "prune may free less than it says";
            scratch.say(probe, Verdict::Lacking, found, means);
        }
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) => {
            scratch.profile.delete = Some(false);
            let means = "as a backup host's should be; prune needs another";
            scratch.say(probe, Verdict::Good, "this credential cannot delete", means);
        }
        Err(error) => scratch.cannot_say(probe, &error),
    }
    if scratch.profile.versions != Some(true) {
        return;
    }
    if let Some(retaining) = scratch.retaining() {
        let removed = remove_oldest(retaining, "versions/a");
        scratch.profile.delete_version = match removed {
            Ok(()) => Some(true),
            Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) => {
                Some(false)
            }
            Err(_) => None,
        };
    }
}

/// Removes the oldest version for good, and looks whether it is gone.
fn remove_oldest(retaining: &dyn Retaining, name: &str) -> Result<(), StoreError> {
    let refused = || StoreError::new(ErrorKind::Retained, "delete", name);
    let versions = retaining.versions(name)?;
    let oldest = versions.first().ok_or_else(refused)?;
    retaining.delete_version(name, &oldest.id)?;
    match retaining.versions(name)?.contains(oldest) {
        true => Err(refused()),
        false => Ok(()),
    }
}

/// Locks an object for some seconds in either mode, and tries to delete it.
pub fn lock(scratch: &mut Scratch<'_>, is_wanted: bool) {
    let Some(retaining) = scratch.retaining() else {
        return;
    };
    let verdict = if is_wanted {
        Verdict::Broken
    } else {
        Verdict::Lacking
    };
    if let Ok(Some(kept)) = retaining.retention("basics/a", None) {
        let found = format!(
            "the bucket locks everything by itself, in mode {}",
            kept.mode
        );
        let means = "backups are locked without --object-lock; what was tried here stays as long";
        scratch.say("lock_by_default", Verdict::Good, found, means);
    }
    let lock_time = lock_time(scratch);
    for (mode, name, probe) in [
        (LockMode::Governance, "lock/governance", "lock_governance"),
        (LockMode::Compliance, "lock/compliance", "lock_compliance"),
    ] {
        let retention = Retention {
            mode,
            until: scratch.seams.clock.now().plus(lock_time),
        };
        let terms = PutTerms {
            retention: Some(retention),
            ..PutTerms::default()
        };
        let holds = match scratch.put_on_terms(name, Bytes::from_static(b"kept"), &terms) {
            Ok(()) => holds_on(retaining, name),
            Err(error) => {
                let found = format!("nothing can be stored with a lock in mode {mode}: {error}");
                let means = "whoever may delete can delete backups at once";
                scratch.say(probe, verdict, found, means);
                note(scratch, mode, false);
                continue;
            }
        };
        note(scratch, mode, holds);
        if holds {
            let found = format!("what is locked in mode {mode} cannot be deleted");
            let means = match mode {
                LockMode::Governance => "it holds against all who may not bypass it",
                LockMode::Compliance => "it holds against everybody, the owner of the bucket too",
            };
            scratch.say(probe, Verdict::Good, found, means);
            if mode == LockMode::Governance {
                lift(scratch, retaining, name);
            }
        } else {
            let found =
                format!("what is locked in mode {mode} could be deleted, or was not locked");
            let means = "a lock in this mode protects nothing against this credential";
            scratch.say(probe, verdict, found, means);
        }
    }
    if scratch.profile.compliance == Some(true) {
        extend(scratch, retaining);
    }
}

fn note(scratch: &mut Scratch<'_>, mode: LockMode, holds: bool) {
    match mode {
        LockMode::Governance => scratch.profile.governance = Some(holds),
        LockMode::Compliance => scratch.profile.compliance = Some(holds),
    }
}

/// Whether the lock is shown, and a deletion of the version is refused.
fn holds_on(retaining: &dyn Retaining, name: &str) -> bool {
    let is_shown = matches!(retaining.retention(name, None), Ok(Some(_)));
    is_shown && remove_oldest(retaining, name).is_err()
}

/// Whether this credential may do what a lock of mode governance leaves to some.
fn lift(scratch: &mut Scratch<'_>, retaining: &dyn Retaining, name: &str) {
    let probe = "lock_lifted";
    let lifted = retaining.versions(name).and_then(|versions| {
        let oldest = versions.first();
        oldest.map_or(Ok(()), |version| {
            retaining.delete_in_spite_of_governance(name, &version.id)
        })?;
        Ok(retaining.versions(name)?.len() < versions.len())
    });
    match lifted {
        Ok(true) => {
            scratch.profile.lifts_governance = Some(true);
            let found = "this credential can lift a lock of mode governance";
            let means = "mode compliance holds against it too: or take away \
                         s3:BypassGovernanceRetention";
            scratch.say(probe, Verdict::Lacking, found, means);
        }
        Ok(false) => {}
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) => {
            scratch.profile.lifts_governance = Some(false);
            let found = "this credential cannot lift a lock of mode governance";
            let means = "whoever takes over the host cannot either";
            scratch.say(probe, Verdict::Good, found, means);
        }
        Err(error) => scratch.cannot_say(probe, &error),
    }
}

fn extend(scratch: &mut Scratch<'_>, retaining: &dyn Retaining) {
    let probe = "lock_extend";
    let later = Retention {
        mode: LockMode::Compliance,
        until: scratch.locked_until().plus(EXTENSION),
    };
    match retaining.retain("lock/compliance", None, later) {
        Ok(()) => {
            scratch.extended(later.until);
            scratch.profile.extend = Some(true);
            let means = "offsite lock extend works with this credential";
            scratch.say(probe, Verdict::Good, "a lock can be extended", means);
        }
        Err(error) if error.kind == ErrorKind::Denied => {
            scratch.profile.extend = Some(false);
            let means = "offsite lock extend needs a credential with s3:PutObjectRetention";
            scratch.say(
                probe,
                Verdict::Lacking,
                "this credential cannot extend a lock",
                means,
            );
        }
        Err(error) => scratch.cannot_say(probe, &error),
    }
}
