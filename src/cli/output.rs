//! Standard output. A reader who has seen enough (`offsite ls | head`) is no failure.

use std::io::{self, Write};

use serde::Serialize;

use super::exit::Failure;
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
