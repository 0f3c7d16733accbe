//! The findings of an audit in its snapshot: written as finding lists, and read again.

use std::collections::BTreeMap;

use super::Audit;
use super::keys::place_of;
use super::verdict::{Tally, Verdict};
use crate::format::FormatError;
use crate::format::cbor::Joined;
use crate::format::finding::{
    Finding, Findings, append_finding, begin_finding_list, decode_finding_list,
};
use crate::format::listing::CUT_BYTES_MIN;
use crate::format::snapshot::Snapshot;
use crate::id::ChunkId;
use crate::index::audit::SettledFinding;
use crate::ops::error::shown;
use crate::ops::{OpsError, Result};
use crate::repository::{ChunkReader, RepositoryError};

/// Findings that are read again: many times what is ever kept, and an end for a forged record, which
/// may name one list as often as it likes.
const READ_MAX: usize = 1_000_000;
/// Findings that a report of a backup shows in words.
const SHOWN_MAX: usize = 3;

/// What an audit came to, for the snapshot record and the report.
#[derive(Debug, Clone, Default)]
pub struct Audited {
    tally: Option<Tally>,
    /// Where the findings are, if there are any.
    pub findings: Option<Findings>,
    /// The gravest ones: verdict and path.
    pub gravest: Vec<(Verdict, Vec<u8>)>,
}

impl Audited {
    /// By verdict; nothing if there was no audit.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.tally
            .as_ref()
            .map_or_else(BTreeMap::new, Tally::by_name)
    }
}

impl Audit {
    /// Stores the findings of a settled audit as finding lists.
    ///
    /// # Errors
    /// `Index`; whatever `store` returns.
    pub fn store(&self, store: &mut dyn FnMut(&[u8]) -> Result<ChunkId>) -> Result<Audited> {
        let state = self.lock();
        let mut audited = Audited {
            tally: Some(state.tally.clone()),
            ..Audited::default()
        };
        let mut chunks = Vec::new();
        let mut list = begin_finding_list();
        let mut in_list = 0;
        state.tables.each_finding::<OpsError>(&mut |settled| {
            let finding = finding_of(settled);
            let verdict = Verdict::from_name(&finding.verdict);
            if let Some(verdict) = verdict.filter(|verdict| verdict.is_grave())
                && audited.gravest.len() < SHOWN_MAX
            {
                audited.gravest.push((verdict, finding.path.clone()));
            }
            append_finding(&mut list, &finding);
            in_list += 1;
            if list.len() >= CUT_BYTES_MIN {
                chunks.push(store(&list)?);
                list = begin_finding_list();
                in_list = 0;
            }
            Ok(())
        })?;
        if in_list > 0 {
            chunks.push(store(&list)?);
        }
        let count = state.tally.findings();
        audited.findings = (count > 0).then_some(Findings {
            count,
            chunks: Joined(chunks),
        });
        Ok(audited)
    }
}

fn finding_of(settled: SettledFinding) -> Finding {
    let (root, path) = match &settled.key {
        Some(key) => {
            let (root, path) = place_of(key);
            (Some(root), path)
        }
        None => (None, settled.path),
    };
    let mut detail = settled.detail;
    if let Some(elsewhere) = settled.elsewhere {
        let (_, elsewhere) = place_of(&elsewhere);
        if !detail.is_empty() {
            detail.push_str("; ");
        }
        detail.push_str("the same bytes are at ");
        detail.push_str(&shown(&elsewhere));
    }
    let name = settled.owner_name.as_deref();
    let (found_sha1, found_size) = settled.found.unzip();
    Finding {
        verdict: settled.verdict,
        asset: settled.asset.map(Into::into),
        owner: settled.owner.map(Into::into),
        owner_name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        root,
        path,
        expected_sha1: settled.sha1.map(Into::into),
        expected_size: settled.size,
        found_sha1: found_sha1.map(Into::into),
        found_size,
        detail,
    }
}

/// Visits the findings that a snapshot keeps in words, the gravest first.
///
/// # Errors
/// Of reading metadata chunks, also where there is no end to them; of `visit`.
pub fn each_finding(
    chunks: &ChunkReader<'_>,
    snapshot: &Snapshot,
    visit: &mut dyn FnMut(Finding) -> Result<()>,
) -> Result<()> {
    let (lists, mut read) = (snapshot.findings.iter(), 0);
    for id in lists.flat_map(|findings| &findings.chunks.0) {
        let list = chunks.metadata(id)?;
        let findings = decode_finding_list(&list).map_err(RepositoryError::from)?;
        read += findings.len().max(1);
        if read > READ_MAX {
            let what = "it has more findings than any audit keeps";
            return Err(RepositoryError::from(FormatError::Contradiction { what }).into());
        }
        findings.into_iter().try_for_each(&mut *visit)?;
    }
    Ok(())
}
