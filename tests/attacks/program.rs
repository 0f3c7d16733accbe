//! The real program at a store that somebody hostile filled: what it says, how much memory it takes,
//! how long it is at work.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use offsite::seams::Seams;
use offsite::store::Store;
use offsite::store::local::Local;

use crate::world::{PASSPHRASE, World};

/// Of this machine's time, beside other tests. A listing that comes torn is asked for again for a
/// minute; everything else is a matter of a second.
const PATIENCE: Duration = Duration::from_secs(240);
/// What the program may take, whatever it is given to read.
pub const MEMORY_MAX_KIB: u64 = 150 * 1024;
/// A sentence and its causes.
const WORDS_MAX: usize = 700;

/// A machine that knows nothing of a repository but its passphrase.
pub struct Machine {
    folder: tempfile::TempDir,
    pub repository: String,
    pub environment: Vec<(&'static str, String)>,
}

/// How a run ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub peak_kib: u64,
}

/// A folder in memory, where nobody waits for a disk; in the full form on the disk.
pub fn fresh_folder(is_full: bool) -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match !is_full && memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.unwrap()
}

impl Machine {
    pub fn at(repository: String) -> Self {
        let folder = fresh_folder(crate::bombs::is_full());
        let environment = Vec::new();
        Self {
            folder,
            repository,
            environment,
        }
    }

    /// All that is in a world, in a folder.
    pub fn with_folder(world: &World) -> Self {
        let mut machine = Self::at(String::new());
        let folder = machine.path("repository");
        std::fs::create_dir(&folder).unwrap();
        let store = Local::open(&folder, Seams::real()).unwrap();
        for name in world.names("") {
            store.put(&name, world.store.peek(&name).unwrap()).unwrap();
        }
        machine.repository = folder.to_string_lossy().into_owned();
        machine
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program to its end, which must come in time, within its memory and without a panic.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| self.path(name));
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_offsite"))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("OFFSITE_STATE_DIR", self.path("state"))
            .env("OFFSITE_REPOSITORY", &self.repository)
            .env("OFFSITE_PASSPHRASE", PASSPHRASE)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut peak_kib = 0;
        let status = loop {
            // Until it ends, and what it had then.
            peak_kib = peak_kib.max(peak(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE || peak_kib > 4 * MEMORY_MAX_KIB {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!(
                    "{arguments:?} took {:?} and {peak_kib} KiB",
                    began.elapsed()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let ended = Ended {
            code: status.code(),
            stdout: std::fs::read(stdout).unwrap(),
            stderr: std::fs::read(stderr).unwrap(),
            peak_kib,
        };
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(
            peak_kib < MEMORY_MAX_KIB,
            "{arguments:?} took {peak_kib} KiB"
        );
        assert!(
            ended.code.is_some(),
            "{arguments:?} ended by {status}: {said}"
        );
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        let is_told = !(ended.stderr.is_empty() && ended.stdout.is_empty());
        assert!(
            ended.code == Some(0) || is_told,
            "{arguments:?} says nothing"
        );
        let mut lines = said.lines();
        assert!(
            lines.all(|line| line.len() < WORDS_MAX),
            "{arguments:?}: {said}"
        );
        ended
    }
}

/// The most memory that a process had so far, in KiB.
fn peak(process: u32) -> u64 {
    let status = Path::new("/proc").join(process.to_string()).join("status");
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
