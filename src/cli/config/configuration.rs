//! The whole of `offsite.toml`, read and checked. Defaults are those of the sections' types.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, Error};

use super::database::DatabaseSection;
use super::hooks::Hooks;
use super::mistake::{ConfigError, Mistakes};
use super::repository;
use super::source::SourceSection;
use super::table::{Found, Table};
use super::upkeep::{Prune, Retention, StatusLimits, read_prices};
use crate::cli::places::Place;
use crate::cli::prices::Prices;

/// What the file says, and the defaults where it says nothing. Flags and the environment go before
/// it, key by key; that is the commands' affair.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Where it comes from; `None` where there is no file.
    pub file: Option<PathBuf>,
    pub source: SourceSection,
    pub database: DatabaseSection,
    /// The copies of the repository, in the order of the file; names and places are unique.
    pub repositories: Vec<Place>,
    pub retention: Retention,
    pub prune: Prune,
    pub status: StatusLimits,
    /// Of copies in a cloud that have none of their own.
    pub prices: Prices,
    pub hooks: Hooks,
}

/// All sections, in the order in which they are shown.
pub const SECTIONS: [&str; 8] = [
    "source",
    "database",
    "repository",
    "retention",
    "prune",
    "status",
    "prices",
    "hooks",
];

impl Configuration {
    /// Reads the text of `file`, an absolute path. `exposed` says who else may read the file, where
    /// somebody may.
    ///
    /// # Errors
    /// All mistakes, each with its line and column.
    pub fn parse(text: &str, file: &Path, exposed: Option<&str>) -> Result<Self, ConfigError> {
        let found = Found::default();
        let parsed = DeTable::parse(text);
        let mut configuration = match &parsed {
            Ok(entries) => Self::read(&Table::top(entries.get_ref(), &found), file, exposed),
            Err(error) => {
                found.borrow_mut().push(syntax(error, text));
                Self::default()
            }
        };
        if let Some(mistakes) = Mistakes::of(file.into(), text, found.take()) {
            return Err(ConfigError::Mistakes(mistakes));
        }
        configuration.file = Some(file.into());
        Ok(configuration)
    }

    fn read(top: &Table<'_>, file: &Path, exposed: Option<&str>) -> Self {
        let base = file.parent().unwrap_or(Path::new("/"));
        let source = section(top, "source", |table| SourceSection::read(table, base));
        let database = section(top, "database", |table| {
            DatabaseSection::read(table, base, exposed)
        });
        let repositories = repository::read_all(top.tables("repository"), base);
        let configuration = Self {
            file: None,
            source,
            database,
            repositories,
            retention: section(top, "retention", Retention::read),
            prune: section(top, "prune", Prune::read),
            status: section(top, "status", StatusLimits::read),
            prices: section(top, "prices", read_prices),
            hooks: section(top, "hooks", Hooks::read),
        };
        top.end();
        configuration
    }
}

/// What a section says; its defaults where the file does not have it.
fn section<T: Default>(
    top: &Table<'_>,
    name: &'static str,
    read: impl FnOnce(&Table<'_>) -> T,
) -> T {
    let Some(table) = top.table(name) else {
        return T::default();
    };
    let section = read(&table);
    table.end();
    section
}

/// What is not TOML at all. A name that stands twice is told; nothing else of the text is.
fn syntax(error: &Error, text: &str) -> (usize, String) {
    let span = error.span().unwrap_or_default();
    let message = error.message();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = text
        .get(span.clone())
        .filter(|name| name.chars().all(is_name));
    let sentence = match name.filter(|_| message == "duplicate key") {
        Some(name) => format!("`{name}` stands twice"),
        None => format!("this is not TOML: {message}"),
    };
    (span.start, sentence)
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
