//! Finds the `pg_dump` that suits a server: it reads servers of its own major version and older
//! ones, and refuses newer ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::source::SourceError;

/// Where packages put the programs of PostgreSQL: Debian and Ubuntu, Red Hat and SUSE, Alpine, a
/// build from source, Homebrew (three places), Postgres.app.
const FOLDERS: [&str; 10] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/libpq/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A `pg_dump` and its major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PgDump {
    /// Its path, or its bare name where the shell finds it.
    pub(super) program: PathBuf,
    pub(super) major: u32,
}

/// All that are there; the one that the shell finds stands first.
pub(super) fn find() -> Vec<PgDump> {
    let of_config = answer(Path::new("pg_config"), "--bindir").map(PathBuf::from);
    let folders = FOLDERS
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flat_map(Iterator::flatten);
    let programs = of_config
        .into_iter()
        .chain(folders)
        .map(|folder| folder.join("pg_dump"))
        .filter(|program| program.is_file());
    let mut found: Vec<PgDump> = Vec::new();
    for program in std::iter::once(PathBuf::from("pg_dump")).chain(programs) {
        if found.iter().any(|known| known.program == program) {
            continue;
        }
        let version = answer(&program, "--version");
        if let Some(major) = version.as_deref().and_then(major_of) {
            found.push(PgDump { program, major });
        }
    }
    found
}

/// The one for a server of that major version: of the same, else the next newer; without a version
/// the newest.
///
/// # Errors
/// There is none at all, or the server is newer than all of them.
pub(super) fn choose(found: &[PgDump], server: Option<u32>) -> Result<&PgDump, SourceError> {
    // Of several that are equal, the last for `max`, the first for `min`.
    let newest = found.iter().rev().max_by_key(|one| one.major);
    let newest = newest.ok_or(SourceError::NoPgDump)?;
    let Some(server) = server else {
        return Ok(newest);
    };
    let suitable = found.iter().filter(|one| one.major >= server);
    suitable
        .min_by_key(|one| one.major)
        .ok_or(SourceError::ServerNewer {
            server,
            newest: newest.major,
        })
}

/// The first line that a program prints; `None` where it is not there or fails.
fn answer(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program)
        .arg(argument)
        .env_remove("OFFSITE_PASSPHRASE")
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Of `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_of(version: &str) -> Option<u32> {
    let (_, version) = version.split_once("(PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit());
    version.get(..end.unwrap_or(version.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(versions: &[u32]) -> Vec<PgDump> {
        let name = |(place, major): (usize, &u32)| PgDump {
            program: format!("{place}").into(),
            major: *major,
        };
        versions.iter().enumerate().map(name).collect()
    }

    #[test]
    fn the_same_version_is_best_and_an_older_one_useless() {
        for (versions, server, expected) in [
            (&[14, 15, 16][..], Some(15), "1"),
            (&[17, 14, 16], Some(15), "2"),
            (&[15, 15], Some(15), "0"),
            (&[14, 17, 17], None, "1"),
            (&[18], Some(9), "0"),
        ] {
            let found = found(versions);
            let chosen = choose(&found, server).unwrap();
            assert_eq!(chosen.program, Path::new(expected), "{versions:?}");
        }
        let error = choose(&found(&[14, 15]), Some(16)).unwrap_err().to_string();
        assert!(error.contains("16") && error.contains("15"), "{error}");
        let error = choose(&[], Some(16)).unwrap_err();
        assert!(matches!(error, SourceError::NoPgDump));
    }

    #[test]
    fn versions_are_read_as_the_programs_print_them() {
        for (text, major) in [
            (
                "pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(15),
            ),
            ("pg_dump (PostgreSQL) 18beta1", Some(18)),
            ("pg_dump (PostgreSQL) 17", Some(17)),
            ("pg_dump (PostgreSQL) 9.6.24", Some(9)),
            ("pg_dump from elsewhere 3", None),
            ("pg_dump (PostgreSQL) devel", None),
        ] {
            assert_eq!(major_of(text), major, "{text}");
        }
    }
}
