//! Before and during the loading of the dump: does the server have what it needs, and psql's answer.

use std::collections::BTreeSet;
use std::process::Stdio;

use super::packages::with_package;
use super::server::{Server, query};
use super::{DrillError, DrillOptions, DrillReport};
use crate::ops::child::{Feed, ending};
use crate::ops::database::{StoredDump, for_psql};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::source::database::{Changes, DumpContents, Replay};

/// Goes through the dump once, so that every chunk of it was authenticated before anything is
/// started.
pub(super) fn survey(dump: &StoredDump<'_>, progress: &dyn Progress) -> Result<DumpContents> {
    progress.stage("Reading the dump", dump.entry.size);
    let mut replay = Replay::new(Changes::default());
    let mut nowhere = |_: &[u8]| Ok(());
    dump.read(&mut |chunk| {
        progress.advance(chunk.len() as u64);
        replay.feed(chunk, &mut nowhere)
    })?;
    replay.finish(&mut nowhere)
}

/// What of the dump the server lacks and can do without; makes roles where the server is ours.
///
/// # Errors
/// `MissingExtensions`, `MissingRoles`, `WouldReplace`.
pub(super) fn prepare(
    server: &dyn Server,
    contents: &DumpContents,
    options: &DrillOptions,
    version: &str,
) -> Result<BTreeSet<String>> {
    if contents.chooses_databases() && !server.is_ours() {
        return Err(DrillError::WouldReplace.into());
    }
    let interrupt = &options.interrupt;
    let sql = "SELECT name FROM pg_available_extensions";
    let available = first_column(query(server, server.database(), sql, interrupt)?);
    let wanted = contents.databases.iter().flat_map(|it| &it.extensions);
    let missing: BTreeSet<String> = wanted
        .filter(|name| !available.contains(*name))
        .cloned()
        .collect();
    let can_be_left_out = missing.iter().all(|name| Changes::can_leave_out(name));
    let goes_without = options.skip_missing_extensions && can_be_left_out;
    if !(missing.is_empty() || goes_without) {
        let major = version.split('.').next().unwrap_or_default();
        let missing = missing.iter().map(|name| with_package(name, major));
        return Err(DrillError::MissingExtensions {
            missing: missing.collect(),
            can_be_left_out,
        }
        .into());
    }
    if !contents.chooses_databases() {
        make_roles(server, contents, options)?;
    }
    Ok(missing)
}

/// A dump of one database names its owners, but does not make them.
fn make_roles(server: &dyn Server, contents: &DumpContents, options: &DrillOptions) -> Result<()> {
    let interrupt = &options.interrupt;
    let sql = "SELECT rolname FROM pg_roles";
    let known = first_column(query(server, server.database(), sql, interrupt)?);
    let unknown = contents.roles.iter().filter(|role| !known.contains(*role));
    if !server.is_ours() {
        let roles: Vec<String> = unknown.cloned().collect();
        return match roles.is_empty() {
            true => Ok(()),
            false => Err(DrillError::MissingRoles { roles }.into()),
        };
    }
    for role in unknown {
        let sql = format!("CREATE ROLE \"{}\"", role.replace('"', "\"\""));
        query(server, server.database(), &sql, interrupt)?;
    }
    Ok(())
}

fn first_column(rows: Vec<Vec<String>>) -> BTreeSet<String> {
    let cells = rows.into_iter().map(|row| row.into_iter().next());
    cells.flatten().collect()
}

/// A dump, and where it goes.
pub(super) struct Loading<'a> {
    pub repository: &'a Repository,
    pub dump: &'a StoredDump<'a>,
    pub server: &'a dyn Server,
    pub contents: &'a DumpContents,
    pub options: &'a DrillOptions,
    pub progress: &'a dyn Progress,
}

impl Loading<'_> {
    /// Feeds the dump to psql, as Immich's documentation has it: a dump of one database in one
    /// transaction that the first error ends; a dump of a whole server statement by statement. Errors of
    /// psql go into the report.
    pub fn load(&self, left_out: BTreeSet<String>, report: &mut DrillReport) -> Result<()> {
        let Self {
            repository,
            dump,
            server,
            contents,
            options,
            progress,
        } = self;
        progress.stage("Restoring the database", dump.entry.size);
        let chooses = contents.chooses_databases();
        let first = if chooses {
            "postgres"
        } else {
            server.database()
        };
        let mut psql = server.psql(first);
        if !chooses {
            psql.args(["--single-transaction", "--set=ON_ERROR_STOP=on"]);
        }
        psql.stdout(Stdio::null());
        let failed = |source| {
            OpsError::from(DrillError::Program {
                program: "psql".to_owned(),
                source,
            })
        };
        let feed = Feed::start(&mut psql, &repository.seams.clock, &options.interrupt);
        let mut feed = feed.map_err(failed)?.end_with_interrupt();
        let mut replay = Replay::new(Changes {
            left_out,
            ..for_psql()
        });
        let mut reads_on = true;
        let mut hand_over = |bytes: &[u8]| {
            // What psql does not read any more, its end explains.
            reads_on = reads_on && feed.write(bytes)?;
            Ok(())
        };
        dump.read(&mut |chunk| {
            progress.advance(chunk.len() as u64);
            replay.feed(chunk, &mut hand_over)
        })?;
        replay.finish(&mut hand_over)?;
        let ended = feed.finish()?;
        report.load_errors = ended.errors;
        report.load_errors_total = ended.errors_total;
        if !ended.status.success() {
            report.problems.push(format!(
                "psql did not take the dump: {}",
                ending(ended.status)
            ));
            if report.load_errors.is_empty() {
                report.load_errors.extend(ended.said.map(|said| said.0));
            }
        } else if report.load_errors_total > 0 {
            report
                .problems
                .push("psql met errors while it took the dump".to_owned());
        }
        progress.finish();
        Ok(())
    }
}
