//! The mounts that a compose file gives Immich's server, in short and long syntax, with variables
//! from the `.env` beside it (Compose specification, "volumes" and "Interpolation").
//!
//! Named volumes have no folder that a compose file tells, and are left out.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use super::mount::{Mount, MountError, NAMES, server};

/// Variables within the defaults of variables, so deep.
const NESTED_MAX: usize = 8;

type Variables = BTreeMap<String, String>;

/// The variables of an `.env` file. Lines that are none are passed over, as by Docker's own reader
/// of old; a value may stand in quotes.
pub fn environment(text: &str) -> Variables {
    let mut variables = Variables::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim_end();
        if name.is_empty() || !name.chars().all(is_of_name) {
            continue;
        }
        let value = value.trim_start();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let (value, _) = value.strip_prefix(quote)?.split_once(quote)?;
            Some(value)
        });
        // A comment begins after a blank.
        let bare = || value.split(" #").next().unwrap_or_default().trim_end();
        let value = quoted.unwrap_or_else(bare);
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables
}

/// The mounts of Immich's server; relative folders are taken from `folder`, that of the compose
/// file.
///
/// # Errors
/// Text that is no compose file; none or several services that could be Immich's server; a variable
/// that is not set; a volume that cannot be made out.
pub fn mounts(text: &str, variables: &Variables, folder: &Path) -> Result<Vec<Mount>, MountError> {
    let documents = YamlLoader::load_from_str(text.trim_start_matches('\u{feff}'));
    let documents = documents.map_err(|error| MountError::Yaml {
        reason: error.to_string(),
    })?;
    let services = documents.first().and_then(|file| field(file, "services"));
    let services = services
        .and_then(Yaml::as_hash)
        .ok_or(MountError::NoServices)?;
    let service = |(name, service)| {
        let image = field(service, "image").and_then(Yaml::as_str);
        let container = field(service, "container_name").and_then(Yaml::as_str);
        let container = container.filter(|name| NAMES.contains(name));
        let name = container.or(Yaml::as_str(name)).unwrap_or_default();
        (name, image.unwrap_or_default(), service)
    };
    let services: Vec<(&str, &str, &Yaml)> = services.iter().map(service).collect();
    let (_, _, service) = server(&services, |(_, image, _)| image, |(name, _, _)| name)?;
    let volumes = field(service, "volumes").and_then(Yaml::as_vec);
    let mut mounts = Vec::new();
    for volume in volumes.into_iter().flatten() {
        mounts.extend(mount(volume, variables, folder)?);
    }
    Ok(mounts)
}

/// A field of a mapping, or of one that is merged into it with `<<`.
fn field<'a>(mapping: &'a Yaml, name: &str) -> Option<&'a Yaml> {
    let get =
        |mapping: &'a Yaml, name: &str| mapping.as_hash()?.get(&Yaml::String(name.to_owned()));
    get(mapping, name).or_else(|| get(get(mapping, "<<")?, name))
}

/// `None` for a named volume and for what lies in memory.
fn mount(volume: &Yaml, variables: &Variables, folder: &Path) -> Result<Option<Mount>, MountError> {
    let text_of = |name| -> Result<String, MountError> {
        let text = field(volume, name)
            .and_then(Yaml::as_str)
            .unwrap_or_default();
        interpolate(text, variables, 0)
    };
    let (source, target, written) = match volume {
        Yaml::String(text) => {
            let text = interpolate(text, variables, 0)?;
            let mut parts = text.splitn(3, ':').map(str::to_owned);
            match (parts.next(), parts.next()) {
                (Some(source), Some(target)) => (source, target, text),
                // A volume without a name.
                _ => return Ok(None),
            }
        }
        Yaml::Hash(_) => {
            let kind = text_of("type")?;
            if !matches!(kind.as_str(), "bind" | "") {
                return Ok(None);
            }
            let (source, target) = (text_of("source")?, text_of("target")?);
            let written = format!("{source}:{target}");
            (source, target, written)
        }
        _ => return Ok(None),
    };
    let bad = |reason| MountError::Volume {
        text: written.clone(),
        reason,
    };
    if !target.starts_with('/') {
        return Err(bad("the folder in the container does not begin with '/'"));
    }
    let host = match source.as_bytes() {
        [] => return Err(bad("it has no folder of the host")),
        [b'/', ..] => PathBuf::from(&source),
        [b'.', ..] => folder.join(&source),
        [b'~', ..] => return Err(bad("'~' means another folder for each user")),
        _ => return Ok(None),
    };
    Ok(Some(Mount {
        container: target.into_bytes(),
        host: plain(&host),
    }))
}

/// Without `.` and `..`, as Compose does it: by the text alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// Puts in the values of `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`,
/// `${NAME:?message}`, `${NAME?message}`, `${NAME:+other}` and `${NAME+other}`; `$$` is a dollar.
fn interpolate(text: &str, variables: &Variables, depth: usize) -> Result<String, MountError> {
    let bad = |reason| MountError::Volume {
        text: text.to_owned(),
        reason,
    };
    if depth > NESTED_MAX {
        return Err(bad("variables within variables, too deep"));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside).ok_or_else(|| bad("'${' without '}'"))?;
            let (inside, after) = inside.split_at(end);
            out.push_str(&variable(inside, variables, depth)?);
            rest = after.get(1..).unwrap_or_default();
        } else {
            let end = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                return Err(bad("'$' without a name"));
            }
            out.push_str(&variable(name, variables, depth)?);
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the brace closes that is open before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The value of what stands between the braces.
fn variable(inside: &str, variables: &Variables, depth: usize) -> Result<String, MountError> {
    let end = inside.find(|c| !is_of_name(c)).unwrap_or(inside.len());
    let (name, rule) = inside.split_at(end);
    let set = variables.get(name);
    // With a colon an empty value counts as none.
    let filled = set.filter(|value| !value.is_empty());
    let (value, rule) = match rule.strip_prefix(':') {
        Some(rule) => (filled, rule),
        None => (set, rule),
    };
    let mut rule = rule.chars();
    let other = |text: &str| interpolate(text, variables, depth + 1);
    match (rule.next(), value) {
        (Some('-'), None) => other(rule.as_str()),
        (Some('+'), None) => Ok(String::new()),
        (Some('+'), Some(_)) => other(rule.as_str()),
        (None | Some('-' | '?'), Some(value)) => Ok(value.clone()),
        _ => Err(MountError::Unset {
            name: name.to_owned(),
        }),
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
