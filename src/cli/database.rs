//! `offsite database`

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use clap::Args as ClapArgs;
use jiff::tz::TimeZone;
use serde_json::json;

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::restore::Choice;
use super::{output, show};
use crate::format::snapshot::Database;
use crate::ops::{self, DumpTarget, Opened, OpsError};
use crate::progress::Progress;
use crate::repository::StoredSnapshot;
use crate::seams::Timestamp;

/// Write the database dump of a snapshot to standard output, into psql, or for Immich's restore page
///
/// Without a flag it comes byte for byte as it was made. Whichever way it goes, every part of it is
/// verified before it goes on.
#[derive(ClapArgs, Debug)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// With the search_path fix of Immich's documentation, without which psql ends at 'type "earth"
    /// does not exist'
    #[arg(long, conflicts_with_all = ["into", "for_immich"])]
    for_psql: bool,
    /// Pipe it, with that fix, into a command such as 'docker exec -i immich_postgres psql …'; fails
    /// if the command fails
    #[arg(long, value_name = "CMD", conflicts_with = "for_immich")]
    into: Option<String>,
    /// With --into: without that fix, byte for byte
    #[arg(long, requires = "into")]
    raw: bool,
    /// Write it to DIR/backups under the name that Immich gives its own dumps, so that its restore
    /// page takes it
    #[arg(long)]
    for_immich: bool,
    /// With --for-immich: Immich's upload location (without it: the current folder)
    #[arg(long, value_name = "DIR", requires = "for_immich")]
    target: Option<PathBuf>,
    /// With --for-immich: the version of Immich, where the dump does not say
    #[arg(long, value_name = "X.Y.Z", requires = "for_immich")]
    immich_version: Option<String>,
    /// With --for-immich: the version of the Postgres server, where the dump does not say
    #[arg(long, value_name = "A.B", requires = "for_immich")]
    pg_version: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = args.choice.choose(context, &opened)?;
    let (repository, index, record) = (&opened.repository, &opened.index, &snapshot.record);
    if let Some(command) = &args.into {
        warn_of_half_a_database(context, command, record.database.as_ref());
        let target = DumpTarget {
            command,
            // Standard output is for the document alone.
            stdout: match context.global.json {
                true => Stdio::from(io::stderr()),
                false => Stdio::inherit(),
            },
            raw: args.raw,
        };
        let progress = context.progress.as_ref();
        let report = ops::database_into(repository, index, record, target, progress)?;
        return told_into(context, snapshot, &report);
    }
    if args.for_immich {
        return for_immich(context, args, &opened, snapshot);
    }
    if args.for_psql {
        output::stream(|out| ops::database_for_psql(repository, index, record, out))?;
    } else {
        output::stream(|out| ops::database(repository, index, record, out))?;
    }
    Ok(Status::Done)
}

/// Without a transaction around it, what a failure leaves behind is half a database.
fn warn_of_half_a_database(context: &Context, command: &str, database: Option<&Database>) {
    let has = |word: &str| command.split_whitespace().any(|it| it == word);
    let is_one_database = database.is_some_and(|it| it.kind == "pg_dump");
    let is_careful = has("--single-transaction") || has("-1");
    if command.contains("psql") && is_one_database && !is_careful {
        context.progress.notice(
            "note: without --single-transaction --set ON_ERROR_STOP=on, a failure leaves half a \
             database behind",
        );
    }
}

fn told_into(context: &Context, snapshot: &StoredSnapshot, report: &ops::IntoReport) -> Result {
    if let Some(said) = &report.said {
        let said = show::harmless_sentence(&said.0);
        context
            .progress
            .notice(&format!("note: the command said: {said}"));
    }
    if context.global.json {
        output::json(&json!({
            "snapshot": snapshot.id.to_string(),
            "bytes": report.bytes,
            "tables": report.tables,
            "rows": report.rows,
        }))?;
    } else if !context.global.quiet {
        context.progress.notice(&format!(
            "note: the command took the whole dump: {}, {} in {}",
            show::bytes(report.bytes),
            show::counted(report.rows, "row", "rows"),
            show::counted(report.tables, "table", "tables"),
        ));
    }
    Ok(Status::Done)
}

fn for_immich(
    context: &Context,
    args: &Args,
    opened: &Opened,
    snapshot: &StoredSnapshot,
) -> Result {
    let record = &snapshot.record;
    let database = record.database.as_ref().ok_or(OpsError::NoDatabase)?;
    let known = |given: &Option<String>, known: &Option<String>, what, flag| {
        let version = given.clone().or_else(|| known.clone());
        version.ok_or_else(|| {
            Failure::usage(
                &format!("the dump does not say which version of {what} it is of"),
                flag,
            )
        })
    };
    let immich = known(
        &args.immich_version,
        &database.immich_version,
        "Immich",
        "name it with --immich-version, such as 2.7.5: the file name must hold it",
    )?;
    let postgres = known(
        &args.pg_version,
        &database.server_version,
        "Postgres",
        "name it with --pg-version, such as 14.19: the file name must hold it",
    )?;
    let folder = args.target.clone().unwrap_or_else(|| PathBuf::from("."));
    let written = ops::database_for_immich(
        &opened.repository,
        &opened.index,
        record,
        &folder,
        &stamp(database.began),
        (&immich, &postgres),
    )?;
    let path = written.path.display().to_string();
    if context.global.json {
        output::json(&json!({
            "snapshot": snapshot.id.to_string(),
            "path": path,
            "bytes": written.bytes,
        }))?;
    } else {
        output::lines(&[show::harmless(path.as_bytes())])?;
    }
    Ok(Status::Done)
}

/// `20260401T020000` in local time, as Immich names its dumps.
fn stamp(time: Timestamp) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(time.nanoseconds()));
    let zoned = moment.unwrap_or_default().to_zoned(TimeZone::system());
    zoned.strftime("%Y%m%dT%H%M%S").to_string()
}
