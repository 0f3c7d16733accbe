//! `offsite snapshots`

use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::show::{self, Align, Table};
use super::{audit_text, output};
use crate::format::snapshot::Snapshot;
use crate::repository::{SnapshotFilter, StoredSnapshot, clocks_apart};

/// A snapshot that began so long before its own time was put right when it was read.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// List the snapshots, oldest first
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Only those with this label
    #[arg(long, value_name = "T")]
    tag: Option<String>,
    /// Only those of this machine
    #[arg(long, value_name = "H")]
    host: Option<String>,
    /// Only the newest so many of them
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let filter = SnapshotFilter {
        host: args.host.clone(),
        tag: args.tag.clone(),
        ..SnapshotFilter::default()
    };
    let mut shown: Vec<_> = opened
        .snapshots
        .iter()
        .filter(|one| filter.allows(&one.record))
        .collect();
    let left_out = args.last.map_or(0, |last| shown.len().saturating_sub(last));
    shown.drain(..left_out);
    if context.global.json {
        output::json(&shown.iter().map(|one| as_json(one)).collect::<Vec<_>>())?;
        return Ok(Status::Done);
    }
    if shown.is_empty() && left_out == 0 && !opened.snapshots.is_empty() {
        let sentence = "There are snapshots, but none of that machine or with that label.";
        output::lines(&[sentence])?;
        return Ok(Status::Done);
    }
    if shown.is_empty() && left_out == 0 {
        output::lines(&["There is no snapshot yet. offsite backup makes one."])?;
        return Ok(Status::Done);
    }
    let mut table = Table::new([
        ("Snapshot", Align::Left),
        ("Time", Align::Left),
        ("Host", Align::Left),
        ("Files", Align::Right),
        ("Size", Align::Right),
        ("Database", Align::Right),
        ("New", Align::Right),
        ("Tags", Align::Left),
        ("Audit", Align::Left),
        ("Remarks", Align::Left),
    ]);
    for StoredSnapshot { id, record } in shown.iter().copied() {
        let database = record.database.as_ref();
        table.row([
            id.to_string().chars().take(12).collect(),
            show::time(record.time),
            show::harmless(record.host.as_bytes()),
            show::count(record.statistics.files),
            show::bytes(record.statistics.bytes),
            database.map_or("-".to_owned(), |database| show::bytes(database.bytes)),
            show::bytes(record.statistics.bytes_stored),
            show::harmless(record.tags.join(", ").as_bytes()),
            audit_text::in_a_word(&record.audit.0),
            remarks(record),
        ]);
    }
    let mut lines = table.lines();
    lines.extend(about_suspects(&shown, opened.snapshots.last()));
    if left_out > 0 {
        let left_out = show::counted(left_out as u64, "older one", "older ones");
        lines.push(format!("{left_out} not shown."));
    }
    output::lines(&lines)?;
    Ok(Status::Done)
}

/// What is not as it should be.
fn remarks(record: &Snapshot) -> String {
    let mut remarks = Vec::new();
    if record.suspect.is_some() {
        remarks.push("suspect".to_owned());
    }
    if let Some((is_ahead, by)) = clocks_apart(record) {
        let side = if is_ahead { "ahead of" } else { "behind" };
        let by = show::duration(by);
        remarks.push(format!("its clock was {by} {side} the store's"));
    } else if record.started.plus(DAY) < record.time {
        remarks.push("its clock was wrong: made some time after the one before".to_owned());
    }
    if let Some(problems) = record
        .problems
        .as_ref()
        .filter(|problems| problems.count > 0)
    {
        remarks.push(format!("{} not readable", show::count(problems.count)));
    }
    remarks.join(", ")
}

/// Why each suspect one is, and, if the newest of all is one, how the others are called.
fn about_suspects(shown: &[&StoredSnapshot], newest: Option<&StoredSnapshot>) -> Vec<String> {
    let mut lines = Vec::new();
    for StoredSnapshot { id, record } in shown.iter().copied() {
        if let Some(reason) = &record.suspect {
            let id: String = id.to_string().chars().take(12).collect();
            lines.push(format!(
                "{id} is suspect: {}",
                show::harmless(reason.as_bytes())
            ));
        }
    }
    if newest.is_some_and(|one| one.record.suspect.is_some()) {
        let hint = "latest is suspect; latest~1 is the one before it, or name one by its id.";
        lines.push(hint.to_owned());
    }
    lines
}

fn as_json(snapshot: &StoredSnapshot) -> Value {
    let record = &snapshot.record;
    json!({
        "id": snapshot.id.to_string(),
        "time": show::rfc3339(record.time),
        "host": record.host,
        "tags": record.tags,
        "files": record.statistics.files,
        "bytes": record.statistics.bytes,
        "bytes_stored": record.statistics.bytes_stored,
        "database_bytes": record.database.as_ref().map(|database| database.bytes),
        "audit": record.audit.0,
        "problems": record.problems.as_ref().map_or(0, |problems| problems.count),
        "suspect": record.suspect,
    })
}
