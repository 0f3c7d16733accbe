//! What the demo says while it goes on: sentences for a person, or nothing where one document was
//! asked for. Between two sentences a person may end it.

use super::super::context::Context;
use super::super::exit::Failure;
use super::super::{output, show};
use crate::ops::OpsError;

type Told = Result<(), Failure>;

/// Tells the story.
pub struct Teller<'t> {
    context: &'t Context,
    step: std::cell::Cell<u8>,
}

impl<'t> Teller<'t> {
    pub fn new(context: &'t Context) -> Self {
        Self {
            context,
            step: std::cell::Cell::new(0),
        }
    }

    /// The next step begins.
    ///
    /// # Errors
    /// `Interrupted`; standard output cannot be written. The same holds for all that follow.
    pub fn step(&self, sentence: &str) -> Told {
        self.step.set(self.step.get() + 1);
        let ink = show::ink_for_stdout();
        let number = format!("{}.", self.step.get());
        self.lines(&[format!("{} {}", ink.strong(&number), ink.strong(sentence))])
    }

    /// Something about the step.
    ///
    /// # Errors
    /// As above.
    pub fn line(&self, line: &str) -> Told {
        self.lines(&[format!("   {line}")])
    }

    /// # Errors
    /// As above.
    pub fn lines(&self, lines: &[String]) -> Told {
        let interrupt = &self.context.seams.interrupt;
        interrupt.check().map_err(OpsError::from)?;
        if self.context.global.json || self.context.global.quiet {
            return Ok(());
        }
        output::lines(lines)
    }
}
