//! What the drill wants of a Postgres, however it is had: psql, and the name of a database to load
//! into.

use std::process::{Command, Output, Stdio};

use rustix::process::Pid;
use std::os::unix::process::CommandExt;

use super::DrillError;
use crate::ops::said::said_in;
use crate::ops::{OpsError, Result};
use crate::seams::Interrupt;

/// A server that goes, with all that was made for the drill, when it is dropped.
pub(super) trait Server {
    /// psql, told where the server is and which database; input and output are the caller's.
    fn psql(&self, database: &str) -> Command;

    /// The database that a dump of a single one goes into.
    fn database(&self) -> &str;

    /// Whether it was made for the drill alone, so that a dump may do there what it wants.
    fn is_ours(&self) -> bool;

    /// Such as "started for this".
    fn description(&self) -> &'static str;
}

/// Variables that would lead psql elsewhere, or change what it says.
pub(super) const VARIABLES: [&str; 17] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGOPTIONS",
    "PGSSLMODE",
    "PGDATA",
    "PGTZ",
    "PGDATESTYLE",
    "PGAPPNAME",
    "PGTARGETSESSIONATTRS",
    "PGREQUIREAUTH",
];

/// What every psql of the drill is told: plain English, UTF-8, no settings of the user's own.
pub(super) fn tell_plainly(psql: &mut Command) {
    psql.env("LC_ALL", "C")
        .env("PGCLIENTENCODING", "UTF8")
        .env_remove("OFFSITE_PASSPHRASE")
        .args(["--no-psqlrc", "--quiet", "--no-password"]);
}

/// A database's name for psql's `--dbname`, which takes a name with `=` in it, or one that begins like
/// an address, for the way to a server (libpq, "Connection Strings"). The name may be that of a dump.
pub(super) fn named(database: &str) -> String {
    let quoted = database.replace('\\', "\\\\").replace('\'', "\\'");
    format!("dbname='{quoted}'")
}

/// Runs a program to its end; Ctrl-C ends it.
pub(super) fn run(
    command: &mut Command,
    what: &'static str,
    interrupt: &Interrupt,
) -> Result<Output> {
    interrupt.check()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| DrillError::Program { program, source };
    let child = command
        .env_remove("OFFSITE_PASSPHRASE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(source) => return Err(failed(source).into()),
    };
    let watched = interrupt.ends_group(Pid::from_child(&child));
    let output = child.wait_with_output();
    drop(watched);
    interrupt.check()?;
    let output = output.map_err(failed)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = said_in(&output.stderr);
    Err(DrillError::Server { what, said }.into())
}

/// Runs SQL; gives a line a row, columns apart by `|`. Texts come as hexadecimal, so that nothing in
/// them can be mistaken.
pub(super) fn query(
    server: &dyn Server,
    database: &str,
    sql: &str,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<String>>> {
    let mut psql = server.psql(database);
    psql.args(["--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
        .args(["--command", sql]);
    let output = run(&mut psql, "asking the Postgres server", interrupt)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| line.split('|').map(str::to_owned).collect())
        .collect())
}

/// Bytes of a text that the server gave as hexadecimal.
pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(byte).collect()
}

/// Whether an error is the server's answer, as opposed to an interruption or the store.
pub(super) fn is_answer(error: &OpsError) -> bool {
    matches!(error, OpsError::Drill(DrillError::Server { .. }))
}

/// The number in a row of one column.
pub(super) fn single_number(rows: &[Vec<String>]) -> u64 {
    let cell = rows.first().and_then(|row| row.first());
    cell.and_then(|text| text.parse().ok()).unwrap_or(0)
}
