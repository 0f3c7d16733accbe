//! A configuration as it is shown: section by section, key by key, without what is secret. Commands
//! may hold passwords and are not shown either.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::configuration::Configuration;
use super::database::{DatabaseSection, DumpFrom, PasswordFrom};
use super::hooks::Hooks;
use super::source::SourceSection;
use super::upkeep::{GroupBy, Prune, Retention, StatusLimits};
use crate::cli::places::Place;
use crate::cli::prices::Prices;
use crate::cli::show::harmless;

/// In the place of what is secret, or may be.
pub const HIDDEN: &str = "(set, not shown)";

/// A section: its name, and each key that has a value.
pub struct Section {
    pub name: &'static str,
    pub keys: Vec<(&'static str, Value)>,
}

/// All sections in their order, with these places in the place of the file's repositories.
pub fn sections(configuration: &Configuration, places: &[Place]) -> Vec<Section> {
    let Configuration {
        source,
        database,
        retention,
        prune,
        status,
        prices,
        hooks,
        ..
    } = configuration;
    let mut sections = vec![
        section("source", of_source(source)),
        section("database", of_database(database)),
    ];
    sections.extend(places.iter().map(repository));
    sections.extend([
        section("retention", of_retention(retention)),
        section("prune", of_prune(prune)),
        section("status", of_status(status)),
        section("prices", of_prices(prices)),
        section("hooks", of_hooks(hooks)),
    ]);
    sections
}

/// The section of one repository.
pub fn repository(place: &Place) -> Section {
    section("repository", of_place(place))
}

fn section(name: &'static str, keys: Keys) -> Section {
    let keys = keys.into_iter();
    Section {
        name,
        keys: keys
            .filter_map(|(key, value)| Some((key, value?)))
            .collect(),
    }
}

/// One document: a table a section, a list of the repositories.
pub fn document(sections: Vec<Section>) -> Map<String, Value> {
    let mut document = Map::new();
    let mut repositories = Vec::new();
    for Section { name, keys } in sections {
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
        let keys = Value::Object(keys.collect());
        match name {
            "repository" => repositories.push(keys),
            _ => drop(document.insert(name.to_owned(), keys)),
        }
    }
    document.insert("repository".to_owned(), Value::Array(repositories));
    document
}

/// As it would stand in the file; what is not shown is a comment.
pub fn lines(sections: &[Section]) -> Vec<String> {
    let mut lines = Vec::new();
    for Section { name, keys } in sections.iter().filter(|section| !section.keys.is_empty()) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(match *name {
            "repository" => "[[repository]]".to_owned(),
            name => format!("[{name}]"),
        });
        lines.extend(keys.iter().map(|(key, value)| match value.as_str() {
            Some(HIDDEN) => format!("# {key} is set, and not shown"),
            _ => format!("{key} = {}", toml(value)),
        }));
    }
    lines
}

