//! Forgetting in one repository, in an order that can be cut short anywhere: what is to go is noted
//! on this host, a forget record explains it in the store, and only then snapshot objects are deleted.
//!
//! What a person named and the note holds the next run finishes; what rules chose it judges again, by
//! its own rules. Forget records are never acted upon: anybody with a
//! writer key can put one, and a claim in metadata never takes anything away.

use std::collections::{BTreeMap, BTreeSet};

use super::absence::{explain_absence, settle};
use super::candidate::Drills;
use super::error::ForgetError;
use super::judge::{Reason, judge, protections};
use super::note::{Begun, Note};
use super::options::{ForgetOptions, ForgetPlace};
use super::report::{ForgetReport, JudgedSnapshot, Locked};
use super::unusable::{self, Unusable};
use crate::format::{Kind, name};
use crate::id::{ObjectId, SessionId};
use crate::index::Index;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{
    Repository, SnapshotFilter, list_objects, load_proofs_remembered, resolve_among,
    visit_snapshots,
};
use crate::store::ErrorKind;

/// So many snapshots stand in one forget record: 480 KB.
const RECORD_SNAPSHOTS_MAX: usize = 10_000;

/// Judges the snapshots of a place, and forgets those that nothing keeps.
///
/// # Errors
/// `Forget`; `NoSuchSnapshot`, `AmbiguousSnapshot`; `Store`, `Index`.
pub fn forget(
    place: &ForgetPlace<'_>,
    options: &ForgetOptions,
    progress: &dyn Progress,
) -> Result<ForgetReport> {
    let note = Note::new(place.trust, place.key);
    progress.stage("Looking at the snapshots", None);
    let (found, listed, unusable) = look(place.repository, place.index, progress)?;
    progress.finish();
    let (explained, names) = settle(place, options, &listed)?;
    let readable: BTreeSet<ObjectId> = found.iter().map(|one| one.id).collect();
    let (given_up, names) = unusable::named(&unusable, &readable, names, options)?;
    let mut begun = note.read()?;
    begun.retain(|id, _| readable.contains(id));
    let has_begun = begun.values().any(|it| it.is_named);
    if options.policy.is_empty() && options.named.is_empty() && !has_begun {
        return Err(ForgetError::NothingAsked.into());
    }
    let named = named(&found, &names, &options.filter)?;
    let mut report = decide(place, options, found, &named, &begun, progress)?;
    report.explained = explained;
    report.given_up = given_up.iter().copied().collect();
    if !options.dry_run {
        let kept = give_up(place, options, &given_up, progress)?;
        report.given_up.retain(|id| !kept.contains_key(id));
        for id in named {
            begun.entry(id).or_default().is_named = true;
        }
        let locked = carry_out(place, options, &note, begun, &report, progress)?;
        report.stay(&locked);
        report.locked += kept.len() as u64;
    }
    Ok(report)
}

pub(super) type Found = Vec<JudgedSnapshot>;

