//! `[hooks]` of `offsite.toml`: commands around a backup, which `cli::hooks` runs.

use std::fmt;
use std::time::Duration;

use super::table::Table;
use super::values;

/// How long a command may take of which nobody says otherwise: stopping a container takes seconds.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Commands around a backup; by default none.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// Must succeed, or there is no backup.
    pub before: Option<Hook>,
    /// Runs whatever happens, once `before` was begun.
    pub after: Option<Hook>,
    /// Runs when all is well: exit code 0.
    pub on_success: Option<Hook>,
    /// Runs when it is not: any other exit code.
    pub on_failure: Option<Hook>,
}

/// A command with the time it may take.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// Run through `sh -c`. May hold a secret: never shown.
    pub command: String,
    pub timeout: Duration,
}

impl Hooks {
    /// Which time a command may take that names none.
    pub const TIMEOUT: Duration = TIMEOUT;

    /// All four, each with its key.
    pub fn each(&self) -> [(&'static str, Option<&Hook>); 4] {
        [
            ("before", self.before.as_ref()),
            ("after", self.after.as_ref()),
            ("on_success", self.on_success.as_ref()),
            ("on_failure", self.on_failure.as_ref()),
        ]
    }

    pub fn read(table: &Table<'_>) -> Self {
        Self {
            before: hook(table, "before", "before_timeout"),
            after: hook(table, "after", "after_timeout"),
            on_success: hook(table, "on_success", "on_success_timeout"),
            on_failure: hook(table, "on_failure", "on_failure_timeout"),
        }
    }
}

fn hook(table: &Table<'_>, key: &'static str, limit: &'static str) -> Option<Hook> {
    let command = table.text(key, values::command);
    let timeout = table.text(limit, values::limit);
    if table.has(limit) && !table.has(key) {
        table.wrong(
            limit,
            &format!("{key} is not set, so there is nothing to limit"),
        );
    }
    Some(Hook {
        command: command?,
        timeout: timeout.unwrap_or(TIMEOUT),
    })
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
