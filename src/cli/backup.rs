//! `offsite backup`

mod configured;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::backup_copies::{Copies, open_all};
use super::context::{Access, Context, host_name};
use super::dump_source::DumpSource;
use super::exit::{Failure, Result, Status};
use super::mounts::Mounts;
use super::standing::{is_whole, vanished_json};
use super::when::time_span;
use super::{backed_up, backup_dry_run, hooks, levelling, output, show};
use crate::ops::{self, BackupOptions, BackupReport, CheckpointRule, ReplicaReport, SourceChoice};
use crate::source::database::DatabaseSource;
use crate::source::{Limits, exclude_file};
use crate::store::open::StoreUrl;

/// Make a snapshot of the database dump and the photos, bound together
///
/// The dump is read first and judged: one that failed, was cut short or shrank to less than half
/// commits nothing. Then the files; what did not change since the last time is not read again.
/// What no flag says comes from the configuration: offsite config example shows what it may say.
#[derive(ClapArgs, Debug, Clone)]
pub struct Args {
    /// Other files and folders to take along
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Immich's upload location: takes library, upload and profile, leaves generated folders out
    #[arg(long, value_name = "DIR")]
    immich: Option<PathBuf>,
    /// Take along .env and the compose files of the folder above DIR, which hold passwords: sealed
    /// like everything else, restored into the folder config
    #[arg(long)]
    include_config: bool,
    /// The same, of the folder where they are
    #[arg(long, value_name = "FOLDER")]
    compose_folder: Option<PathBuf>,
    /// A command that writes the dump to standard output (runs through sh -c)
    #[arg(long, value_name = "CMD", group = "dump")]
    database_command: Option<String>,
    /// A dump in a file (plain, .gz or .zst); of a folder, or of 'a pattern*', the newest one
    #[arg(long, value_name = "FILE", group = "dump")]
    database_file: Option<PathBuf>,
    #[command(flatten)]
    dump: DumpSource,
    /// The dump comes in on standard input
    #[arg(long, group = "dump")]
    database_stdin: bool,
    /// There is no database to back up
    #[arg(long, group = "dump")]
    no_database: bool,
    /// Take a dump that lost more than half of itself since the last good one
    #[arg(long)]
    accept_shrunk: bool,
    /// Take originals that changed or are gone on a large scale, which else is an alarm
    #[arg(long)]
    accept_changes: bool,
    #[command(flatten)]
    mounts: Mounts,
    /// Leave out what matches; without a slash it is a name at any depth
    ///
    /// Nothing is left out unasked, noise included. To be rid of what NAS systems and computers
    /// scatter about: --exclude '@eaDir/' --exclude '#recycle/' --exclude .DS_Store --exclude '._*'
    /// --exclude Thumbs.db. With a slash, GLOB is the whole path in the snapshot; a slash at the
    /// end means folders only.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Leave out what matches one of the globs in a file: one a line, # begins a comment
    #[arg(long, value_name = "FILE")]
    exclude_file: Vec<PathBuf>,
    /// Leave out what is in folders that hold a valid CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,
    /// Do not go into folders beneath PATH where another file system is mounted
    #[arg(long)]
    one_file_system: bool,
    /// Say what would be new, changed and unchanged, and store nothing; --verbose names what would
    /// be read
    #[arg(long)]
    dry_run: bool,
    /// A label for the snapshot
    #[arg(long, value_name = "T")]
    tag: Vec<String>,
    /// While much is sent, record every so often what arrived: what follows the last record is sent
    /// again by a host that lost its state
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_span)]
    checkpoint_interval: Duration,
    /// The name of this machine in the snapshot
    #[arg(long, value_name = "H")]
    host: Option<String>,
}

impl Args {
    /// The folder whose configuration is taken along.
    fn config(&self) -> Option<PathBuf> {
        let above = || Some(self.immich.as_ref()?.join(".."));
        let wanted = || self.include_config.then(above).flatten();
        self.compose_folder.clone().or_else(wanted)
    }