/// A value as TOML has it.
pub fn toml(value: &Value) -> String {
    match value {
        // Only of JSON may this character stand there as it is.
        Value::String(_) => value.to_string().replace('\u{7f}', "\\u007f"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(keys) => {
            let keys = keys
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml(value)));
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

type Keys = Vec<(&'static str, Option<Value>)>;

fn of_source(source: &SourceSection) -> Keys {
    let maps = source.map.iter().map(|mount| {
        let container = harmless(&mount.container);
        format!(
            "{container}={}",
            harmless(mount.host.as_os_str().as_encoded_bytes())
        )
    });
    vec![
        ("immich", source.immich.as_deref().map(path)),
        ("folders", Some(paths(&source.folders))),
        ("include_config", Some(json!(source.include_config))),
        ("compose_folder", source.compose_folder.as_deref().map(path)),
        ("exclude", Some(json!(source.exclude))),
        ("exclude_files", Some(paths(&source.exclude_files))),
        (
            "one_file_system",
            Some(json!(source.limits.one_file_system)),
        ),
        ("exclude_caches", Some(json!(source.limits.exclude_caches))),
        ("map", Some(maps.collect())),
        ("mounts_from", source.mounts_from.as_deref().map(path)),
        ("tags", Some(json!(source.tags))),
        ("host", source.host.as_ref().map(|host| json!(host))),
    ]
}

fn of_database(database: &DatabaseSection) -> Keys {
    let from = database.from.as_ref().map(|from| match from {
        DumpFrom::Command(_) => ("command", json!(HIDDEN)),
        DumpFrom::Server(server) => ("url", json!(server.url())),
        DumpFrom::File(file) => ("file", path(file)),
        DumpFrom::Nowhere => ("none", json!(true)),
    });
    let password = database.password.as_ref().map(|password| match password {
        PasswordFrom::Text(_) => ("password", json!(HIDDEN)),
        PasswordFrom::File(file) => ("password_file", path(file)),
        PasswordFrom::Command(_) => ("password_command", json!(HIDDEN)),
    });
    let mut keys: Keys = Vec::new();
    keys.extend(from.map(|(key, value)| (key, Some(value))));
    keys.extend(password.map(|(key, value)| (key, Some(value))));
    keys.push(("timeout", database.timeout.map(length)));
    keys
}

fn of_place(place: &Place) -> Keys {
    let credentials = place.credentials.as_ref();
    let lock = place
        .object_lock
        .map(|lock| json!({ "mode": lock.mode.word(), "days": lock.days }));
    let token = credentials.and_then(|it| it.session_token.as_ref());
    vec![
        ("name", Some(json!(place.name))),
        ("url", Some(json!(place.url.to_string()))),
        ("medium", Some(json!(place.medium.word()))),
        ("offsite", Some(json!(place.offsite))),
        ("endpoint", place.endpoint.as_ref().map(|it| json!(it))),
        ("region", place.region.as_ref().map(|it| json!(it))),
        ("profile", place.profile.as_ref().map(|it| json!(it))),
        (
            "access_key_id_variable",
            credentials.map(|it| json!(it.access_key_id)),
        ),
        (
            "secret_access_key_variable",
            credentials.map(|it| json!(it.secret_access_key)),
        ),
        ("session_token_variable", token.map(|it| json!(it))),
        (
            "upload_limit",
            place.limits.upload.map(|it| json!(it.to_string())),
        ),
        (
            "download_limit",
            place.limits.download.map(|it| json!(it.to_string())),
        ),
        ("object_lock", lock),
        (
            "storage_class",
            place.storage_class.as_ref().map(|it| json!(it)),
        ),
        (
            "slow_to_fetch",
            (!place.is_folder()).then(|| json!(place.slow_to_fetch)),
        ),
        ("prices", place.prices.as_ref().map(table_of_prices)),
    ]
}

fn of_retention(retention: &Retention) -> Keys {
    let word = |by: &GroupBy| {
        let known = GroupBy::WORDS.iter().find(|(_, meaning)| meaning == by);
        known.map(|(word, _)| json!(word))
    };
    let counts = retention
        .counts()
        .map(|(key, count)| (key, Some(json!(count))));
    let mut keys = Keys::from(counts);
    keys.extend([
        ("keep_within", retention.keep_within.map(length)),
        ("keep_tags", Some(json!(retention.keep_tags))),
        (
            "group_by",
            Some(retention.group_by.iter().filter_map(word).collect()),
        ),
    ]);
    keys
}

fn of_prune(prune: &Prune) -> Keys {
    vec![
        ("grace", Some(length(prune.grace))),
        (
            "minimum_storage_days",
            Some(json!(prune.minimum_storage_days)),
        ),
        (
            "repack_above_percent",
            Some(json!(prune.repack_above_percent)),
        ),
    ]
}

fn of_status(status: &StatusLimits) -> Keys {
    let age = |age: Option<Duration>| Some(age.map_or(json!("never"), length));
    vec![
        ("snapshot_age_max", age(status.snapshot_age_max)),
        ("verify_age_max", age(status.verify_age_max)),
        ("drill_age_max", age(status.drill_age_max)),
    ]
}

fn of_prices(prices: &Prices) -> Keys {
    let mut keys: Keys = vec![("currency", prices.currency.as_ref().map(|it| json!(it)))];
    let amounts = prices.amounts();
    keys.extend(amounts.map(|(key, price)| (key, price.map(|it| json!(it)))));
    let days = prices.minimum_storage_days;
    keys.push(("minimum_storage_days", days.map(|it| json!(it))));
    keys
}

fn table_of_prices(prices: &Prices) -> Value {
    let keys = of_prices(prices).into_iter();
    keys.filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect::<Map<_, _>>()
        .into()
}

fn of_hooks(hooks: &Hooks) -> Keys {
    let limits = [
        "before_timeout",
        "after_timeout",
        "on_success_timeout",
        "on_failure_timeout",
    ];
    let mut keys = Keys::new();
    for ((key, hook), limit) in hooks.each().into_iter().zip(limits) {
        keys.push((key, hook.map(|_| json!(HIDDEN))));
        // Of a hook that is not there nobody sees a limit.
        keys.push((limit, hook.map(|hook| length(hook.timeout))));
    }
    keys
}

fn path(path: &Path) -> Value {
    json!(harmless(path.as_os_str().as_encoded_bytes()))
}

fn paths(all: &[std::path::PathBuf]) -> Value {
    all.iter().map(|it| path(it)).collect()
}

/// In the largest unit that leaves no rest.
fn length(time: Duration) -> Value {
    let seconds = time.as_secs();
    let text = match seconds {
        _ if time.subsec_nanos() > 0 => format!("{}ms", time.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    };
    json!(text)
}
