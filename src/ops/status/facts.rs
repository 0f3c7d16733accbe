//! What one look at a copy shows, and what is left of it when the copy is out of reach.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::meter::Meter;
use crate::format::housekeeping::{Finding, Plan};
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::index::{Index, LockHorizon, Presence};
use crate::ops::look::look;
use crate::ops::trust::{self, Vanished};
use crate::ops::{OwnVerify, Result, StateFolder, own_verify};
use crate::progress::Progress;
use crate::repository::{
    Repository, RepositoryError, Signature, StoredSnapshot, fetch_record, list_objects,
    load_proofs_remembered,
};
use crate::seams::Timestamp;
use crate::store::retention::ObjectLock;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Over so long it is told how a repository grows.
pub const GROWTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So many prune plans are looked at, the newest.
const PLANS_MAX: usize = 8;
/// Longer ones, which name some thirty thousand packs, are fetched again each time: to put one away
/// takes its memory several times over, and it can be a forger's.
const REMEMBERED_BYTES_MAX: usize = 1024 * 1024;
/// Under this name of a place lies what the last look found (see `Trust::note`).
const NOTE: &str = "status";

/// A copy that was looked at.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Time and id of each, oldest first; those that claim a time to come are left out.
    pub snapshots: Vec<(Timestamp, ObjectId)>,
    /// The newest that is not suspect, and the newest of all: of the host that was asked for, or of
    /// any.
    pub newest_good: Option<Newest>,
    pub newest: Option<Newest>,
    /// Of every host the newest.
    pub hosts: BTreeMap<String, Timestamp>,
    /// The sizes of all snapshots added up.
    pub bytes_snapshots: u64,
    /// As stored, padding included.
    pub bytes_stored: u64,
    pub packs: u64,
    /// What the backups of the last [`GROWTH`] stored.
    pub bytes_added: u64,
    /// Snapshots that are gone unexplained; an error in words where nobody can say.
    pub vanished: Result<Vec<Vanished>, String>,
    /// The newest verify that the owner signed, or that this host ran itself.
    pub verify: Option<Proven>,
    /// The newest that anybody reports. See [`super::Board::verify`] for which of them counts.
    pub verify_reported: Option<Proven>,
    /// The newest drill: always signed, since nobody holds one without the read key.
    pub drill: Option<Proven>,
    pub prune: Option<NextPrune>,
    /// Until when everything needed is locked, where this host extended locks; else see
    /// [`shown_lock`].
    pub locked: Option<LockHorizon>,
    /// When the repository was made.
    pub created: Timestamp,
    /// What tells the place from all others (see `Meter::own`).
    pub own: Option<ObjectId>,
    pub requests: u64,
}

/// A snapshot in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    pub id: ObjectId,
    pub time: Timestamp,
    pub host: String,
    pub suspect: Option<String>,
    pub has_database: bool,
}

/// What a verify or a drill showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub ended: Timestamp,
    pub ok: bool,
    /// Where it was held.
    pub host: String,
    pub word: Word,
    /// How much of a thousand was read, where it says that: lately if known, else in that run.
    pub share_permille: Option<u64>,
}

/// Whose word a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The owner's, by signature.
    Owner,
    /// This host ran it and remembers.
    ThisHost,
    /// Of the host that it names, or of anybody who holds the writer key.
    Reported,
}

/// What a prune plan announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextPrune {
    /// From when on it may be carried out, by the store's clock.
    pub from: Timestamp,
    pub packs: u64,
}

/// What this host knows of a copy that it does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    pub looked: Timestamp,
    pub snapshots: u64,
    pub bytes_stored: u64,
    /// Of the newest snapshot.
    pub newest: Option<Timestamp>,
}

/// Looks at a copy: LISTs, and GETs of what is new. `host` is the one whose snapshots are waited for;
/// `None`: of any.
///
/// # Errors
/// `Store`, `Index`.
pub fn gather(
    repository: &Repository,
    index: &Index,
    host: Option<&str>,
    progress: &dyn Progress,
) -> Result<Facts> {
    let meter = Arc::new(Meter::new(Arc::clone(&repository.store)));
    let repository = &Repository {
        store: Arc::clone(&meter) as _,
        ..repository.clone()
    };
    let now = repository.seams.clock.now();
    let mut snapshots = look(repository, index, progress)?;
    // As `load_snapshots`: an invented one must not make a copy look fresh for ever.
    snapshots.retain(|one| one.record.time <= now.plus(DAY));
    let proofs = load_proofs_remembered(repository, index, &mut |name, problem| {
        progress.notice(&format!("{name} cannot be used: {problem}"));
    })?;
    let newest_of = |kind: &str, signature: Signature| {
        let proof = proofs.iter().rev().find(|proof| {
            proof.signature == signature
                && proof.finding.kind == kind
                && proof.finding.ended <= now.plus(DAY)
        })?;
        Some(proven(&proof.finding, signature))
    };
    let own = own_verify(index).filter(|own| own.ended <= now.plus(DAY));
    let verify = newest_of("verify", Signature::Signed).into_iter();
    // Of one that is both, the signature says more.
    let verify = own.map(proven_here).into_iter().chain(verify);
    let (packs, bytes_stored) = index.stored_packs()?;
    let recent = snapshots
        .iter()
        .filter(|one| now.since(one.record.time) <= GROWTH);
    let bytes_added = recent.map(|one| one.record.statistics.bytes_stored);
    let sizes = snapshots.iter().map(|one| one.record.statistics.bytes);
    let own = || {
        let newest_first = snapshots.iter().rev();
        newest_first.filter(|one| host.is_none_or(|host| one.record.host == host))
    };
    let hosts = snapshots.iter();
    let facts = Facts {
        newest_good: own().find(|one| one.record.suspect.is_none()).map(newest),
        newest: own().next().map(newest),
        hosts: hosts
            .map(|one| (one.record.host.clone(), one.record.time))
            .collect(),
        bytes_snapshots: sizes.fold(0, u64::saturating_add),
        bytes_stored,
        packs,
        bytes_added: bytes_added.fold(0, u64::saturating_add),
        vanished: trust::unexplained(index).map_err(|error| error.to_string()),
        verify: verify.max_by_key(|it| it.ended),
        verify_reported: newest_of("verify", Signature::Unsigned),
        drill: newest_of("drill", Signature::Signed),
        prune: next_prune(repository, index)?,
        locked: locked(index),
        created: repository.parameters.created,
        snapshots: snapshots
            .iter()
            .map(|one| (one.record.time, one.id))
            .collect(),
        own: meter.own(),
        requests: meter.requests(),
    };
    remember(index, &facts, now);
    Ok(facts)
}

