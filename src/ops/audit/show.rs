//! The audit of a snapshot, shown again: from its record and finding lists, with the history of what
//! is missing or altered. No contents are read.

use std::collections::{BTreeMap, HashMap};

use super::IMMICH_ROOT_MAX;
use super::history::{History, Question, histories};
use super::lists::each_finding;
use super::verdict::Verdict;
use crate::format::entry::Key;
use crate::format::finding::Finding;
use crate::format::snapshot::{Root, Snapshot};
use crate::index::Index;
use crate::ops::Result;
use crate::repository::{ChunkReader, Fetch, Repository, StoredSnapshot};

/// Findings whose history is looked up: on a day with more, one thing has happened to all.
const QUESTIONS_MAX: usize = 1_000;

/// A finding, with its history where that was looked up.
#[derive(Debug)]
pub struct ReportedFinding {
    pub finding: Finding,
    pub verdict: Option<Verdict>,
    pub history: Option<History>,
}

/// What the audit of a snapshot came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    pub counts: BTreeMap<String, u64>,
    /// How many findings there were; not all of a very bad day are kept.
    pub findings_total: u64,
    /// Originals that are missing or altered.
    pub grave: u64,
    /// How many of those have a history.
    pub looked_up: u64,
}

/// Shows the audit of a snapshot: `begin` gets what it came to, `visit` the findings, the gravest
/// first. `None` if the snapshot has no audit.
///
/// # Errors
/// Of reading listings; of `begin` and `visit`.
pub fn audit(
    repository: &Repository,
    index: &Index,
    snapshots: &[StoredSnapshot],
    snapshot: &StoredSnapshot,
    begin: &mut dyn FnMut(&AuditReport) -> Result<()>,
    visit: &mut dyn FnMut(ReportedFinding) -> Result<()>,
) -> Result<Option<AuditReport>> {
    let record = &snapshot.record;
    if record.audit.is_empty() {
        return Ok(None);
    }
    let chunks = ChunkReader::new(repository, index, Fetch::Windows);
    let histories = look_back(&chunks, snapshots, snapshot)?;
    let verdicts = record.audit.0.iter();
    let grave =
        verdicts.filter(|(name, _)| Verdict::from_name(name).is_some_and(Verdict::is_grave));
    let report = AuditReport {
        counts: record.audit.0.clone(),
        findings_total: record
            .findings
            .as_ref()
            .map_or(0, |findings| findings.count),
        grave: grave.map(|(_, count)| *count).fold(0, u64::saturating_add),
        looked_up: histories.len() as u64,
    };
    begin(&report)?;
    let mut place = 0;
    each_finding(&chunks, record, &mut |finding| {
        let history = histories.get(&place).copied();
        place += 1;
        visit(ReportedFinding {
            verdict: Verdict::from_name(&finding.verdict),
            finding,
            history,
        })
    })?;
    Ok(Some(report))
}

/// The histories of the gravest findings, by their place among all.
fn look_back(
    chunks: &ChunkReader<'_>,
    snapshots: &[StoredSnapshot],
    snapshot: &StoredSnapshot,
) -> Result<HashMap<u64, History>> {
    let (mut questions, mut places, mut place) = (Vec::new(), Vec::new(), 0);
    each_finding(chunks, &snapshot.record, &mut |finding| {
        if questions.len() < QUESTIONS_MAX
            && let Some(question) = question_of(finding)
        {
            questions.push(question);
            places.push(place);
        }
        place += 1;
        Ok(())
    })?;
    if questions.is_empty() {
        return Ok(HashMap::new());
    }
    let older = snapshots.iter().rev().filter(|one| {
        is_before(&one.record, &snapshot.record) && is_of_same_source(&one.record, &snapshot.record)
    });
    let histories = histories(chunks, snapshot, older, &questions)?;
    Ok(places.into_iter().zip(histories).collect())
}

fn question_of(finding: Finding) -> Option<Question> {
    let is_grave = Verdict::from_name(&finding.verdict).is_some_and(Verdict::is_grave);
    let root = finding.root.filter(|_| is_grave)?;
    Some(Question {
        key: Key {
            root,
            path: finding.path,
        },
        now: finding.found_sha1.map(Into::into),
        wanted: finding.expected_sha1.map(Into::into),
    })
}

/// Several snapshots may hold one dump, and so have one time.
fn is_before(one: &Snapshot, other: &Snapshot) -> bool {
    (one.time, one.started) < (other.time, other.started)
}

/// Whether two snapshots are of one upload location of one host.
fn is_of_same_source(one: &Snapshot, two: &Snapshot) -> bool {
    fn immich(record: &Snapshot) -> impl Iterator<Item = &Root> {
        let roots = record.roots.iter();
        roots.filter(|root| (1..=IMMICH_ROOT_MAX).contains(&root.number))
    }
    one.host == two.host && immich(one).any(|root| immich(two).any(|other| root == other))
}
