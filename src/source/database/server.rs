//! `--database-url`: runs `pg_dump` itself, the one that suits the server.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::time::Duration;

use super::address::DatabaseServer;
use super::child::DatabaseCommand;
use super::programs::{self, PgDump};
use super::watch::{Watch, Watched};
use crate::source::SourceError;
use crate::source::error::CommandStatus;

/// A server that says no more than its version in this time is not there.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// More than any version; what else comes is not read.
const ANSWER_BYTES_MAX: u64 = 64;

/// Asks the server for its version, then starts `pg_dump`, as Immich does it for its own dumps
/// (since v2.5). Neither ever asks for a password.
pub(super) fn start(
    server: &DatabaseServer,
    watch: &Watch,
) -> Result<(DatabaseCommand, ChildStdout), SourceError> {
    let found = programs::find();
    let version = version(server, &found, watch)?;
    let pg_dump = programs::choose(&found, version)?;
    let arguments = ["--clean", "--if-exists", "--format=plain", "--no-password"];
    run(&pg_dump.program, &arguments, server)
}

fn run(
    program: &Path,
    arguments: &[&str],
    server: &DatabaseServer,
) -> Result<(DatabaseCommand, ChildStdout), SourceError> {
    let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    arguments.push(format!("--dbname={}", server.url()).into());
    DatabaseCommand::start_program(program, &arguments, server.password())
}

/// The server's major version; `None` where there is no `psql` to ask it with: then `pg_dump`
/// itself will say what it cannot do.
fn version(
    server: &DatabaseServer,
    found: &[PgDump],
    watch: &Watch,
) -> Result<Option<u32>, SourceError> {
    let beside = found
        .iter()
        .map(|one| one.program.with_file_name("psql"))
        .filter(|psql| psql.is_file());
    for psql in std::iter::once(PathBuf::from("psql")).chain(beside) {
        match ask(&psql, server, &watch.for_at_most(ANSWER_WITHIN)) {
            Err(SourceError::CommandFailed {
                status: CommandStatus::Exit(126 | 127),
                ..
            }) => {}
            Err(error) => {
                return Err(SourceError::ServerVersion {
                    source: Box::new(error),
                });
            }
            Ok(answer) => return Ok(major_of(&answer)),
        }
    }
    Ok(None)
}

fn ask(psql: &Path, server: &DatabaseServer, watch: &Watch) -> Result<String, SourceError> {
    let arguments = [
        "--no-psqlrc",
        "--no-align",
        "--tuples-only",
        "--no-password",
        "--command=SHOW server_version_num",
    ];
    let (mut command, stdout) = run(psql, &arguments, server)?;
    let mut answer = Vec::new();
    let read = Watched::new(stdout, watch.clone())
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer);
    if let Err(error) = read {
        command.stop();
        return Err(SourceError::of_pipe(error, command.output()));
    }
    command.wait(watch)?;
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}

/// 15 of `150014`; 9 of `90624`, where the second number counted too.
fn major_of(version_number: &str) -> Option<u32> {
    let number: u32 = version_number.parse().ok()?;
    Some(number / 10_000).filter(|major| *major > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_reaches_the_program_and_no_list_of_processes() {
        let server = DatabaseServer::parse("postgres://anna@localhost/immich").unwrap();
        let server = server.with_password(zeroize::Zeroizing::new("hunter2".to_owned()));
        let script = "echo \"$PGPASSWORD\"; cat /proc/$$/cmdline; echo; echo \"$0\"";
        let (mut command, mut stdout) =
            run(Path::new("bash"), &["--norc", "-c", script], &server).unwrap();
        let mut said = String::new();
        stdout.read_to_string(&mut said).unwrap();
        let clock = std::sync::Arc::new(crate::seams::SystemClock);
        command.wait(&Watch::start(clock, None)).unwrap();
        let (password, rest) = said.split_once('\n').unwrap();
        assert_eq!(password, "hunter2");
        assert!(!rest.contains("hunter2"), "{rest}");
        assert!(
            rest.ends_with("--dbname=postgres://anna@localhost/immich\n"),
            "{rest}"
        );
    }

    #[test]
    fn the_number_of_a_version_holds_the_major_one() {
        assert_eq!(major_of("150014"), Some(15));
        assert_eq!(major_of("90624"), Some(9));
        for odd in ["", "15.4", "ERROR", "0"] {
            assert_eq!(major_of(odd), None, "{odd}");
        }
    }
}
