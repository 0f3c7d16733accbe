//! `offsite config`

use clap::Subcommand;
use serde_json::{Value, json};

use super::configuration::{Configuration, SECTIONS};
use super::database::DumpFrom;
use super::shown::{self, HIDDEN, Section};
use crate::cli::context::Context;
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::places::{Medium, Place};
use crate::cli::{output, show};

/// Every key with its default; what `offsite config example` prints.
const EXAMPLE: &str = include_str!("../../../docs/offsite.toml");

/// The configuration, offsite.toml: what is backed up, where to, and what is kept
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Say whether the configuration is in order, and what it says; connects to nothing
    Check,
    /// Show what holds, the file and the flags and the defaults together, without secrets
    Show,
    /// Print a configuration to begin with: every key, what it may be, and its default
    Example,
}

pub fn run(context: &Context, command: &Command) -> Result {
    match command {
        Command::Check => check(context),
        Command::Show => show_all(context),
        Command::Example => example(context),
    }
}

fn example(context: &Context) -> Result {
    if context.global.json {
        output::json(&json!({ "example": EXAMPLE }))?;
    } else {
        output::lines(&[EXAMPLE.trim_end()])?;
    }
    Ok(Status::Done)
}

fn show_all(context: &Context) -> Result {
    let configuration = context.configuration()?;
    // Without a repository there is still the rest to show.
    let is_any = !configuration.repositories.is_empty()
        || context.global.repo.iter().any(|repo| !repo.is_empty());
    let places = match is_any {
        true => context.places()?,
        false => Vec::new(),
    };
    let sections = shown::sections(configuration, &places);
    if context.global.json {
        let mut document = shown::document(sections);
        document.insert("file".to_owned(), file_of(configuration));
        output::json(&document)?;
        return Ok(Status::Done);
    }
    let from = match file_of(configuration).as_str() {
        Some(file) => format!("# {file}, flags, environment and defaults together"),
        None => "# no configuration file; flags, environment and defaults".to_owned(),
    };
    output::lines(&[from])?;
    output::lines(&shown::lines(&sections))?;
    Ok(Status::Done)
}

fn file_of(configuration: &Configuration) -> Value {
    let file = configuration.file.as_ref();
    json!(file.map(|file| show::harmless(file.as_os_str().as_encoded_bytes())))
}

fn check(context: &Context) -> Result {
    let configuration = context.configuration()?;
    let Value::String(file) = file_of(configuration) else {
        return Err(Failure::usage(
            "there is no configuration: no offsite.toml here, in ~/.config/offsite or in /etc/offsite",
            "offsite config example > offsite.toml makes one to begin with, or name one with --config",
        ));
    };
    let notes = notes(configuration);
    let sections = shown::sections(configuration, &configuration.repositories);
    if context.global.json {
        let mut document = shown::document(sections);
        document.insert("file".to_owned(), json!(file));
        document.insert("ok".to_owned(), json!(true));
        document.insert("notes".to_owned(), json!(notes));
        output::json(&document)?;
        return Ok(Status::Done);
    }
    let ink = show::ink_for_stdout();
    let mut lines = vec![format!("{file} is {}.", ink.good("in order"))];
    lines.extend(said_and_left(configuration));
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    output::lines(&lines)?;
    Ok(Status::Done)
}

/// A line for each section and each repository.
fn said_and_left(configuration: &Configuration) -> Vec<String> {
    let own = shown::sections(configuration, &[]);
    let defaults = shown::sections(&Configuration::default(), &[]);
    let mut lines = Vec::new();
    for name in SECTIONS {
        let is_it = |section: &&Section| section.name == name;
        if let (Some(own), Some(default)) = (own.iter().find(is_it), defaults.iter().find(is_it)) {
            lines.push(one_line(own, &default.keys));
        } else if configuration.repositories.is_empty() {
            lines.push(format!("  {name:<11} none"));
        } else {
            lines.extend(configuration.repositories.iter().map(of_repository));
        }
    }
    lines
}

fn of_repository(place: &Place) -> String {
    let at = Place::at(place.url.clone());
    let is_usual = place.medium == at.medium;
    let bare = Place {
        medium: place.medium,
        offsite: place.medium == Medium::Cloud,
        ..at
    };
    let mut defaults = shown::repository(&bare).keys;
    defaults.retain(|(key, _)| match *key {
        "medium" => is_usual,
        key => !matches!(key, "name" | "url"),
    });
    one_line(&shown::repository(place), &defaults)
}

/// What the file says, then what is left as it is.
fn one_line(section: &Section, defaults: &[(&'static str, Value)]) -> String {
    let shown = |(key, value): &(&str, Value)| match value.as_str() {
        Some(HIDDEN) => format!("{key} set"),
        _ => format!("{key} = {}", shown::toml(value)),
    };
    let keys = section.keys.iter();
    let (left, said): (Vec<_>, Vec<_>) = keys.partition(|key| defaults.contains(key));
    let [said, left] =
        [said, left].map(|keys| keys.into_iter().map(shown).collect::<Vec<_>>().join(", "));
    let text = match (said.is_empty(), left.is_empty()) {
        (true, true) => "nothing set".to_owned(),
        (true, false) => format!("left at default: {left}"),
        (false, true) => said,
        (false, false) => format!("{said}; left at default: {left}"),
    };
    format!("  {:<11} {}", section.name, show::harmless_sentence(&text))
}

/// What is no mistake, and yet hardly meant.
fn notes(configuration: &Configuration) -> Vec<&'static str> {
    let Configuration {
        source,
        database,
        repositories,
        ..
    } = configuration;
    let mut notes = Vec::new();
    if repositories.is_empty() {
        notes.push("there is no [[repository]]: each command needs --repo");
    } else if !repositories.iter().any(|place| place.offsite) {
        notes.push("no repository is offsite: a fire or a thief takes all copies at once");
    }
    let has_dump = database.from.is_some();
    if source.immich.is_some() && !has_dump {
        notes.push(
            "there is immich and no [database]: offsite backup needs one of --database-url, \
             --database-command, --database-file and --no-database",
        );
    }
    if source.immich.is_none() && source.folders.is_empty() {
        let is_dump = database.from.as_ref();
        notes.push(match is_dump {
            Some(DumpFrom::Nowhere) | None => {
                "nothing to back up is named: offsite backup needs --immich or folders"
            }
            Some(_) => "only the database is backed up: neither immich nor folders are set",
        });
    }
    notes
}
