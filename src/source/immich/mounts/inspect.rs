//! The mounts that `docker inspect CONTAINER` tells: a list of containers, each with its `Mounts`.

use std::path::PathBuf;

use serde::Deserialize;

use super::mount::{Mount, MountError, server};

/// What matters of a container; Docker says much more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    name: String,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    mounts: Vec<Told>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    /// Absent for what lies in memory only.
    #[serde(default)]
    source: String,
    destination: String,
}

/// The mounts of the only container, or of that which is Immich's server.
///
/// # Errors
/// Text that is no such list; no container of Immich in it, or several.
pub fn mounts(text: &str) -> Result<Vec<Mount>, MountError> {
    let text = text.trim_start_matches('\u{feff}');
    let containers: Vec<Container> =
        serde_json::from_str(text).map_err(|error| MountError::Inspect {
            reason: error.to_string(),
        })?;
    let name = |container: &Container| container.name.trim_start_matches('/').to_owned();
    let named: Vec<(String, Container)> = containers
        .into_iter()
        .map(|one| (name(&one), one))
        .collect();
    let (_, container) = match named.as_slice() {
        // A person named it, whatever it is called.
        [only] => only,
        several => server(several, |(_, one)| &one.config.image, |(name, _)| name)?,
    };
    let is_real = |told: &&Told| told.source.starts_with('/') && told.destination.starts_with('/');
    let told = container.mounts.iter().filter(is_real);
    Ok(told
        .map(|told| Mount {
            container: told.destination.clone().into_bytes(),
            host: PathBuf::from(&told.source),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, String)> {
        let text_of = |mount: Mount| {
            let host = mount.host.to_str().unwrap().to_owned();
            (String::from_utf8(mount.container).unwrap(), host)
        };
        mounts(text).unwrap().into_iter().map(text_of).collect()
    }

    const SERVER: &str = r#"{"Id": "8f", "Name": "/immich_server",
        "Config": {"Image": "ghcr.io/immich-app/immich-server:v2.7.5", "Env": ["X=1"]},
        "Mounts": [
            {"Type": "bind", "Source": "/srv/immich", "Destination": "/data", "Mode": "rw", "RW": true},
            {"Type": "bind", "Source": "/etc/localtime", "Destination": "/etc/localtime", "RW": false},
            {"Type": "volume", "Name": "thumbs", "Driver": "local", "Destination": "/data/thumbs",
             "Source": "/var/lib/docker/volumes/thumbs/_data"},
            {"Type": "tmpfs", "Source": "", "Destination": "/tmp"}]}"#;

    #[test]
    fn bind_mounts_and_volumes_are_told() {
        let expected = [
            ("/data", "/srv/immich"),
            ("/etc/localtime", "/etc/localtime"),
            ("/data/thumbs", "/var/lib/docker/volumes/thumbs/_data"),
        ]
        .map(|(container, host)| (container.to_owned(), host.to_owned()));
        assert_eq!(told(&format!("[{SERVER}]")), expected);
        let other = r#"{"Name": "/immich_postgres", "Config": {"Image": "ghcr.io/immich-app/postgres:14"}}"#;
        assert_eq!(told(&format!("\u{feff}[{other}, {SERVER}]")), expected);
        assert_eq!(told(&format!("[{other}]")), []);
    }

    #[test]
    fn what_is_no_answer_of_docker_is_refused() {
        for (text, says) in [
            ("[]", "no container of Immich's server"),
            ("[1]", "not JSON as Docker writes it"),
            ("[", "not JSON"),
            (r#"[{"Mounts": [{}]}]"#, "missing field `Destination`"),
            (r#"[{"Name": "/a"}, {"Name": "/b"}]"#, "a, b"),
        ] {
            let error = mounts(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let error = mounts(&format!("[{SERVER}, {SERVER}]"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("more than one"), "{error}");
    }
}
