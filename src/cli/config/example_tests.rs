//! `docs/offsite.toml` says what holds: its defaults are those of the program, and it knows every key.

use std::error::Error;
use std::path::Path;

use super::configuration::Configuration;
use super::mistake::ConfigError;
use super::shown;

const EXAMPLE: &str = include_str!("../../../docs/offsite.toml");

fn parse(text: &str) -> Result<Configuration, ConfigError> {
    Configuration::parse(text, Path::new("/etc/offsite/offsite.toml"), None)
}

/// Without the secrets, as text.
fn shown(configuration: &Configuration) -> String {
    shown::lines(&shown::sections(configuration, &configuration.repositories)).join("\n")
}

/// What is said of a text that is wrong: the error and its causes, a line each.
fn told(text: &str) -> String {
    let error = parse(text).expect_err(text);
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        lines.push(next.to_string());
        cause = next.source();
    }
    lines.join("\n")
}

/// The example with those lines in force that begin with this mark and a key.
fn example_with(mark: &str) -> String {
    let in_force = |line: &str| match line.strip_prefix(mark) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

/// Hooks of the example that are there, so that their limits have something to limit.
fn with_hooks(text: &str) -> String {
    let uncommented = text.lines().map(|line| match line.strip_prefix("#~ ") {
        Some(rest)
            if ["before", "after", "on_"]
                .iter()
                .any(|it| rest.starts_with(it)) =>
        {
            rest
        }
        _ => line,
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_defaults_of_the_example_are_those_of_the_program() {
    let as_it_is = parse(&with_hooks(EXAMPLE)).unwrap();
    let said = parse(&with_hooks(&example_with("#"))).unwrap();
    assert_eq!(shown(&as_it_is), shown(&said));
    let commented = EXAMPLE.lines().filter(|line| line.starts_with('#'));
    let defaults = commented.filter(|line| line.get(1..2).is_some_and(|c| c != " " && c != "~"));
    assert!(defaults.count() > 20, "the mark is still in use");
    assert!(parse(EXAMPLE).is_ok());
}

#[test]
fn every_key_of_the_example_is_known() {
    let without = |keys: &[&str]| {
        let text = example_with("#~ ").replace("password = \"…\"", "password = \"x\"");
        let is_kept = |line: &&str| !keys.iter().any(|key| line.starts_with(&format!("{key} =")));
        text.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
    };
    // Those of which only one can be said at a time.
    for others in [
        [
            "command",
            "file",
            "none",
            "password_file",
            "password_command",
            "profile",
        ],
        [
            "command",
            "file",
            "none",
            "password",
            "password_command",
            "access_key_id_variable",
        ],
    ] {
        let mut keys = others.to_vec();
        if others.contains(&"access_key_id_variable") {
            keys.extend(["secret_access_key_variable", "session_token_variable"]);
        }
        let all = parse(&without(&keys)).unwrap();
        assert!(all.database.password.is_some() && all.hooks.on_failure.is_some());
    }
    let passwords = ["password", "password_file", "password_command"];
    for source in ["command", "file", "none"] {
        let mut keys: Vec<&str> = passwords.to_vec();
        keys.extend(
            ["command", "file", "none", "url", "profile"]
                .iter()
                .filter(|it| **it != source),
        );
        // `url` of the repositories is another.
        let text = without(&keys).replace("name = \"nas\"", "name = \"nas\"\nurl = \"/mnt/nas\"");
        let text = text.replace(
            "name = \"cloud\"",
            "name = \"cloud\"\nurl = \"s3://my-photos\"",
        );
        assert!(parse(&text).unwrap().database.from.is_some(), "{source}");
    }
}

#[test]
fn what_the_program_knows_the_example_knows() {
    // A wrong key makes the program tell all it knows.
    for (section, more) in [
        ("source", ""),
        ("database", ""),
        ("retention", ""),
        ("prune", ""),
        ("status", ""),
        ("prices", ""),
        ("hooks", ""),
        ("[repository]", "name = \"a\"\nurl = \"/x\"\n"),
    ] {
        let told = told(&format!("[{section}]\n{more}unheard_of = 1"));
        let (_, known) = told.split_once("there are ").unwrap();
        for key in known.split(", ") {
            let is_shown = |line: &str| {
                let line = line.trim_start_matches(['#', '~', ' ']);
                line.strip_prefix(key)
                    .is_some_and(|rest| rest.starts_with(" ="))
            };
            assert!(EXAMPLE.lines().any(is_shown), "{section}: {key}");
        }
    }
}
