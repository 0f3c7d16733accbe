//! `offsite index`

use clap::Subcommand;
use serde_json::json;

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::{output, show};
use crate::ops;

/// The local index
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Build the local index anew from what the repository holds
    ///
    /// Deleting the index costs time, never data.
    Rebuild,
}

pub fn run(context: &Context, command: &Command) -> Result {
    let Command::Rebuild = command;
    let (repository, state) = context.repository(Access::Writer)?;
    let index = state.open_index()?;
    let report = ops::rebuild_index(&repository, &index, context.progress.as_ref());
    crate::progress::Progress::finish(context.progress.as_ref());
    let report = report?;
    if context.global.json {
        output::json(&json!({
            "packs": report.packs,
            "chunks": report.chunks,
            "packs_from_footers": report.packs_from_footers,
            "damaged_segments": report.damaged_segments,
        }))?;
    } else {
        output::lines(&[format!(
            "The index knows {} in {} ({} read from the packs themselves).",
            show::counted(report.chunks, "chunk", "chunks"),
            show::counted(report.packs, "pack", "packs"),
            show::count(report.packs_from_footers),
        )])?;
    }
    Ok(if report.damaged_segments > 0 {
        Status::Damage
    } else {
        Status::Done
    })
}
