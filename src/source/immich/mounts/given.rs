//! Mounts that a person names one by one: `CONTAINER=HOST`, such as `/mnt/nas=/volume1/photos`.

use std::path::PathBuf;

use super::mount::{Mount, MountError};

/// Both are absolute; the first `=` parts them.
///
/// # Errors
/// Anything else.
pub fn mount(text: &str) -> Result<Mount, MountError> {
    let bad = |reason| MountError::Given {
        text: text.to_owned(),
        reason,
    };
    let (container, host) = text.split_once('=').ok_or_else(|| {
        bad("write it as CONTAINER=HOST, such as /data=/srv/immich (a folder as Immich sees it, then \
             the same folder on this host)")
    })?;
    if !container.starts_with('/') {
        return Err(bad("the folder in the container does not begin with '/'"));
    }
    if !host.starts_with('/') {
        return Err(bad("the folder on this host does not begin with '/'"));
    }
    let goes_up = |path: &str| path.split('/').any(|part| part == "..");
    if goes_up(container) || goes_up(host) {
        return Err(bad("'..' has no place in it"));
    }
    Ok(Mount {
        container: container.as_bytes().to_vec(),
        host: PathBuf::from(host),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_absolute() {
        let good = mount("/mnt/nas=/volume1/a=b").unwrap();
        assert_eq!(good.container, b"/mnt/nas");
        assert_eq!(good.host, PathBuf::from("/volume1/a=b"));
        for (text, says) in [
            ("/data", "CONTAINER=HOST"),
            ("data=/srv", "in the container"),
            ("/data=srv", "on this host"),
            ("/data=", "on this host"),
            ("/data/../etc=/srv", "'..'"),
        ] {
            let error = mount(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(text), "{error}");
        }
    }
}