    fn database(&self) -> std::result::Result<Option<DatabaseSource>, Failure> {
        if let Some(command) = &self.database_command {
            return Ok(Some(DatabaseSource::Command(command.clone())));
        }
        if let Some(file) = &self.database_file {
            return Ok(Some(DatabaseSource::File(file.clone())));
        }
        if let Some(server) = self.dump.server()? {
            return Ok(Some(server));
        }
        if self.database_stdin {
            return Ok(Some(DatabaseSource::Stdin));
        }
        if self.immich.is_some() && !self.no_database {
            return Err(Failure::usage(
                "an Immich library without its database restores to nameless files",
                "give --database-url URL, --database-command CMD or --database-file FILE (Immich's \
                 own nightly dumps are in its folder backups), or say --no-database",
            ));
        }
        Ok(None)
    }

    /// All patterns of what is left out.
    fn patterns(&self) -> std::result::Result<Vec<String>, Failure> {
        let mut patterns = self.exclude.clone();
        for file in &self.exclude_file {
            let more = exclude_file::read(file).map_err(|error| {
                Failure::usage_error(error, "nothing was read yet; put the file right")
            })?;
            patterns.extend(more);
        }
        Ok(patterns)
    }

    /// What is asked for, flags before the configuration.
    pub fn options(&self, context: &Context) -> std::result::Result<BackupOptions, Failure> {
        let args = &self.completed(context)?;
        refuse_nonsense(context, args)?;
        let source = SourceChoice {
            immich: args.immich.clone(),
            paths: args.paths.clone(),
            config: args.config(),
            database: args.database()?,
            database_rules: args.dump.rules(),
            exclude: args.patterns()?,
            limits: Limits {
                one_file_system: args.one_file_system,
                exclude_caches: args.exclude_caches,
            },
            mounts: args.mounts.read()?,
            accept_changes: args.accept_changes,
        };
        let current = std::env::current_dir()
            .map_err(|error| Failure::failed(error, "change to a folder that exists"))?;
        Ok(BackupOptions {
            source,
            current,
            host: args.host.clone().unwrap_or_else(host_name),
            tags: args.tag.clone(),
            accept_shrunk: args.accept_shrunk,
            checkpoint: CheckpointRule {
                every: args.checkpoint_interval,
                ..CheckpointRule::default()
            },
        })
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    if args.dry_run {
        return save(context, args, &hooks::Told::default());
    }
    hooks::reported(context, |told| save(context, args, told))
}

fn save(context: &Context, args: &Args, told: &hooks::Told) -> Result {
    let options = args.options(context)?;
    let copies = open_all(context, Access::Writer)?;
    let _lock = copies.state.lock_source(&ops::source_name(&options))?;
    if args.dry_run {
        // Each knows about as much of the source; the first is asked first by a backup too.
        return match copies.open().next() {
            Some((_, first)) => {
                let clock = first.repository.seams.clock.as_ref();
                backup_dry_run::run(context, &first.index, &options, clock)
            }
            None => Ok(Status::Done),
        };
    }
    let destinations = copies.destinations();
    let work = || {
        let report = ops::backup_to_all(&destinations, &options, context.progress.as_ref());
        crate::progress::Progress::finish(context.progress.as_ref());
        let report = report?;
        told.snapshot.replace(Some(report.snapshot));
        Ok(report)
    };
    let report = hooks::around(context, told, work, |report| {
        let replicas = levelling::before(&copies, report);
        let status = so_far(&copies, verdict(report, &replicas));
        let shortfall = backed_up::shortfall(report, &replicas, status);
        told.shortfall.replace(shortfall);
        status
    })?;
    // What was stopped for the backup is at work again: this may take days.
    let replicas = levelling::conclude(context, &copies, &report);
    tell(context, &report, &replicas, &copies)?;
    tell_if_suspect(&report);
    let indexes = copies.open().map(|(_, replica)| &replica.index);
    let status = context.held_against_memory(indexes, verdict(&report, &replicas));
    let shortfall = backed_up::shortfall(&report, &replicas, status);
    told.shortfall.replace(shortfall);
    Ok(status)
}

/// How it ends if nothing more happens.
fn so_far(copies: &Copies, status: Status) -> Status {
    let mut indexes = copies.open().map(|(_, replica)| &replica.index);
    match indexes.all(is_whole) {
        true => status,
        false => Status::Damage,
    }
}

/// What was asked for must make sense before anything is opened.
fn refuse_nonsense(context: &Context, args: &Args) -> std::result::Result<(), Failure> {
    if args.immich.is_none() && args.paths.is_empty() && args.database()?.is_none() {
        return Err(Failure::usage(
            "nothing to back up was named",
            "give --immich DIR, or the folders to take, or name them in offsite.toml",
        ));
    }
    if args.include_config && args.config().is_none() {
        return Err(Failure::usage(
            "--include-config means the folder above Immich's upload location, and none was named",
            "give --immich DIR, or --compose-folder FOLDER",
        ));
    }
    for place in context.places()? {
        refuse_repository_in_source(args, &place.url)?;
    }
    Ok(())
}

fn tell(
    context: &Context,
    report: &BackupReport,
    replicas: &[ReplicaReport],
    copies: &Copies,
) -> std::result::Result<(), Failure> {
    if context.global.json {
        let mut document = as_json(report, replicas);
        document["vanished"] = vanished_json(copies.open().map(|(_, replica)| &replica.index));
        return output::json(&document);
    }
    if !context.global.quiet {
        return output::lines(&backed_up::summary(report, replicas));
    }
    let problems = backed_up::problems(report);
    let behind = backed_up::behind(replicas);
    let lines = problems.iter().chain(&behind);
    lines.for_each(|line| eprintln!("{line}"));
    Ok(())
}

/// On standard error, also when quiet.
fn tell_if_suspect(report: &BackupReport) {
    if let Some(reason) = &report.suspect {
        let reason = show::harmless_sentence(reason);
        eprintln!(
            "the snapshot is suspect: {reason}; if that is right, such as after moving the library, \
             run it once with --accept-changes"
        );
    }
}

/// How it ended.
fn verdict(report: &BackupReport, replicas: &[ReplicaReport]) -> Status {
    if report.suspect.is_some() {
        Status::Suspect
    } else if report.problems_total > 0 {
        Status::SomeUnreadable
    } else if replicas.iter().any(|one| one.behind.is_some()) {
        Status::Behind
    } else {
        Status::Done
    }
}

/// A repository inside its own source would be backed up into itself, and grow every night.
fn refuse_repository_in_source(args: &Args, url: &StoreUrl) -> std::result::Result<(), Failure> {
    let StoreUrl::Folder(repository) = url else {
        return Ok(());
    };
    let taken = ["library", "profile", "upload"];
    let immich = args.immich.iter();
    let mut folders = immich
        .flat_map(|folder| taken.map(|name| folder.join(name)))
        .chain(args.paths.iter().cloned());
    let real = |path: &PathBuf| path.canonicalize().ok();
    let inside = folders.any(|folder| {
        let (repository, folder) = (real(repository), real(&folder));
        repository
            .zip(folder)
            .is_some_and(|(inner, outer)| inner.starts_with(outer))
    });
    if inside && args.exclude.is_empty() && args.exclude_file.is_empty() {
        return Err(Failure::usage(
            "the repository lies inside what is to be backed up, and would be backed up into itself",
            "keep it elsewhere, best on another disk, or leave it out with --exclude",
        ));
    }
    Ok(())
}

fn as_json(report: &BackupReport, replicas: &[ReplicaReport]) -> Value {
    let figures = &report.statistics;
    let replicas: Vec<_> = replicas
        .iter()
        .map(|one| {
            json!({
                "name": one.name, "url": one.url, "ok": one.has_snapshot,
                "behind": one.behind.is_some(), "reason": one.behind,
                "bytes_uploaded": one.bytes_uploaded, "objects_uploaded": one.objects_uploaded,
            })
        })
        .collect();
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| json!({ "path": show::harmless(&problem.path), "error": problem.error }))
        .collect();
    json!({
        "snapshot": report.snapshot.to_string(),
        "time": show::rfc3339(report.time),
        "files_new": figures.files_new,
        "files_changed": figures.files_changed,
        "files_unmodified": figures.files_unmodified,
        "files_total": figures.files,
        "bytes_total": figures.bytes,
        "bytes_read": figures.bytes_read,
        "bytes_added": figures.bytes_added,
        "bytes_stored": figures.bytes_stored,
        "bytes_uploaded": report.bytes_uploaded,
        "objects_uploaded": report.objects_uploaded,
        "database": report.database.as_ref().map(|database| json!({
            "kind": database.kind, "bytes": database.bytes, "rows": database.rows, "complete": true,
            "source": show::harmless_sentence(&database.source),
        })),
        "replicas": replicas,
        "audit": report.audit,
        "suspect": report.suspect,
        "problems": problems,
        "problems_total": report.problems_total,
        "duration_seconds": report.duration.as_secs_f64(),
    })
}
