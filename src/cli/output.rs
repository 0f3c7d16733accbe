//! Standard output. A reader who has seen enough (`offsite ls | head`) is no failure.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::exit::Failure;
use super::show;
use crate::ops::OpsError;

/// One JSON document.
///
/// # Errors
/// When standard output cannot be written.
pub fn json(document: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(document).map_err(|error| Failure::failed(error, ""))?;
    lines(&[text])
}

/// Lines of text.
///
/// # Errors
/// When standard output cannot be written.
pub fn lines<S: AsRef<str>>(lines: &[S]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let mut write = || -> io::Result<()> {
        for line in lines {
            writeln!(out, "{}", line.as_ref())?;
        }
        out.flush()
    };
    forgive_closed_pipe(write().map_err(OpsError::Output))
}

/// Gives `work` a buffered standard output.
///
/// # Errors
/// What `work` returns, except that the reader went away.
pub fn stream(work: impl FnOnce(&mut dyn Write) -> Result<(), OpsError>) -> Result<(), Failure> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let worked = work(&mut out).and_then(|()| out.flush().map_err(OpsError::Output));
    forgive_closed_pipe(worked)
}

fn forgive_closed_pipe(result: Result<(), OpsError>) -> Result<(), Failure> {
    match result {
        Err(OpsError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Tells the failure: one sentence, its causes, a hint.
pub fn report(failure: &Failure, as_json: bool) -> ExitCode {
    let mut causes = Vec::new();
    let mut source = failure.error.source();
    while let Some(cause) = source {
        causes.push(show::without_number(&cause.to_string()).to_owned());
        source = cause.source();
    }
    let message = failure.error.to_string();
    if as_json {
        let error = json!({
            "message": message, "causes": causes, "hint": failure.hint, "exit_code": failure.code,
        });
        // There is no way left to tell that this could not be written.
        let _ = json(&json!({ "error": error }));
    } else {
        let ink = show::ink_for_stderr();
        eprintln!(
            "{} {}",
            ink.bad("error:"),
            show::harmless_sentence(&message)
        );
        for cause in causes {
            eprintln!("  because: {}", show::harmless_sentence(&cause));
        }
        if !failure.hint.is_empty() {
            eprintln!("{} {}", ink.strong("hint:"), failure.hint);
        }
    }
    ExitCode::from(failure.code)
}
