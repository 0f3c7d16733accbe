//! `offsite ls`

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
        ops::list_entries(repository, index, &snapshot.record, path, &mut |entry| {
            if !args.recursive && !is_direct(&entry.path, path) {
                return Ok(());
            }
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

/// Whether `path` lies in `folder` itself, or is the file that was asked for.
fn is_direct(path: &[u8], folder: &[u8]) -> bool {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    !rest.contains(&b'/')
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
        "{:04o} {:>6} {:>6} {:>12} {} {}",
        entry.mode.unwrap_or(0),
        number(entry.owner),
        number(entry.group),
        entry.size.unwrap_or(0),
        entry.modified.map_or("-".to_owned(), show::time),
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
        "target": entry.target.as_deref().map(|target| show::harmless(target)),
    })
}
