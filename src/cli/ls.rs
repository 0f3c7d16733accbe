//! `offsite ls`

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::{output, show};
use crate::format::entry::{Entry, EntryType};
use crate::ops::{self, OpsError};
use crate::repository::SnapshotFilter;

/// List what is in a snapshot
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// A snapshot's id or its beginning, latest, or latest~N
    #[arg(default_value = "latest")]
    snapshot: String,
    /// A folder or file in it
    #[arg(default_value = "")]
    path: String,
    /// Everything beneath, not only what is in the folder itself
    #[arg(long, short)]
    recursive: bool,
    /// Owner, permissions, size and time as well
    #[arg(long, short)]
    long: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let snapshot = opened.snapshot(&args.snapshot, &SnapshotFilter::default())?;
    let path = args.path.trim_matches('/').as_bytes();
    let json = context.global.json;
    output::stream(|out| {
        // An error before the first entry must find standard output empty.
        let mut first = true;
        let (repository, index) = (&opened.repository, &opened.index);
        let mut last = Vec::new();
        ops::list_entries(repository, index, &snapshot.record, path, &mut |entry| {
            let mut above = None;
            if !args.recursive {
                let shown = direct(&entry.path, path);
                if shown == last.as_slice() && shown != entry.path.as_slice() {
                    return Ok(());
                }
                last = shown.to_vec();
                // Folders above what was backed up are in the paths only.
                above = (shown != entry.path.as_slice())
                    .then(|| Entry::new(entry.root, shown.to_vec(), EntryType::Folder));
            }
            let entry = above.as_ref().unwrap_or(entry);
            let written = if json {
                let before = if first { '[' } else { ',' };
                write!(out, "{before}\n  {}", as_json(entry))
            } else if args.long {
                writeln!(out, "{}", long(entry))
            } else {
                writeln!(out, "{}", name(entry))
            };
            first = false;
            written.map_err(OpsError::Output)
        })?;
        if json {
            let empty = if first { "[" } else { "" };
            writeln!(out, "{empty}\n]").map_err(OpsError::Output)?;
        }
        Ok(())
    })?;
    Ok(Status::Done)
}

/// What of `path` lies in `folder` itself: the whole, or the folder that leads there.
fn direct<'p>(path: &'p [u8], folder: &[u8]) -> &'p [u8] {
    let above = if folder.is_empty() {
        0
    } else {
        folder.len() + 1
    };
    let rest = path.get(above..).unwrap_or_default();
    let name = rest.iter().position(|byte| *byte == b'/');
    let end = name.map_or(path.len(), |name| above + name);
    path.get(..end).unwrap_or(path)
}

fn name(entry: &Entry) -> String {
    let name = show::harmless(&entry.path);
    match (entry.entry_type(), &entry.target) {
        (EntryType::Folder, _) => format!("{name}/"),
        (EntryType::Link, Some(target)) => format!("{name} -> {}", show::harmless(target)),
        _ => name,
    }
}

fn long(entry: &Entry) -> String {
    let number = |value: Option<u32>| value.map_or("-".to_owned(), |number| number.to_string());
    format!(
        "{:>4} {:>6} {:>6} {:>12} {} {}",
        entry
            .mode
            .map_or("-".to_owned(), |mode| format!("{mode:04o}")),
        number(entry.owner),
        number(entry.group),
        entry.size.unwrap_or(0),
        entry.modified.map_or(format!("{:19}", "-"), show::time),
        name(entry)
    )
}

fn as_json(entry: &Entry) -> Value {
    let kind = match entry.entry_type() {
        EntryType::File => "file",
        EntryType::Folder => "folder",
        EntryType::Link => "link",
        EntryType::HardLink => "hard_link",
        EntryType::Unknown(_) => "unknown",
    };
    json!({
        "path": show::harmless(&entry.path),
        "type": kind,
        "size": entry.size,
        "mode": entry.mode,
        "owner": entry.owner,
        "group": entry.group,
        "modified": entry.modified.map(show::rfc3339),
        "sha1": entry.sha1.as_ref().map(|sha1| {
            sha1.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        }),
        "owner_name": entry.owner_name.as_deref().map(|name| show::harmless(name)),
        "group_name": entry.group_name.as_deref().map(|name| show::harmless(name)),
        "attributes": attributes(entry),
        "first": entry.first.as_ref().map(|(_, path)| show::harmless(path)),
        "target": entry.target.as_deref().map(|target| show::harmless(target)),
    })
}

/// Extended attributes by name; values are bytes, and so in base64.
fn attributes(entry: &Entry) -> Value {
    let all = entry.attributes.iter().flatten();
    all.map(|(name, value)| {
        (
            show::harmless(name),
            json!(BASE64_STANDARD.encode(&**value)),
        )
    })
    .collect::<serde_json::Map<_, _>>()
    .into()
}
