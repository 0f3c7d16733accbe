//! `offsite restore`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::typed_path::understand;
use super::{output, show, when};
use crate::format::entry::DATABASE_PATH;
use crate::ops::{self, Opened, OpsError, RestoreOptions, RestoreReport};
use crate::progress::Progress;
use crate::repository::{RepositoryError, SnapshotFilter, StoredSnapshot};

/// Which snapshot.
#[derive(ClapArgs, Debug)]
pub struct Choice {
    /// A snapshot's id or its beginning, latest, or latest~N
    #[arg(default_value = "latest")]
    snapshot: String,
    /// The newest at or before this time: 2026-11-01, '2026-11-01 03:00', '3 days ago'
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Only snapshots of this machine
    #[arg(long, value_name = "H")]
    host: Option<String>,
}

impl Choice {
    /// The snapshot that is meant.
    pub fn choose<'o>(
        &self,
        context: &Context,
        opened: &'o Opened,
    ) -> std::result::Result<&'o StoredSnapshot, Failure> {
        let now = context.seams.clock.now();
        let at = self
            .at
            .as_deref()
            .map(|text| when::parse(text, now))
            .transpose()?;
        if at.is_some() && !self.snapshot.starts_with("latest") {
            return Err(Failure::usage(
                "a snapshot and a time were named",
                "name one of the two",
            ));
        }
        let filter = SnapshotFilter {
            host: self.host.clone(),
            at,
            tag: None,
        };
        let chosen = opened
            .snapshot(&self.snapshot, &filter)
            .map_err(|error| self.explain(error))?;
        if let Some(reason) = &chosen.record.suspect {
            let id: String = chosen.id.to_string().chars().take(12).collect();
            context
                .progress
                .notice(&format!("snapshot {id} is suspect: {reason}"));
        }
        Ok(chosen)
    }

    /// That `latest` is no snapshot's name says nothing to who asked for a time or a machine.
    fn explain(&self, error: OpsError) -> Failure {
        let is_unknown = matches!(
            error,
            OpsError::Repository(RepositoryError::NoSuchSnapshot { .. })
        );
        if !is_unknown || (self.at.is_none() && self.host.is_none()) {
            return error.into();
        }
        let show = |text: &String| show::harmless(text.as_bytes());
        let (host, at) = (self.host.as_ref().map(show), self.at.as_ref().map(show));
        let host = host.map_or(String::new(), |host| format!(" of the machine {host}"));
        let at = at.map_or(String::new(), |at| format!(" made at or before {at}"));
        let sentence = if self.snapshot == "latest" {
            format!("there is no snapshot{host}{at}")
        } else {
            let name = show(&self.snapshot);
            format!("there is no snapshot {name} among those{host}{at}")
        };
        Failure::failed(sentence, "offsite snapshots lists what there is")
    }
}

/// Bring a snapshot back, into a folder
///
/// Every chunk is verified, and a file appears under its name only when it is whole. Run it again
/// after an interruption: what is there and right is not fetched again.
#[derive(ClapArgs, Debug)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// The folder to restore into: better a new one, for files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    target: PathBuf,
    /// Only this folder or file of the snapshot
    #[arg(long, value_name = "SUBFOLDER", conflicts_with = "database_only")]
    path: Option<OsString>,
    /// Files, but not the database dump
    #[arg(long, conflicts_with = "database_only")]
    files_only: bool,
    /// The database dump alone, as DIR/database.sql
    #[arg(long)]
    database_only: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = args.choice.choose(context, &opened)?;
    let (repository, index) = (&opened.repository, &opened.index);
    let typed = args.path.clone().unwrap_or_default();
    let report = understand(&typed, |path| {
        let options = RestoreOptions {
            target: args.target.clone(),
            files: !args.database_only,
            database: !args.files_only && (path.is_empty() || path == DATABASE_PATH),
            path: path.to_vec(),
        };
        let progress = context.progress.as_ref();
        ops::restore(repository, index, &snapshot.record, &options, progress)
    });
    context.progress.finish();
    let report = report?;
    let status = if report.problems.is_empty() {
        Status::Done
    } else {
        Status::Damage
    };
    tell(context, args, snapshot, &report)?;
    Ok(status)
}

/// What was restored, and all that was not.
fn tell(
    context: &Context,
    args: &Args,
    snapshot: &StoredSnapshot,
    report: &RestoreReport,
) -> std::result::Result<(), Failure> {
    if context.global.json {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|(path, error)| json!({ "path": show::harmless(path), "error": error }))
            .collect();
        output::json(&json!({
            "snapshot": snapshot.id.to_string(),
            "files_restored": report.files_restored,
            "files_skipped": report.files_skipped,
            "bytes_restored": report.bytes_restored,
            "owners_not_set": report.owners_not_set,
            "problems": problems,
        }))?;
        return Ok(());
    }
    if report.owners_not_set > 0 {
        context.progress.notice(&format!(
            "the owner of {} could not be set: only root can give files away",
            show::counted(report.owners_not_set, "entry", "entries")
        ));
    }
    let ink = show::ink_for_stdout();
    let mut lines = vec![format!(
        "Restored {} ({}) of the snapshot of {} to {}; {} {} there already.",
        show::counted(report.files_restored, "file", "files"),
        show::bytes(report.bytes_restored),
        show::time(snapshot.record.time),
        args.target.display(),
        show::count(report.files_skipped),
        if report.files_skipped == 1 {
            "was"
        } else {
            "were"
        },
    )];
    if !report.problems.is_empty() {
        let number = show::counted(report.problems.len() as u64, "problem", "problems");
        lines.push(ink.bad(&format!("The restore is not complete: {number}.")));
    }
    for (path, error) in &report.problems {
        lines.push(format!("  {}: {error}", show::harmless(path)));
    }
    output::lines(&lines)
}