/// The snapshots, oldest first, not judged yet; all that are listed; what cannot be read, which
/// is told, and stays if nobody names it.
pub(super) fn look(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<(Found, BTreeSet<ObjectId>, Unusable)> {
    let mut unusable = Unusable::new();
    let mut arrivals = BTreeMap::new();
    let store = repository.store.as_ref();
    list_objects(store, Kind::Snapshot, &mut |id, info| {
        arrivals.insert(id, info.modified);
    })?;
    let (mut found, now) = (Found::new(), repository.seams.clock.now());
    visit_snapshots(
        repository,
        index,
        &mut |name, problem| {
            progress.notice(&format!(
                "{name} cannot be used: {problem}; it stays, whatever it is, unless you name it"
            ));
            unusable::note(&mut unusable, name, problem);
        },
        // One that came in between the two looks is left for the next time.
        &mut |one| {
            let arrived = arrivals.get(&one.id);
            found.extend(arrived.map(|arrived| JudgedSnapshot::new(one, *arrived, now)));
        },
    )?;
    Ok((found, arrivals.into_keys().collect(), unusable))
}

fn named(
    found: &[JudgedSnapshot],
    names: &[String],
    filter: &SnapshotFilter,
) -> Result<BTreeSet<ObjectId>> {
    let resolved = names.iter().map(|name| {
        let fits = |one: &JudgedSnapshot| one.fits(filter);
        Ok(resolve_among(found, name, |one| one.id, fits)?.id)
    });
    resolved.collect()
}

/// What stays and why, and what goes.
fn decide(
    place: &ForgetPlace<'_>,
    options: &ForgetOptions,
    mut found: Found,
    named: &BTreeSet<ObjectId>,
    begun: &BTreeMap<ObjectId, Begun>,
    progress: &dyn Progress,
) -> Result<ForgetReport> {
    see_drills(place, &mut found, progress)?;
    let protections = protections(&found, options.group_by);
    if !options.even_protected {
        refuse_protected(&found, &protections, named)?;
    }
    // What was named before and is protected by now stays. What goes takes nobody's place.
    let was_named = |id: &ObjectId| begun.get(id).is_some_and(|it| it.is_named);
    let goes = |(one, because): &(&JudgedSnapshot, &BTreeSet<Reason>)| {
        named.contains(&one.id) || was_named(&one.id) && because.is_empty()
    };
    let going = found.iter().zip(&protections).filter(goes);
    let going: BTreeSet<ObjectId> = going.map(|(one, _)| one.id).collect();
    let mut report = ForgetReport::default();
    let before = found.len();
    found.retain(|one| going.contains(&one.id) || one.fits(&options.filter));
    report.left_aside = (before - found.len()) as u64;
    let judged = found.iter().map(|one| &one.candidate);
    let judged: Vec<_> = judged.filter(|one| !going.contains(&one.id)).collect();
    let verdicts = match options.policy.is_empty() {
        true => vec![BTreeSet::from([Reason::NotNamed]); judged.len()],
        false => judge(&judged, &options.policy, options.group_by, &options.zone),
    };
    let stays = found.iter_mut().filter(|one| !going.contains(&one.id));
    for (one, reasons) in stays.zip(verdicts) {
        one.reasons = reasons;
    }
    let removed = found.extract_if(.., |one| one.reasons.is_empty());
    report.removed = removed.collect();
    report.kept = found;
    if report.kept.is_empty() && report.left_aside == 0 && !report.removed.is_empty() {
        let url = place.repository.store.url();
        return Err(ForgetError::AllOfThem { url }.into());
    }
    Ok(report)
}

/// Notes what drills have shown of the snapshots.
fn see_drills(place: &ForgetPlace<'_>, found: &mut Found, progress: &dyn Progress) -> Result<()> {
    let (repository, index) = (place.repository, place.index);
    let proofs = load_proofs_remembered(repository, index, &mut |name, problem| {
        progress.notice(&format!("{name} cannot be used: {problem}"));
    })?;
    let mut drills = Drills::from_proofs(&proofs);
    let listed: BTreeSet<ObjectId> = found.iter().map(|one| one.id).collect();
    Note::new(place.trust, place.key).remember_drills(&mut drills, &|id| listed.contains(id))?;
    for one in found {
        one.candidate.drilled = drills.of(&one.id);
    }
    Ok(())
}

fn refuse_protected(
    found: &[JudgedSnapshot],
    protections: &[BTreeSet<Reason>],
    named: &BTreeSet<ObjectId>,
) -> Result<(), ForgetError> {
    for (one, because) in found.iter().zip(protections) {
        if named.contains(&one.id) && !because.is_empty() {
            let why: Vec<String> = because.iter().map(in_a_sentence).collect();
            let id = one.id.to_string().chars().take(12).collect();
            let why = why.join(", and ");
            return Err(ForgetError::Protected { id, why });
        }
    }
    Ok(())
}

fn in_a_sentence(reason: &Reason) -> String {
    match reason {
        Reason::Newest => "the newest of its host and source".to_owned(),
        Reason::NewestCleanAudit => "the newest whose audit found nothing".to_owned(),
        Reason::NewestDrilled => "the newest that a drill has proven".to_owned(),
        Reason::NewestDrilledUnsigned => {
            "the newest that a drill is said to have proven".to_owned()
        }
        other => other.words(),
    }
}

/// Note, record, deletion. Gives those that are locked yet: what is noted of them is done later.
fn carry_out(
    place: &ForgetPlace<'_>,
    options: &ForgetOptions,
    note: &Note<'_>,
    mut begun: BTreeMap<ObjectId, Begun>,
    report: &ForgetReport,
    progress: &dyn Progress,
) -> Result<Locked> {
    let removed: BTreeSet<ObjectId> = report.removed.iter().map(|one| one.id).collect();
    begun.retain(|id, _| removed.contains(id));
    if removed.is_empty() {
        note.clear()?;
        return Ok(Locked::new());
    }
    for id in &removed {
        begun.entry(*id).or_default();
    }
    note.write(&begun)?;
    let unexplained: Vec<&JudgedSnapshot> = report
        .removed
        .iter()
        .filter(|one| begun.get(&one.id).is_some_and(|it| !it.is_recorded))
        .collect();
    progress.stage("Forgetting", None);
    for part in unexplained.chunks(RECORD_SNAPSHOTS_MAX) {
        let ids = part.iter().map(|one| one.id).collect();
        let sessions: BTreeSet<SessionId> = part
            .iter()
            .flat_map(|one| one.sessions.iter().copied())
            .collect();
        let sessions = sessions.into_iter().collect();
        let reason = match options.named.is_empty() {
            true => "retention",
            false => "named",
        };
        explain_absence(place.repository, &options.host, ids, sessions, reason)?;
        for one in part {
            begun.entry(one.id).or_default().is_recorded = true;
        }
        note.write(&begun)?;
    }
    let locked = delete_all(place, &removed, progress)?;
    progress.finish();
    begun.retain(|id, _| locked.contains_key(id));
    note.write(&begun)?;
    Ok(locked)
}

/// Record and deletion of what nobody can read.
fn give_up(
    place: &ForgetPlace<'_>,
    options: &ForgetOptions,
    given_up: &BTreeSet<ObjectId>,
    progress: &dyn Progress,
) -> Result<Locked> {
    if given_up.is_empty() {
        return Ok(Locked::new());
    }
    let ids = given_up.iter().copied().collect();
    let reason = "unreadable, and named";
    explain_absence(place.repository, &options.host, ids, Vec::new(), reason)?;
    delete_all(place, given_up, progress)
}

fn delete_all(
    place: &ForgetPlace<'_>,
    removed: &BTreeSet<ObjectId>,
    progress: &dyn Progress,
) -> Result<Locked> {
    let store = place.repository.store.as_ref();
    let mut done = 0_usize;
    let mut locked = Locked::new();
    for id in removed {
        let name = name::of(Kind::Snapshot, id);
        progress.item(name.as_bytes());
        match store.delete(&name) {
            Ok(()) => done += 1,
            Err(error) if error.kind == ErrorKind::Retained => {
                locked.insert(*id, error.detail);
            }
            Err(source) if source.kind == ErrorKind::Denied => {
                let (url, done) = (store.url(), so_far(done, removed.len()));
                let source = Box::new(source);
                return Err(OpsError::from(ForgetError::Denied { url, done, source }));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(locked)
}

fn so_far(done: usize, of: usize) -> String {
    match done {
        0 => "nothing was removed, and nothing is lost".to_owned(),
        _ => format!("{done} of {of} snapshots were removed"),
    }
}
