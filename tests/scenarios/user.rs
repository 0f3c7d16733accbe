//! A person at a machine: a folder of their own, a state directory, a repository, an environment.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::harness::seaweedfs::SeaweedFs;
use crate::objects::Objects;

/// Opens every repository that [`User::init`] makes.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Asks the program, as it is built for tests, to spend little on passphrases.
pub const QUICK_KEYS: &str = "OFFSITE_TEST_QUICK_KEYS";

/// An ordinary user and group, without a name on most systems and without rights on all.
const NOBODY: u32 = 65534;

/// Somebody who runs `offsite`. The program gets this environment and nothing of the developer's.
pub struct User {
    /// Goes with its contents when the user goes.
    folder: tempfile::TempDir,
    /// What OFFSITE_STATE_DIR says.
    pub state: PathBuf,
    /// What OFFSITE_REPOSITORY says: `--repo` need not be given.
    pub repository: String,
    /// The rest of the environment, the passphrase among it; a later value wins.
    pub environment: Vec<(String, OsString)>,
    /// What lies in the repository, behind the program's back.
    pub objects: Objects,
    is_nobody: bool,
}

/// The same user twice, for stories that are to be true wherever the objects lie.
pub fn both() -> [User; 2] {
    [User::with_folder(), User::with_bucket()]
}

impl User {
    /// With the address of a repository in a directory, where nothing is yet.
    pub fn with_folder() -> Self {
        let folder = fresh_folder();
        let repository = folder.path().join("repository");
        Self::at(
            folder,
            repository.display().to_string(),
            Objects::in_folder(&repository),
            Vec::new(),
        )
    }

    /// With a bucket of their own, empty, in the object storage that all tests share.
    pub fn with_bucket() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = SeaweedFs::shared();
        let bucket = format!("photos-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.create_bucket(&bucket);
        Self::at(
            fresh_folder(),
            format!("s3://{bucket}/offsite"),
            Objects::in_bucket(&bucket, "offsite/"),
            server.environment(),
        )
    }

    fn at(
        folder: tempfile::TempDir,
        repository: String,
        objects: Objects,
        storage: Vec<(&'static str, String)>,
    ) -> Self {
        let mut environment = vec![
            ("OFFSITE_PASSPHRASE".to_owned(), PASSPHRASE.into()),
            (QUICK_KEYS.to_owned(), "1".into()),
            // No look-up of credentials in a cloud that is not there.
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".into()),
        ];
        let storage = storage.into_iter();
        environment.extend(storage.map(|(name, value)| (name.to_owned(), value.into())));
        Self {
            state: folder.path().join("state"),
            folder,
            repository,
            environment,
            objects,
            is_nobody: false,
        }
    }

    /// The same repository from another machine, which knows nothing of it but the passphrase.
    pub fn another_machine(&self) -> Self {
        let folder = fresh_folder();
        Self {
            state: folder.path().join("state"),
            folder,
            repository: self.repository.clone(),
            environment: self.environment.clone(),
            objects: self.objects.clone(),
            is_nobody: false,
        }
    }

    /// From now on without the rights of root, also where the tests run as root. Everything in the
    /// user's folder becomes theirs.
    pub fn becomes_ordinary(&mut self) {
        if rustix::process::geteuid().is_root() {
            self.is_nobody = true;
            give_away(self.folder.path());
        }
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Removes a variable of the environment.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(it, _)| it != name);
    }

    /// Runs the program to its end, in the user's folder.
    pub fn offsite(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.args(arguments);
        outcome_of(&mut command)
    }

    /// Starts the program and leaves it running; its output is for [`Running::outcome`].
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        let line = shown(&command);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Running { line, child }
    }

    /// The program with the user's environment, for arguments or pipes of a test's own.
    pub fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_offsite");
        let mut command = if self.is_nobody {
            let mut command = Command::new("setpriv");
            let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
            command.args([user.as_str(), &group, "--clear-groups", "--", program]);
            command
        } else {
            Command::new(program)
        };
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("OFFSITE_STATE_DIR", &self.state)
            .env("OFFSITE_REPOSITORY", &self.repository)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    /// Makes the repository.
    pub fn init(&self) {
        self.offsite(&["init"]).done();
    }

    /// A path in the user's folder.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Where `source`, backed up as a plain path, comes back beneath `target`.
    pub fn restored(&self, target: &str, source: &str) -> PathBuf {
        let source = self.path(source);
        let inside = source.strip_prefix("/").expect("an absolute path");
        self.path(target).join(inside)
    }

    /// Writes a file in the user's folder, and the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        if self.is_nobody {
            give_away(self.folder.path());
        }
    }
}

/// Readable by all, since the tests may run as root and the program not.
fn fresh_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("offsite-scenario-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a temporary folder");
    std::fs::create_dir(folder.path().join("state")).expect("a state folder");
    folder
}

fn give_away(folder: &Path) {
    let status = Command::new("chown")
        .args(["--recursive", "--no-dereference"])
        .arg(format!("{NOBODY}:{NOBODY}"))
        .arg(folder)
        .status();
    assert!(status.expect("chown starts").success());
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// The command line, for messages.
    line: String,
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    /// It must have ended with 0.
    #[track_caller]
    pub fn done(self) -> Self {
        self.ended(0)
    }

    /// It must have ended with this exit code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the exit code of {self}");
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON ({error}): {self}"))
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            line, code, stderr, ..
        } = self;
        let text = self.text();
        let stdout: String = text.chars().take(4000).collect();
        write!(
            f,
            "{line}\n(exit code {code:?})\n--- standard output\n{stdout}\n--- standard error\n{stderr}"
        )
    }
}

/// A run that has not ended. It is killed when it is dropped.
pub struct Running {
    line: String,
    child: Child,
}

impl Running {
    /// Pulls the plug: SIGKILL. Returns how it ended, which may have been before that.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().expect("a process of this test");
        self.child.wait().expect("a process of this test")
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill starts").success());
    }

    pub fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait().expect("a process of this test");
        status.is_some()
    }

    /// Waits for its end.
    pub fn outcome(mut self) -> Outcome {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        // Side by side: a full pipe would stop the program.
        let stderr = std::thread::spawn(move || read_all(stderr));
        let stdout = read_all(stdout);
        let stderr = stderr.join().expect("the reader does not panic");
        let status = self.child.wait().expect("a process of this test");
        Outcome {
            line: self.line.clone(),
            code: status.code(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command made with [`User::command`] to its end, without a terminal.
pub fn outcome_of(command: &mut Command) -> Outcome {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    Outcome {
        line,
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn read_all(pipe: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.expect("a pipe, taken once")
        .read_to_end(&mut bytes)
        .expect("a pipe of this test");
    bytes
}

fn shown(command: &Command) -> String {
    let mut line = "offsite".to_owned();
    let program = env!("CARGO_BIN_EXE_offsite");
    let arguments = command.get_args().skip_while(|it| *it != "--");
    let arguments: Vec<_> = if command.get_program() == program {
        command.get_args().collect()
    } else {
        arguments.skip(2).collect()
    };
    for argument in arguments {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
