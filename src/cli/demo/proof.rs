//! The middle of the demo: the audit of a snapshot finds the photo that decayed behind Immich's
//! back, and says where it is still whole.

use std::collections::BTreeMap;

use super::teller::Teller;
use crate::cli::exit::Failure;
use crate::cli::{audit_text, show};
use crate::id::ObjectId;
use crate::ops::{self, Opened, OpsError};
use crate::repository::SnapshotFilter;

/// What the audit came to.
#[derive(Debug, Default)]
pub struct Proof {
    pub counts: BTreeMap<String, u64>,
    /// Whether exactly the planted damage was found, with the snapshot that still holds good bytes.
    pub found: bool,
}

/// Audits the newest snapshot. `planted`: the only photo that is not as it should be; `good`: the
/// snapshot that holds it whole.
///
/// # Errors
/// Of the audit; `Interrupted`.
pub fn audit(
    teller: &Teller<'_>,
    opened: &Opened,
    planted: &str,
    good: ObjectId,
) -> Result<Proof, Failure> {
    let snapshot = opened.snapshot("latest", &SnapshotFilter::default())?;
    let (mut grave, mut is_planted, mut lines) = (0, false, Vec::new());
    let report = ops::audit(
        &opened.repository,
        &opened.index,
        &opened.snapshots,
        snapshot,
        &mut |_| Ok(()),
        &mut |found| {
            let Some(verdict) = found.verdict.filter(|verdict| verdict.is_grave()) else {
                return Ok(());
            };
            grave += 1;
            let path = &found.finding.path;
            let whole = found.history.and_then(|history| history.good);
            is_planted |= path.as_slice() == planted.as_bytes() && whole == Some(good);
            lines.push(format!(
                "{}: {}",
                verdict.name().replace('_', " "),
                show::harmless(path)
            ));
            if let Some(whole) = whole {
                let command = audit_text::restore_command(path, whole);
                lines.push(format!("  still whole in the first snapshot: {command}"));
            }
            Ok(())
        },
    )?;
    let report = report.ok_or(OpsError::NoAudit)?;
    let ink = show::ink_for_stdout();
    let found = grave == 1 && is_planted;
    if let Some(line) = audit_text::in_one_line(&report.counts) {
        teller.line(&line)?;
    }
    for line in lines {
        teller.line(&ink.warn(&line))?;
    }
    if !found {
        teller.line(&ink.bad("that is not the photo that decayed"))?;
    }
    Ok(Proof {
        counts: report.counts,
        found,
    })
}
