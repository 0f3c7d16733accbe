//! Runs the commands of a transcript: through `sh`, one after the other, in a fresh folder, as a
//! user without special rights also where the tests run as root, in UTC and without colours.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::script::{Step, answer};
use crate::user::User;
use crate::vary::Variables;

/// Commands with more output than this are cut: what is of interest stands at the beginning.
const LINES_MAX: usize = 200;

/// The transcript again, with what was answered this time. A story that speaks of a bucket has one.
pub fn play(steps: &[Step]) -> String {
    let speaks_of_bucket =
        |step: &Step| matches!(step, Step::Story(line) if line.contains("bucket"));
    let mut user = match steps.iter().any(speaks_of_bucket) {
        true => User::with_bucket(),
        false => User::with_folder(),
    };
    user.becomes_ordinary();
    for (name, value) in [("TZ", "UTC"), ("LC_ALL", "C.UTF-8"), ("COLUMNS", "100")] {
        user.set(name, value);
    }
    let variables = Variables {
        folder: user
            .path("")
            .display()
            .to_string()
            .trim_end_matches('/')
            .to_owned(),
        repository: user.repository.clone(),
        samples: samples().display().to_string(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    };
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Story(line) => {
                let _ = writeln!(text, "{line}");
            }
            Step::Arrange(line) => {
                let (stdout, stderr, code) = run(&user, line);
                let quiet = stdout.is_empty() && stderr.is_empty() && code == 0;
                assert!(quiet, "{line}: {code}\n{stdout}{stderr}");
                let _ = writeln!(text, "% {line}");
            }
            Step::Say(line) => {
                let (stdout, stderr, code) = run(&user, line);
                let (stdout, stderr) = (variables.replace(&stdout), variables.replace(&stderr));
                let answer = answer(&stdout, &stderr, code);
                let _ = write!(text, "$ {line}\n{answer}");
            }
        }
    }
    text
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

/// Programs that make what the stories need, such as a dump.
fn makers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/bin")
}

fn run(user: &User, line: &str) -> (String, String, i32) {
    let model = user.command();
    // With the rights of the user, the shell in the place of the program.
    let program = env!("CARGO_BIN_EXE_offsite");
    let rights: Vec<_> = model.get_args().take_while(|it| *it != program).collect();
    let mut command = match rights.is_empty() {
        true => Command::new("sh"),
        false => {
            let mut command = Command::new(model.get_program());
            command.args(rights).arg("sh");
            command
        }
    };
    let beside = Path::new(program).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .args(["-c", line])
        .env_clear()
        .envs(
            model
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env(
            "PATH",
            format!("{}:{}:{path}", beside.display(), makers().display()),
        )
        .env("SAMPLES", samples())
        .current_dir(user.path(""))
        .stdin(Stdio::null());
    let output = command.output().expect("a shell");
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // Seen, not obeyed: an escape sequence in a transcript would be a finding.
        text.replace('\x1b', "<ESC>").replace('\x07', "<BEL>")
    };
    let code = output.status.code().unwrap_or(-1);
    let stdout: Vec<String> = text(output.stdout)
        .lines()
        .take(LINES_MAX)
        .map(str::to_owned)
        .collect();
    (stdout.join("\n"), text(output.stderr), code)
}
