//! A server process that never outlives its test, however the test ends.
//!
//! A small shell in a process group of its own starts the server and waits at a pipe whose other
//! end this process holds. The pipe closes when the test drops it, panics, is killed, or when the
//! test binary ends with the server still in a `static`; then the shell ends the server and
//! removes its folder. (`PR_SET_PDEATHSIG` would follow the *thread* that started the server, and
//! every test has a thread of its own.)

use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `$1` is the folder, `$2` the signal that ends the server, the rest its command line.
const KEEPER: &str = r#"
folder=$1 signal=$2
shift 2
{
    "$@" </dev/null >>"$folder/log" 2>&1 &
    echo $! >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
    wait $!
    echo $? >"$folder/ended"
} &
word=
read -r word
while [ -d "$folder" ] && [ ! -e "$folder/pid" ]; do sleep 0.1; done
if [ ! -e "$folder/pid" ]; then kill -s KILL 0; fi
[ -e "$folder/ended" ] || kill -s "$signal" "$(cat "$folder/pid")"
wait
if [ -e "$folder/remove-too" ]; then xargs rm -f <"$folder/remove-too"; fi
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// How a server is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At once and without a chance to tidy up, as in a power cut.
    Kill,
    /// At once, by the server's own hand (SIGQUIT), so that nothing of it stays in the system.
    Quit,
}

/// A running server and the folder it works in.
pub struct ServerProcess {
    folder: PathBuf,
    keeper: Child,
}

impl ServerProcess {
    /// Starts `command` with `folder` as its working folder and an environment of nothing but PATH
    /// and HOME, so that no variable of the developer's changes what is tested.
    pub fn start(folder: &Path, ending: Ending, command: &[impl AsRef<OsStr>]) -> Self {
        for left_over in ["pid", "ended"] {
            let _ = std::fs::remove_file(folder.join(left_over));
        }
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(folder)
            .arg(match ending {
                Ending::Kill => "KILL",
                Ending::Quit => "QUIT",
            })
            .args(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        Self {
            folder: folder.to_owned(),
            keeper,
        }
    }

    /// Asks `is_ready` again and again until it says yes. `Err` holds why not: the server ended,
    /// or `patience` ran out; with the last lines of its log.
    pub fn wait_until(
        &self,
        patience: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            if self.has_ended() {
                return Err(format!(
                    "it ended by itself; its last words:\n{}",
                    self.last_words()
                ));
            }
            if is_ready() {
                return Ok(());
            }
            if begin.elapsed() > patience {
                return Err(format!(
                    "it was not ready within {patience:?}; its last words:\n{}",
                    self.last_words()
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Files outside its folder that go with the server.
    pub fn remove_too(&self, files: impl IntoIterator<Item = PathBuf>) {
        let list: String = files
            .into_iter()
            .map(|file| format!("{}\n", file.display()))
            .collect();
        std::fs::write(self.folder.join("remove-too"), list).expect("a list of files");
    }

    /// Whether the server is gone although nobody ended it.
    pub fn has_ended(&self) -> bool {
        self.folder.join("ended").exists()
    }

    /// The process of the server itself.
    pub fn process_id(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder.join("pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Ends the server and leaves its folder as it is, so that it can be started again.
    pub fn stop(mut self) {
        if let Some(pipe) = &mut self.keeper.stdin {
            let _ = pipe.write_all(b"keep\n");
        }
        // Dropping does the rest.
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// So many ports of the loopback interface that are free now. Another process may take one before
/// it is used, so whoever starts a server with them tries more than once.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    std::array::from_fn(|i| listeners[i].local_addr().expect("a bound port").port())
}
