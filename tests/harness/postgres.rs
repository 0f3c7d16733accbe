//! A database server: the machine's own PostgreSQL, on a socket in a temporary folder.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::server::{Ending, ServerProcess};

/// How long the server may take to answer. It takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The user that `initdb` and `postgres` run as where the tests run as root, which both refuse.
const SERVER_USER: &str = "postgres";

/// A running server with a data folder of its own; ends, and its data with it, when dropped.
///
/// It listens on a Unix socket only, trusts whoever reaches it, and writes nothing durably. Its
/// superuser is called `postgres`.
pub struct Postgres {
    programs: PathBuf,
    /// Dropped before its folder: the server ends first.
    process: ServerProcess,
    folder: tempfile::TempDir,
}

impl Postgres {
    pub fn start() -> Self {
        let programs = find_programs();
        let folder = tempfile::Builder::new()
            .prefix("offsite-postgres-")
            .tempdir()
            .expect("a temporary folder");
        if is_root() {
            run(Command::new("chown").arg(SERVER_USER).arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_server_user(&programs.join("initdb"));
        initdb.extend(
            [
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ]
            .map(OsString::from),
        );
        initdb.extend(["--no-sync".into(), "--pgdata".into(), data.clone().into()]);
        run(Command::new(&initdb[0])
            .args(&initdb[1..])
            .current_dir(folder.path())
            .env("LC_ALL", "C.UTF-8"));

        let mut server = as_server_user(&programs.join("postgres"));
        server.extend(["-D".into(), data.into(), "-k".into(), folder.path().into()]);
        for setting in ["listen_addresses=", "fsync=off", "full_page_writes=off"] {
            server.extend(["-c".into(), setting.into()]);
        }
        let process = ServerProcess::start(folder.path(), Ending::Quit, &server);
        let server = Self {
            programs,
            process,
            folder,
        };
        server
            .process
            .wait_until(PATIENCE, || {
                server
                    .try_psql("postgres", "SELECT 1")
                    .is_ok_and(|answer| answer == "1")
            })
            .unwrap_or_else(|reason| panic!("PostgreSQL does not start: {reason}"));
        server
    }

    /// Runs SQL, several statements if need be, and returns what it answers: a line a row, columns
    /// apart by `|`, no headings. The test fails where the SQL does.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql)
            .unwrap_or_else(|reason| panic!("psql in database {database}: {reason}\n{sql}"))
    }

    /// As [`Postgres::psql`], for SQL that may fail; `Err` holds what psql says.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        use std::io::Write;
        let mut psql = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let mut pipe = psql.stdin.take().expect("psql's input is a pipe");
        let sql = sql.to_owned();
        // A thread of its own: psql answers while it reads. What it does not read it reports.
        let writer = std::thread::spawn(move || {
            let _ = pipe.write_all(sql.as_bytes());
        });
        let output = psql.wait_with_output().expect("psql ends");
        writer.join().expect("the writer does not panic");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    pub fn create_database(&self, name: &str) {
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
    }

    /// A URL without a password, which the server would not ask for.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://postgres@{folder}/{database}")
    }

    /// The variables by which PostgreSQL's own programs find the server.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("PGHOST", self.folder.path().into()),
            ("PGPORT", "5432".into()),
            ("PGUSER", "postgres".into()),
        ]
    }

    /// The path of one of PostgreSQL's programs, of the same version as the server.
    pub fn bin(&self, program: &str) -> PathBuf {
        self.programs.join(program)
    }

    /// One of PostgreSQL's programs, told where the server is, and nothing else of the developer's
    /// own settings.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin(program));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment());
        command
    }
}

/// The newest of Debian's versions, or the one that OFFSITE_TEST_POSTGRES_BIN names.
fn find_programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("OFFSITE_TEST_POSTGRES_BIN") {
        let folder = PathBuf::from(folder);
        assert!(
            folder.join("initdb").is_file(),
            "OFFSITE_TEST_POSTGRES_BIN names {}, where there is no `initdb`.",
            folder.display()
        );
        return folder;
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let folder = version.path().join("bin");
            folder.join("initdb").is_file().then_some((number, folder))
        })
        .max()
        .map(|(_, folder)| folder)
        .expect(
            "This test needs a PostgreSQL server under /usr/lib/postgresql: run `tests/run` once, \
             which installs it, or set OFFSITE_TEST_POSTGRES_BIN to the folder of `initdb` and \
             `postgres`.",
        )
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The beginning of a command line that runs `program` as a user it accepts.
fn as_server_user(program: &Path) -> Vec<OsString> {
    let mut command: Vec<OsString> = Vec::new();
    if is_root() {
        command.extend(
            [
                "setpriv",
                &format!("--reuid={SERVER_USER}"),
                &format!("--regid={SERVER_USER}"),
                "--clear-groups",
                "--",
            ]
            .map(OsString::from),
        );
    }
    command.push(program.into());
    command
}

/// Runs a command to its end; the test fails with what it printed where the command fails.
fn run(command: &mut Command) {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", show(&program)));
    assert!(
        output.status.success(),
        "{} failed: {}{}",
        show(&program),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn show(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}
