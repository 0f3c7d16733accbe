//! Where `offsite.toml` is looked for, and which one is believed: it names commands that are run, so
//! nobody else may have put it there.
//!
//! `--config` and `OFFSITE_CONFIG` name one, whoever owns it. Else it is the first of
//! `./offsite.toml`, the user's and the machine's. One in the current folder is found by being there,
//! as git finds a repository, and like git offsite refuses it where another user owns or may write it
//! or its folder: an administrator who looks into somebody's folder runs nothing of theirs. It is
//! refused, not passed over, since the next file would mean another repository.

use std::env;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::configuration::Configuration;
use super::mistake::ConfigError;

const NAME: &str = "offsite.toml";
/// Of the whole machine.
const OF_MACHINE: &str = "/etc/offsite/offsite.toml";
/// A longer file was hardly meant.
const BYTES_MAX: u64 = 1024 * 1024;

/// The configuration of this run: of the file that was named, or of the first that is there, or all
/// defaults.
///
/// # Errors
/// [`ConfigError`]
pub fn load(named: Option<&Path>) -> Result<Configuration, ConfigError> {
    // An empty variable is none: that is how compose files leave one out.
    if let Some(file) = named.filter(|file| !file.as_os_str().is_empty()) {
        let opened = File::open(file).map_err(unreadable(file))?;
        return read(opened, file);
    }
    let here = Path::new(NAME);
    if let Some(opened) = open_if_there(here)? {
        check_owners(&opened, here)?;
        return read(opened, here);
    }
    for file in elsewhere() {
        if let Some(opened) = open_if_there(&file)? {
            return read(opened, &file);
        }
    }
    Ok(Configuration::default())
}

/// The user's, then the machine's.
fn elsewhere() -> impl Iterator<Item = PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let home = || folder("HOME").map(|home| PathBuf::from(home).join(".config"));
    let of_user = folder("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let of_user = of_user.map(|folder| folder.join("offsite").join(NAME));
    of_user.into_iter().chain([PathBuf::from(OF_MACHINE)])
}

fn open_if_there(file: &Path) -> Result<Option<File>, ConfigError> {
    match File::open(file) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(unreadable(file)(error)),
        },
    }
}

fn read(mut opened: File, file: &Path) -> Result<Configuration, ConfigError> {
    let metadata = opened.metadata().map_err(unreadable(file))?;
    let mut bytes = Zeroizing::new(Vec::new());
    let limited = opened.by_ref().take(BYTES_MAX + 1);
    { limited }
        .read_to_end(&mut bytes)
        .map_err(unreadable(file))?;
    let no_text = |reason| ConfigError::NoText {
        file: file.into(),
        reason,
    };
    if bytes.len() as u64 > BYTES_MAX {
        return Err(no_text("has more than 1 MiB"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| no_text("is not UTF-8 text"))?;
    let file = std::path::absolute(file).map_err(unreadable(file))?;
    Configuration::parse(text, &file, exposed(&metadata))
}

fn unreadable(file: &Path) -> impl Fn(io::Error) -> ConfigError {
    move |source| ConfigError::Unreadable {
        file: file.into(),
        source,
    }
}

/// Who else may read the file. As for the keys of PostgreSQL, its group may where root owns it.
fn exposed(metadata: &Metadata) -> Option<&'static str> {
    let mode = metadata.mode();
    let by_group = mode & 0o070 != 0 && metadata.uid() != 0;
    match metadata.is_file() {
        true if mode & 0o007 != 0 => Some("every user of this machine may read this file"),
        true if by_group => Some("the group of this file may read it"),
        _ => None,
    }
}

/// The file, the link that may lead to it, and the folder around it.
fn check_owners(opened: &File, file: &Path) -> Result<(), ConfigError> {
    let read = unreadable(file);
    let me = rustix::process::geteuid().as_raw();
    let checked = [
        ("it", opened.metadata().map_err(&read)?),
        ("the link to it", fs::symlink_metadata(file).map_err(&read)?),
        ("the folder around it", fs::metadata(".").map_err(&read)?),
    ];
    for (what, metadata) in checked {
        if let Some(reason) = distrust(&metadata, me) {
            return Err(ConfigError::Unsafe {
                file: file.into(),
                reason: format!("{what} {reason}"),
            });
        }
    }
    Ok(())
}

/// Why something is not this user's or root's alone.
fn distrust(metadata: &Metadata, me: u32) -> Option<&'static str> {
    if ![me, 0].contains(&metadata.uid()) {
        return Some("belongs to another user");
    }
    // The mode of a link means nothing; of a folder such as /tmp, that all may add to, only the
    // owner of a file may put another in its place.
    let mode = metadata.mode();
    if metadata.is_symlink() || metadata.is_dir() && mode & 0o1000 != 0 {
        return None;
    }
    // Where each user has a group of their own, what its group may write is still theirs alone.
    let own_group = metadata.gid() == metadata.uid();
    match (mode & 0o002 != 0, mode & 0o020 != 0 && !own_group) {
        (true, _) => Some("may be written by every user"),
        (false, true) => Some("may be written by a group of users"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn with_mode(path: &Path, mode: u32) -> Metadata {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        fs::metadata(path).unwrap()
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        fs::write(&file, "").unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(distrust(&with_mode(&file, 0o644), me), None);
        assert!(distrust(&with_mode(&file, 0o646), me).is_some());
        assert!(distrust(&with_mode(folder.path(), 0o777), me).is_some());
        assert_eq!(distrust(&with_mode(folder.path(), 0o1777), me), None);
        let of_other = distrust(&with_mode(&file, 0o600), me + 1);
        assert_eq!(of_other.is_some(), me != 0, "what root owns is trusted");
    }

    #[test]
    fn who_else_may_read_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        fs::write(&file, "").unwrap();
        assert_eq!(exposed(&with_mode(&file, 0o600)), None);
        assert!(exposed(&with_mode(&file, 0o604)).is_some());
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(exposed(&with_mode(&file, 0o640)).is_some(), !is_root);
    }

    #[test]
    fn what_was_named_must_be_there_and_be_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("o.toml");
        let load = || load(Some(&file));
        assert!(matches!(load(), Err(ConfigError::Unreadable { .. })));
        fs::write(&file, b"\xff").unwrap();
        assert!(matches!(load(), Err(ConfigError::NoText { .. })));
        fs::write(&file, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(load(), Err(ConfigError::NoText { .. })));
        fs::write(&file, b"\xef\xbb\xbf[prune]\r\ngrace = \"4d\"\r\n").unwrap();
        assert_eq!(load().unwrap().prune.grace.as_secs(), 4 * 86_400);
        let none = super::load(Some(Path::new("/dev/null"))).unwrap();
        assert!(none.repositories.is_empty() && none.file.is_some());
    }
}
