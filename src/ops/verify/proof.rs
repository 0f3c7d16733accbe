//! The proof that a verify leaves: what it looked at, and what it found. It names no file.

use std::collections::BTreeMap;

use super::report::VerifyReport;
use crate::format::cbor::Counts;
use crate::format::housekeeping::Finding;
use crate::id::ObjectId;
use crate::ops::Result;
use crate::repository::{Repository, StoredProof, store_proof};
use crate::seams::Timestamp;

/// Stores the proof of a verify; signed where the read key is at hand. `snapshot` is the one that it
/// was about, if it was about one.
///
/// # Errors
/// `Store`: credentials that only read cannot put one.
pub fn prove_verify(
    repository: &Repository,
    report: &VerifyReport,
    host: &str,
    began: Timestamp,
    snapshot: Option<ObjectId>,
) -> Result<StoredProof> {
    let finding = Finding {
        kind: "verify".to_owned(),
        host: host.to_owned(),
        began,
        ended: repository.seams.clock.now(),
        snapshot,
        ok: report.is_sound(),
        figures: Counts(figures(report)),
        summary: summary(report),
    };
    Ok(store_proof(repository, finding)?)
}

fn figures(report: &VerifyReport) -> BTreeMap<String, u64> {
    let mut figures: BTreeMap<&str, u64> = [
        ("snapshots_total", report.snapshots_total),
        ("snapshots_checked", report.snapshots_checked),
        ("packs_total", report.packs_total),
        ("packs_read", report.packs_read),
        ("pack_bytes_total", report.pack_bytes_total),
        ("pack_bytes_read", report.pack_bytes_read),
        (
            "share_permille",
            permille(report.pack_bytes_read, report.pack_bytes_total),
        ),
        ("bytes_read", report.bytes_read),
        ("files_checked", report.files_checked),
        ("checksums_compared", report.checksums.agreeing),
        ("decrypted", u64::from(report.decrypted)),
        ("objects_damaged", report.damage.len() as u64),
    ]
    .into();
    if let Some(coverage) = &report.coverage {
        let share = permille(coverage.recent_bytes, coverage.total_bytes);
        figures.insert("recent_permille", share);
        figures.insert("never_read", coverage.never_read);
    }
    let named = figures.into_iter();
    named
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect()
}

/// Rounded down: a thousand means all.
pub fn permille(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 1000;
    }
    let permille = u128::from(part) * 1000 / u128::from(whole);
    u64::try_from(permille).unwrap_or(1000).min(1000)
}

fn summary(report: &VerifyReport) -> String {
    let read = match (report.packs_read, report.decrypted) {
        (0, _) => "looked at without being read".to_owned(),
        (read, true) => format!("{read} of {} packs read and decrypted", report.packs_total),
        (read, false) => format!(
            "{read} of {} packs read and held against their names",
            report.packs_total
        ),
    };
    let found = match report.damage.len() {
        0 => "nothing was damaged".to_owned(),
        1 => "1 object was damaged".to_owned(),
        many => format!("{many} objects were damaged"),
    };
    format!(
        "{} of {} snapshots checked, {read}; {found}",
        report.snapshots_checked, report.snapshots_total
    )
}
