//! `offsite.toml`: everything that is the same every night, in one file.
//!
//! `file` finds it and says whether it can be trusted; `configuration` reads it into a
//! [`Configuration`], a type for each section, in which defaults stand where the file is silent;
//! `table` and `values` are how a key is read, `mistake` is what is said of one that makes no sense.
//! `shown` and `command` are `offsite config`. `docs/offsite.toml` documents every key.

pub mod command;
mod configuration;
mod database;
mod file;
mod hooks;
mod mistake;
mod repository;
mod shown;
mod source;
mod table;
mod upkeep;
mod values;

#[cfg(test)]
mod example_tests;

pub use configuration::Configuration;
pub use database::{DatabaseSection, DumpFrom, PasswordFrom};
pub use file::load;
pub use hooks::{Hook, Hooks};
pub use mistake::ConfigError;
pub use source::SourceSection;
pub use upkeep::{GroupBy, Prune, Retention, StatusLimits};
