//! `offsite diff`

use std::ffi::OsString;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::context::{Access, Context};
use super::entry_json::{self, JsonArray};
use super::exit::{Result, Status};
use super::typed_path::understand;
use super::{output, show};
use crate::format::entry::{Entry, EntryType};
use crate::ops::{self, Change, Changed, DiffReport, OpsError, Tally};
use crate::progress::Progress;
use crate::repository::StoredSnapshot;

/// Show what changed between two snapshots
///
/// A line begins with + for what is new, - for what is gone, M for what has another content, U for the
/// same content with other permissions, owner or time, T for what is something else now, such as a
/// folder where a file was.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// The older one: a snapshot's id or its beginning, latest, or latest~N
    #[arg(value_name = "A")]
    old: String,
    /// The newer one
    #[arg(value_name = "B")]
    new: String,
    /// Only this folder or file, as offsite ls shows it
    #[arg(default_value = "", hide_default_value = true)]
    path: OsString,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let old = context.snapshot(&opened, &args.old)?;
    let new = context.snapshot(&opened, &args.new)?;
    if old.record.time > new.record.time {
        context
            .progress
            .notice("note: the first of the two is the newer one: + and - tell how to go back");
    }
    if folders(old) != folders(new) {
        context.progress.notice(
            "note: the two were made of different folders: what is in one of them only shows as new or gone",
        );
    }
    let (repository, index) = (&opened.repository, &opened.index);
    let both = (&old.record, &new.record);
    output::stream(|out| {
        understand(&args.path, |path| {
            if context.global.json {
                let before = format!(
                    "{{\n\"old\": \"{}\",\n\"new\": \"{}\",\n\"changes\": ",
                    old.id, new.id
                );
                let mut array = JsonArray::new(out, &before);
                let report = ops::diff(repository, index, both, path, &mut |changed| {
                    array.push(&as_json(changed))
                })?;
                return array.end(&format!(",\n\"summary\": {}\n}}", summary_json(&report)));
            }
            let report = ops::diff(repository, index, both, path, &mut |changed| {
                writeln!(out, "{}", line(changed)).map_err(OpsError::Output)
            })?;
            for line in summary(old, new, &report) {
                writeln!(out, "{line}").map_err(OpsError::Output)?;
            }
            Ok(())
        })
    })?;
    Ok(Status::Done)
}

fn folders(snapshot: &StoredSnapshot) -> Vec<(u32, &[u8])> {
    let roots = snapshot.record.roots.iter();
    let roots = roots.filter(|root| root.kind != "database");
    roots
        .map(|root| (root.number, root.source.as_slice()))
        .collect()
}

fn line(changed: &Changed) -> String {
    let sign = match changed.change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Content => 'M',
        Change::Metadata => 'U',
        Change::Type => 'T',
    };
    let path = changed.entry().map_or(String::new(), |entry| {
        let folder = entry.entry_type() == EntryType::Folder;
        format!(
            "{}{}",
            show::harmless(&entry.path),
            if folder { "/" } else { "" }
        )
    });
    format!("{sign}    {path}")
}

fn as_json(changed: &Changed) -> Value {
    let side = |entry: &Option<Entry>| {
        entry.as_ref().map(|entry| {
            json!({
                "type": entry_json::type_name(entry),
                "size": entry.size,
                "mode": entry.mode,
                "owner": entry.owner,
                "group": entry.group,
                "modified": entry.modified.map(show::rfc3339),
                "sha1": entry_json::sha1(entry),
            })
        })
    };
    let change = match changed.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Content => "content",
        Change::Metadata => "metadata",
        Change::Type => "type",
    };
    let mut object = Map::new();
    object.insert("change".to_owned(), change.into());
    if let Some(entry) = changed.entry() {
        entry_json::put_path(&mut object, "path", &entry.path);
    }
    object.insert("old".to_owned(), json!(side(&changed.old)));
    object.insert("new".to_owned(), json!(side(&changed.new)));
    Value::Object(object)
}

fn summary_json(report: &DiffReport) -> Value {
    let tally = |tally: &Tally| {
        json!({
            "files": tally.files,
            "folders": tally.folders,
            "others": tally.others,
            "bytes": tally.bytes,
        })
    };
    json!({
        "added": tally(&report.added),
        "removed": tally(&report.removed),
        "changed_before": tally(&report.changed_before),
        "changed_after": tally(&report.changed_after),
        "metadata_changed": report.metadata_changed,
        "type_changed": report.type_changed,
    })
}

fn summary(old: &StoredSnapshot, new: &StoredSnapshot, report: &DiffReport) -> Vec<String> {
    let name = |one: &StoredSnapshot| {
        let id: String = one.id.to_string().chars().take(12).collect();
        format!("{id} of {}", show::time(one.record.time))
    };
    let files = |tally: &Tally| {
        let files = show::counted(tally.files, "file", "files");
        let bytes = show::bytes(tally.bytes);
        match tally.folders {
            0 => format!("{files} ({bytes})"),
            folders => format!(
                "{files} ({bytes}), {}",
                show::counted(folders, "folder", "folders")
            ),
        }
    };
    let DiffReport {
        changed_before,
        changed_after,
        ..
    } = report;
    let tallies = [
        &report.added,
        &report.removed,
        changed_before,
        changed_after,
    ];
    let is_same = tallies.iter().all(|it| it.files + it.folders == 0);
    if is_same && report.metadata_changed + report.type_changed == 0 {
        return vec![format!(
            "Nothing differs between {} and {}.",
            name(old),
            name(new)
        )];
    }
    let other = |number| show::counted(number, "entry", "entries");
    vec![
        String::new(),
        format!("From {} to {}:", name(old), name(new)),
        format!("  new      {}", files(&report.added)),
        format!("  gone     {}", files(&report.removed)),
        format!(
            "  changed  {} ({} before, {} now)",
            show::counted(changed_after.files, "file", "files"),
            show::bytes(changed_before.bytes),
            show::bytes(changed_after.bytes),
        ),
        format!(
            "  other    {} of the same content with other metadata, {} of another type",
            other(report.metadata_changed),
            show::count(report.type_changed),
        ),
    ]
}
