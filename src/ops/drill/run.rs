//! The drill from beginning to end, and its proof.

use std::collections::BTreeMap;
use std::path::Path;

use super::docker::Container;
use super::existing::ExistingServer;
use super::local::LocalServer;
use super::server::{Server, query};
use super::{DrillError, DrillOptions, DrillReport, ServerChoice, assets, compare, load};
use crate::format::cbor::Counts;
use crate::format::housekeeping::Finding;
use crate::id::ObjectId;
use crate::index::Index;
use crate::ops::database::StoredDump;
use crate::ops::error::with_causes;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot, load_snapshot, store_proof};
use crate::seams::Timestamp;

/// Longest summary of a proof.
const SUMMARY_CHARACTERS_MAX: usize = 2_000;

/// Rehearses the restore of a snapshot. A drill that was held leaves a proof, also of a failure; so
/// does one that ends at damage in the archive.
///
/// # Errors
/// `Drill` when it could not be held; `NoDatabase`, `Interrupted`; of the repository.
pub fn drill(
    repository: &Repository,
    index: &Index,
    snapshot: &StoredSnapshot,
    options: &DrillOptions,
    progress: &dyn Progress,
) -> Result<DrillReport> {
    repository.read_key("to hold a drill")?;
    let _heeding = options.interrupt.heed();
    let clock = &repository.seams.clock;
    let (began, start) = (clock.now(), clock.since_boot());
    let mut report = DrillReport::default();
    let held = hold(repository, index, snapshot, options, &mut report, progress);
    report.duration = clock.since_boot().saturating_sub(start);
    match held {
        Ok(()) => {
            report.ok = report.problems.is_empty()
                && report.rows_differ.is_empty()
                && report.asset_problems.is_empty();
        }
        Err(OpsError::Repository(error)) if error.is_damage() => {
            report.problems.push(with_causes(&error));
            record(repository, snapshot.id, began, options, &mut report)?;
            return Err(error.into());
        }
        Err(error) => return Err(error),
    }
    record(repository, snapshot.id, began, options, &mut report)?;
    Ok(report)
}

fn hold(
    repository: &Repository,
    index: &Index,
    snapshot: &StoredSnapshot,
    options: &DrillOptions,
    report: &mut DrillReport,
    progress: &dyn Progress,
) -> Result<()> {
    let dump = StoredDump::find(repository, index, &snapshot.record)?;
    report.kind.clone_from(&dump.database.kind);
    let contents = load::survey(&dump, progress)?;
    let mut extensions: Vec<String> = contents
        .databases
        .iter()
        .flat_map(|it| it.extensions.iter().cloned())
        .collect();
    extensions.sort();
    extensions.dedup();
    report.extensions = extensions;
    let record = load_snapshot(repository, index, &snapshot.id)?;
    compare::check_record(&record, &contents, report);

    progress.stage("Starting PostgreSQL", None);
    let server = start(repository, options)?;
    let server = server.as_ref();
    let version = query(
        server,
        server.database(),
        "SHOW server_version",
        &options.interrupt,
    )?;
    let version = version.into_iter().flatten().next().unwrap_or_default();
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    report.server = format!("PostgreSQL {version}, {}", server.description());
    let left_out = load::prepare(server, &contents, options, &version)?;
    report.extensions_left_out = left_out.iter().cloned().collect();
    let feed = load::Loading {
        repository,
        dump: &dump,
        server,
        contents: &contents,
        options,
        progress,
    };
    feed.load(left_out, report)?;

    progress.stage("Counting rows", None);
    compare::count_rows(server, &contents, options, report)?;
    let Some(immich) = contents.immich() else {
        progress.notice("the dump has no assets of Immich, so no originals are checked");
        return Ok(());
    };
    let Some(table) = &immich.assets else {
        return Ok(());
    };
    compare::ask(server, immich, table, options, report)?;
    let originals = assets::Originals {
        repository,
        index,
        snapshot: &snapshot.record,
        server,
        immich,
        table,
        options,
    };
    originals.check(report, progress)
}

fn start(repository: &Repository, options: &DrillOptions) -> Result<Box<dyn Server>> {
    let (clock, interrupt) = (&repository.seams.clock, &options.interrupt);
    Ok(match &options.server {
        ServerChoice::Local { programs, user } => {
            let programs = programs.as_deref().map(Path::new);
            Box::new(LocalServer::start(programs, user, clock, interrupt)?)
        }
        ServerChoice::Docker { image } => {
            let name = format!("offsite-drill-{}", random_name(repository)?);
            Box::new(Container::start(image, name, clock, interrupt)?)
        }
        ServerChoice::Existing { url } => {
            let name = format!("offsite_drill_{}", random_name(repository)?);
            Box::new(ExistingServer::open(url, name, interrupt)?)
        }
    })
}

/// Nobody else's.
fn random_name(repository: &Repository) -> Result<String> {
    let mut bytes = [0; 8];
    let random = &repository.seams.random;
    random.fill(&mut bytes).map_err(DrillError::Folder)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn record(
    repository: &Repository,
    snapshot: ObjectId,
    began: Timestamp,
    options: &DrillOptions,
    report: &mut DrillReport,
) -> Result<()> {
    let figures = [
        ("tables", report.tables),
        ("rows", report.rows),
        ("tables_differ", report.rows_differ.len() as u64),
        ("load_errors", report.load_errors_total),
        ("assets", report.assets),
        ("assets_checked", report.assets_checked),
        ("assets_wrong", report.asset_problems.len() as u64),
        (
            "extensions_left_out",
            report.extensions_left_out.len() as u64,
        ),
    ];
    let figures: BTreeMap<String, u64> = figures
        .into_iter()
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect();
    let finding = Finding {
        kind: "drill".to_owned(),
        host: options.host.clone(),
        began,
        ended: repository.seams.clock.now(),
        snapshot: Some(snapshot),
        ok: report.ok,
        figures: Counts(figures),
        summary: summary(report),
    };
    report.proof = Some(store_proof(repository, finding)?.id);
    Ok(())
}

/// What the proof says in words; it names no file and no person.
fn summary(report: &DrillReport) -> String {
    let mut parts = Vec::new();
    if report.ok {
        parts.push(format!(
            "{} tables with {} rows came back, {} originals are what the database says",
            report.tables, report.rows, report.assets_checked
        ));
    }
    parts.extend(report.problems.iter().cloned());
    if !report.rows_differ.is_empty() {
        let count = report.rows_differ.len();
        parts.push(format!("{count} tables do not have the rows of the dump"));
    }
    if !report.asset_problems.is_empty() {
        parts.push(format!(
            "{} of {} originals are not what the database says",
            report.asset_problems.len(),
            report.assets_checked
        ));
    }
    if !report.extensions_left_out.is_empty() {
        parts.push(format!(
            "embeddings were loaded as text, without the extensions {}",
            report.extensions_left_out.join(", ")
        ));
    }
    if !report.server.is_empty() {
        parts.push(report.server.clone());
    }
    let summary = parts.join("; ");
    summary.chars().take(SUMMARY_CHARACTERS_MAX).collect()
}