fn newest(StoredSnapshot { id, record }: &StoredSnapshot) -> Newest {
    Newest {
        id: *id,
        time: record.time,
        host: record.host.clone(),
        suspect: record.suspect.clone(),
        has_database: record.database.is_some(),
    }
}

fn proven(finding: &Finding, signature: Signature) -> Proven {
    let figure = |name: &str| finding.figures.0.get(name).copied();
    let counted = || {
        let (read, total) = (figure("packs_read")?, figure("packs_total")?);
        read.checked_mul(1000)?.checked_div(total)
    };
    let word = match signature {
        Signature::Signed => Word::Owner,
        Signature::Unsigned | Signature::Bad => Word::Reported,
    };
    Proven {
        ended: finding.ended,
        ok: finding.ok,
        host: finding.host.clone(),
        word,
        // What was read within some weeks, in turn; of this run; or of its packs.
        share_permille: figure("recent_permille")
            .or_else(|| figure("share_permille"))
            .or_else(counted),
    }
}

fn proven_here(own: OwnVerify) -> Proven {
    Proven {
        ended: own.ended,
        ok: own.ok,
        host: own.host,
        word: Word::ThisHost,
        share_permille: Some(own.share_permille),
    }
}

/// When something may be deleted next, of the newest plans.
fn next_prune(repository: &Repository, index: &Index) -> Result<Option<NextPrune>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Plan, &mut |id, info| {
        listed.push((info.modified, id));
    })?;
    listed.sort();
    let mut next: Option<NextPrune> = None;
    for (marked, id) in listed.into_iter().rev().take(PLANS_MAX) {
        let plan = match plan(repository, index, &id) {
            Ok(plan) => plan,
            Err(error) => {
                // Whoever prunes stops at it; here it is only no news.
                error.into_unusable()?;
                continue;
            }
        };
        let packs = plan.packs.0.len() as u64;
        let from = marked.plus(Duration::from_secs(plan.grace_seconds));
        if packs > 0 && next.is_none_or(|next| from < next.from) {
            next = Some(NextPrune { from, packs });
        }
    }
    Ok(next)
}

fn plan(repository: &Repository, index: &Index, id: &ObjectId) -> Result<Plan, RepositoryError> {
    let payload = match index.record(id)? {
        Some(payload) => payload,
        None => {
            let payload = fetch_record(repository, Kind::Plan, id)?;
            if payload.len() <= REMEMBERED_BYTES_MAX {
                index.remember_record(id, &payload)?;
            }
            payload
        }
    };
    let name = name::of(Kind::Plan, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}

/// How far the locks of a place reach of which this host never extended any: another machine may do
/// that, or nobody. Every extension extends the `repository` object too, so the store is asked about
/// that one; where it has no lock, `until` is when it was made. `None` where the store does not say.
pub fn shown_lock(repository: &Repository, lock: ObjectLock) -> Option<LockHorizon> {
    let retaining = repository.store.retaining()?;
    let kept = retaining.retention(name::REPOSITORY, None).ok()?;
    let until = kept.map_or(repository.parameters.created, |kept| kept.until);
    Some(LockHorizon {
        until,
        extend_before: until.minus(lock.period() / 3),
    })
}

fn locked(index: &Index) -> Option<LockHorizon> {
    let watch = index.watch()?;
    watch.trust().ok()?.lock_horizon(watch.place()).ok()?
}

/// For the day on which the copy is out of reach. That it cannot be noted is no news here.
fn remember(index: &Index, facts: &Facts, now: Timestamp) {
    let Some(watch) = index.watch() else {
        return;
    };
    let Facts {
        snapshots,
        bytes_stored,
        ..
    } = facts;
    let note = format!("{} {} {bytes_stored}", now.nanoseconds(), snapshots.len());
    if let Ok(trust) = watch.trust() {
        let _ = trust.set_note(watch.place(), NOTE, &note);
    }
}

/// What the last look at `place` found, if this host ever looked there. `states` is the state
/// directory.
pub fn remembered(states: &Path, place: &str) -> Option<Remembered> {
    let repository = trust::noted(states, place)?;
    let trust = StateFolder::new(states, repository).open_trust().ok()?;
    let note = trust.note(place, NOTE).ok()??;
    let mut words = note.split(' ');
    let looked = Timestamp::from_nanoseconds(words.next()?.parse().ok()?);
    let snapshots = words.next()?.parse().ok()?;
    let bytes_stored = words.next()?.parse().ok()?;
    let seen = trust.seen(place).ok()?;
    let mut there = seen
        .iter()
        .rev()
        .filter(|one| one.presence == Presence::Listed && one.time <= looked.plus(DAY));
    Some(Remembered {
        looked,
        snapshots,
        bytes_stored,
        newest: there.next().map(|one| one.time),
    })
}
