//! `offsite find`

use std::ffi::OsString;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::context::{Access, Context};
use super::entry_json::{self, JsonArray};
use super::exit::{Failure, Result, Status};
use super::typed_path::told_back;
use super::{output, show, when};
use crate::format::entry::Entry;
use crate::ops::{self, FindOptions, FindReport, FoundPath, Opened, Version};
use crate::progress::Progress;
use crate::repository::{SnapshotFilter, StoredSnapshot};

/// Find files in all snapshots, and when they came, changed and went
///
/// A pattern without a slash matches the last name at any depth, such as 'IMG_2041*'; one with a slash
/// the whole path as offsite ls shows it, where **/ reaches any depth; a slash at the end means
/// folders only.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Names, with * and ? for what is not known
    #[arg(required = true, value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Take capital and small letters as the same
    #[arg(long, short)]
    ignore_case: bool,
    /// Only this folder or file, as offsite ls shows it
    #[arg(long, value_name = "SUBFOLDER")]
    path: Option<OsString>,
    /// Only snapshots of this machine
    #[arg(long, value_name = "H")]
    host: Option<String>,
    /// Only snapshots with this label
    #[arg(long, value_name = "T")]
    tag: Option<String>,
    /// Only in the newest snapshot at or before this time
    #[arg(long, value_name = "TIME", conflicts_with = "snapshot")]
    at: Option<String>,
    /// Only in this snapshot: its id or its beginning, latest, or latest~N
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let snapshots = chosen(context, args, &opened)?;
    let is_one = args.at.is_some() || args.snapshot.is_some();
    let json = context.global.json;
    let options = FindOptions {
        patterns: args.patterns.clone(),
        ignore_case: args.ignore_case,
        path: path(args, &snapshots, &opened)?,
    };
    let mut report = FindReport::default();
    output::stream(|out| {
        let mut array = JsonArray::new(out, "");
        let (repository, index) = (&opened.repository, &opened.index);
        let progress = context.progress.as_ref();
        let mut text = Vec::new();
        report = ops::find(
            repository,
            index,
            &snapshots,
            &options,
            progress,
            &mut |found| {
                if json {
                    return array.push(&as_json(&found, is_one));
                }
                text.clear();
                tell(&found, is_one, &mut text);
                array.write_lines(&text)
            },
        )?;
        if json {
            array.end("")
        } else if report.paths == 0 {
            let number = show::counted(report.snapshots, "snapshot", "snapshots");
            array.write_lines(&[format!("Nothing in {number} matches.")])
        } else {
            Ok(())
        }
    })
    .inspect_err(|_| context.progress.finish())?;
    for (id, problem) in &report.unreadable {
        context.progress.notice(&format!(
            "snapshot {} was passed over: {problem}; run offsite verify",
            short(&id.to_string())
        ));
    }
    Ok(if report.unreadable.is_empty() {
        Status::Done
    } else {
        Status::Damage
    })
}

/// The snapshots to look through, oldest first.
fn chosen<'o>(
    context: &Context,
    args: &Args,
    opened: &'o Opened,
) -> std::result::Result<Vec<&'o StoredSnapshot>, Failure> {
    let now = context.seams.clock.now();
    let at = args.at.as_deref().map(|text| when::parse(text, now));
    let at = at.transpose()?;
    let filter = SnapshotFilter {
        host: args.host.clone(),
        tag: args.tag.clone(),
        at,
    };
    if at.is_some() || args.snapshot.is_some() {
        let name = args.snapshot.as_deref().unwrap_or("latest");
        return Ok(vec![opened.snapshot(name, &filter)?]);
    }
    let all = opened.snapshots.iter();
    Ok(all.filter(|one| filter.allows(&one.record)).collect())
}

/// What `--path` means: literally, or told back where no snapshot has it literally.
fn path(
    args: &Args,
    snapshots: &[&StoredSnapshot],
    opened: &Opened,
) -> std::result::Result<Vec<u8>, Failure> {
    use std::os::unix::ffi::OsStrExt;
    let Some(path) = &args.path else {
        return Ok(Vec::new());
    };
    let bytes = path.as_bytes();
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
    if let Some(other) = told_back(bytes) {
        for one in snapshots.iter().rev() {
            if ops::has_path(&opened.repository, &opened.index, &one.record, bytes)? {
                return Ok(bytes.to_vec());
            }
        }
        return Ok(other);
    }
    Ok(bytes.to_vec())
}

fn short(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}

/// What happened to the path at the beginning of a version.
fn event(versions: &[Version<'_>], number: usize, is_one: bool) -> &'static str {
    let before = number
        .checked_sub(1)
        .and_then(|before| versions.get(before));
    let entry = versions.get(number).and_then(|one| one.entry.as_ref());
    match (before.map(|before| &before.entry), entry) {
        (None, _) if is_one => "present",
        (_, None) => "removed",
        (None, Some(_)) => "first seen",
        (Some(None), Some(_)) => "back",
        (Some(Some(_)), Some(_)) => "changed",
    }
}

fn tell(found: &FoundPath<'_>, is_one: bool, lines: &mut Vec<String>) {
    lines.push(format!(
        "{}  (on {})",
        show::harmless(&found.path),
        show::harmless(found.host.as_bytes())
    ));
    for (number, version) in found.versions.iter().enumerate() {
        let id = version.since.id.to_string();
        let what = event(&found.versions, number, is_one);
        let head = format!(
            "  {what:<10}  {}  {}",
            show::time(version.since.record.time),
            short(&id)
        );
        lines.push(match &version.entry {
            None => head,
            Some(entry) => format!("{head}  {}", described(entry)),
        });
    }
    // Where to get it from, now that it is gone.
    if let [.., last, gone] = found.versions.as_slice()
        && gone.entry.is_none()
        && last.entry.is_some()
    {
        let id = last.until.id.to_string();
        lines.push(format!(
            "  last in     {}  {}",
            show::time(last.until.record.time),
            short(&id)
        ));
    }
}

fn described(entry: &Entry) -> String {
    let size = match entry.size {
        Some(bytes) => show::bytes(bytes),
        None => entry_json::type_name(entry).to_owned(),
    };
    let modified = entry.modified.map_or(String::new(), |time| {
        format!("  modified {}", show::time(time))
    });
    let sha1 = entry_json::sha1(entry).map_or(String::new(), |sha1| {
        format!("  SHA-1 {}", sha1.get(..10).unwrap_or(&sha1))
    });
    format!("{size:>8}{modified}{sha1}")
}

fn as_json(found: &FoundPath<'_>, is_one: bool) -> Value {
    let versions = found.versions.iter().enumerate().map(|(number, version)| {
        let entry = version.entry.as_ref();
        json!({
            "change": event(&found.versions, number, is_one).replace(' ', "_"),
            "snapshot": version.since.id.to_string(),
            "time": show::rfc3339(version.since.record.time),
            "last_snapshot": version.until.id.to_string(),
            "last_time": show::rfc3339(version.until.record.time),
            "type": entry.map(entry_json::type_name),
            "size": entry.and_then(|entry| entry.size),
            "modified": entry.and_then(|entry| entry.modified).map(show::rfc3339),
            "sha1": entry.and_then(entry_json::sha1),
        })
    });
    let versions: Vec<Value> = versions.collect();
    let mut object = Map::new();
    entry_json::put_path(&mut object, "path", &found.path);
    object.insert("host".to_owned(), found.host.into());
    object.insert("versions".to_owned(), versions.into());
    Value::Object(object)
}
