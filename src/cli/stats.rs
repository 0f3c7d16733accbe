//! `offsite stats`

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::output;
use super::show::{self, Align, Table};
use crate::index::ClassTotals;
use crate::ops::{self, RepositoryStats, SnapshotStats};
use crate::progress::Progress;
use crate::repository::StoredSnapshot;

/// Show how much is stored, and what deduplication and compression save
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Of this snapshot only: its id or its beginning, latest, or latest~N
    snapshot: Option<String>,
    /// What each backup added
    #[arg(long, conflicts_with = "snapshot")]
    per_snapshot: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let snapshots = &opened.snapshots;
    let json = context.global.json;
    if args.per_snapshot {
        if json {
            output::json(&snapshots.iter().map(added_json).collect::<Vec<_>>())?;
        } else {
            output::lines(&added(snapshots))?;
        }
        return Ok(Status::Done);
    }
    if let Some(name) = &args.snapshot {
        let chosen = context.snapshot(&opened, name)?;
        let progress = context.progress.as_ref();
        let (repository, index) = (&opened.repository, &opened.index);
        let stats = ops::snapshot_stats(repository, index, snapshots, chosen, progress);
        progress.finish();
        let stats = stats?;
        if json {
            output::json(&snapshot_json(chosen, &stats))?;
        } else {
            output::lines(&of_snapshot(chosen, &stats))?;
        }
        return Ok(if stats.chunks.chunks_missing > 0 {
            Status::Damage
        } else {
            Status::Done
        });
    }
    let stats = ops::repository_stats(&opened.index, snapshots)?;
    if json {
        output::json(&repository_json(&stats))?;
    } else if snapshots.is_empty() {
        output::lines(&["There is no snapshot yet. offsite backup makes one."])?;
    } else {
        output::lines(&of_repository(&stats))?;
    }
    Ok(Status::Done)
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
}

fn of_repository(stats: &RepositoryStats) -> Vec<String> {
    let mut table = Table::new([
        ("", Align::Left),
        ("Packs", Align::Right),
        ("Stored", Align::Right),
        ("Chunks", Align::Right),
        ("Before compression", Align::Right),
    ]);
    let classes = [
        ("Files", &stats.files),
        ("Dumps", &stats.dumps),
        ("Listings", &stats.metadata),
    ];
    for (name, totals) in classes {
        table.row([
            name.to_owned(),
            show::count(totals.packs),
            show::bytes(totals.pack_bytes),
            show::count(totals.chunks),
            show::bytes(totals.plain_bytes),
        ]);
    }
    let mut lines = vec![format!(
        "{} of {} together, in {} of {}.",
        show::counted(stats.snapshots, "snapshot", "snapshots"),
        show::bytes(stats.snapshot_bytes),
        show::counted(stats.packs(), "pack", "packs"),
        show::bytes(stats.pack_bytes()),
    )];
    lines.extend(table.lines());
    lines.push(format!(
        "Different contents: {}. Deduplication makes it {} times smaller, compression {} times.",
        show::bytes(stats.unique_bytes()),
        times(stats.deduplication_ratio()),
        times(stats.compression_ratio()),
    ));
    lines
}

fn class_json(totals: &ClassTotals) -> Value {
    json!({
        "packs": totals.packs,
        "bytes_stored": totals.pack_bytes,
        "chunks": totals.chunks,
        "bytes_unique": totals.plain_bytes,
        "bytes_sealed": totals.sealed_bytes,
    })
}

fn repository_json(stats: &RepositoryStats) -> Value {
    json!({
        "snapshots": stats.snapshots,
        "bytes_snapshots": stats.snapshot_bytes,
        "packs": stats.packs(),
        "bytes_stored": stats.pack_bytes(),
        "bytes_unique": stats.unique_bytes(),
        "deduplication_ratio": stats.deduplication_ratio(),
        "compression_ratio": stats.compression_ratio(),
        "files": class_json(&stats.files),
        "dumps": class_json(&stats.dumps),
        "metadata": class_json(&stats.metadata),
    })
}

fn of_snapshot(snapshot: &StoredSnapshot, stats: &SnapshotStats) -> Vec<String> {
    let id: String = snapshot.id.to_string().chars().take(12).collect();
    let chunks = &stats.chunks;
    let mut lines = vec![
        format!("Snapshot {id} of {}:", show::time(snapshot.record.time)),
        format!(
            "  {}, {}, {}",
            show::counted(stats.files, "file", "files"),
            show::counted(stats.folders, "folder", "folders"),
            show::counted(stats.links, "link", "links"),
        ),
        format!(
            "  {} in all, {} of it the database dump",
            show::bytes(stats.bytes),
            show::bytes(stats.database_bytes)
        ),
        format!(
            "  {} of different contents, which take {} in the repository",
            show::bytes(chunks.plain_bytes),
            show::bytes(chunks.sealed_bytes)
        ),
        format!(
            "  {} that no other snapshot needs, which take {}",
            show::bytes(chunks.own_plain_bytes),
            show::bytes(chunks.own_sealed_bytes)
        ),
    ];
    if chunks.chunks_missing > 0 {
        let missing = show::counted(chunks.chunks_missing, "chunk", "chunks");
        lines.push(format!("  {missing} missing: run offsite verify"));
    }
    lines
}

fn snapshot_json(snapshot: &StoredSnapshot, stats: &SnapshotStats) -> Value {
    let chunks = &stats.chunks;
    json!({
        "snapshot": snapshot.id.to_string(),
        "time": show::rfc3339(snapshot.record.time),
        "files": stats.files,
        "folders": stats.folders,
        "links": stats.links,
        "bytes": stats.bytes,
        "database_bytes": stats.database_bytes,
        "chunks": chunks.chunks,
        "chunks_missing": chunks.chunks_missing,
        "bytes_unique": chunks.plain_bytes,
        "bytes_stored": chunks.sealed_bytes,
        "own_chunks": chunks.own_chunks,
        "own_bytes_unique": chunks.own_plain_bytes,
        "own_bytes_stored": chunks.own_sealed_bytes,
    })
}

fn added(snapshots: &[StoredSnapshot]) -> Vec<String> {
    let mut table = Table::new([
        ("Snapshot", Align::Left),
        ("Time", Align::Left),
        ("Host", Align::Left),
        ("Files", Align::Right),
        ("Size", Align::Right),
        ("New files", Align::Right),
        ("Changed", Align::Right),
        ("Added", Align::Right),
        ("Stored", Align::Right),
    ]);
    for StoredSnapshot { id, record } in snapshots {
        let figures = &record.statistics;
        table.row([
            id.to_string().chars().take(12).collect(),
            show::time(record.time),
            show::harmless(record.host.as_bytes()),
            show::count(figures.files),
            show::bytes(figures.bytes),
            show::count(figures.files_new),
            show::count(figures.files_changed),
            show::bytes(figures.bytes_added),
            show::bytes(figures.bytes_stored),
        ]);
    }
    let mut lines = table.lines();
    if table.is_empty() {
        lines = vec!["There is no snapshot yet. offsite backup makes one.".to_owned()];
    }
    lines
}

fn added_json(snapshot: &StoredSnapshot) -> Value {
    let StoredSnapshot { id, record } = snapshot;
    let figures = &record.statistics;
    json!({
        "id": id.to_string(),
        "time": show::rfc3339(record.time),
        "host": record.host,
        "files": figures.files,
        "bytes": figures.bytes,
        "files_new": figures.files_new,
        "files_changed": figures.files_changed,
        "bytes_added": figures.bytes_added,
        "bytes_stored": figures.bytes_stored,
    })
}
