//! `offsite ls`

use std::ffi::OsString;

use clap::Args as ClapArgs;

use super::context::{Access, Context};
use super::entry_json::{self, JsonArray};
use super::exit::{Result, Status};
use super::typed_path::understand;
use super::{output, show};
use crate::format::entry::{Entry, EntryType};
use crate::ops;

/// List what is in a snapshot
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// A snapshot's id or its beginning, latest, or latest~N
    #[arg(default_value = "latest")]
    snapshot: String,
    /// A folder or file in it, as this command shows it
    #[arg(default_value = "", hide_default_value = true)]
    path: OsString,
    /// Everything beneath, not only what is in the folder itself
    #[arg(long, short)]
    recursive: bool,
    /// Owner, permissions, size and time as well
    #[arg(long, short)]
    long: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let snapshot = context.snapshot(&opened, &args.snapshot)?;
    output::stream(|out| {
        understand(&args.path, |path| {
            let mut array = JsonArray::new(out, "");
            let mut last = Vec::new();
            let (repository, index) = (&opened.repository, &opened.index);
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
                if context.global.json {
                    array.push(&entry_json::entry(entry))
                } else {
                    array.write_lines(&[if args.long { long(entry) } else { name(entry) }])
                }
            })?;
            if context.global.json {
                return array.end("");
            }
            Ok(())
        })
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
        "{} {:>6} {:>6} {:>12} {} {}",
        mode(entry),
        number(entry.owner),
        number(entry.group),
        entry.size.unwrap_or(0),
        entry.modified.map_or(format!("{:19}", "-"), show::time),
        name(entry)
    )
}

/// As `ls -l` writes it: `-rw-r--r--`.
fn mode(entry: &Entry) -> String {
    let kind = match entry.entry_type() {
        EntryType::File | EntryType::HardLink => '-',
        EntryType::Folder => 'd',
        EntryType::Link => 'l',
        EntryType::Unknown(_) => '?',
    };
    let Some(mode) = entry.mode else {
        return format!("{kind}---------");
    };
    let mut text = String::from(kind);
    // Set-user-id, set-group-id and sticky stand in the place of the right to execute.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_everywhere() {
        let shown = |mode| {
            let mut entry = Entry::new(1, b"a".to_vec(), EntryType::Folder);
            entry.mode = mode;
            super::mode(&entry)
        };
        assert_eq!(shown(Some(0o755)), "drwxr-xr-x");
        assert_eq!(shown(Some(0o1777)), "drwxrwxrwt");
        assert_eq!(shown(Some(0o6640)), "drwSr-S---");
        assert_eq!(shown(None), "d---------");
    }
}
