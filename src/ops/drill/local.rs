//! A Postgres of this machine's own programs, in a temporary folder: nobody reaches it but through a
//! socket there, and it is gone, with its data, when it is dropped.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::User;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::DrillError;
use super::server::{Server, VARIABLES, named, query, run, tell_plainly};
use crate::ops::Result;
use crate::ops::said::said_in;
use crate::seams::Clock;
use crate::seams::Interrupt;

/// How long a server may take to answer; it takes a second on an idle machine.
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);
/// A socket's path has at most 107 bytes (`unix(7)`), of which its own name takes 15.
const FOLDER_BYTES_MAX: usize = 90;
const LOG_BYTES_MAX: u64 = 64 * 1024;
const DATABASE: &str = "offsite_drill";

/// Its own settings: no network; nothing has to survive a power cut; a dump of a whole server may
/// name libraries and sizes that only the other machine has.
const SETTINGS: [&str; 6] = [
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_wal_size=4GB",
    "unix_socket_permissions=0700",
];

pub(super) struct LocalServer {
    programs: PathBuf,
    user: Option<User>,
    process: Child,
    clock: Arc<dyn Clock>,
    /// Removed after the server ended.
    folder: tempfile::TempDir,
}

impl LocalServer {
    pub fn start(
        programs: Option<&Path>,
        user: &str,
        clock: &Arc<dyn Clock>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let programs = match programs {
            Some(folder) if is_whole(folder) => folder.to_path_buf(),
            Some(folder) => {
                let folder = folder.display().to_string();
                return Err(DrillError::NotPrograms { folder }.into());
            }
            None => find_programs(interrupt)?.ok_or(DrillError::NoPrograms)?,
        };
        let user = server_user(user)?;
        let folder = short_folder().map_err(DrillError::Folder)?;
        if let Some(user) = &user {
            let (owner, group) = (user.uid.as_raw(), user.gid.as_raw());
            std::os::unix::fs::chown(folder.path(), Some(owner), Some(group))
                .map_err(DrillError::Folder)?;
        }
        let data = folder.path().join("data");
        let mut initdb = program(&programs, "initdb", user.as_ref(), folder.path());
        initdb
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(&data);
        run(&mut initdb, "making a database with initdb", interrupt)?;

        let log = File::create(folder.path().join("log")).map_err(DrillError::Folder)?;
        let mut postgres = program(&programs, "postgres", user.as_ref(), folder.path());
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        let process = postgres
            .env_remove("OFFSITE_PASSPHRASE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|source| DrillError::Program {
                program: "postgres".to_owned(),
                source,
            })?;
        let mut server = Self {
            programs,
            user,
            process,
            clock: Arc::clone(clock),
            folder,
        };
        server.wait(interrupt)?;
        let make = format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'");
        query(&server, "postgres", &make, interrupt)?;
        Ok(server)
    }

    fn wait(&mut self, interrupt: &Interrupt) -> Result<()> {
        let deadline = self.clock.since_boot() + START_PATIENCE;
        loop {
            interrupt.check()?;
            if query(self, "postgres", "SELECT 1", interrupt).is_ok() {
                return Ok(());
            }
            let ended = !matches!(self.process.try_wait(), Ok(None));
            if ended || self.clock.since_boot() > deadline {
                let what = "starting PostgreSQL";
                let said = said_in(&self.log());
                return Err(DrillError::Server { what, said }.into());
            }
            self.clock.sleep(STEP);
        }
    }

    fn log(&self) -> Vec<u8> {
        let mut log = Vec::new();
        // Without it there is one cause less to tell.
        if let Ok(file) = File::open(self.folder.path().join("log")) {
            let _ = file.take(LOG_BYTES_MAX).read_to_end(&mut log);
        }
        log
    }
}

impl Server for LocalServer {
    fn psql(&self, database: &str) -> Command {
        let mut psql = program(
            &self.programs,
            "psql",
            self.user.as_ref(),
            self.folder.path(),
        );
        tell_plainly(&mut psql);
        psql.arg("--host").arg(self.folder.path()).args([
            "--port=5432",
            "--username=postgres",
            "--dbname",
            &named(database),
        ]);
        psql
    }

    fn database(&self) -> &str {
        DATABASE
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn description(&self) -> &'static str {
        "started for this"
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // At once, without a checkpoint: the data goes too. What fails here has ended already.
        let pid = Pid::from_child(&self.process);
        let _ = kill_process(pid, Signal::QUIT);
        let mut waited = Duration::ZERO;
        while waited < STOP_PATIENCE && matches!(self.process.try_wait(), Ok(None)) {
            self.clock.sleep(STEP);
            waited += STEP;
        }
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.process.wait();
        }
    }
}

/// One of PostgreSQL's programs, run as the server's user and told nothing by the environment.
fn program(programs: &Path, name: &str, user: Option<&User>, folder: &Path) -> Command {
    let mut command = Command::new(programs.join(name));
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("HOME", folder);
    for name in VARIABLES {
        command.env_remove(name);
    }
    if let Some(user) = user {
        // Gives up all other groups too.
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Postgres refuses to run as root: then it runs as this user.
fn server_user(name: &str) -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let unknown = || DrillError::NoUser {
        name: name.to_owned(),
    };
    let found = User::from_name(name).ok().flatten().ok_or_else(unknown)?;
    if found.uid.is_root() {
        return Err(unknown().into());
    }
    Ok(Some(found))
}

/// In the usual place, unless its path is too long for a socket.
fn short_folder() -> std::io::Result<tempfile::TempDir> {
    let mut maker = tempfile::Builder::new();
    maker.prefix("offsite-drill-");
    let folder = maker.tempdir()?;
    if folder.path().as_os_str().len() <= FOLDER_BYTES_MAX {
        return Ok(folder);
    }
    maker.tempdir_in("/tmp")
}

fn is_whole(folder: &Path) -> bool {
    let programs = ["initdb", "postgres", "psql"];
    programs.iter().all(|name| folder.join(name).is_file())
}

/// The newest of what `pg_config`, the search path and Debian's folders name.
fn find_programs(interrupt: &Interrupt) -> Result<Option<PathBuf>> {
    let mut folders = Vec::new();
    for command in ["pg_config --bindir", "dirname \"$(command -v initdb)\""] {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        match run(&mut shell, "looking for PostgreSQL", interrupt) {
            Ok(output) => {
                let mut line = output.stdout;
                while line.last().is_some_and(u8::is_ascii_whitespace) {
                    line.pop();
                }
                folders.push(PathBuf::from(OsString::from_vec(line)));
            }
            Err(_) => interrupt.check()?,
        }
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    let mut newest = None;
    for folder in folders.into_iter().filter(|folder| is_whole(folder)) {
        let version = major_version(&folder, interrupt)?;
        if newest.as_ref().is_none_or(|(best, _)| version > *best) {
            newest = Some((version, folder));
        }
    }
    Ok(newest.map(|(_, folder)| folder))
}

/// 15, of `postgres (PostgreSQL) 15.9 (Debian 15.9-0+deb12u1)`; 0 for what says nothing.
fn major_version(folder: &Path, interrupt: &Interrupt) -> Result<u32> {
    let mut postgres = Command::new(folder.join("postgres"));
    postgres.arg("--version");
    let Ok(output) = run(&mut postgres, "looking for PostgreSQL", interrupt) else {
        interrupt.check()?;
        return Ok(0);
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let version = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let major = version.and_then(|it| it.split(|c: char| !c.is_ascii_digit()).next());
    Ok(major.and_then(|it| it.parse().ok()).unwrap_or(0))
}
