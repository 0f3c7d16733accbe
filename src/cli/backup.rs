//! `offsite backup`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context, host_name};
use super::dump_source::DumpSource;
use super::exit::{Failure, Result, Status};
use super::mounts::Mounts;
use super::when::time_span;
use super::{audit_text, backup_dry_run, output, show};
use crate::format::snapshot::Statistics;
use crate::ops::{self, BackupOptions, BackupReport, CheckpointRule, SourceChoice, SourceProblem};
use crate::source::database::DatabaseSource;
use crate::source::{Limits, exclude_file};
use crate::store::open::StoreUrl;

/// A summary is read at a glance.
const LINES_MAX: usize = 10;

/// Make a snapshot of the database dump and the photos, bound together
///
/// The dump is read first and judged: one that failed, was cut short or shrank to less than half
/// commits nothing. Then the files; what did not change since the last time is not read again.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Other files and folders to take along
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Immich's upload location: takes library, upload and profile, leaves generated folders out
    #[arg(long, value_name = "DIR")]
    immich: Option<PathBuf>,
    /// Take along .env and the compose files of the folder above DIR, which hold passwords: sealed
    /// like everything else, restored into the folder config
    #[arg(long, requires = "immich")]
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
}

pub fn run(context: &Context, args: &Args) -> Result {
    if args.immich.is_none() && args.paths.is_empty() && args.database()?.is_none() {
        return Err(Failure::usage(
            "nothing to back up was named",
            "give --immich DIR, or the folders to take",
        ));
    }
    refuse_repository_in_source(args, &context.url()?)?;
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
    let options = BackupOptions {
        source,
        current,
        host: args.host.clone().unwrap_or_else(host_name),
        tags: args.tag.clone(),
        accept_shrunk: args.accept_shrunk,
        checkpoint: CheckpointRule {
            every: args.checkpoint_interval,
            ..CheckpointRule::default()
        },
    };
    let (repository, state) = context.repository(Access::Writer)?;
    let _lock = state.lock_source(&ops::source_name(&options))?;
    let index = state.open_index()?;
    if args.dry_run {
        let clock = repository.seams.clock.as_ref();
        return backup_dry_run::run(context, &index, &options, clock);
    }
    let report = ops::backup(&repository, &index, &options, context.progress.as_ref());
    crate::progress::Progress::finish(context.progress.as_ref());
    let report = report?;
    if context.global.json {
        output::json(&as_json(&report))?;
    } else if !context.global.quiet {
        output::lines(&summary(&report, &repository.store.url()))?;
    }
    if context.global.quiet && !context.global.json {
        tell_problems(&report);
    }
    Ok(verdict(&report))
}

/// How it ended; a suspect snapshot is told on standard error, also when quiet.
fn verdict(report: &BackupReport) -> Status {
    if let Some(reason) = &report.suspect {
        let reason = show::harmless_sentence(reason);
        eprintln!(
            "the snapshot is suspect: {reason}; if that is right, such as after moving the library, \
             run it once with --accept-changes"
        );
        return Status::Suspect;
    }
    if report.problems_total > 0 {
        Status::SomeUnreadable
    } else {
        Status::Done
    }
}

/// Quiet is for cron, which mails what is said on standard error: this must be.
fn tell_problems(report: &BackupReport) {
    for problem in &report.problems {
        eprintln!("not read: {}", problem_line(problem));
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

fn as_json(report: &BackupReport) -> Value {
    let figures = &report.statistics;
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
        "audit": report.audit,
        "suspect": report.suspect,
        "problems": problems,
        "problems_total": report.problems_total,
        "duration_seconds": report.duration.as_secs_f64(),
    })
}

/// What was saved, in at most ten lines that a person who takes photos understands.
fn summary(report: &BackupReport, url: &str) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let figures = &report.statistics;
    let id = report.snapshot.to_string();
    let short = id.get(..12).unwrap_or(&id);
    let mut lines = vec![
        format!(
            "{} {short} of {}",
            ink.good("Saved snapshot"),
            show::time(report.time)
        ),
        format!(
            "  files     {}: {} new, {} changed, {} unchanged",
            show::count(figures.files),
            show::count(figures.files_new),
            show::count(figures.files_changed),
            show::count(figures.files_unmodified)
        ),
    ];
    if let Some(database) = &report.database {
        lines.push(format!(
            "  database  {} rows, {} ({}), complete, from {}",
            show::count(database.rows),
            show::bytes(database.bytes),
            database.kind,
            show::harmless_sentence(&database.source)
        ));
    }
    lines.extend(audit_lines(report));
    lines.push(format!(
        "  contents  {}, of which {} were new",
        show::bytes(figures.bytes),
        show::bytes(figures.bytes_added)
    ));
    lines.extend(savings(figures));
    lines.push(format!(
        "  sent      {} in {}, in {}, to {}",
        show::bytes(report.bytes_uploaded),
        show::counted(report.objects_uploaded, "object", "objects"),
        show::duration(report.duration),
        show::harmless_sentence(url)
    ));
    lines.extend(problem_lines(report, LINES_MAX - lines.len()));
    lines
}

/// What had not to be stored, and why; nothing where that is nothing.
fn savings(figures: &Statistics) -> Option<String> {
    let known = figures.bytes.saturating_sub(figures.bytes_added);
    let squeezed = figures.bytes_added.saturating_sub(figures.bytes_stored);
    let mut parts = Vec::new();
    if known > 0 {
        parts.push(format!("{} that are stored already", show::bytes(known)));
    }
    if squeezed > 0 {
        parts.push(format!("{} by compression", show::bytes(squeezed)));
    }
    (!parts.is_empty()).then(|| format!("  saved     {}", parts.join(", ")))
}

/// What could not be read, in at most so many lines; two at least.
fn problem_lines(report: &BackupReport, lines_max: usize) -> Vec<String> {
    if report.problems_total == 0 {
        return Vec::new();
    }
    let ink = show::ink_for_stdout();
    let shown_max = lines_max.saturating_sub(1).max(1);
    let is_more = report.problems_total > shown_max as u64;
    let mut lines = vec![ink.warn(&format!(
        "  {} could not be read as it should be{}:",
        show::counted(report.problems_total, "file or folder", "files or folders"),
        if is_more {
            ", such as (--json names more)"
        } else {
            ""
        }
    ))];
    let problems = report.problems.iter().take(shown_max);
    lines.extend(problems.map(|problem| format!("    {}", problem_line(problem))));
    lines
}

/// The path and what is the matter with it, the path once.
fn problem_line(problem: &SourceProblem) -> String {
    let path = show::harmless(&problem.path);
    let error = show::harmless_sentence(show::without_number(&problem.error));
    // Errors about the file itself begin with its path, where it lies.
    let error = match error.split_once(&format!("{path} ")) {
        Some((slash, words)) if slash.is_empty() || slash == "/" => words,
        _ => &error,
    };
    format!("{path}: {error}")
}

/// What the audit came to, and the first of what is missing or altered.
fn audit_lines(report: &BackupReport) -> Vec<String> {
    let Some(line) = audit_text::in_one_line(&report.audit) else {
        return Vec::new();
    };
    let ink = show::ink_for_stdout();
    let line = format!("  audit     {line}");
    let Some((verdict, path)) = report.gravest.first() else {
        return vec![line];
    };
    let name = verdict.name().replace('_', " ");
    let path = show::harmless(path);
    let more = ink.warn(&format!(
        "            {name}: {path} (offsite audit shows all)"
    ));
    vec![ink.warn(&line), more]
}
