//! What a program said on standard error, fit for a message.

use std::fmt;

/// So much of what a program says is kept: the end.
pub(super) const SAID_BYTES_MAX: usize = 4096;

/// The end of what a program wrote to standard error; stands in an error's chain of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said(pub String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it said: {}", self.0)
    }
}

impl std::error::Error for Said {}

/// The lines of a program's output; `None` for none.
pub(super) fn said_in(bytes: &[u8]) -> Option<Said> {
    let from = bytes.len().saturating_sub(SAID_BYTES_MAX);
    let text = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.map(plain).collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then_some(Said(text))
}

/// Without what a terminal would act on.
pub(super) fn plain(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
