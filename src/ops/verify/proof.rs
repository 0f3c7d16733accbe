//! The proof that a verify leaves: what it looked at, and what it found. It names no file.

use std::collections::BTreeMap;

use super::report::VerifyReport;
use crate::format::cbor::Counts;
use crate::format::housekeeping::Finding;
use crate::id::ObjectId;
use crate::index::Index;
use crate::ops::Result;
use crate::repository::{Repository, StoredProof, store_proof};
use crate::seams::Timestamp;

/// Under this name of a place this host remembers its last verify (see `Trust::note`).
const NOTE: &str = "verify";
/// Figures of the share that was read, of a thousand: within some weeks, in turn; or in this run.
const RECENT: &str = "recent_permille";
const SHARE: &str = "share_permille";

/// Stores the proof of a verify; signed where the read key is at hand. `snapshot` is the one that it
/// was about, if it was about one. This host remembers it as well, since whoever has the writer key
/// can put a proof.
///
/// # Errors
/// `Store`: credentials that only read cannot put one.
pub fn prove_verify(
    repository: &Repository,
    index: &Index,
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
    if let Some(watch) = index.watch()
        && let Ok(trust) = watch.trust()
    {
        // A memory that cannot be written costs trust in this verify, and no more.
        let share = finding
            .figures
            .0
            .get(RECENT)
            .or(finding.figures.0.get(SHARE));
        let share = share.copied().unwrap_or_default();
        let ended = finding.ended.nanoseconds();
        let note = format!("{ended} {} {share} {host}", finding.ok);
        let _ = trust.set_note(watch.place(), NOTE, &note);
    }
    Ok(store_proof(repository, finding)?)
}

/// A verify that this host ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnVerify {
    pub ended: Timestamp,
    pub ok: bool,
    /// Of a thousand, how much was read: lately if that is known, else in that run.
    pub share_permille: u64,
    pub host: String,
}

/// The last verify that this host ran at the place of the index, if it remembers one.
pub fn own_verify(index: &Index) -> Option<OwnVerify> {
    let watch = index.watch()?;
    let note = watch.trust().ok()?.note(watch.place(), NOTE).ok()??;
    let mut words = note.splitn(4, ' ');
    Some(OwnVerify {
        ended: Timestamp::from_nanoseconds(words.next()?.parse().ok()?),
        ok: words.next()?.parse().ok()?,
        share_permille: words.next()?.parse().ok()?,
        host: words.next()?.to_owned(),
    })
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
            SHARE,
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
        figures.insert(RECENT, share);
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
