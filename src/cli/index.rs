//! `offsite index`

use clap::Subcommand;
use serde_json::json;

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::{output, show};
use crate::ops;

/// The local index: what this host remembers of the repository, and can always learn anew
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Build the local index anew from what the repository holds
    ///
    /// Deleting the index costs time, never data.
    Rebuild {
        /// Ask every pack what it holds, not the segments: one request a pack
        #[arg(long)]
        from_footers: bool,
    },
}

pub fn run(context: &Context, command: &Command) -> Result {
    let Command::Rebuild { from_footers } = command;
    let (repository, state) = context.repository(Access::Writer)?;
    let index = context.index(&state)?;
    let progress = context.progress.as_ref();
    let report = if *from_footers {
        ops::rebuild_index_from_footers(&repository, &index, progress)
    } else {
        ops::rebuild_index(&repository, &index, progress)
    };
    crate::progress::Progress::finish(context.progress.as_ref());
    let report = report?;
    if context.global.json {
        output::json(&json!({
            "packs": report.packs,
            "chunks": report.chunks,
            "packs_from_footers": report.packs_from_footers,
            "packs_unreadable": report.packs_unreadable,
            "damaged_segments": report.damaged_segments,
        }))?;
    } else {
        let mut lines = vec![format!(
            "The index knows {} in {} ({} read from the packs themselves).",
            show::counted(report.chunks, "chunk", "chunks"),
            show::counted(report.packs, "pack", "packs"),
            show::count(report.packs_from_footers),
        )];
        let trouble = [
            (report.damaged_segments, "index segment", "index segments"),
            (report.packs_unreadable, "pack", "packs"),
        ];
        for (number, one, several) in trouble.into_iter().filter(|(number, ..)| *number > 0) {
            let number = show::counted(number, one, several);
            lines.push(format!(
                "{number} could not be used; offsite verify says more."
            ));
        }
        output::lines(&lines)?;
    }
    Ok(if report.damaged_segments + report.packs_unreadable > 0 {
        Status::Damage
    } else {
        Status::Done
    })
}
