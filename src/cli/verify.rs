//! `offsite verify`

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::{output, show};
use crate::ops::{self, Damage, VerifyOptions, VerifyReport};
use crate::progress::Progress;

/// So many files are named for each damaged object on the terminal.
const FILES_SHOWN_MAX: usize = 10;

/// Check that every snapshot is whole
///
/// Without --data: every snapshot, listing and chunk is there, in a pack of the right size. With
/// --data every object is fetched and held against its name; if the passphrase or the words are
/// given as well, contents are decrypted and the id of every chunk is computed again.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Fetch and check every byte
    #[arg(long)]
    data: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let access = if args.data {
        Access::ReaderIfGiven
    } else {
        Access::Writer
    };
    let (repository, state) = context.repository(access)?;
    let index = state.open_index()?;
    let options = VerifyOptions { data: args.data };
    let report = ops::verify(&repository, &index, &options, context.progress.as_ref());
    context.progress.finish();
    let report = report?;
    if context.global.json {
        output::json(&as_json(&report))?;
    } else {
        output::lines(&summary(&report, args.data))?;
    }
    Ok(if report.is_sound() {
        Status::Done
    } else {
        Status::Damage
    })
}

fn as_json(report: &VerifyReport) -> Value {
    let damage: Vec<_> = report
        .damage
        .iter()
        .map(|damage| {
            json!({
                "object": damage.object,
                "problem": damage.problem,
                "snapshots": damage.snapshots.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "files": damage.files.iter().map(|path| show::harmless(path)).collect::<Vec<_>>(),
                "files_total": damage.files_total,
            })
        })
        .collect();
    json!({
        "ok": report.is_sound(),
        "snapshots_checked": report.snapshots_checked,
        "packs_checked": report.packs_checked,
        "objects_checked": report.objects_checked,
        "files_checked": report.files_checked,
        "bytes_read": report.bytes_read,
        "decrypted": report.decrypted,
        "unknown_objects": report.unknown_objects,
        "damage": damage,
    })
}

fn summary(report: &VerifyReport, data: bool) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let how = match (data, report.decrypted) {
        (false, _) => "present and of the right size (offsite verify --data reads every byte)",
        (true, false) => "read and held against its name (give the passphrase to decrypt as well)",
        (true, true) => "read, decrypted, and every chunk's id computed again",
    };
    let mut lines = vec![format!(
        "Checked {} and {} ({}): {how}.",
        show::counted(report.snapshots_checked, "snapshot", "snapshots"),
        show::counted(report.packs_checked, "pack", "packs"),
        show::bytes(report.bytes_read),
    )];
    if report.is_sound() {
        lines.push(ink.good("Everything is whole."));
    } else {
        let number = report.damage.len() as u64;
        lines.push(ink.bad(&format!(
            "{} or of an unknown version:",
            show::counted(number, "object damaged", "objects damaged")
        )));
        report
            .damage
            .iter()
            .for_each(|damage| describe(damage, &mut lines));
    }
    if report.unknown_objects_total > 0 {
        let number = show::counted(report.unknown_objects_total, "object", "objects");
        lines.push(format!("{number} of unknown names, left alone, such as:"));
        let names = report.unknown_objects.iter().take(FILES_SHOWN_MAX);
        lines.extend(names.map(|name| format!("  {}", show::harmless(name.as_bytes()))));
    }
    lines
}

fn describe(damage: &Damage, lines: &mut Vec<String>) {
    lines.push(format!("  {}: {}", damage.object, damage.problem));
    if damage.snapshots.is_empty() {
        lines.push("    no snapshot needs it".to_owned());
        return;
    }
    let ids = damage
        .snapshots
        .iter()
        .map(|id| id.to_string().chars().take(12).collect());
    lines.push(format!(
        "    snapshots: {}",
        ids.collect::<Vec<String>>().join(", ")
    ));
    for path in damage.files.iter().take(FILES_SHOWN_MAX) {
        lines.push(format!("    file: {}", show::harmless(path)));
    }
    let more = damage.files_total.saturating_sub(FILES_SHOWN_MAX as u64);
    if more > 0 {
        lines.push(format!(
            "    and {} more (--json names them)",
            show::count(more)
        ));
    }
}
