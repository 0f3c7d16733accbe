//! A mount, what can be wrong with what tells mounts, and which of many containers is meant.

use std::io;
use std::path::PathBuf;

/// Far above any real compose file or answer of Docker.
pub(super) const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// In the name of Immich's image, wherever it was pulled from.
const IMAGE: &str = "immich-server";
/// What the documentation calls the container and the service.
pub(super) const NAMES: [&str; 2] = ["immich_server", "immich-server"];

/// A folder of the host in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// In the container; absolute.
    pub container: Vec<u8>,
    /// On the host that runs the container; absolute.
    pub host: PathBuf,
}

/// Why the mounts of Immich's container are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    #[error("{} could not be read", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is larger than {TEXT_BYTES_MAX} bytes, so it is no list of mounts", .path.display())]
    TooLarge { path: PathBuf },
    #[error(
        "what should be the answer of 'docker inspect' is not JSON as Docker writes it: {reason}"
    )]
    Inspect { reason: String },
    #[error("what should be a compose file cannot be read as YAML: {reason}")]
    Yaml { reason: String },
    #[error("the compose file has no services")]
    NoServices,
    #[error(
        "among these is no container of Immich's server (image or name with immich-server): {found}"
    )]
    NoServer { found: String },
    #[error("more than one of these could be Immich's server: {found}; name its mounts one by one")]
    SeveralServers { found: String },
    #[error(
        "the compose file uses ${{{name}}}, which is set neither in it nor in the .env beside it"
    )]
    Unset { name: String },
    #[error("'{text}' in the compose file cannot be made out: {reason}")]
    Volume { text: String, reason: &'static str },
    #[error("'{text}' is no mount: {reason}")]
    Given { text: String, reason: &'static str },
}

/// What may be Immich's server, by its image or else by its name: the only one of `all`.
pub(super) fn server<T>(
    all: &[T],
    image: impl Fn(&T) -> &str,
    name: impl Fn(&T) -> &str,
) -> Result<&T, MountError> {
    let said = |items: &[&T]| {
        let names = items
            .iter()
            .map(|item| name(item).escape_debug().to_string());
        let names: Vec<String> = names.take(20).collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    };
    let by_image: Vec<&T> = all
        .iter()
        .filter(|item| image(item).contains(IMAGE))
        .collect();
    let by_name = |item: &&T| NAMES.contains(&name(item));
    let candidates = if by_image.is_empty() {
        all.iter().filter(by_name).collect()
    } else {
        by_image
    };
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err(MountError::NoServer {
            found: said(&all.iter().collect::<Vec<_>>()),
        }),
        // Old installations run the same image once more for background work.
        several => {
            let named: Vec<&T> = several
                .iter()
                .copied()
                .filter(|item| by_name(item))
                .collect();
            match named.as_slice() {
                [only] => Ok(only),
                _ => Err(MountError::SeveralServers {
                    found: said(several),
                }),
            }
        }
    }
}
