//! The order of a verify.

use std::sync::Arc;

use super::super::Result;
use super::fetch::fetch;
use super::findings::Findings;
use super::meter::Meter;
use super::report::{VerifyOptions, VerifyReport};
use super::walk::Walk;
use super::{catalog, objects};
use crate::format::{Kind, cbor, name};
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, open_record};

/// Checks the repository. `index` is only asked for what a missing pack once held.
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
    let meter = Arc::new(Meter::new(Arc::clone(&repository.store)));
    let repository = &Repository {
        store: Arc::clone(&meter) as _,
        ..repository.clone()
    };
    let findings = Findings::default();
    progress.stage("Looking at the repository", None);
    // Snapshots before segments before packs, so that what a backup adds meanwhile is no damage.
    let snapshots = load_snapshots(repository, &findings)?;
    let catalog = catalog::load(repository, &findings)?;
    progress.finish();
    let proven = if options.data {
        Some(objects::check_all(
            repository, &catalog, &findings, progress,
        )?)
    } else {
        findings.add_objects(snapshots.len() as u64 + catalog.segments);
        None
    };
    progress.stage("Checking the snapshots", None);
    let mut walk = Walk::new(repository, &catalog.claims, proven.as_ref(), &findings);
    for snapshot in &snapshots {
        walk.survey(snapshot)?;
    }
    if walk.found_trouble() {
        for snapshot in &snapshots {
            walk.trace(snapshot, index)?;
        }
    }
    progress.finish();
    let files_checked = walk.files_checked();
    Ok(VerifyReport {
        packs_checked: catalog.packs,
        files_checked,
        bytes_read: meter.bytes(),
        decrypted: options.data && repository.reader.is_some(),
        ..findings.into_report()
    })
}

/// All snapshot records, fetched and opened anew; damaged ones become findings.
fn load_snapshots(repository: &Repository, findings: &Findings) -> Result<Vec<StoredSnapshot>> {
    let mut ids = Vec::new();
    repository
        .store
        .list(name::prefix(Kind::Snapshot), &mut |info| {
            if let Some((Kind::Snapshot, Some(id))) = name::parse(&info.name) {
                ids.push(id);
            }
            Ok(())
        })?;
    let mut snapshots = Vec::with_capacity(ids.len());
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
        .and_then(|payload| Ok(cbor::decode(&payload)?));
        match opened {
            Ok(record) => snapshots.push(StoredSnapshot { id, record }),
            Err(problem) => {
                findings.damaged(&name, &problem);
                findings.hurts(&name, &id);
            }
        }
    }
    snapshots.sort_by_key(|snapshot| (snapshot.record.time, snapshot.id));
    Ok(snapshots)
}
