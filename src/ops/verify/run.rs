//! The order of a verify.

use std::sync::Arc;

use super::super::Result;
use super::fetch::fetch;
use super::findings::Findings;
use super::part::{Contents, Selection, VerifyPart};
use super::report::{Compared, VerifyOptions, VerifyReport};
use super::walk::Walk;
use super::{catalog, checksums, meanwhile, objects, vanished};
use crate::format::{Kind, cbor, name};
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Others, Repository, StoredSnapshot, Weights, open_record};
use crate::store::tally::Tally;

/// Checks the repository. `index` is asked what a missing pack once held and what this host remembers
/// of the place, and told which packs are damaged, so that nothing more is deduplicated against them.
///
/// # Errors
/// `Store` when the store is out of reach, `Index`. Damage is in the report, and so are objects of a
/// version that this program does not know: it cannot vouch for them.
pub fn verify(
    repository: &Repository,
    index: &Index,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    verify_part(repository, index, options, &VerifyPart::default(), progress)
}

/// Checks a part of the repository, as [`verify`] checks all.
///
/// # Errors
/// As [`verify`].
pub fn verify_part(
    repository: &Repository,
    index: &Index,
    options: &VerifyOptions,
    part: &VerifyPart,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let tally = Arc::new(Tally::new(Arc::clone(&repository.store)));
    let repository = &Repository {
        store: Arc::clone(&tally) as _,
        // What another copy has is no help against what is wrong with this one.
        others: Others::default(),
        ..repository.clone()
    };
    let findings = Findings::default();
    progress.stage("Looking at the repository", None);
    // Snapshots before segments before packs, so that what a backup adds meanwhile is no damage.
    let (snapshots, snapshots_total) = load_snapshots(repository, index, part, &findings)?;
    let catalog = catalog::load(repository, &findings)?;
    let selection = Selection::choose(repository, &catalog.claims, &snapshots, part)?;
    progress.finish();
    let proven = if options.data {
        Some(objects::check_all(
            repository, &catalog, &selection, &findings, progress,
        )?)
    } else {
        findings.add_objects(snapshots.len() as u64 + catalog.segments);
        None
    };
    let checksums = match part.stored_checksums && !options.data {
        true => checksums::compare(repository, &catalog, &selection, &findings, progress)?,
        false => Compared::default(),
    };
    progress.stage("Checking the snapshots", None);
    let contents = Contents {
        claims: &catalog.claims,
        proven: proven.as_ref(),
        selection: &selection,
    };
    let files_checked = check_snapshots(
        Walk::new(repository, contents, &findings),
        &snapshots,
        index,
    )?;
    selection.recall_damage(repository, options.data, &findings)?;
    meanwhile::take_back(repository, &findings)?;
    progress.finish();
    let report = VerifyReport {
        snapshots_total,
        packs_checked: catalog.packs,
        packs_read: if options.data { selection.packs } else { 0 },
        packs_total: selection.packs_total,
        pack_bytes_read: if options.data {
            selection.pack_bytes
        } else {
            0
        },
        pack_bytes_total: selection.pack_bytes_total,
        files_checked,
        bytes_read: tally.bytes_down(),
        decrypted: options.data && repository.reader.is_some(),
        checksums,
        coverage: selection.coverage(repository)?,
        ..findings.into_report()
    };
    if options.data {
        remember_damage(index, &report, selection.is_all())?;
    }
    Ok(report)
}

/// Gives how many files were held against what they are made of.
fn check_snapshots(mut walk: Walk<'_>, snapshots: &[StoredSnapshot], index: &Index) -> Result<u64> {
    for snapshot in snapshots {
        walk.survey(snapshot)?;
    }
    if walk.found_trouble() {
        for snapshot in snapshots {
            walk.trace(snapshot, index)?;
        }
    }
    Ok(walk.files_checked())
}

/// Lets the index of this host know which packs are damaged, and, where all were read, that no other
/// is.
fn remember_damage(index: &Index, report: &VerifyReport, is_all: bool) -> Result<()> {
    let mut damaged = Vec::new();
    for damage in &report.damage {
        if let Some((Kind::DataPack | Kind::ListingPack, Some(id))) = name::parse(&damage.object) {
            damaged.push(id);
        }
    }
    if is_all {
        let mut sound = index.distrusted()?;
        sound.retain(|id| !damaged.contains(id));
        index.trust_again(&sound)?;
    }
    Ok(index.distrust(&damaged)?)
}

/// The snapshot records to be checked, fetched and opened anew, and how many there are in all;
/// damaged ones become findings.
fn load_snapshots(
    repository: &Repository,
    index: &Index,
    part: &VerifyPart,
    findings: &Findings,
) -> Result<(Vec<StoredSnapshot>, u64)> {
    let known = vanished::known(index, findings);
    let mut ids = Vec::new();
    repository
        .store
        .list(name::prefix(Kind::Snapshot), &mut |info| {
            if let Some((Kind::Snapshot, Some(id))) = name::parse(&info.name) {
                ids.push(id);
            }
            Ok(())
        })?;
    let total = ids.len() as u64;
    vanished::find(repository, known, &ids, findings)?;
    ids.retain(|id| part.has_snapshot(id));
    let mut snapshots = Vec::with_capacity(ids.len());
    let mut weights = Weights::default();
    for id in ids {
        findings.add_snapshot();
        let name = name::of(Kind::Snapshot, &id);
        let opened = fetch(
            repository,
            &name,
            Some(&id),
            Kind::Snapshot.record_bytes_max(),
        )?
        .and_then(|bytes| open_record(&repository.writer, Kind::Snapshot, &bytes))
        .and_then(|payload| {
            let record = cbor::decode(&payload)?;
            weights.admit(&record, payload.len())?;
            Ok(record)
        });
        match opened {
            Ok(record) => snapshots.push(StoredSnapshot { id, record }),
            Err(problem) => {
                findings.damaged(&name, &problem);
                findings.hurts(&name, &id);
            }
        }
    }
    snapshots.sort_by_key(|snapshot| (snapshot.record.time, snapshot.id));
    Ok((snapshots, total))
}
