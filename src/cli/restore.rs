//! `offsite restore`

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::part::Part;
use super::typed_path::understand;
use super::{restored, show, when};
use crate::ops::{self, Opened, OpsError, Overwrite, RestoreOptions};
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
    /// Only snapshots with this label
    #[arg(long, value_name = "T")]
    tag: Option<String>,
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
            tag: self.tag.clone(),
        };
        let chosen = opened
            .snapshot(&self.snapshot, &filter)
            .map_err(|error| self.explain(error))?;
        context.tell_if_suspect(chosen);
        Ok(chosen)
    }

    /// That `latest` is no snapshot's name says nothing to who asked for a time or a machine.
    fn explain(&self, error: OpsError) -> Failure {
        let is_unknown = matches!(
            error,
            OpsError::Repository(RepositoryError::NoSuchSnapshot { .. })
        );
        if !is_unknown || (self.at.is_none() && self.host.is_none() && self.tag.is_none()) {
            return error.into();
        }
        let show = |text: &String| show::harmless(text.as_bytes());
        let (host, at) = (self.host.as_ref().map(show), self.at.as_ref().map(show));
        let host = host.map_or(String::new(), |host| format!(" of the machine {host}"));
        let at = at.map_or(String::new(), |at| format!(" made at or before {at}"));
        let tag = self.tag.as_ref().map(show);
        let tag = tag.map_or(String::new(), |tag| format!(" with the label {tag}"));
        let sentence = if self.snapshot == "latest" {
            format!("there is no snapshot{host}{tag}{at}")
        } else {
            let name = show(&self.snapshot);
            format!("there is no snapshot {name} among those{host}{tag}{at}")
        };
        Failure::failed(sentence, "offsite snapshots lists what there is")
    }
}

/// What happens to files that are there already.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverwriteChoice {
    /// Compare contents, replace what differs
    Always,
    /// Trust size and time, replace what differs in them
    Changed,
    /// Leave whatever exists as it is
    Never,
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
    #[command(flatten)]
    part: Part,
    /// What to do with files that are there already
    #[arg(long, value_enum, value_name = "WHEN", default_value = "always")]
    overwrite: OverwriteChoice,
    /// Remove from restored folders what the snapshot does not hold; with --path only beneath it
    #[arg(long, conflicts_with_all = ["include", "exclude", "database_only"])]
    delete: bool,
    /// Change nothing, and say what would be changed
    #[arg(long)]
    dry_run: bool,
    /// Restore into the folder of an Immich that was started there
    #[arg(long)]
    into_live: bool,
    /// Set owners by number, although their names are known here
    #[arg(long)]
    numeric_owner: bool,
}

impl Args {
    /// What is asked for, with what the typed path means.
    fn options(&self, path: &[u8]) -> RestoreOptions {
        RestoreOptions {
            target: self.target.clone(),
            overwrite: match self.overwrite {
                OverwriteChoice::Always => Overwrite::Always,
                OverwriteChoice::Changed => Overwrite::Changed,
                OverwriteChoice::Never => Overwrite::Never,
            },
            delete: self.delete,
            dry_run: self.dry_run,
            into_live: self.into_live,
            numeric_owners: self.numeric_owner,
            ..self.part.options(path)
        }
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = args.choice.choose(context, &opened)?;
    let (repository, index) = (&opened.repository, &opened.index);
    let typed = args.part.path.clone().unwrap_or_default();
    let progress = context.progress.as_ref();
    let report = understand(&typed, |path| {
        ops::restore(
            repository,
            index,
            &snapshot.record,
            &args.options(path),
            progress,
        )
    });
    context.progress.finish();
    let report = report?;
    let is_complete = report.problems_total == 0 && report.delete_refused.is_none();
    restored::tell(context, &args.target, args.dry_run, snapshot, &report)?;
    Ok(match is_complete {
        true => Status::Done,
        false => Status::Damage,
    })
}
